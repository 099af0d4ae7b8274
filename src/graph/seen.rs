//! The graph of what runs: what the name servers know of agents, and what each agent tells of its sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::declared::topics;
use super::{Agent, Flow, Graph, Host, Of, Point, Presence, Rate, Socket, Traffic, Wire};
use crate::model::{
    Address, AgentId, AgentInfo, AgentName, Alias, ConnectionInfo, End, HeldSocket, NameServerName,
    Proof, Role, SocketId, SocketStats, SystemName,
};

/// What was seen of a system that runs.
#[derive(Debug, Clone)]
pub struct Look {
    pub system: Option<SystemName>,
    pub hosts: Vec<Host>,
    pub agents: Vec<SeenAgent>,
}

/// An agent as its name server knows it, and what it tells of itself.
#[derive(Debug, Clone)]
pub struct SeenAgent {
    /// As one would name it.
    pub id: AgentId,
    /// Its name server, if there are several.
    pub group: Option<NameServerName>,
    pub info: AgentInfo,
    pub told: Told,
}

/// What an agent tells. What is missing is not known.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub sockets: Vec<HeldSocket>,
    pub counts: BTreeMap<Alias, SocketStats>,
    pub rates: BTreeMap<Alias, Rate>,
}

/// What went through sockets in each second, from two looks so far apart. An agent that has begun anew between them has
/// none: its counts have too.
pub fn rates(
    before: &BTreeMap<Alias, SocketStats>,
    after: &BTreeMap<Alias, SocketStats>,
    apart: Duration,
) -> BTreeMap<Alias, Rate> {
    let seconds = apart.as_secs_f64();
    let rate = |(alias, after): (&Alias, &SocketStats)| {
        let before = before.get(alias)?;
        let received = after.received.checked_sub(before.received)?;
        let sent = after.sent.checked_sub(before.sent)?;
        let rate = Rate {
            received: received as f64 / seconds,
            sent: sent as f64 / seconds,
        };
        (seconds > 0.0).then(|| (alias.clone(), rate))
    };
    after.iter().filter_map(rate).collect()
}

impl Graph {
    /// Of what was seen.
    pub fn seen(look: &Look) -> Self {
        let names = Names::of(look);
        let wires = look.agents.iter().flat_map(|agent| names.wires(agent));
        let agents = look.agents.iter().map(|it| Agent {
            id: it.id.clone(),
            group: it.group.clone(),
            host: it.info.host.clone(),
            presence: Presence::Known {
                state: it.info.state,
                why: it.info.why.clone(),
            },
            sockets: sockets(it),
        });
        Self {
            system: look.system.clone(),
            of: Of::WhatRuns,
            hosts: hosts(look),
            agents: agents.collect(),
            wires: wires.collect(),
        }
        .complete()
        .with_topics_of_servers()
    }
}

/// Of several daemons of one name, each at its own name server, the one that stands worst.
fn hosts(look: &Look) -> Vec<Host> {
    let used: BTreeSet<_> = look
        .agents
        .iter()
        .filter_map(|it| it.info.host.as_ref())
        .collect();
    let mut hosts: BTreeMap<_, Host> = BTreeMap::new();
    for host in &look.hosts {
        let known = hosts
            .entry(host.name.clone())
            .or_insert_with(|| host.clone());
        if host.state != Some(crate::model::State::Running) {
            known.state = host.state;
        }
    }
    for name in used {
        hosts.entry(name.clone()).or_insert_with(|| Host {
            name: name.clone(),
            state: None,
        });
    }
    hosts.into_values().collect()
}

