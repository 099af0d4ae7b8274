//! Connections and their proof: what a socket's monitor tells of each.

use std::time::Duration;

use crate::model::{Address, Alias, ConnectionInfo, Proof, SocketId};
use crate::zeromq::{Descriptor, Failure, Seen};

/// A connection of a socket.
#[derive(Debug)]
pub(crate) struct Link {
    pub to: Option<SocketId>,
    pub server: Address,
    /// SYNC_SUB: the connection by which requests go, which has to be proven too.
    pub request_socket: Option<Box<Link>>,
    proof: Proof,
    since: Duration,
    /// When the proof became what it is.
    changed: Duration,
    /// How often it has been proven.
    times: u32,
    last: Option<Seen>,
    /// Its TCP connections that have begun and not ended: more than one while libzmq still serves one that was left.
    open: Vec<Descriptor>,
}

impl Link {
    pub(crate) fn new(server: Address, to: Option<SocketId>, now: Duration) -> Self {
        Self {
            to,
            server,
            request_socket: None,
            proof: Proof::Connecting,
            since: now,
            changed: now,
            times: 0,
            last: None,
            open: Vec::new(),
        }
    }

    /// With the connection for requests, if there is one.
    pub(crate) fn with_request_socket(mut self, request_socket: Option<Link>) -> Self {
        self.request_socket = request_socket.map(Box::new);
        self
    }

    /// How far it has been seen to work, together with its request socket.
    pub(crate) fn proof(&self) -> Proof {
        let request_socket = self
            .request_socket
            .as_ref()
            .map_or(self.proof, |request_socket| request_socket.proof());
        match (self.proof, request_socket) {
            (Proof::Proven { us }, Proof::Proven { us: request_socket }) => Proof::Proven {
                us: us.max(request_socket),
            },
            (Proof::Refused, _) | (_, Proof::Refused) => Proof::Refused,
            (Proof::Lost, _) | (_, Proof::Lost) => Proof::Lost,
            _ => Proof::Connecting,
        }
    }

    pub(crate) fn proven(&self) -> bool {
        matches!(self.proof(), Proof::Proven { .. })
    }

    /// How often it has been proven, together with its request socket.
    pub(crate) fn times(&self) -> u32 {
        let beside = self.request_socket.as_ref().map_or(0, |it| it.times);
        self.times.max(beside)
    }

    /// Begins anew, at the same address.
    pub(crate) fn begin_again(&mut self, now: Duration) {
        let (to, server) = (self.to.clone(), self.server.clone());
        let beside = self.request_socket.take().map(|mut it| {
            it.begin_again(now);
            it
        });
        *self = Self {
            times: self.times,
            request_socket: beside,
            ..Self::new(server, to, now)
        };
    }

    /// Whether it is connected itself, whatever its request socket is.
    fn connected(&self) -> bool {
        matches!(self.proof, Proof::Proven { .. })
    }

    /// Takes note of what was seen of one of its TCP connections. libzmq may serve one that was left for a while, and dial anew for
    /// it, beside the one that stands: what becomes of the former is nothing to the link. True if the proof is another than
    /// before.
    pub(crate) fn note_by(&mut self, seen: Seen, by: Option<Descriptor>, now: Duration) -> bool {
        match seen {
            Seen::Connected => self.open.extend(by),
            Seen::Lost => self.open.retain(|it| Some(*it) != by),
            Seen::Retried | Seen::Proven | Seen::Failed(_) => {}
        }
        let stands = self.connected() && !self.open.is_empty();
        !(stands && seen != Seen::Proven) && self.note(seen, now)
    }

    /// Takes note. True if the proof is another than before.
    pub(crate) fn note(&mut self, seen: Seen, now: Duration) -> bool {
        let before = self.proof;
        let handshaking = self.last == Some(Seen::Connected);
        match seen {
            // libzmq gives up without a word when kinds do not fit.
            Seen::Lost if handshaking => self.last = Some(Seen::Failed(Failure::WrongKind)),
            Seen::Lost if self.failure().is_some() => {}
            seen => self.last = Some(seen),
        }
        match seen {
            Seen::Proven if !self.connected() => {
                let took = now.saturating_sub(self.since);
                let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                self.proof = Proof::Proven { us };
                self.times += 1;
            }
            Seen::Lost if self.connected() => {
                self.proof = Proof::Lost;
                self.since = now;
            }
            Seen::Failed(Failure::Refused | Failure::NoWire) if !self.connected() => {
                self.proof = Proof::Refused;
            }
            Seen::Connected | Seen::Retried | Seen::Proven | Seen::Lost | Seen::Failed(_) => {}
        }
        if self.proof != before {
            self.changed = now;
        }
        self.proof != before
    }

    /// Whether it was seen that it can never be proven.
    pub(crate) fn has_failed(&self) -> bool {
        let beside = self.request_socket.as_ref();
        match self.last {
            Some(Seen::Failed(Failure::Broken)) => false,
            Some(Seen::Failed(_)) if !self.connected() => true,
            _ => beside.is_some_and(|it| it.has_failed()),
        }
    }

    /// Why it can never be proven, if that was seen.
    pub(crate) fn failure(&self) -> Option<String> {
        match self.last {
            Some(Seen::Failed(Failure::Broken)) => None,
            Some(Seen::Failed(failure)) if !self.connected() => {
                Some(failure.reason(&self.server.address))
            }
            _ => self
                .request_socket
                .as_ref()
                .and_then(|request_socket| request_socket.failure()),
        }
    }

