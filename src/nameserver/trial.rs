//! The trial of a name server that is to be closed: a peer with an unknown key dials it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use super::NameServerError;
use crate::model::timing::TRIAL_TIMEOUT;
use crate::model::{Credentials, Dial, PublicKey};
use crate::zeromq::{self, EVENTS, Seen, control_dealer, monitor, next_event};

/// How long it is looked at before the name server's side has its turn, in milliseconds.
const TURN: i64 = 2;

pub(crate) enum Verdict {
    Admitted,
    Refused,
}

pub(crate) struct Trial {
    monitor: zmq::Socket,
    began: Instant,
    _socket: zmq::Socket,
    _context: zmq::Context,
}

impl Trial {
    /// Dials `address` with a new key.
    pub(crate) fn dial(address: &str, server: PublicKey) -> Result<Self, NameServerError> {
        let context = zmq::Context::new();
        let own = zeromq::draw_keys()?;
        let dial = Dial {
            address: from_here(address),
            keys: Some(Credentials::new(own, server)),
        };
        let socket = control_dealer(&context, &dial, 1, 0)?;
        let monitor = monitor(&context, &socket, EVENTS)?;
        socket.connect(&dial.address)?;
        Ok(Self {
            monitor,
            began: Instant::now(),
            _socket: socket,
            _context: context,
        })
    }

    /// What happened to the peer, if that is known yet.
    pub(crate) fn outcome(&self) -> Result<Option<Verdict>, NameServerError> {
        if self.monitor.poll(zmq::POLLIN, TURN)? > 0 {
            while let Some((seen, _)) = next_event(&self.monitor) {
                match seen {
                    Seen::Proven => return Ok(Some(Verdict::Admitted)),
                    Seen::Failed(_) | Seen::Lost => return Ok(Some(Verdict::Refused)),
                    Seen::Connected | Seen::Retried => {}
                }
            }
        }
        Ok((self.began.elapsed() > TRIAL_TIMEOUT).then_some(Verdict::Refused))
    }
}

/// One that listens everywhere is dialled by the loopback interface.
fn from_here(address: &str) -> String {
    let at = address.trim_start_matches("tcp://").parse::<SocketAddr>();
    match at {
        Ok(mut at) if at.ip().is_unspecified() => {
            at.set_ip(match at.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
            format!("tcp://{at}")
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KeyPair;

    fn outcome_at(prepare: impl FnOnce(&mut zmq::Socket, &KeyPair)) -> Verdict {
        let context = zmq::Context::new();
        let keys = zeromq::draw_keys().unwrap();
        let mut server = context.socket(zmq::ROUTER).unwrap();
        prepare(&mut server, &keys);
        server.bind("tcp://127.0.0.1:*").unwrap();
        let address = server.get_last_endpoint().unwrap().unwrap();
        let trial = Trial::dial(&address, keys.public).unwrap();
        loop {
            if let Some(outcome) = trial.outcome().unwrap() {
                return outcome;
            }
        }
    }

    /// The trial is worth something only if it can fail: libzmq's own defaults let unknown peers in.
    #[test]
    fn a_name_server_that_lets_everybody_in_is_found_out() {
        let outcome = outcome_at(|server, keys| {
            server.set_curve_server(true).unwrap();
            server.set_curve_secretkey(keys.secret.as_bytes()).unwrap();
        });
        assert!(matches!(outcome, Verdict::Admitted));
    }

    #[test]
    fn a_closed_name_server_passes_its_trial() {
        let outcome = outcome_at(|server, keys| {
            zeromq::admit_by_key(server, &keys.secret, "").unwrap();
        });
        assert!(matches!(outcome, Verdict::Refused));
    }
}
