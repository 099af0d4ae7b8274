//! What is to be done to bring a system up, as a value: what `osb plan` shows, what `up` carries
//! out and what tests compare are the same.
//!
//! Pure: made from a topology alone. Addresses are not in it, for they are known only when sockets
//! are bound.

mod ends;
mod launches;
mod mend;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::model::timing::START_TIMEOUT;
use crate::model::{
    AgentId, AgentName, Alias, BindSpec, ConnectionSpec, Endpoint, Handlers, HostName, HostSpec,
    Kind, LogLimits, Millis, NameServerEntry, NameServerName, Program, Reach, Ready, Replies,
    Security, SocketId, Speaks, SystemName, Topology,
};
use crate::wire::{AgentRequest, Configuration, ProofToken};

pub use ends::ends;
pub use launches::{LaunchPlan, Order};
pub use mend::{Actual, Mend, Place, mend};

/// All that a system needs, in the order of the phases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    pub system: SystemName,
    pub security: Security,
    /// Other machines can reach it: without security, that is to be said each time.
    #[serde(skip)]
    pub reaches_out: bool,
    /// One at least.
    pub nameservers: Vec<NameServerEntry>,
    pub hosts: Vec<HostSpec>,
    /// In the order of the file.
    pub agents: Vec<AgentPlan>,
    /// In the order of the file.
    pub links: Vec<LinkPlan>,
    /// In an order in which they can be launched.
    pub launches: Vec<LaunchPlan>,
}

/// An agent to start and configure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentPlan {
    pub name: AgentId,
    pub host: HostName,
    /// It is waited for instead of started.
    pub attach: bool,
    pub program: Option<Program>,
    pub start_timeout: Millis,
    pub settle: Millis,
    pub logs: LogLimits,
    pub configuration: Configuration,
}

/// A connection to make and to prove.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkPlan {
    /// The client's socket.
    pub client: SocketId,
    /// The client's kind.
    pub kind: Kind,
    /// The server's socket.
    pub server: SocketId,
    pub handlers: Handlers,
    /// Where it asks: how answers are handled.
    #[serde(skip_serializing_if = "Replies::is_empty")]
    pub replies: Replies,
    pub proof: ProofPlan,
    pub timeout: Millis,
}

/// How a connection is shown to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
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

impl Plan {
    /// The plan of a valid topology.
    pub fn new(topology: Topology) -> Self {
        let reaches_out = topology.reaches_out();
        let timeouts: HashMap<AgentId, Millis> = topology
            .agents
            .iter()
            .map(|agent| (agent.name.clone(), agent.start_timeout))
            .collect();
        let connections = topology.connections.into_iter();
        let links = connections.map(|connection| {
            let timeout = timeouts.get(&connection.agent).copied();
            LinkPlan::new(connection, timeout.unwrap_or(START_TIMEOUT))
        });
        Self {
            security: topology.security,
            reaches_out,
            system: topology.name,
            nameservers: topology.nameservers,
            hosts: topology.hosts,
            links: links.collect(),
            launches: launches::of(&topology.agents),
            agents: topology.agents.into_iter().map(AgentPlan::from).collect(),
        }
    }

    /// Whether other machines can reach it, and nothing protects it.
    pub fn is_unprotected(&self) -> bool {
        self.reaches_out && self.security == Security::None
    }

    /// The name server at which an agent is registered.
    pub fn nameserver_of<'a>(&'a self, agent: &'a AgentId) -> &'a NameServerName {
        // A topology has one name server at least.
        let first = || &self.nameservers[0].name;
        agent.nameserver.as_ref().unwrap_or_else(first)
    }

    /// An agent by its name at one of the name servers.
    pub fn id(&self, nameserver: &NameServerName, name: AgentName) -> AgentId {
        let is_first = self.nameservers[0].name == *nameserver;
        AgentId {
            name,
            nameserver: (!is_first).then(|| nameserver.clone()),
        }
    }

