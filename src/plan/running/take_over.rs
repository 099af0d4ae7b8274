//! What of that which was made by hand a file has too: it is taken over. The rest is left alone.

use serde::Serialize;

use super::fit::with;
use super::{ByHand, Note, Running};
use crate::model::{AgentId, AgentSpec, Alias, BindSpec, SocketId, Topology, WireSpec};
use crate::plan::Change;
use crate::plan::change::is_same_socket;

/// What becomes of what was made by hand when the system is to be what a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TakeOver {
    /// From what runs to what the file says: what both have is no change.
    #[serde(skip)]
    pub change: Change,
    /// The file has it just so.
    pub taken_over: Vec<ByHand>,
    /// The file does not have it, and it stays.
    pub untouched: Vec<ByHand>,
    /// The file does not have it, and the process that has it ends.
    pub lost: Vec<ByHand>,
    /// The file has something else of that name.
    pub conflicts: Vec<Conflict>,
    /// Agents that do not tell, and sockets that were closed by hand.
    pub notes: Vec<Note>,
}

/// Something of the file has the name of something else that was made by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// The file is to start it, and it runs.
    Agent { agent: AgentId },
    /// The same, and it was spawned and is no part of the system.
    Spawned { agent: AgentId },
    /// The agent has another socket of that alias.
    Socket { socket: SocketId },
}

/// How a file stands to one thing that was made by hand.
enum Stand {
    Same,
    Without,
    Otherwise(Conflict),
}

impl TakeOver {
    /// Of a system that is meant to be `desired`, and is to be what the file says.
    pub fn of(desired: &Topology, running: &Running, file: &[AgentSpec]) -> Self {
        let mut it = Self::default();
        let mut others = Vec::new();
        for one in &running.by_hand {
            match stand(one, &desired.agents, file) {
                Stand::Same => it.taken_over.push(one.clone()),
                Stand::Without => others.push(one.clone()),
                Stand::Otherwise(conflict) => it.conflicts.push(conflict),
            }
        }
        let is_told = |it: &&Note| matches!(it, Note::Silent { .. } | Note::Closed { .. });
        it.notes = running.notes.iter().filter(is_told).cloned().collect();
        let before = with(desired, &it.taken_over);
        it.change = Change::between(&before.agents, file);
        let ends = |agent: &AgentId| {
            let mut anew = it.change.anew();
            let mut removed = it.change.removed.iter();
            anew.any(|it| it.to.name == *agent) || removed.any(|it| it.name == *agent && !it.attach)
        };
        let (lost, left) = others.into_iter().partition(|one| ends(one.agent()));
        (it.lost, it.untouched) = (lost, left);
        it
    }
}

fn stand(one: &ByHand, desired: &[AgentSpec], file: &[AgentSpec]) -> Stand {
    let find = |all: &[AgentSpec]| all.iter().position(|it| it.name == *one.agent());
    let Some(spec) = find(file).map(|at| &file[at]) else {
        return Stand::Without;
    };
    let former = find(desired).map(|at| &desired[at]);
    match one {
        ByHand::Agent { .. } if spec.attach => Stand::Same,
        ByHand::Agent { agent } => Stand::Otherwise(Conflict::Agent {
            agent: agent.clone(),
        }),
        ByHand::Socket { socket, .. } => {
            let same = spec.bind.iter().any(|it| is_same_socket(it, socket));
            named(spec, former, &socket.alias, same)
        }
        ByHand::Wire { wire, .. } => {
            let same = spec.wires.iter().any(|it| is_same_wire(it, wire));
            named(spec, former, &wire.alias, same)
        }
        ByHand::Handlers {
            alias, handlers, ..
        } => {
            let mut bound = spec.bind.iter().filter(|it| it.alias == *alias);
            let mut wires = spec.wires.iter().filter(|it| it.alias == *alias);
            let is_so = bound.any(|it| it.handlers.as_ref() == Some(handlers))
                || wires.any(|it| it.handlers == *handlers);
            match is_so {
                true => Stand::Same,
                false => Stand::Without,
            }
        }
    }
}

fn named(spec: &AgentSpec, former: Option<&AgentSpec>, alias: &Alias, same: bool) -> Stand {
    let is_meant = |former: &AgentSpec| items(former, alias) == items(spec, alias);
    match items(spec, alias) {
        _ if same => Stand::Same,
        (None, None) => Stand::Without,
        // It was meant to be that before, and nothing is done about it.
        _ if former.is_some_and(is_meant) => Stand::Without,
        _ => Stand::Otherwise(Conflict::Socket {
            socket: SocketId {
                agent: spec.name.clone(),
                alias: alias.clone(),
            },
        }),
    }
}

/// What a spec has of that alias.
fn items<'s>(spec: &'s AgentSpec, alias: &Alias) -> (Option<&'s BindSpec>, Option<&'s WireSpec>) {
    let bound = spec.bind.iter().find(|it| it.alias == *alias);
    (bound, spec.wires.iter().find(|it| it.alias == *alias))
}

/// What is made of messages can be changed in place.
fn is_same_wire(one: &WireSpec, other: &WireSpec) -> bool {
    let WireSpec {
        alias,
        to,
        kind,
        serializer,
        handlers: _,
        replies: _,
        resting: _,
    } = one;
    (alias, to, kind, serializer) == (&other.alias, &other.to, &other.kind, &other.serializer)
}
