//! The plan: all that brings a system up, as a value. What `osb plan` shows, what `up` carries
//! out and what tests compare is the same plan.
//!
//! Pure: made from a topology alone. Addresses are not in it, because they are known only when sockets
//! are bound.

mod change;
mod dependents;
mod ends;
mod launches;
mod mend;
mod proofs;
mod running;
mod taken;
mod turns;
mod units;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{
    AgentId, AgentName, AgentSpec, HostId, HostName, HostSpec, NameServerEntry, NameServerName,
    Reach, Security, SystemName, Topology, WireSpec,
};

pub use change::{
    Aim, Alteration, Change, Fixed, Reason, Setting, Turn, edits, fixed, gets_work, midway,
    partings, spare_groups, states_between,
};
pub use dependents::{dependents, in_turns};
pub use ends::ends;
pub use launches::{LaunchPlan, Order};
pub use mend::{Actual, Mend, Place, mend};
pub use proofs::ProofPlan;
pub use running::{ByHand, Conflict, Note, Running, Seen, TakeOver, Told, is_otherwise};
pub use taken::{Taken, taken, taken_from_standing};
pub use units::MachineUnits;

/// All that a system needs, in the order of the phases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    pub system: SystemName,
    pub security: Security,
    /// Other machines can reach it: without security, `up` and `ls` have to say so each time.
    #[serde(skip)]
    pub reaches_out: bool,
    /// One at least.
    pub nameservers: Vec<NameServerEntry>,
    pub hosts: Vec<HostSpec>,
    /// In the order of the file.
    pub agents: Vec<AgentSpec>,
    /// Agents that stand, with those of their wires that lead to agents which are brought up: these are proven again, and
    /// nothing else is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub standing: Vec<AgentSpec>,
    /// In an order in which they can be launched.
    pub launches: Vec<LaunchPlan>,
}

impl Plan {
    /// The plan of a valid topology.
    pub fn new(topology: Topology) -> Self {
        let reaches_out = topology.reaches_out();
        Self {
            security: topology.security,
            reaches_out,
            system: topology.name,
            nameservers: topology.nameservers,
            hosts: topology.hosts,
            launches: launches::of(&topology.agents),
            agents: topology.agents,
            standing: Vec::new(),
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

    /// A host of the system, among all that its name servers know.
    pub fn host_id(&self, host: &HostName) -> HostId {
        let spec = self.hosts.iter().find(|it| it.name == *host);
        match spec.map(|it| &it.reach) {
            Some(Reach::Attach) => HostId::shared(host),
            Some(Reach::Local | Reach::Ssh(_)) | None => HostId::of(&self.system, host),
        }
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
    ) -> impl Iterator<Item = &'a AgentSpec> {
        let there = move |agent: &&AgentSpec| self.nameserver_of(&agent.name) == nameserver;
        self.agents.iter().filter(there)
    }

    /// The hosts that have a daemon for one name server: this machine, and of the others those where something is
    /// started.
    pub fn hosts_at<'a>(
        &'a self,
        nameserver: &'a NameServerName,
    ) -> impl Iterator<Item = &'a HostSpec> {
        self.hosts.iter().filter(move |host| match host.reach {
            Reach::Local => true,
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
    ) -> impl Iterator<Item = &'a AgentSpec> {
        let there = move |agent: &&AgentSpec| !agent.attach && agent.host == *host;
        self.agents_at(nameserver).filter(there)
    }

    /// What of the plan is to be done when only the agents `among` are to be brought up, and the others
    /// stand: those agents, and all wires that lead to one of them or away from it.
    pub fn part(&self, among: impl Fn(&AgentId) -> bool) -> Self {
        let (agents, others): (Vec<_>, Vec<_>) =
            self.agents.iter().partition(|agent| among(&agent.name));
        let leads_there = |wire: &&WireSpec| among(&wire.to.agent);
        let standing = others.into_iter().filter_map(|agent| {
            let wires: Vec<_> = agent.wires.iter().filter(leads_there).cloned().collect();
            (!wires.is_empty()).then(|| AgentSpec {
                wires,
                ..agent.clone()
            })
        });
        let launches = self.launches.iter().filter(|it| among(&it.agent));
        Self {
            launches: launches.map(|it| it.after_those(&among)).collect(),
            standing: standing.collect(),
            agents: agents.into_iter().cloned().collect(),
            ..self.clone()
        }
    }

    /// The launches that wait for nothing that takes its time, and the others, which may wait for what
    /// timers do.
    pub fn turns(&self) -> (Vec<LaunchPlan>, Vec<LaunchPlan>) {
        launches::turns(&self.launches)
    }

    /// Agents that others start.
    pub fn attached(&self) -> impl Iterator<Item = &AgentSpec> {
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

    /// All wires, each with the agent that keeps it.
    pub fn wires(&self) -> impl Iterator<Item = (&AgentSpec, &WireSpec)> {
        let agents = self.agents.iter().chain(&self.standing);
        agents.flat_map(|agent| agent.wires.iter().map(move |wire| (agent, wire)))
    }

    /// Whether a wire leads from one name server's agents to another's: then its agent cannot keep it by name.
    pub fn is_foreign(&self, agent: &AgentSpec, wire: &WireSpec) -> bool {
        self.nameserver_of(&agent.name) != self.nameserver_of(&wire.to.agent)
    }
}
