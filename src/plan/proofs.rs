//! How wires are shown to work. Agents prove those that they keep by name; of wires to agents of another name
//! server, this says what to ask of which agent. Pure.

use std::collections::BTreeMap;

use super::Plan;
use crate::model::{AgentId, AgentSpec, Kind, SocketId, WireSpec};
use crate::wire::{AgentRequest, ProofToken};

/// How a wire is shown to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofPlan {
    /// ZeroMQ's handshake.
    Handshake,
    /// The handshake, and the publisher has seen the subscription.
    Subscription {
        publisher: SocketId,
        subscriber: SocketId,
        token: ProofToken,
    },
}

impl ProofPlan {
    /// Of a wire that `agent` keeps.
    pub fn of(agent: &AgentSpec, wire: &WireSpec) -> Self {
        let (client, server) = (agent.client(wire), wire.to.clone());
        let token = ProofToken(format!("{client}>{server}"));
        let (publisher, subscriber) = match wire.kind {
            Kind::Sub | Kind::SyncSub => (server, client),
            Kind::Pub => (client, server),
            // It is its subscribers that dial a SYNC_PUB.
            Kind::SyncPub
            | Kind::Push
            | Kind::Pull
            | Kind::Req
            | Kind::Rep
            | Kind::AsyncReq
            | Kind::AsyncRep => return ProofPlan::Handshake,
        };
        ProofPlan::Subscription {
            publisher,
            subscriber,
            token,
        }
    }

    /// What a subscriber that connects subscribes to besides, so that its publisher can prove it.
    pub fn token_of_client(self, wire: &WireSpec) -> Option<ProofToken> {
        match self {
            ProofPlan::Subscription { token, .. } if wire.kind.subscribes() => Some(token),
            ProofPlan::Subscription { .. } | ProofPlan::Handshake => None,
        }
    }
}

/// A subscription to an agent of another name server, or of one.
struct Subscription<'p> {
    wire: &'p WireSpec,
    publisher: SocketId,
    subscriber: SocketId,
    token: ProofToken,
}

impl Plan {
    /// Of wires to agents of another name server: what to ask of sockets that are subscribers and servers at once
    /// before any agent connects: to subscribe to the tokens of their future publishers.
    pub fn probes(&self) -> impl Iterator<Item = (AgentId, AgentRequest)> {
        let servers = self.subscriptions().filter(|it| it.wire.kind.publishes());
        servers.map(|it| {
            let SocketId { agent, alias } = it.subscriber;
            let token = it.token;
            (agent, AgentRequest::Probe { alias, token })
        })
    }

    /// The same: what to ask of the publishers, for each of their sockets: to have seen the tokens.
    pub fn proofs(&self) -> impl Iterator<Item = (SocketId, AgentRequest)> {
        let mut tokens: BTreeMap<SocketId, Vec<ProofToken>> = BTreeMap::new();
        for it in self.subscriptions() {
            tokens.entry(it.publisher).or_default().push(it.token);
        }
        tokens.into_iter().map(|(publisher, tokens)| {
            let alias = publisher.alias.clone();
            (publisher, AgentRequest::Prove { alias, tokens })
        })
    }

    /// The same: what to ask of the subscribers when all is proven: to forget the tokens.
    pub fn unprobes(&self) -> impl Iterator<Item = (AgentId, AgentRequest)> {
        self.subscriptions().map(|it| {
            let SocketId { agent, alias } = it.subscriber;
            let token = it.token;
            (agent, AgentRequest::Unprobe { alias, token })
        })
    }