fn sockets(agent: &SeenAgent) -> Vec<Socket> {
    let known = |(alias, address): (&Alias, &Address)| {
        let held = agent.told.sockets.iter().find(|it| it.alias == *alias);
        Socket {
            topics: topics(address.kind, held.map(|it| &it.handlers)),
            traffic: traffic(&agent.told, alias),
            ..Socket::new(alias.clone(), address.kind, address.role)
        }
    };
    let mut sockets: Vec<Socket> = agent.info.addresses.iter().map(known).collect();
    // One whose other end is not there has no address yet.
    for connection in &agent.info.connections {
        let alias = &connection.alias;
        if !sockets.iter().any(|it| it.alias == *alias) {
            let socket = Socket::new(alias.clone(), connection.kind, Role::Client);
            sockets.push(socket);
        }
    }
    sockets
}

fn traffic(told: &Told, alias: &Alias) -> Option<Traffic> {
    let counts = told.counts.get(alias)?;
    Some(Traffic {
        received: counts.received,
        sent: counts.sent,
        dropped: counts.dropped,
        rate: told.rates.get(alias).copied(),
    })
}

/// Who is meant by a name that an agent of some name server has for another.
struct Names<'l> {
    by_place: BTreeMap<(Option<&'l NameServerName>, &'l AgentName), &'l SeenAgent>,
}

impl<'l> Names<'l> {
    fn of(look: &'l Look) -> Self {
        let place = |it: &'l SeenAgent| ((it.group.as_ref(), &it.info.name), it);
        Self {
            by_place: look.agents.iter().map(place).collect(),
        }
    }

    fn find(&self, from: &SeenAgent, to: &AgentId) -> Option<&'l SeenAgent> {
        let group = to.nameserver.as_ref().or(from.group.as_ref());
        let found = self.by_place.get(&(group, &to.name));
        // The only name server may be named too.
        found
            .or_else(|| self.by_place.get(&(None, &to.name)))
            .copied()
    }

    fn wires(&self, agent: &SeenAgent) -> Vec<Wire> {
        let of = |alias: &Alias| {
            let same = agent.info.connections.iter();
            same.filter(|it| it.alias == *alias).count()
        };
        let wire = |connection: &ConnectionInfo| {
            let is_alone = of(&connection.alias) == 1;
            self.wire(agent, connection, is_alone)
        };
        agent.info.connections.iter().map(wire).collect()
    }

    fn wire(&self, agent: &SeenAgent, connection: &ConnectionInfo, is_alone: bool) -> Wire {
        let client = SocketId {
            agent: agent.id.clone(),
            alias: connection.alias.clone(),
        };
        let other = connection.to.as_ref();
        let found = other.and_then(|to| self.find(agent, &to.agent));
        let server = match other {
            Some(to) => Point::Socket(SocketId {
                agent: found.map_or_else(|| to.agent.clone(), |it| it.id.clone()),
                alias: to.alias.clone(),
            }),
            None => Point::Outside(connection.address.clone()),
        };
        let held = agent.told.sockets.iter();
        let mut held = held.filter(|it| it.alias == connection.alias);
        Wire {
            topics: topics(connection.kind, held.next().map(|it| &it.handlers)),
            proof: Some(proof(agent, connection, found)),
            flow: flow(&agent.told, connection).filter(|_| is_alone),
            ..Wire::between(client, server, connection.kind)
        }
    }
}

/// What is known of it as long as both ends are well.
fn proof(agent: &SeenAgent, connection: &ConnectionInfo, server: Option<&SeenAgent>) -> Proof {
    let end = |it: &SeenAgent| End {
        state: it.info.state,
        ms: it.info.state_ms,
    };
    let seen = connection.clone().seen_with(end(agent), server.map(end));
    seen.proof
}

/// What went through the socket that has connected.
fn flow(told: &Told, connection: &ConnectionInfo) -> Option<Flow> {
    let traffic = traffic(told, &connection.alias)?;
    let sends = connection.kind.comes_first();
    let of = |rate: Rate| if sends { rate.sent } else { rate.received };
    Some(Flow {
        messages: if sends {
            traffic.sent
        } else {
            traffic.received
        },
        per_second: traffic.rate.map(of),
    })
}
