//! What is drawn as one: agents that are called alike, stand alike and are wired alike, such as replicas; and the wires between
//! two sockets of those.
//!
//! Agents are told apart until those that are left together have the same wires, by kind, number and who is at the other end
//! (refinement of colours). So a pool of workers of which one has died becomes a box of those that live, and one of the dead.

use std::collections::{BTreeMap, BTreeSet};

use super::{Agent, Graph, Point, Presence, Socket, Wire};
use crate::model::{AgentId, Alias, HostName, Kind, Proof, Role, State};

/// A graph of which what is alike is one.
#[derive(Debug, Clone)]
pub struct Bundled<'g> {
    /// In order of the names of their first agents; then what is outside.
    pub nodes: Vec<Node<'g>>,
    pub edges: Vec<Edge<'g>>,
}

/// What is drawn as one box.
#[derive(Debug, Clone)]
pub struct Node<'g> {
    pub what: What<'g>,
    /// Sockets that wires come to.
    pub inputs: Vec<Port<'g>>,
    /// Those that wires leave from.
    pub outputs: Vec<Port<'g>>,
}

/// What a box stands for.
#[derive(Debug, Clone)]
pub enum What<'g> {
    /// One, or several that are alike; in order of their names.
    Agents(Vec<&'g Agent>),
    /// An address that is no agent's.
    Outside(Option<&'g str>),
}

/// The sockets of one alias.
#[derive(Debug, Clone)]
pub struct Port<'g> {
    /// None: it is outside.
    pub alias: Option<&'g Alias>,
    pub kind: Kind,
    /// One for each agent.
    pub sockets: Vec<&'g Socket>,
}

/// Wires between the same ports, which stand alike.
#[derive(Debug, Clone)]
pub struct Edge<'g> {
    /// Node, and which of its outputs.
    pub from: (usize, usize),
    /// Node, and which of its inputs.
    pub to: (usize, usize),
    /// One at least.
    pub wires: Vec<&'g Wire>,
}

impl<'g> Node<'g> {
    /// The host that all of them are on.
    pub fn host(&self) -> Option<&'g HostName> {
        match &self.what {
            What::Agents(agents) => agents.first()?.host.as_ref(),
            What::Outside(_) => None,
        }
    }

    /// The agents.
    pub fn agents(&self) -> &[&'g Agent] {
        match &self.what {
            What::Agents(agents) => agents,
            What::Outside(_) => &[],
        }
    }
}

/// How a wire stands, without since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
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
    fn of(wire: &Wire) -> Self {
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

type Sort = usize;

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
    /// As it is drawn: with each agent by itself, or with those as one that are alike.
    pub fn bundled(&self, expand: bool) -> Bundled<'_> {
        let sorts = match expand {
            true => (0..self.agents.len()).collect(),
            false => self.sorts(),
        };
        let mut nodes = self.nodes(&sorts);
        let place: BTreeMap<&AgentId, usize> = nodes
            .iter()
            .enumerate()
            .flat_map(|(at, node)| node.agents().iter().map(move |it| (&it.id, at)))
            .collect();
        let edges = self.edges(&place, &mut nodes);
        Bundled { nodes, edges }
    }

    fn nodes(&self, sorts: &[Sort]) -> Vec<Node<'_>> {
        let mut members: BTreeMap<Sort, Vec<&Agent>> = BTreeMap::new();
        for (agent, sort) in self.agents.iter().zip(sorts) {
            members.entry(*sort).or_default().push(agent);
        }
        let mut members: Vec<Vec<&Agent>> = members.into_values().collect();
        members.sort_by(|one, other| one[0].id.cmp(&other[0].id));
        members.into_iter().map(node).collect()
    }

    /// What is outside becomes a node of its own when a wire leads there.
    fn edges<'g>(
        &'g self,
        place: &BTreeMap<&AgentId, usize>,
        nodes: &mut Vec<Node<'g>>,
    ) -> Vec<Edge<'g>> {
        let mut edges: BTreeMap<_, Edge<'g>> = BTreeMap::new();
        for wire in &self.wires {
            let from = output(&wire.from, wire.kinds[0], place, nodes);
            let to = input(&wire.to, wire.kinds[1], place, nodes);
            let key = (from, to, Stand::of(wire), &wire.topics);
            let edge = edges.entry(key).or_insert_with(|| Edge {
                from,
                to,
                wires: Vec::new(),
            });
            edge.wires.push(wire);
        }
        edges.into_values().collect()
    }

    /// Of each agent, a number that those have in common that are alike.
    fn sorts(&self) -> Vec<Sort> {
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

fn node(agents: Vec<&Agent>) -> Node<'_> {
    let ports = |outputs: bool| {
        let sockets = agents
            .first()
            .map(|it| it.sockets.as_slice())
            .unwrap_or_default();
        let sockets = sockets.iter().filter(move |it| it.is_output() == outputs);
        let port = |socket: &'_ Socket| {
            let of = |it: &&'_ Agent| it.sockets.iter().position(|it| it.alias == socket.alias);
            agents
                .iter()
                .filter_map(|it| Some(&it.sockets[of(it)?]))
                .collect::<Vec<_>>()
        };
        sockets
            .map(|socket| Port {
                alias: Some(&socket.alias),
                kind: socket.kind,
                sockets: port(socket),
            })
            .collect()
    };
    Node {
        inputs: ports(false),
        outputs: ports(true),
        what: What::Agents(agents),
    }
}

type Place<'p> = BTreeMap<&'p AgentId, usize>;

fn output<'g>(
    point: &'g Point,
    kind: Kind,
    place: &Place<'_>,
    nodes: &mut Vec<Node<'g>>,
) -> (usize, usize) {
    let (node, alias) = node_of(point, place, nodes);
    (node, port(&mut nodes[node].outputs, alias, kind))
}

fn input<'g>(
    point: &'g Point,
    kind: Kind,
    place: &Place<'_>,
    nodes: &mut Vec<Node<'g>>,
) -> (usize, usize) {
    let (node, alias) = node_of(point, place, nodes);
    (node, port(&mut nodes[node].inputs, alias, kind))
}

/// A wire may come to a socket that is of another kind by now.
fn port<'g>(ports: &mut Vec<Port<'g>>, alias: Option<&'g Alias>, kind: Kind) -> usize {
    let found = ports
        .iter()
        .position(|it| it.alias == alias && (alias.is_some() || it.kind == kind));
    found.unwrap_or_else(|| {
        ports.push(Port {
            alias,
            kind,
            sockets: Vec::new(),
        });
        ports.len() - 1
    })
}

fn node_of<'g>(
    point: &'g Point,
    place: &Place<'_>,
    nodes: &mut Vec<Node<'g>>,
) -> (usize, Option<&'g Alias>) {
    let (wanted, alias) = match point {
        Point::Socket(socket) => match place.get(&socket.agent) {
            Some(at) => return (*at, Some(&socket.alias)),
            None => (None, Some(&socket.alias)),
        },
        Point::Outside(address) => (address.as_deref(), None),
    };
    let is_it = |it: &Node<'_>| matches!(&it.what, What::Outside(address) if *address == wanted);
    let at = nodes.iter().position(is_it).unwrap_or_else(|| {
        nodes.push(Node {
            what: What::Outside(wanted),
            inputs: Vec::new(),
            outputs: Vec::new(),
        });
        nodes.len() - 1
    });
    (at, alias)
}
