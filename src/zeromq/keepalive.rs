//! TCP's keepalive, on every socket that osb makes: the other end of an idle connection may have lost its
//! power or its cable, and neither sends a last word.
//!
//! A connection with data under way is not asked whether it lives: see [`super::hang_up_dead`]. The limit
//! that TCP has for that (`ZMQ_TCP_MAXRT`) stays unset: it ends connections of living readers too, whose
//! queue is full.

use zmq::Socket;

use crate::model::timing::{KEEPALIVE_IDLE_TIMEOUT, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES};

const IDLE_S: i32 = KEEPALIVE_IDLE_TIMEOUT.as_secs() as i32;
const INTERVAL_S: i32 = KEEPALIVE_INTERVAL.as_secs() as i32;

/// To be called before the socket is bound or connected.
pub fn keep_alive(socket: &Socket) -> zmq::Result<()> {
    socket.set_tcp_keepalive(1)?;
    socket.set_tcp_keepalive_idle(IDLE_S)?;
    socket.set_tcp_keepalive_intvl(INTERVAL_S)?;
    socket.set_tcp_keepalive_cnt(KEEPALIVE_PROBES)
}

#[cfg(test)]
mod tests {
    use std::os::fd::{BorrowedFd, RawFd};
    use std::time::Duration;

    use rustix::net::sockopt;

    use super::*;
    use crate::zeromq::{connections, control_dealer};

    /// libzmq takes these options whether it was built with them or not, so they are read where they
    /// must have come to: at the descriptors of both ends.
    #[test]
    #[allow(unsafe_code, reason = "descriptors of libzmq")]
    fn both_ends_of_a_connection_have_it() {
        let context = zmq::Context::new();
        let router = context.socket(zmq::ROUTER).unwrap();
        keep_alive(&router).unwrap();
        router.bind("tcp://127.0.0.1:*").unwrap();
        let address = router.get_last_endpoint().unwrap().unwrap();
        let to = crate::model::Dial {
            address: address.clone(),
            keys: None,
        };
        let dealer = control_dealer(&context, &to, 10, 0).unwrap();
        dealer.connect(&address).unwrap();
        dealer.send("hello", 0).unwrap();
        router.recv_multipart(0).unwrap();
        let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
        let ends: Vec<RawFd> = connections()
            .filter(|end| end.here.port() == port || end.there.port() == port)
            .map(|end| end.fd)
            .collect();
        assert_eq!(ends.len(), 2);
        for fd in ends {
            // SAFETY: both sockets are alive.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            let seconds = |it: i32| Duration::from_secs(it.unsigned_abs().into());
            assert!(sockopt::socket_keepalive(fd).unwrap());
            assert_eq!(sockopt::tcp_keepidle(fd).unwrap(), seconds(IDLE_S));
            assert_eq!(sockopt::tcp_keepintvl(fd).unwrap(), seconds(INTERVAL_S));
            assert_eq!(
                sockopt::tcp_keepcnt(fd).unwrap(),
                KEEPALIVE_PROBES.unsigned_abs()
            );
            assert_eq!(sockopt::tcp_user_timeout(fd).unwrap(), 0);
        }
    }
}
