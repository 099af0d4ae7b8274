//! Which agents are alike: those that are called alike but for numbers, stand alike, and are wired alike.
//!
//! They are told apart until those that are left together have the same wires, by kind, number and who is at the other end
//! (refinement of colours).

use std::collections::{BTreeMap, BTreeSet};

use super::{Agent, Graph, Point, Presence, Socket, Wire};
use crate::model::{AgentId, Alias, HostName, Kind, Proof, Role, State};

/// How a wire stands, without since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stand {
    Unknown,
    Resolving,
    Connecting,
    Proven,
    Refused,
    Lost,
    Suspect,
    Unreachable,
}

impl Stand {
    pub(super) fn of(wire: &Wire) -> Self {
        match wire.proof {
            None => Stand::Unknown,
            Some(Proof::Resolving) => Stand::Resolving,
            Some(Proof::Connecting) => Stand::Connecting,
            Some(Proof::Proven { .. }) => Stand::Proven,
            Some(Proof::Refused) => Stand::Refused,
            Some(Proof::Lost) => Stand::Lost,
            Some(Proof::Suspect) => Stand::Suspect,
            Some(Proof::Unreachable) => Stand::Unreachable,
        }
    }
}

/// A number that those have in common that are alike.
pub(super) type Sort = usize;

/// What agents have in common from the beginning.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Looks<'g> {
    /// Numbers in it do not count.
    name: String,
    group: Option<&'g str>,
    host: Option<&'g HostName>,
    state: (u8, Option<&'static str>, Option<&'g str>),
    sockets: Vec<(&'g Alias, Kind, bool, &'g BTreeSet<String>)>,
}

/// One wire, from the side of an agent: which socket, how it stands, and of what sort the other end is.
type Seen<'g> = (
    bool,
    &'g Alias,
    Option<(Sort, &'g Alias)>,
    Option<&'g str>,
    Stand,
);

impl Graph {
    /// Of each agent, a number that those have in common that are alike.
    pub(super) fn sorts(&self) -> Vec<Sort> {
        let at: BTreeMap<&AgentId, usize> = self
            .agents
            .iter()
            .enumerate()
            .map(|(at, it)| (&it.id, at))
            .collect();
        let ends = self.ends(&at);
        let mut sorts = numbered(&self.agents.iter().map(looks).collect::<Vec<_>>());
        loop {
            let seen = |agent: usize| {
                let mut wires: Vec<Seen<'_>> =
                    ends[agent].iter().map(|it| it.seen(&sorts)).collect();
                wires.sort();
                (sorts[agent], wires)
            };
            let finer = numbered(&(0..sorts.len()).map(seen).collect::<Vec<_>>());
            let count = |sorts: &[Sort]| sorts.iter().max().copied();
            if count(&finer) == count(&sorts) {
                return finer;
            }
            sorts = finer;
        }
    }

    /// The ends of wires that each agent has.
    fn ends<'g>(&'g self, at: &BTreeMap<&AgentId, usize>) -> Vec<Vec<WireEnd<'g>>> {
        let mut ends: Vec<Vec<WireEnd<'g>>> = self.agents.iter().map(|_| Vec::new()).collect();
        for wire in &self.wires {
            for (own, other, is_from) in
                [(&wire.from, &wire.to, true), (&wire.to, &wire.from, false)]
            {
                let Point::Socket(socket) = own else { continue };
                let Some(agent) = at.get(&socket.agent) else {
                    continue;
                };
                let other = match other {
                    Point::Socket(it) => at.get(&it.agent).map(|at| (*at, &it.alias)).ok_or(None),
                    Point::Outside(address) => Err(address.as_deref()),
                };
                ends[*agent].push(WireEnd {
                    is_from,
                    alias: &socket.alias,
                    other,
                    stand: Stand::of(wire),
                });
            }
        }
        ends
    }
}

struct WireEnd<'g> {
    is_from: bool,
    alias: &'g Alias,
    /// Which agent, and which of its sockets; else its address.
    other: Result<(usize, &'g Alias), Option<&'g str>>,
    stand: Stand,
}

impl<'g> WireEnd<'g> {
    fn seen(&self, sorts: &[Sort]) -> Seen<'g> {
        let (sort, address) = match self.other {
            Ok((agent, alias)) => (Some((sorts[agent], alias)), None),
            Err(address) => (None, address),
        };
        (self.is_from, self.alias, sort, address, self.stand)
    }
}

/// Equal ones get the same number; the numbers follow their order.
fn numbered<T: Ord>(all: &[T]) -> Vec<Sort> {
    let distinct: BTreeSet<&T> = all.iter().collect();
    let numbers: BTreeMap<&T, Sort> = distinct.into_iter().zip(0..).collect();
    all.iter().map(|it| numbers[it]).collect()
}

fn looks(agent: &Agent) -> Looks<'_> {
    let state = match &agent.presence {
        Presence::Declared => (0, None, None),
        Presence::Known { state, why } => (1, Some(State::as_str(*state)), why.as_deref()),
        Presence::Missing => (2, None, None),
    };
    let socket = |it: &'_ Socket| it.role == Role::Server;
    let sockets = agent.sockets.iter();
    Looks {
        name: without_numbers(&agent.id.to_string()),
        group: agent.group.as_ref().map(|it| it.as_str()),
        host: agent.host.as_ref(),
        state,
        sockets: sockets
            .map(|it| (&it.alias, it.kind, socket(it), &it.topics))
            .collect(),
    }
}

/// A name in which every number is a `#`.
fn without_numbers(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c.is_ascii_digit() {
            true if text.ends_with('#') => {}
            true => text.push('#'),
            false => text.push(c),
        }
    }
    text
}
