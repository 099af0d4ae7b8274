//! What the agent asks of other members on the way to what it was asked itself: where a socket is,
//! and whether a publisher has seen a subscription.

mod proof;
mod send;

use serde_json::Value;

use super::sockets::SlotId;
use super::wires::WireId;
use crate::model::{NewAgent, PublicKey, Target};
use crate::wire::{Arrived, ProofToken};

/// Marks the numbers of lookups, so that no announcement has one of them.
const MARK: u64 = 1 << 63;

/// Whether an answer is that to a lookup.
pub(crate) fn is_lookup(id: u64) -> bool {
    id & MARK != 0
}

/// What was asked, and what is to be done with the answer.
pub(crate) enum Lookup {
    /// The name server: where the other socket of a wire is.
    Find(WireId),
    /// The name server: whose key it is by which a peer asks to be admitted.
    Whose(PublicKey),
    /// The same of a peer that was admitted, or is dialled: whether its key is still good.
    Still(PublicKey),
    /// The host daemon: what becomes of the program, which has ended.
    Relaunch,
    /// The name server, for the program: how agents stand.
    Agents,
    /// The same: where all sockets of an agent are.
    Addresses,
    /// Another member, for the program, which gets the answer as it is: what is asked, in words.
    Passed(String),
    /// The host, for the program: it is done.
    Done(String),
    /// The name server: the other end of the next wire of an agent that is to be spawned.
    Other(Box<NewAgent>),
    /// A writer: what has come by lines of the socket `at`.
    Confirm { at: SlotId, lines: Vec<Arrived> },
    /// A reader: what has come by these lines of the socket `at`.
    Arrived { at: SlotId, lines: Vec<Box<str>> },
    /// A writer: to give no more to these lines of the socket `at`, which is about to go.
    LeaveOut { at: SlotId, lines: Vec<Box<str>> },
    /// A subscriber that binds, at the other end of a wire: to subscribe to a token.
    ProbeWire { wire: WireId, token: ProofToken },
    /// A publisher at the other end of a wire: to have seen the token.
    ProveWire { wire: WireId, token: ProofToken },
    /// A publisher: to have seen the token that the socket `at` has subscribed to. Others follow.
    Prove {
        at: SlotId,
        publisher: Target,
        token: ProofToken,
        others: Vec<Target>,
        answer: Value,
    },
}

impl Lookup {
    /// The socket that it is about, if there is one yet.
    pub(crate) fn socket(&self) -> Option<SlotId> {
        match self {
            Lookup::Prove { at, .. }
            | Lookup::Confirm { at, .. }
            | Lookup::LeaveOut { at, .. }
            | Lookup::Arrived { at, .. } => Some(*at),
            Lookup::Find(_)
            | Lookup::Relaunch
            | Lookup::Agents
            | Lookup::Addresses
            | Lookup::Passed(_)
            | Lookup::Done(_)
            | Lookup::Other(_)
            | Lookup::ProbeWire { .. }
            | Lookup::ProveWire { .. }
            | Lookup::Whose(_)
            | Lookup::Still(_) => None,
        }
    }

    fn what(&self) -> String {
        match self {
            Lookup::Find(_) => "finding the other socket".to_owned(),
            Lookup::Relaunch => "asking what becomes of the command".to_owned(),
            Lookup::Agents | Lookup::Addresses => "asking for agents".to_owned(),
            Lookup::Passed(what) | Lookup::Done(what) => what.clone(),
            Lookup::Other(new) => format!("finding the sockets for {}", new.name()),
            Lookup::Whose(key) | Lookup::Still(key) => format!("finding out whose {key} is"),
            Lookup::Confirm { .. } | Lookup::Arrived { .. } => {
                "counting what has arrived".to_owned()
            }
            Lookup::LeaveOut { .. } => "being left out".to_owned(),
            Lookup::ProbeWire { .. } => "preparing the subscriber for the proof".to_owned(),
            Lookup::ProveWire { .. } => "seeing the subscription".to_owned(),
            Lookup::Prove { publisher, .. } => {
                format!("seeing the subscription at {publisher}")
            }
        }
    }
}