    /// Why it is not proven when its time is up.
    pub(crate) fn excuse(&self, limit: impl std::fmt::Display) -> String {
        let address = &self.server.address;
        if let Some(request_socket) = self.request_socket.as_ref().filter(|_| self.connected()) {
            return request_socket.excuse(limit);
        }
        match self.last {
            Some(Seen::Failed(failure)) => failure.reason(address),
            Some(Seen::Connected) => format!(
                "no handshake within {limit}: something listens at {address}, and does not speak ZeroMQ"
            ),
            Some(Seen::Retried | Seen::Proven | Seen::Lost) | None => {
                format!("no handshake within {limit}: nobody listens at {address}")
            }
        }
    }

    pub(crate) fn info(&self, alias: &Alias, now: Duration) -> ConnectionInfo {
        let request_socket = self
            .request_socket
            .as_ref()
            .map_or(self.changed, |request_socket| request_socket.changed);
        let so_for = now.saturating_sub(self.changed.max(request_socket));
        ConnectionInfo {
            alias: alias.clone(),
            kind: self.server.kind.twin(),
            to: self.to.clone(),
            address: Some(self.server.address.clone()),
            proof: self.proof(),
            proof_ms: u64::try_from(so_for.as_millis()).unwrap_or(u64::MAX),
            times: self.times(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, Role, Serializer, Transport};

    fn link() -> Link {
        let server = Address {
            kind: Kind::Push,
            role: Role::Server,
            transport: Transport::Tcp,
            address: "tcp://127.0.0.1:1".into(),
            requests: None,
            serializer: Serializer::Json,
            key: None,
        };
        Link::new(server, None, Duration::from_micros(100))
    }

    #[test]
    fn a_link_is_proven_lost_and_proven_again() {
        let mut link = link();
        assert!(!link.note(Seen::Connected, Duration::from_micros(150)));
        assert!(link.note(Seen::Proven, Duration::from_micros(350)));
        assert_eq!(link.proof(), Proof::Proven { us: 250 });
        assert!(link.note(Seen::Lost, Duration::from_millis(5)));
        assert!(!link.note(Seen::Retried, Duration::from_millis(6)));
        assert_eq!(link.proof(), Proof::Lost);
        let info = link.info(&"inbox".parse().unwrap(), Duration::from_millis(6));
        assert_eq!((info.proof, info.proof_ms), (Proof::Lost, 1));
        assert!(link.note(Seen::Proven, Duration::from_millis(7)));
        assert_eq!(link.proof(), Proof::Proven { us: 2000 });
    }

    #[test]
    fn a_link_of_two_is_proven_by_both_and_lost_by_one() {
        let (now, later) = (Duration::from_micros(200), Duration::from_micros(300));
        let mut both = link().with_request_socket(Some(link()));
        both.note(Seen::Proven, now);
        assert_eq!(both.proof(), Proof::Connecting);
        assert!(both.excuse("3s").contains("nobody listens"));
        let request_socket =
            |both: &mut Link, seen| both.request_socket.as_mut().unwrap().note(seen, later);
        assert!(request_socket(&mut both, Seen::Proven));
        assert_eq!(both.proof(), Proof::Proven { us: 200 });
        assert!(request_socket(&mut both, Seen::Lost));
        assert_eq!(both.proof(), Proof::Lost);
        let failure = Seen::Failed(Failure::WrongKind);
        request_socket(&mut both, failure);
        assert!(both.failure().unwrap().contains("does not fit"));
    }

    #[test]
    fn what_becomes_of_a_connection_that_was_left_is_nothing_to_the_link() {
        let [former, own] = [7, 8].map(|it| Some(Descriptor(it)));
        let ms = Duration::from_millis;
        for begins_first in [true, false] {
            let mut link = link();
            if begins_first {
                link.note_by(Seen::Connected, former, ms(0));
            }
            link.note_by(Seen::Connected, own, ms(1));
            link.note_by(Seen::Proven, None, ms(2));
            for _ in 0..3 {
                assert!(!link.note_by(Seen::Lost, former, ms(3)));
                assert!(!link.note_by(Seen::Retried, None, ms(3)));
                assert!(!link.note_by(Seen::Connected, former, ms(3)));
                assert!(!link.note_by(Seen::Failed(Failure::Broken), None, ms(3)));
            }
            assert!(link.proven());
            assert!(!link.note_by(Seen::Lost, former, ms(3)));
            assert!(link.note_by(Seen::Lost, own, ms(4)));
            assert_eq!(link.proof(), Proof::Lost);
        }
    }

    #[test]
    fn a_link_that_is_not_let_in_is_refused_until_it_is() {
        for failure in [Failure::Refused, Failure::NoWire] {
            let mut link = link();
            link.note(Seen::Proven, Duration::from_millis(1));
            link.note(Seen::Lost, Duration::from_millis(2));
            assert!(link.note(Seen::Failed(failure), Duration::from_millis(3)));
            assert_eq!(link.proof(), Proof::Refused);
            assert!(!link.note(Seen::Lost, Duration::from_millis(4)));
            assert_eq!(link.proof(), Proof::Refused);
            link.note(Seen::Proven, Duration::from_millis(5));
            assert!(link.proven());
        }
    }

    #[test]
    fn a_failure_is_final_and_silence_is_explained() {
        let mut link = link();
        assert!(link.excuse("3s").contains("nobody listens at tcp://"));
        link.note(Seen::Connected, Duration::ZERO);
        assert!(link.excuse("3s").contains("does not speak"));
        assert_eq!(link.failure(), None);
        link.note(Seen::Failed(Failure::Broken), Duration::ZERO);
        assert_eq!(link.failure(), None, "libzmq tries again");
        link.note(Seen::Connected, Duration::ZERO);
        link.note(Seen::Lost, Duration::ZERO);
        assert!(link.failure().unwrap().contains("does not fit"));
    }
}