    /// The agents of one name server.
    pub fn agents_at<'a>(
        &'a self,
        nameserver: &'a NameServerName,
    ) -> impl Iterator<Item = &'a AgentPlan> {
        let there = move |agent: &&AgentPlan| self.nameserver_of(&agent.name) == nameserver;
        self.agents.iter().filter(there)
    }

    /// The hosts that have a daemon for one name server: none where nothing is started, and of other
    /// machines those where something is.
    pub fn hosts_at<'a>(
        &'a self,
        nameserver: &'a NameServerName,
    ) -> impl Iterator<Item = &'a HostSpec> {
        let starts = self.agents_at(nameserver).any(|agent| !agent.attach);
        let here = starts || self.agents.is_empty();
        self.hosts.iter().filter(move |host| match host.reach {
            Reach::Local => here,
            Reach::Ssh(_) | Reach::Attach => {
                self.agents_on(&host.name, nameserver).next().is_some()
            }
        })
    }

    /// The agents that are started on a host for one name server.
    pub fn agents_on<'a>(
        &'a self,
        host: &'a HostName,
        nameserver: &'a NameServerName,
    ) -> impl Iterator<Item = &'a AgentPlan> {
        let there = move |agent: &&AgentPlan| !agent.attach && agent.host == *host;
        self.agents_at(nameserver).filter(there)
    }

    /// What of the plan is to be done when only the agents `among` are to be brought up, and the others
    /// stand: those agents, and all wires that lead to one of them or away from it.
    pub fn part(&self, among: impl Fn(&AgentId) -> bool) -> Self {
        let agents = self.agents.iter().filter(|agent| among(&agent.name));
        let links = self.links.iter();
        let links = links.filter(|it| among(&it.client.agent) || among(&it.server.agent));
        let launches = self.launches.iter().filter(|it| among(&it.agent));
        Self {
            launches: launches.map(|it| it.after_those(&among)).collect(),
            agents: agents.cloned().collect(),
            links: links.cloned().collect(),
            ..self.clone()
        }
    }

    /// The launches that wait for nothing that takes its time, and the others, which may wait for what
    /// timers do.
    pub fn turns(&self) -> (Vec<LaunchPlan>, Vec<LaunchPlan>) {
        launches::turns(&self.launches)
    }

    /// Agents that others start.
    pub fn attached(&self) -> impl Iterator<Item = &AgentPlan> {
        self.agents.iter().filter(|agent| agent.attach)
    }

    /// Hosts on which agents are to be started, with how many.
    pub fn agents_by_host(&self) -> BTreeMap<&HostName, usize> {
        let mut counts = BTreeMap::new();
        for agent in self.agents.iter().filter(|agent| !agent.attach) {
            *counts.entry(&agent.host).or_default() += 1;
        }
        counts
    }

    /// Of wires to agents of another name server: what to ask of sockets that are subscribers and servers at once
    /// before anybody connects: to subscribe to the tokens of those who will publish to them.
    pub fn probes(&self) -> impl Iterator<Item = (AgentId, AgentRequest)> {
        self.subscriptions()
            .filter(|(link, ..)| link.kind.publishes())
            .map(|(_, _, subscriber, token)| {
                let (alias, token) = (subscriber.alias.clone(), token.clone());
                (
                    subscriber.agent.clone(),
                    AgentRequest::Probe { alias, token },
                )
            })
    }

    /// The same: what to ask of the publishers, for each of their sockets: to have seen the tokens.
    pub fn proofs(&self) -> impl Iterator<Item = (SocketId, AgentRequest)> {
        let mut tokens: BTreeMap<SocketId, Vec<ProofToken>> = BTreeMap::new();
        for (_, publisher, _, token) in self.subscriptions() {
            let tokens = tokens.entry(publisher.clone()).or_default();
            tokens.push(token.clone());
        }
        tokens.into_iter().map(|(publisher, tokens)| {
            let alias = publisher.alias.clone();
            (publisher, AgentRequest::Prove { alias, tokens })
        })
    }

    /// The same: what to ask of the subscribers when all is proven: to let the tokens go.
    pub fn unprobes(&self) -> impl Iterator<Item = (AgentId, AgentRequest)> {
        self.subscriptions().map(|(_, _, subscriber, token)| {
            let (alias, token) = (subscriber.alias.clone(), token.clone());
            (
                subscriber.agent.clone(),
                AgentRequest::Unprobe { alias, token },
            )
        })
    }

    /// Whether a wire leads from one name server's agents to another's: then its client cannot keep it by name.
    pub fn is_foreign(&self, link: &LinkPlan) -> bool {
        self.nameserver_of(&link.client.agent) != self.nameserver_of(&link.server.agent)
    }

    fn subscriptions(
        &self,
    ) -> impl Iterator<Item = (&LinkPlan, &SocketId, &SocketId, &ProofToken)> {
        let foreign = self.links.iter().filter(|link| self.is_foreign(link));
        foreign.filter_map(|link| match &link.proof {
            ProofPlan::Handshake => None,
            ProofPlan::Subscription {
                publisher,
                subscriber,
                token,
            } => Some((link, publisher, subscriber, token)),
        })
    }
}

impl LinkPlan {
    fn new(connection: ConnectionSpec, timeout: Millis) -> Self {
        let ConnectionSpec {
            agent,
            alias,
            to,
            kind,
            handlers,
            replies,
        } = connection;
        let client = SocketId { agent, alias };
        let token = ProofToken(format!("{client}>{to}"));
        let proof = match kind {
            Kind::Sub | Kind::SyncSub => ProofPlan::Subscription {
                publisher: to.clone(),
                subscriber: client.clone(),
                token,
            },
            Kind::Pub => ProofPlan::Subscription {
                publisher: client.clone(),
                subscriber: to.clone(),
                token,
            },
            // It is its subscribers that dial it.
            Kind::SyncPub
            | Kind::Push
            | Kind::Pull
            | Kind::Req
            | Kind::Rep
            | Kind::AsyncReq
            | Kind::AsyncRep => ProofPlan::Handshake,
        };
        Self {
            client,
            kind,
            server: to,
            handlers,
            replies,
            proof,
            timeout,
        }
    }

