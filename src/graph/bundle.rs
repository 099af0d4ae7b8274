//! What is drawn as one: agents that are called alike, stand alike and are wired alike, such as replicas; and the wires between
//! two sockets of those.
//!
//! So a pool of workers of which one has died becomes a box of those that live, and one of the dead.

use std::collections::BTreeMap;

use super::alike::{Sort, Stand};
use super::{Agent, Graph, Point, Socket, Wire};
use crate::model::{AgentId, Alias, HostName, Kind};

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
            let from = end((&wire.from, wire.kinds[0]), place, nodes, |it| {
                &mut it.outputs
            });
            let to = end((&wire.to, wire.kinds[1]), place, nodes, |it| &mut it.inputs);
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

/// The end of a wire: the number of its node, and of its port there.
fn end<'g>(
    (point, kind): (&'g Point, Kind),
    place: &Place<'_>,
    nodes: &mut Vec<Node<'g>>,
    ports: for<'n> fn(&'n mut Node<'g>) -> &'n mut Vec<Port<'g>>,
) -> (usize, usize) {
    let (node, alias) = node_of(point, place, nodes);
    (node, port(ports(&mut nodes[node]), alias, kind))
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
