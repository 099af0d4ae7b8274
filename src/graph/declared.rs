//! The graph of a topology: what is to be, and nothing of what is.

use super::{Agent, Graph, Host, Of, Point, Presence, Socket, Wire};
use crate::model::{AgentSpec, Handlers, Kind, Role, Topology};
use std::collections::BTreeSet;

impl Graph {
    /// Of what a file says.
    pub fn declared(topology: &Topology) -> Self {
        let several = topology.nameservers.len() > 1;
        let first = topology.nameservers.first().map(|it| &it.name);
        let agents = topology.agents.iter().map(|spec| Agent {
            id: spec.name.clone(),
            group: spec
                .name
                .nameserver
                .as_ref()
                .or(first)
                .cloned()
                .filter(|_| several),
            host: Some(spec.host.clone()),
            presence: Presence::Declared,
            sockets: sockets(spec),
        });
        let wires = topology.wires().map(|(agent, wire)| Wire {
            topics: topics(wire.kind, Some(&wire.handlers)),
            ..Wire::between(
                agent.client(wire),
                Point::Socket(wire.to.clone()),
                wire.kind,
            )
        });
        let used: BTreeSet<_> = topology.agents.iter().map(|it| &it.host).collect();
        let hosts = topology.hosts.iter().map(|it| &it.name);
        Self {
            system: Some(topology.name.clone()),
            of: Of::File,
            hosts: hosts
                .filter(|it| used.contains(it))
                .map(|name| Host {
                    name: name.clone(),
                    state: None,
                })
                .collect(),
            agents: agents.collect(),
            wires: wires.collect(),
        }
        .complete()
        .with_topics_of_servers()
    }
}

fn sockets(spec: &AgentSpec) -> Vec<Socket> {
    let bound = spec.bind.iter().map(|it| Socket {
        topics: topics(it.kind, it.handlers.as_ref()),
        ..Socket::new(it.alias.clone(), it.kind, Role::Server)
    });
    let wired = spec.wires.iter().map(|it| Socket {
        topics: topics(it.kind, Some(&it.handlers)),
        ..Socket::new(it.alias.clone(), it.kind, Role::Client)
    });
    bound.chain(wired).collect()
}

/// What a socket of that kind subscribes to.
pub(super) fn topics(kind: Kind, handlers: Option<&Handlers>) -> BTreeSet<String> {
    let subscriptions = handlers.filter(|_| kind.subscribes());
    let subscriptions = subscriptions.map(Handlers::subscriptions);
    let topics = subscriptions.into_iter().flatten();
    topics.map(str::to_owned).collect()
}

impl Graph {
    /// A subscriber that is bound has its topics itself, and the wires to it those.
    pub(super) fn with_topics_of_servers(mut self) -> Self {
        let topics: Vec<BTreeSet<String>> = self
            .wires
            .iter()
            .map(|wire| match &wire.to {
                Point::Socket(to) if wire.topics.is_empty() => {
                    let socket = self.socket(to);
                    socket.map(|it| it.topics.clone()).unwrap_or_default()
                }
                Point::Socket(_) | Point::Outside(_) => wire.topics.clone(),
            })
            .collect();
        for (wire, topics) in self.wires.iter_mut().zip(topics) {
            wire.topics = topics;
        }
        self
    }
}