    /// What a subscriber subscribes to when it connects, so that its publisher can prove it.
    pub fn token(&self) -> Option<&ProofToken> {
        match &self.proof {
            ProofPlan::Subscription { token, .. } if self.kind.subscribes() => Some(token),
            _ => None,
        }
    }
}

impl From<crate::model::AgentSpec> for AgentPlan {
    fn from(spec: crate::model::AgentSpec) -> Self {
        Self {
            name: spec.name,
            host: spec.host,
            attach: spec.attach,
            program: spec.program,
            start_timeout: spec.start_timeout,
            settle: spec.settle,
            logs: spec.logs,
            configuration: Configuration {
                attributes: spec.attributes,
                bind: spec.bind.into_iter().map(BindSpec::into).collect(),
                timers: spec.timers,
            },
        }
    }
}

impl AgentPlan {
    /// Whether its program is launched when all is wired.
    pub fn is_launched(&self) -> bool {
        self.program.as_ref().is_some_and(Program::is_launched)
    }

    /// Whether its program is watched until it has settled: nothing else says that it works. Of those
    /// that others start it is not known whether they have a program.
    pub fn settles(&self) -> bool {
        let unsaid =
            |program: &Program| program.speaks != Speaks::Osb && program.ready == Ready::Started;
        let may_fail = self.program.as_ref().map_or(self.attach, unsaid);
        may_fail && self.settle.get() > 0
    }

    /// Where its sockets are to be bound.
    pub fn endpoints(&self) -> impl Iterator<Item = (&Alias, &Endpoint)> {
        self.configuration
            .bind
            .iter()
            .filter_map(|socket| Some((&socket.alias, socket.endpoint.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NameServerSpec;

    fn connection(agent: &str, alias: &str, to: &str, kind: Kind) -> ConnectionSpec {
        ConnectionSpec {
            agent: agent.parse().unwrap(),
            alias: alias.parse().unwrap(),
            to: to.parse().unwrap(),
            kind,
            handlers: Handlers::none(),
            replies: Replies::default(),
        }
    }

    fn nameserver(name: &str) -> NameServerEntry {
        NameServerEntry {
            name: name.parse().unwrap(),
            at: NameServerSpec::Launch("127.0.0.1:0".parse().unwrap()),
            host: None,
        }
    }

    fn plan(connections: Vec<ConnectionSpec>) -> Plan {
        Plan::new(Topology {
            name: "test".parse().unwrap(),
            security: Security::None,
            nameservers: vec![nameserver("main"), nameserver("lab")],
            hosts: Vec::new(),
            agents: Vec::new(),
            connections,
        })
    }

    #[test]
    fn a_subscriber_that_connects_brings_its_token() {
        let plan = plan(vec![
            connection("Bob", "news", "Alice@lab.feed", Kind::Sub),
            connection("Carol", "news", "Alice@lab.feed", Kind::Sub),
        ]);
        assert_eq!(plan.probes().count(), 0);
        let proofs: Vec<_> = plan.proofs().collect();
        let tokens = ["Bob.news>Alice@lab.feed", "Carol.news>Alice@lab.feed"];
        let tokens = tokens.map(|token| ProofToken(token.into())).to_vec();
        let alias = "feed".parse().unwrap();
        assert_eq!(
            proofs,
            [(
                "Alice@lab.feed".parse().unwrap(),
                AgentRequest::Prove { alias, tokens }
            )]
        );
        assert!(plan.links.iter().all(|link| link.token().is_some()));
        assert_eq!(plan.unprobes().count(), 2);
    }

    #[test]
    fn a_subscriber_that_binds_is_probed_first() {
        let plan = plan(vec![connection("News", "out", "Hub@lab.in", Kind::Pub)]);
        let probes: Vec<_> = plan.probes().collect();
        assert!(
            matches!(&probes[..], [(hub, AgentRequest::Probe { .. })] if hub.to_string() == "Hub@lab")
        );
        let proofs: Vec<_> = plan.proofs().collect();
        assert!(
            matches!(&proofs[..], [(news, AgentRequest::Prove { .. })] if news.to_string() == "News.out")
        );
        assert_eq!(plan.links[0].token(), None);
    }

    #[test]
    fn wires_of_one_name_server_are_proven_by_their_agents() {
        let plan = plan(vec![
            connection("Bob", "news", "Alice.feed", Kind::Sub),
            connection("News", "out", "Hub.in", Kind::Pub),
        ]);
        assert!(plan.links.iter().all(|link| !plan.is_foreign(link)));
        assert_eq!(plan.proofs().count() + plan.probes().count(), 0);
    }

    #[test]
    fn other_kinds_are_proven_by_the_handshake() {
        let plan = plan(vec![connection("Bob", "in", "Alice.main", Kind::Pull)]);
        assert_eq!(plan.links[0].proof, ProofPlan::Handshake);
        assert_eq!(
            plan.proofs().count() + plan.probes().count() + plan.unprobes().count(),
            0
        );
    }
}
