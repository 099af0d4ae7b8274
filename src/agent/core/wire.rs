//! A wire: a connection of the agent to another agent's socket, by name. The agent keeps it: wherever
//! the other socket is, and whichever life of the other agent has it, the wire leads there, and is proven.
//!
//! Pure: events and the time come in, effects come out. Sockets and messages
//! belong to the driver.

use std::time::Duration;

use crate::model::timing::{NEWS_TRAVEL_TIMEOUT, PROOF_RETRY_INTERVAL};
use crate::model::{Address, Kind};

/// How far a wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is not known where the other socket is.
    Resolving,
    /// It is dialled.
    Connecting,
    /// It is connected; its publisher has not seen the subscription yet.
    Proving,
    Proven,
}

/// What was heard or seen of a wire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WireEvent {
    /// The other socket is there. `uptime`: of the agent that has it, as far as that is known.
    Found {
        address: Address,
        uptime: Option<Duration>,
    },
    /// ZeroMQ's handshake was seen.
    Connected,
    /// The connection has ended; libzmq dials again.
    Lost,
    /// The publisher has seen the subscription.
    Seen,
    /// The publisher did not say that it has.
    Unseen,
}

/// What the agent does upon an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WireEffect {
    /// Connect to that address, and leave the one before it, if it is another.
    Dial(Address),
    /// End the connection, and connect to the same address anew.
    Redial,
    /// Have the subscription proven.
    Prove,
}

/// One wire.
#[derive(Debug)]
pub(crate) struct Wire {
    stage: Stage,
    address: Option<Address>,
    /// When it was dialled last from here.
    dialled: Duration,
    /// Since when it has been connected.
    connected: Option<Duration>,
    prove_at: Option<Duration>,
}

impl Wire {
    /// A wire that leads nowhere yet.
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::Resolving,
            address: None,
            dialled: Duration::ZERO,
            connected: None,
            prove_at: None,
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether its handshake was seen, and no end of the connection since.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.is_some()
    }

    /// Takes an event, and returns the effects.
    pub(crate) fn on(&mut self, event: WireEvent, now: Duration) -> Option<WireEffect> {
        match event {
            WireEvent::Found { address, uptime } => self.found(address, uptime, now),
            WireEvent::Connected => self.connected(now),
            WireEvent::Lost => {
                self.connected = None;
                self.prove_at = None;
                if self.stage != Stage::Resolving {
                    self.stage = Stage::Connecting;
                }
                None
            }
            WireEvent::Seen => {
                if self.stage == Stage::Proving {
                    self.stage = Stage::Proven;
                    self.prove_at = None;
                }
                None
            }
            WireEvent::Unseen => {
                if self.stage == Stage::Proving {
                    self.prove_at = Some(now + PROOF_RETRY_INTERVAL);
                }
                None
            }
        }
    }

    fn found(
        &mut self,
        address: Address,
        uptime: Option<Duration>,
        now: Duration,
    ) -> Option<WireEffect> {
        if self.address.as_ref() != Some(&address) {
            self.begin(now);
            self.address = Some(address.clone());
            return Some(WireEffect::Dial(address));
        }
        let is_stale = match self.connected {
            // A connection that is older than the process at its other end is stale.
            Some(connected) => now.saturating_sub(connected) > uptime? + NEWS_TRAVEL_TIMEOUT,
            // libzmq dials again at intervals: one that has come since then need not wait for that.
            None => now.saturating_sub(uptime?) > self.dialled,
        };
        is_stale.then(|| {
            self.begin(now);
            WireEffect::Redial
        })
    }

    fn begin(&mut self, now: Duration) {
        self.dialled = now;
        self.stage = Stage::Connecting;
        self.connected = None;
        self.prove_at = None;
    }

    fn connected(&mut self, now: Duration) -> Option<WireEffect> {
        let address = self.address.as_ref()?;
        if self.connected.is_some() {
            return None;
        }
        self.connected = Some(now);
        if !is_subscription(address.kind) {
            self.stage = Stage::Proven;
            return None;
        }
        self.stage = Stage::Proving;
        Some(WireEffect::Prove)
    }

    /// When [`Wire::on_time`] wants to be called.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        self.prove_at
    }

    /// Time passed.
    pub(crate) fn on_time(&mut self, now: Duration) -> Option<WireEffect> {
        if self.prove_at? > now {
            return None;
        }
        self.prove_at = None;
        Some(WireEffect::Prove)
    }
}