    fn subscriptions(&self) -> impl Iterator<Item = Subscription<'_>> {
        let foreign = self
            .wires()
            .filter(|(agent, wire)| self.is_foreign(agent, wire));
        foreign.filter_map(|(agent, wire)| match ProofPlan::of(agent, wire) {
            ProofPlan::Handshake => None,
            ProofPlan::Subscription {
                publisher,
                subscriber,
                token,
            } => Some(Subscription {
                wire,
                publisher,
                subscriber,
                token,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Handlers, NameServerEntry, NameServerSpec, Replies, Security, Topology};

    fn nameserver(name: &str) -> NameServerEntry {
        NameServerEntry {
            name: name.parse().unwrap(),
            at: NameServerSpec::Launch("127.0.0.1:0".parse().unwrap()),
            host: None,
        }
    }

    fn client(agent: &str, alias: &str, to: &str, kind: Kind) -> AgentSpec {
        AgentSpec {
            wires: vec![WireSpec {
                alias: alias.parse().unwrap(),
                to: to.parse().unwrap(),
                kind,
                serializer: None,
                handlers: Handlers::none(),
                replies: Replies::default(),
                resting: false,
            }],
            ..AgentSpec::named(agent.parse().unwrap())
        }
    }

    fn plan(agents: Vec<AgentSpec>) -> Plan {
        Plan::new(Topology {
            name: "test".parse().unwrap(),
            security: Security::None,
            nameservers: vec![nameserver("main"), nameserver("lab")],
            hosts: Vec::new(),
            agents,
        })
    }

    fn token_of_first(plan: &Plan) -> Option<ProofToken> {
        let (agent, wire) = plan.wires().next().unwrap();
        ProofPlan::of(agent, wire).token_of_client(wire)
    }

    #[test]
    fn a_subscriber_that_connects_brings_its_token() {
        let plan = plan(vec![
            client("Bob", "news", "Alice@lab.feed", Kind::Sub),
            client("Carol", "news", "Alice@lab.feed", Kind::Sub),
        ]);
        assert_eq!(plan.probes().count(), 0);
        let proofs: Vec<_> = plan.proofs().collect();
        let tokens = ["Bob.news>Alice@lab.feed", "Carol.news>Alice@lab.feed"];
        let tokens = tokens.map(|token| ProofToken(token.into())).to_vec();
        let first = tokens[0].clone();
        let alias = "feed".parse().unwrap();
        assert_eq!(
            proofs,
            [(
                "Alice@lab.feed".parse().unwrap(),
                AgentRequest::Prove { alias, tokens }
            )]
        );
        assert_eq!(token_of_first(&plan), Some(first));
        assert_eq!(plan.unprobes().count(), 2);
    }

    #[test]
    fn a_subscriber_that_binds_is_probed_first() {
        let plan = plan(vec![client("News", "out", "Hub@lab.in", Kind::Pub)]);
        let probes: Vec<_> = plan.probes().collect();
        assert!(
            matches!(&probes[..], [(hub, AgentRequest::Probe { .. })] if hub.to_string() == "Hub@lab")
        );
        let proofs: Vec<_> = plan.proofs().collect();
        assert!(
            matches!(&proofs[..], [(news, AgentRequest::Prove { .. })] if news.to_string() == "News.out")
        );
        assert_eq!(token_of_first(&plan), None);
    }

    #[test]
    fn wires_of_one_name_server_are_proven_by_their_agents() {
        let plan = plan(vec![
            client("Bob", "news", "Alice.feed", Kind::Sub),
            client("News", "out", "Hub.in", Kind::Pub),
        ]);
        assert!(
            plan.wires()
                .all(|(agent, wire)| !plan.is_foreign(agent, wire))
        );
        assert_eq!(plan.proofs().count() + plan.probes().count(), 0);
    }

    #[test]
    fn other_kinds_are_proven_by_the_handshake() {
        let plan = plan(vec![client("Bob", "in", "Alice@lab.main", Kind::Pull)]);
        let (agent, wire) = plan.wires().next().unwrap();
        assert_eq!(ProofPlan::of(agent, wire), ProofPlan::Handshake);
        assert_eq!(
            plan.proofs().count() + plan.probes().count() + plan.unprobes().count(),
            0
        );
    }

    #[test]
    fn of_agents_that_stand_only_wires_to_those_that_are_brought_up_are_proven_again() {
        let mut hub = client("Hub", "a", "Alice.main", Kind::Pull);
        hub.wires
            .extend(client("Hub", "b", "Bob.main", Kind::Pull).wires);
        let whole = plan(vec![
            hub,
            client("Eve", "in", "Bob.main", Kind::Pull),
            client("Alice", "own", "Eve.main", Kind::Pull),
        ]);
        let part = whole.part(|agent| agent.name.as_str() == "Alice");
        let wires = part
            .wires()
            .map(|(agent, wire)| agent.client(wire).to_string());
        assert_eq!(wires.collect::<Vec<_>>(), ["Alice.own", "Hub.a"]);
        assert_eq!(part.agents.len(), 1);
    }
}
