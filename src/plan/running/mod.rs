//! What runs, as a topology: what the system is meant to be, and what was made by hand besides. And what of that a file has too.
//!
//! Pure: what the name servers and the agents tell comes in. Attributes are as they are meant to be: an attribute's value at run time
//! is state, and no part of a topology.

mod fit;
mod look;
mod take_over;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{
    Address, AgentId, AgentSpec, Alias, BindSpec, Handlers, HeldSocket, Role, SocketId, State,
    TimerInfo, Topology, WireSpec,
};

pub use take_over::{Conflict, TakeOver};

/// An agent as its name server knows it, and what it tells of itself.
#[derive(Debug, Clone)]
pub struct Seen {
    pub agent: AgentId,
    pub state: State,
    /// No host has started it, and it goes by no spec: it was started by hand, and is no system's.
    pub is_free: bool,
    /// A host of the system has it, or one that serves all systems. If the system is not meant to have it, it was spawned.
    pub is_hosted: bool,
    /// Its sockets, as it has announced them.
    pub addresses: BTreeMap<Alias, Address>,
    /// The aliases of its connections that are there, or are to be.
    pub connections: BTreeSet<Alias>,
    pub told: Told,
    pub timers: Vec<TimerInfo>,
}

/// What an agent says of its sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It was not asked: for all that it has announced, they are as they are meant to be.
    NotAsked,
    /// It cannot say, or does not answer.
    Nothing,
    Sockets(Vec<HeldSocket>),
}

/// What runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// As a topology: what it is meant to be, and what was made by hand.
    pub topology: Topology,
    /// What of it was made by hand.
    pub by_hand: Vec<ByHand>,
    /// What is not in it, or not as it runs.
    pub notes: Vec<Note>,
}

/// Something that was made by hand, or by an agent's program, while the system runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ByHand {
    /// An agent that is in no topology.
    Agent { agent: AgentId },
    /// A socket that was bound.
    Socket { agent: AgentId, socket: BindSpec },
    /// A socket that was connected.
    Wire { agent: AgentId, wire: WireSpec },
    /// What a subscriber of the topology subscribes to, and what it does with that.
    Handlers {
        agent: AgentId,
        alias: Alias,
        handlers: Handlers,
    },
}

impl ByHand {
    /// Whose it is.
    pub fn agent(&self) -> &AgentId {
        match self {
            ByHand::Agent { agent }
            | ByHand::Socket { agent, .. }
            | ByHand::Wire { agent, .. }
            | ByHand::Handlers { agent, .. } => agent,
        }
    }
}

/// What a topology cannot say of what runs, or says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// An agent of the system does not say what sockets it has: they are as they are meant to be.
    Silent { agent: AgentId },
    /// An agent that others have started does not say what sockets it has: it is left out.
    Foreign { agent: AgentId },
    /// An agent of the system does not run: it is as it is meant to be.
    Ended {
        agent: AgentId,
        state: Option<State>,
    },
    /// A socket of the system is not there: it is as it is meant to be.
    Closed { socket: SocketId },
    /// A connection leads to an address that is no socket's of the system: it is left out.
    Address { socket: SocketId, address: String },
    /// A socket has further connections: a topology has one for each alias.
    Further { socket: SocketId, to: String },
    /// A timer that was made by hand: it is left out.
    Timer { agent: AgentId, timer: Alias },
    /// No file can say that: it is left out.
    Refused { what: ByHand, why: String },
    /// The topology as a whole cannot be read from a file.
    Unreadable { why: String },
    /// Commands of `on_failed` run in the folder of the file.
    Folder { folder: String },
}

impl Running {
    /// What runs of a system that is meant to be so, from what is seen of it.
    pub fn of(desired: &Topology, seen: &[Seen]) -> Self {
        let look = look::look(desired, seen);
        let fitted = fit::fit(desired, look.by_hand);
        let mut notes = look.notes;
        notes.extend(fitted.notes);
        Self {
            topology: fitted.topology,
            by_hand: fitted.by_hand,
            notes,
        }
    }
}

/// Whether an agent has announced other sockets than its spec has, so that it is worth asking.
pub fn is_otherwise(spec: &AgentSpec, seen: &Seen) -> bool {
    let server = |(_, address): &(&Alias, &Address)| address.role == Role::Server;
    let bound = seen.addresses.iter().filter(server).map(|(alias, _)| alias);
    let bound: BTreeSet<&Alias> = bound.collect();
    let to_be: BTreeSet<&Alias> = spec.bind.iter().map(|it| &it.alias).collect();
    let connected: BTreeSet<&Alias> = seen.connections.iter().collect();
    let wired: BTreeSet<&Alias> = spec.wires.iter().map(|it| &it.alias).collect();
    bound != to_be || connected != wired
}