/// Whether a connection to such a socket is proven by what its publisher sees.
fn is_subscription(server: Kind) -> bool {
    server.publishes() || server.subscribes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Role, Serializer, Transport};
    use proptest::prelude::*;

    const S: Duration = Duration::from_secs(1);

    fn at(port: u16, kind: Kind) -> Address {
        Address {
            kind,
            role: Role::Server,
            transport: Transport::Tcp,
            address: format!("tcp://127.0.0.1:{port}"),
            requests: None,
            serializer: Serializer::Json,
            key: None,
        }
    }

    fn found(port: u16, kind: Kind, uptime: Option<Duration>) -> WireEvent {
        WireEvent::Found {
            address: at(port, kind),
            uptime,
        }
    }

    #[test]
    fn it_is_dialled_where_it_is_and_dialled_again_where_it_has_moved() {
        let mut wire = Wire::new();
        assert_eq!(wire.stage(), Stage::Resolving);
        let dial = |port| Some(WireEffect::Dial(at(port, Kind::Push)));
        assert_eq!(wire.on(found(1, Kind::Push, None), S), dial(1));
        assert_eq!(wire.on(found(1, Kind::Push, None), S), None);
        assert_eq!(wire.on(WireEvent::Connected, S), None);
        assert_eq!(wire.stage(), Stage::Proven);
        assert_eq!(wire.on(found(2, Kind::Push, Some(S)), 2 * S), dial(2));
        assert_eq!(wire.stage(), Stage::Connecting);
    }

    #[test]
    fn a_subscription_is_proven_by_its_publisher_each_time() {
        let mut wire = Wire::new();
        wire.on(found(1, Kind::Pub, None), S);
        for _ in 0..2 {
            assert_eq!(wire.on(WireEvent::Connected, S), Some(WireEffect::Prove));
            assert_eq!(wire.stage(), Stage::Proving);
            wire.on(WireEvent::Unseen, S);
            assert_eq!((wire.wakes_at(), wire.on_time(S)), (Some(2 * S), None));
            assert_eq!(wire.on_time(2 * S), Some(WireEffect::Prove));
            wire.on(WireEvent::Seen, S);
            assert_eq!(wire.stage(), Stage::Proven);
            wire.on(WireEvent::Lost, S);
            assert_eq!(wire.stage(), Stage::Connecting);
        }
    }

    #[test]
    fn a_connection_that_is_older_than_its_peer_is_ended() {
        let mut wire = Wire::new();
        wire.on(found(1, Kind::Push, None), S);
        wire.on(WireEvent::Connected, S);
        let peer_of = |uptime| found(1, Kind::Push, Some(uptime));
        assert_eq!(wire.on(peer_of(20 * S), 11 * S), None);
        assert_eq!(wire.on(peer_of(3 * S), 11 * S), Some(WireEffect::Redial));
        assert_eq!(
            wire.on(peer_of(3 * S), 11 * S),
            None,
            "it is dialled already"
        );
        wire.on(WireEvent::Connected, 12 * S);
        assert_eq!(wire.on(peer_of(3 * S), 13 * S), None);
        // libzmq has come back to the new one by itself.
        wire.on(WireEvent::Lost, 20 * S);
        wire.on(WireEvent::Connected, 21 * S);
        assert_eq!(wire.on(peer_of(S), 21 * S), None);
    }

    #[test]
    fn a_peer_that_has_come_back_is_dialled_at_once_and_once() {
        let mut wire = Wire::new();
        wire.on(found(1, Kind::Push, None), S);
        let peer_of = |uptime| found(1, Kind::Push, Some(uptime));
        assert_eq!(wire.on(peer_of(2 * S), 2 * S), None, "it was there before");
        wire.on(WireEvent::Connected, 2 * S);
        wire.on(WireEvent::Lost, 20 * S);
        assert_eq!(
            wire.on(peer_of(30 * S), 21 * S),
            None,
            "that is its former life"
        );
        assert_eq!(wire.on(peer_of(S), 22 * S), Some(WireEffect::Redial));
        assert_eq!(wire.on(peer_of(2 * S), 23 * S), None);
    }

    fn any_event() -> impl Strategy<Value = WireEvent> {
        let uptime = prop::option::of((0..20u32).prop_map(|s| s * S));
        prop_oneof![
            (1..3u16, uptime).prop_map(|(port, uptime)| found(port, Kind::Pub, uptime)),
            Just(WireEvent::Connected),
            Just(WireEvent::Lost),
            Just(WireEvent::Seen),
            Just(WireEvent::Unseen),
        ]
    }

    proptest! {
        /// Whatever happens: what is proven was dialled, connected and seen since the last loss, in that order;
        /// and once the peer is found, connected and seen again, it is proven again.
        #[test]
        fn nothing_is_proven_that_was_not_seen(events in prop::collection::vec(any_event(), 0..60)) {
            let (mut wire, mut now) = (Wire::new(), Duration::ZERO);
            let (mut dialled, mut connected, mut asked, mut seen) = (false, false, false, false);
            for event in events {
                now += S;
                let effect = wire.on(event.clone(), now);
                match event {
                    WireEvent::Connected if dialled && !connected => { connected = true; asked = true; seen = false; }
                    WireEvent::Lost => { connected = false; asked = false; seen = false; }
                    WireEvent::Seen => seen |= connected && asked,
                    _ => {}
                }
                if matches!(effect, Some(WireEffect::Dial(_) | WireEffect::Redial)) {
                    (dialled, connected, asked, seen) = (true, false, false, false);
                }
                prop_assert_eq!(wire.stage() == Stage::Proven, dialled && connected && asked && seen);
                prop_assert_eq!(wire.stage() == Stage::Resolving, !dialled);
                prop_assert_eq!(wire.is_connected(), connected);
            }
            wire.on(found(9, Kind::Pub, None), now);
            wire.on(WireEvent::Connected, now);
            wire.on(WireEvent::Seen, now);
            prop_assert_eq!(wire.stage(), Stage::Proven);
        }
    }
}
