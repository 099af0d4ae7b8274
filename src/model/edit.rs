//! What makes an agent that goes by one spec go by another, while it runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Admits, AgentSpec, Alias, BindSpec, Handlers, Millis, SocketId, TimerSpec, WireSpec};

/// One step from a spec to another. An agent carries out all of a list, in its order, or refuses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// It keeps this connection no more. Its other end is left when those that are new are proven.
    Disconnect {
        /// The agent's own socket.
        alias: Alias,
        /// The socket at the other end.
        to: SocketId,
    },
    /// The agent at the other end is about to be another process: that end is left, and the socket stays.
    Rest {
        /// The agent's own socket.
        alias: Alias,
        /// The socket at the other end.
        to: SocketId,
    },
    /// A socket is closed, with all its connections.
    Close {
        /// The agent's own socket.
        alias: Alias,
    },
    /// A socket is bound.
    Bind(BindSpec),
    /// A bound socket admits these agents, and no others any more, in a closed system.
    Admit {
        /// The agent's own socket.
        alias: Alias,
        /// All that it admits from now on.
        admits: Admits,
    },
    /// What arrives at a bound socket is handled so.
    Handle {
        /// The agent's own socket.
        alias: Alias,
        /// None: the agent's own choice.
        handlers: Option<Handlers>,
    },
    /// It keeps this connection; one that it keeps already is handled so.
    Connect(WireSpec),
    /// Attributes have these values.
    Set {
        /// Those that are set, and no others.
        attributes: BTreeMap<String, Value>,
    },
    /// It has these attributes no more.
    Unset {
        /// Their names.
        names: BTreeSet<String>,
    },
    /// A timer runs no more.
    StopTimer(TimerSpec),
    /// A timer runs from now on.
    Timer(TimerSpec),
    /// How long each stage may take, and how long a program has to live until it has settled.
    Patience {
        /// As in the spec.
        start_timeout: Millis,
        /// As in the spec.
        settle: Millis,
    },
}

impl Edit {
    /// Makes a spec what it is after this step.
    pub fn apply(self, spec: &mut AgentSpec) {
        match self {
            Edit::Disconnect { alias, to } => {
                let is_it = |wire: &WireSpec| wire.alias == alias && wire.to == to;
                spec.wires.retain(|wire| !is_it(wire));
            }
            Edit::Rest { alias, to } => {
                let mut wires = spec.wires.iter_mut();
                if let Some(wire) = wires.find(|it| it.alias == alias && it.to == to) {
                    wire.resting = true;
                }
            }
            Edit::Close { alias } => {
                spec.bind.retain(|socket| socket.alias != alias);
                spec.wires.retain(|wire| wire.alias != alias);
            }
            Edit::Bind(socket) => spec.bind.push(socket),
            Edit::Admit { alias, admits } => {
                if let Some(socket) = spec.bind.iter_mut().find(|it| it.alias == alias) {
                    socket.admits = admits;
                }
            }
            Edit::Handle { alias, handlers } => {
                if let Some(socket) = spec.bind.iter_mut().find(|it| it.alias == alias) {
                    socket.handlers = handlers;
                }
            }
            Edit::Connect(wire) => {
                let mut there = spec.wires.iter_mut();
                match there.find(|it| it.alias == wire.alias && it.to == wire.to) {
                    Some(there) => *there = wire,
                    None => spec.wires.push(wire),
                }
            }
            Edit::Set { attributes } => spec.attributes.extend(attributes),
            Edit::Unset { names } => spec.attributes.retain(|name, _| !names.contains(name)),
            Edit::StopTimer(timer) => {
                if let Some(at) = spec.timers.iter().position(|it| *it == timer) {
                    spec.timers.remove(at);
                }
            }
            Edit::Timer(timer) => spec.timers.push(timer),
            Edit::Patience {
                start_timeout,
                settle,
            } => (spec.start_timeout, spec.settle) = (start_timeout, settle),
        }
    }
}
