//! A graph for programs: each agent and each wire by itself.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::graph::{Agent, Flow, Graph, Of, Point, Presence, Rate, Socket, Traffic, Wire};
use crate::model::{
    AgentId, Alias, HostName, Kind, NameServerName, Proof, Role, SocketId, State, SystemName,
};
use crate::render::json::pretty;

pub(super) fn json(graph: &Graph) -> String {
    let object = Object {
        system: graph.system.as_ref(),
        of: match graph.of {
            Of::File => "file",
            Of::WhatRuns => "what_runs",
        },
        hosts: graph
            .hosts
            .iter()
            .map(|it| HostObject {
                name: &it.name,
                state: it.state,
            })
            .collect(),
        agents: graph.agents.iter().map(AgentObject::from).collect(),
        wires: graph.wires.iter().map(WireObject::from).collect(),
    };
    pretty(&object)
}

#[derive(Serialize)]
struct Object<'g> {
    system: Option<&'g SystemName>,
    of: &'static str,
    hosts: Vec<HostObject<'g>>,
    agents: Vec<AgentObject<'g>>,
    wires: Vec<WireObject<'g>>,
}

#[derive(Serialize)]
struct HostObject<'g> {
    name: &'g HostName,
    state: Option<State>,
}

#[derive(Serialize)]
struct AgentObject<'g> {
    name: &'g AgentId,
    host: Option<&'g HostName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'g NameServerName>,
    /// Null in a file, and for one that no name server knows.
    state: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'g str>,
    /// Wires lead to it, and no name server knows it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    missing: bool,
    sockets: Vec<SocketObject<'g>>,
}

#[derive(Serialize)]
struct SocketObject<'g> {
    alias: &'g Alias,
    kind: Kind,
    role: Role,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    topics: &'g BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_per_s: Option<f64>,
}

#[derive(Serialize)]
struct WireObject<'g> {
    from: Option<SocketId>,
    to: Option<SocketId>,
    kinds: [Kind; 2],
    /// The side that connected.
    client: &'g SocketId,
    /// Where it leads, if that is no socket of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'g str>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    topics: &'g BTreeSet<String>,
    /// Null in a file.
    proof: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_s: Option<f64>,
}

/// To a thousandth.
fn rounded(rate: f64) -> f64 {
    (rate * 1000.0).round() / 1000.0
}

impl<'g> From<&'g Agent> for AgentObject<'g> {
    fn from(agent: &'g Agent) -> Self {
        let (state, why) = match &agent.presence {
            Presence::Known { state, why } => (Some(*state), why.as_deref()),
            Presence::Declared | Presence::Missing => (None, None),
        };
        Self {
            name: &agent.id,
            host: agent.host.as_ref(),
            group: agent.group.as_ref(),
            state,
            why,
            missing: agent.presence == Presence::Missing,
            sockets: agent.sockets.iter().map(SocketObject::from).collect(),
        }
    }
}

impl<'g> From<&'g Socket> for SocketObject<'g> {
    fn from(socket: &'g Socket) -> Self {
        let of = |count: fn(Traffic) -> u64| socket.traffic.map(count);
        let rate = |rate: fn(Rate) -> f64| {
            let known = socket.traffic.and_then(|it| it.rate);
            known.map(rate).map(rounded)
        };
        Self {
            alias: &socket.alias,
            kind: socket.kind,
            role: socket.role,
            topics: &socket.topics,
            received: of(|it| it.received),
            sent: of(|it| it.sent),
            dropped: of(|it| it.dropped),
            received_per_s: rate(|it| it.received),
            sent_per_s: rate(|it| it.sent),
        }
    }
}

impl<'g> From<&'g Wire> for WireObject<'g> {
    fn from(wire: &'g Wire) -> Self {
        let socket = |point: &Point| match point {
            Point::Socket(socket) => Some(socket.clone()),
            Point::Outside(_) => None,
        };
        let address = |point: &'g Point| match point {
            Point::Outside(address) => address.as_deref(),
            Point::Socket(_) => None,
        };
        let flow = wire.flow;
        Self {
            from: socket(&wire.from),
            to: socket(&wire.to),
            kinds: wire.kinds,
            client: &wire.client,
            address: address(&wire.from).or(address(&wire.to)),
            topics: &wire.topics,
            proof: wire.proof.map(word),
            messages: flow.map(|it| it.messages),
            per_s: flow
                .and_then(|Flow { per_second, .. }| per_second)
                .map(rounded),
        }
    }
}

fn word(proof: Proof) -> &'static str {
    match proof {
        Proof::Resolving => "resolving",
        Proof::Connecting => "connecting",
        Proof::Proven { .. } => "proven",
        Proof::Refused => "refused",
        Proof::Lost => "lost",
        Proof::Suspect => "suspect",
        Proof::Unreachable => "unreachable",
    }
}
