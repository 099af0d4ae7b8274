//! A system as a picture has it: hosts, agents, sockets, and the wires between them; of a topology, or of what runs.
//!
//! Pure: what the name servers and the agents tell comes in. How it looks is `render`'s business, but where things stand in a
//! drawing is found here (`layout`), because that is independent of the form in which it is drawn.

mod alike;
mod bundle;
mod declared;
pub mod layout;
mod narrow;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::model::{
    AgentId, Alias, HostName, Kind, NameServerName, Proof, Role, SocketId, State, SystemName,
};

pub use bundle::{Bundled, Edge, Node, Port, What};
pub use narrow::NoSuchAgent;
pub use seen::{Look, SeenAgent, Told, rates};

/// A system: what there is, and what leads where.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// None: what runs was reached by its name server's address.
    pub system: Option<SystemName>,
    pub of: Of,
    /// In order of their names.
    pub hosts: Vec<Host>,
    /// In order of their names.
    pub agents: Vec<Agent>,
    /// In order of the sockets that have connected.
    pub wires: Vec<Wire>,
}

/// What a graph is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A topology: it is not known what of it runs.
    File,
    WhatRuns,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub name: HostName,
    /// That of its daemon; of what runs only.
    pub state: Option<State>,
}

/// An agent, and its sockets.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub id: AgentId,
    /// Its name server, if there are several.
    pub group: Option<NameServerName>,
    /// None: no host daemon has started it.
    pub host: Option<HostName>,
    pub presence: Presence,
    /// In order of their aliases.
    pub sockets: Vec<Socket>,
}

/// Whether an agent is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// A topology has it.
    Declared,
    Known {
        state: State,
        /// Why it is not well.
        why: Option<String>,
    },
    /// Wires lead to it, and no name server knows it.
    Missing,
}

/// A socket of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Socket {
    pub alias: Alias,
    pub kind: Kind,
    /// Whether others connect to it.
    pub role: Role,
    /// Of subscribers: the beginnings of the topics that arrive; empty if that is not known. `""` is every topic.
    pub topics: BTreeSet<String>,
    /// What went through it, if its agent tells.
    pub traffic: Option<Traffic>,
}

/// What went through a socket.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Traffic {
    pub received: u64,
    pub sent: u64,
    pub dropped: u64,
    /// If it was looked at twice.
    pub rate: Option<Rate>,
}

/// Messages in each second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    pub received: f64,
    pub sent: f64,
}

/// A connection, in the direction in which messages, or requests, travel.
#[derive(Debug, Clone, PartialEq)]
pub struct Wire {
    pub from: Point,
    pub to: Point,
    /// Of `from`, and of `to`.
    pub kinds: [Kind; 2],
    /// The socket that has connected.
    pub client: SocketId,
    /// Those of the subscriber.
    pub topics: BTreeSet<String>,
    /// How far it is seen to work; of what runs only.
    pub proof: Option<Proof>,
    /// What has travelled, if that is known of this wire alone.
    pub flow: Option<Flow>,
}

/// What travels by a wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    pub messages: u64,
    /// If it was looked at twice.
    pub per_second: Option<f64>,
}

/// An end of a wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    Socket(SocketId),
    /// An address that is no socket's of the system. None: not even that is known.
    Outside(Option<String>),
}

impl Point {
    /// The agent, if it is one's.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Point::Socket(socket) => Some(&socket.agent),
            Point::Outside(_) => None,
        }
    }
}

impl Presence {
    /// What is known of it.
    pub fn state(&self) -> Option<State> {
        match self {
            Presence::Known { state, .. } => Some(*state),
            Presence::Declared | Presence::Missing => None,
        }
    }
}

impl Wire {
    /// A wire of which one end has connected.
    fn between(client: SocketId, server: Point, kind: Kind) -> Self {
        let own = Point::Socket(client.clone());
        let (from, to, kinds) = match kind.comes_first() {
            true => (own, server, [kind, kind.twin()]),
            false => (server, own, [kind.twin(), kind]),
        };
        Self {
            from,
            to,
            kinds,
            client,
            topics: BTreeSet::new(),
            proof: None,
            flow: None,
        }
    }
}

impl Socket {
    fn new(alias: Alias, kind: Kind, role: Role) -> Self {
        Self {
            alias,
            kind,
            role,
            topics: BTreeSet::new(),
            traffic: None,
        }
    }

    /// Whether wires leave from it, and do not come to it.
    pub fn is_output(&self) -> bool {
        self.kind.comes_first()
    }
}

impl Graph {
    /// Sockets that wires lead to are there, and so are their agents, be it as missing ones; and all is in order.
    fn complete(mut self) -> Self {
        for wire in &self.wires {
            let ends = [(&wire.from, wire.kinds[0]), (&wire.to, wire.kinds[1])];
            for (point, kind) in ends {
                let Point::Socket(socket) = point else {
                    continue;
                };
                let role = match *socket == wire.client {
                    true => Role::Client,
                    false => Role::Server,
                };
                let alias = socket.alias.clone();
                let agent = agent_of(&mut self.agents, &socket.agent);
                if !agent.sockets.iter().any(|it| it.alias == alias) {
                    agent.sockets.push(Socket::new(alias, kind, role));
                }
            }
        }
        for agent in &mut self.agents {
            agent
                .sockets
                .sort_by(|one, other| one.alias.cmp(&other.alias));
        }
        self.agents.sort_by(|one, other| one.id.cmp(&other.id));
        self.hosts.sort_by(|one, other| one.name.cmp(&other.name));
        let place = |it: &Wire| (it.client.clone(), it.from.clone(), it.to.clone());
        self.wires.sort_by_cached_key(place);
        self
    }

    /// The socket of an agent.
    pub fn socket(&self, id: &SocketId) -> Option<&Socket> {
        let found = self.agents.binary_search_by(|it| it.id.cmp(&id.agent));
        let agent = &self.agents[found.ok()?];
        agent.sockets.iter().find(|it| it.alias == id.alias)
    }
}

/// The agent of that name; a missing one, if there is none.
fn agent_of<'a>(agents: &'a mut Vec<Agent>, id: &AgentId) -> &'a mut Agent {
    let at = agents.iter().position(|it| it.id == *id);
    let at = at.unwrap_or_else(|| {
        agents.push(Agent {
            id: id.clone(),
            group: None,
            host: None,
            presence: Presence::Missing,
            sockets: Vec::new(),
        });
        agents.len() - 1
    });
    &mut agents[at]
}
