//! What requesters wait for that takes its time: connections and their proof, room to send, answers
//! of other members.

use std::time::Duration;

use zmq::Message;

use super::lookups::Lookup;
use super::requester::Requester;
use super::sockets::{LinkAt, SlotId};
use super::wires::WireId;
use crate::model::Alias;
use crate::wire::{Given, ProofToken};

/// What a requester waits for.
pub(crate) enum Waiting {
    Wire {
        requester: Option<Requester>,
        awaited: Vec<Awaited>,
        /// What is answered: one connection, or a list.
        one: bool,
        /// A socket that was made for this, and goes again if it comes to nothing.
        made: Option<Alias>,
        until: Duration,
        limit: Duration,
    },
    Prove {
        requester: Option<Requester>,
        at: SlotId,
        tokens: Vec<ProofToken>,
        limit: Duration,
    },
    Send {
        requester: Option<Requester>,
        at: SlotId,
        alias: Alias,
        message: Message,
        limit: Duration,
    },
    /// A writer has left, and what it has given is to come still.
    Left {
        requester: Option<Requester>,
        at: SlotId,
        lines: Vec<Given>,
        limit: Duration,
    },
    /// All that is under way is to be taken in.
    Drain {
        requester: Option<Requester>,
        limit: Duration,
    },
    /// Another member was asked for something on the way.
    Lookup {
        requester: Option<Requester>,
        lookup: Box<Lookup>,
        until: Duration,
        limit: Duration,
    },
}

/// A connection that a requester waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// To an address that was given.
    Link(LinkAt),
    /// To another agent's socket.
    Wire(WireId),
}

impl Waiting {
    /// Whether it is about a socket.
    pub(crate) fn is_about(&self, socket: SlotId) -> bool {
        match self {
            Waiting::Wire { awaited, .. } => {
                let about = |it: &Awaited| matches!(it, Awaited::Link(at) if at.socket == socket);
                awaited.iter().any(about)
            }
            Waiting::Prove { at, .. } | Waiting::Send { at, .. } | Waiting::Left { at, .. } => {
                *at == socket
            }
            Waiting::Drain { .. } => false,
            Waiting::Lookup { lookup, .. } => lookup.socket() == Some(socket),
        }
    }

    /// Whether that wire is waited for.
    pub(crate) fn awaits(&self, wire: WireId) -> bool {
        matches!(self, Waiting::Wire { awaited, .. } if awaited.contains(&Awaited::Wire(wire)))
    }

    /// Whether the agent itself waits for the proof of its wires.
    pub(crate) fn is_own_step(&self) -> bool {
        matches!(
            self,
            Waiting::Wire {
                requester: Some(Requester::Itself),
                ..
            }
        )
    }

    /// If the agent's program waits, it does no more.
    pub(crate) fn forget_program(&mut self) {
        let (Waiting::Wire { requester, .. }
        | Waiting::Prove { requester, .. }
        | Waiting::Send { requester, .. }
        | Waiting::Drain { requester, .. }
        | Waiting::Left { requester, .. }
        | Waiting::Lookup { requester, .. }) = self;
        requester.take_if(|it| matches!(it, Requester::Program(_)));
    }

    /// The requester that waits.
    pub(crate) fn into_requester(self) -> Option<Requester> {
        match self {
            Waiting::Wire { requester, .. }
            | Waiting::Prove { requester, .. }
            | Waiting::Send { requester, .. }
            | Waiting::Drain { requester, .. }
            | Waiting::Left { requester, .. }
            | Waiting::Lookup { requester, .. } => requester,
        }
    }
}
