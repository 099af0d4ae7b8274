//! Connections, and what is known of each: what the end that has connected says, as long as both ends are well.

use serde::{Deserialize, Serialize};

use super::{Alias, Kind, SocketId, State};

/// One connection: as its client knows it, or as the name server tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionInfo {
    /// The alias of the socket that has connected.
    pub alias: Alias,
    /// The client's kind.
    pub kind: Kind,
    /// None for an address that was given by hand.
    pub to: Option<SocketId>,
    /// The address that it leads to. None while the other socket's address is not known.
    pub address: Option<String>,
    /// How far it is seen to work.
    pub proof: Proof,
    /// For how long that has been so.
    #[serde(default)]
    pub proof_ms: u64,
    /// How often it has been proven: more than once where it was lost, and has come back.
    #[serde(default)]
    pub times: u32,
}

/// How far a connection has been seen to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The other socket is not there yet.
    Resolving,
    /// Not seen yet.
    Connecting,
    /// ZeroMQ's handshake was seen, this many microseconds after connecting; for SUB and PUB the
    /// publisher has seen the subscription too.
    Proven {
        /// Microseconds.
        us: u64,
    },
    /// The other socket does not let it in.
    Refused,
    /// It was proven, and then the peer went away.
    Lost,
    /// It was proven, and one of its ends has not been heard of for longer than it may be silent.
    Suspect,
    /// It was proven, and one of its ends has been silent for so long that it is not waited for.
    Unreachable,
}

/// How an end of a connection stands, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The state of that agent.
    pub state: State,
    /// For how long it has been in that state.
    pub ms: u64,
}

impl ConnectionInfo {
    /// The report on it, from what its client reported last and from the states of both ends. The server is None
    /// where no member has reported it: then only its client, which owns the connection, tells how it stands.
    pub fn seen_with(self, client: End, server: Option<End>) -> Self {
        if !matches!(self.proof, Proof::Proven { .. }) {
            return self;
        }
        let ends = [Some(client), server].into_iter().flatten();
        // Of two that stand alike, the one that has done so for longer.
        let worst = ends.max_by_key(|end| (badness(end.state), end.ms));
        match worst.and_then(|end| Some((doubt(end.state)?, end.ms))) {
            Some((proof, proof_ms)) => Self {
                proof,
                proof_ms,
                ..self
            },
            None => self,
        }
    }
}

/// What an end in that state makes of a connection that was proven. None: it stays so.
fn doubt(state: State) -> Option<Proof> {
    match state {
        State::Starting | State::Running | State::Unhealthy => None,
        State::Suspect => Some(Proof::Suspect),
        State::Unreachable => Some(Proof::Unreachable),
        State::Stopped | State::Failed | State::Restarting | State::Ended => Some(Proof::Lost),
    }
}

fn badness(state: State) -> u8 {
    match state {
        State::Starting | State::Running | State::Unhealthy => 0,
        State::Suspect => 1,
        State::Unreachable => 2,
        State::Stopped | State::Failed | State::Restarting | State::Ended => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(proof: Proof) -> ConnectionInfo {
        ConnectionInfo {
            alias: "inbox".parse().unwrap(),
            kind: Kind::Pull,
            to: Some("Alice.main".parse().unwrap()),
            address: Some("tcp://127.0.0.1:1".to_owned()),
            proof,
            proof_ms: 7,
            times: 1,
        }
    }

    fn told(proof: Proof, client: State, server: Option<State>) -> (Proof, u64) {
        let client = End {
            state: client,
            ms: 100,
        };
        let server = server.map(|state| End { state, ms: 50 });
        let told = said(proof).seen_with(client, server);
        (told.proof, told.proof_ms)
    }

    const PROVEN: Proof = Proof::Proven { us: 3 };

    #[test]
    fn it_is_proven_while_both_ends_are_well() {
        use State::{Running, Starting};
        for server in [None, Some(Running), Some(Starting)] {
            assert_eq!(told(PROVEN, Running, server), (PROVEN, 7));
        }
    }

    #[test]
    fn it_follows_the_end_that_is_worse_off_since_that_is_so() {
        use State::{Failed, Running, Stopped, Suspect, Unreachable};
        for (client, server, proof, ms) in [
            (Running, Suspect, Proof::Suspect, 50),
            (Suspect, Running, Proof::Suspect, 100),
            (Suspect, Suspect, Proof::Suspect, 100),
            (Suspect, Unreachable, Proof::Unreachable, 50),
            (Unreachable, Suspect, Proof::Unreachable, 100),
            (Running, Failed, Proof::Lost, 50),
            (Stopped, Unreachable, Proof::Lost, 100),
        ] {
            assert_eq!(
                told(PROVEN, client, Some(server)),
                (proof, ms),
                "{client} {server}"
            );
        }
        assert_eq!(told(PROVEN, Unreachable, None), (Proof::Unreachable, 100));
    }

    #[test]
    fn what_was_never_proven_or_is_lost_stays_so() {
        for proof in [
            Proof::Resolving,
            Proof::Connecting,
            Proof::Refused,
            Proof::Lost,
        ] {
            let told = told(proof, State::Failed, Some(State::Suspect));
            assert_eq!(told, (proof, 7));
        }
    }

    proptest! {
        /// What an agent said last that is not heard of any more is never the last word.
        #[test]
        fn nothing_is_proven_by_those_who_are_not_there(client in 0..6usize, server in 0..6usize) {
            const ALL: [State; 6] = [
                State::Starting, State::Running, State::Stopped, State::Failed, State::Suspect, State::Unreachable,
            ];
            let (client, server) = (ALL[client], ALL[server]);
            let well = |state| matches!(state, State::Starting | State::Running);
            let (proof, _) = told(PROVEN, client, Some(server));
            prop_assert_eq!(proof == PROVEN, well(client) && well(server));
        }
    }
}
