//! `osb up`, of a system that is up.

use std::collections::BTreeMap;

use serde::Serialize;

use super::checked::count;
use super::{Agents, Connections, Listed};
use crate::model::{
    Address, AgentId, AgentSpec, Alias, HostName, NameServerName, Role, State, SystemName,
};
use crate::plan::Change;
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, pretty};
use crate::up::{BroughtBack, Outcome, UpReport};

pub struct Up(pub UpReport);

impl Up {
    /// The agents of this system: others may be registered at a name server that was there before.
    fn agents(&self) -> Vec<Listed> {
        let UpReport { plan, agents, .. } = &self.0;
        let ours = |id: &AgentId| plan.agents.iter().any(|agent| agent.name == *id);
        let several = plan.nameservers.len() > 1;
        let group = |id: &AgentId| several.then(|| plan.nameserver_of(id).clone());
        let agents = agents.iter().filter(|(id, _)| ours(id));
        Listed::all(agents.map(|(id, agent)| (group(id), agent.clone())))
    }

    fn brought_back(&self) -> BackObject {
        let Outcome::BroughtBack(back) = &self.0.outcome else {
            return BackObject::default();
        };
        BackObject {
            nameservers: back.nameservers.clone(),
            hosts: back.hosts.iter().map(|(_, host)| host.clone()).collect(),
            agents: back.agents.clone(),
        }
    }

    fn changed(&self) -> Option<ChangedObject> {
        match &self.0.outcome {
            Outcome::Changed(change) => Some(ChangedObject::of(change)),
            Outcome::Unchanged | Outcome::BroughtUp | Outcome::BroughtBack(_) => None,
        }
    }

    /// In a sentence.
    fn listed(&self, back: &BroughtBack) -> String {
        let several = self.0.plan.nameservers.len() > 1;
        let nameservers = back.nameservers.iter().map(|name| match several {
            true => format!("the name server {name}"),
            false => "the name server".to_owned(),
        });
        let hosts = back.hosts.iter();
        let hosts = hosts.map(|(_, host)| format!("the daemon of {host}"));
        let agents = back.agents.iter().map(AgentId::to_string);
        let all: Vec<String> = nameservers.chain(hosts).chain(agents).collect();
        all.join(", ")
    }

    fn nameservers(&self) -> String {
        let short = |address: &str| address.trim_start_matches("tcp://").to_owned();
        match &self.0.nameservers[..] {
            [(_, address)] => format!("name server at {}", short(address)),
            several => {
                let each = several.iter();
                let each = each.map(|(name, address)| format!("{name} at {}", short(address)));
                format!("name servers {}", each.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Report for Up {
    fn table(&self, style: Style) -> String {
        let agents = self.agents();
        let how = match &self.0.outcome {
            Outcome::Unchanged => "is up already, unchanged",
            Outcome::BroughtUp => "is up",
            Outcome::BroughtBack(_) => "is up again",
            Outcome::Changed(_) => "is up, changed",
        };
        let mut parts = vec![format!(
            "{} {how}: {}, {}",
            style.paint(self.0.plan.system.as_str(), Paint::Strong),
            counted(&agents),
            self.nameservers(),
        )];
        if let Outcome::BroughtBack(back) = &self.0.outcome {
            parts[0] += &format!("\nbrought back: {}", self.listed(back));
        }
        if let Outcome::Changed(change) = &self.0.outcome {
            parts[0] += &format!("\n{}", changed(&ChangedObject::of(change)));
        }
        let connections = Connections(agents);
        parts.push(sockets(style, &connections.0));
        if !connections.names().is_empty() {
            parts.push(connections.table(style));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }

    fn json(&self) -> String {
        let agents = self.agents();
        pretty(&Object {
            system: &self.0.plan.system,
            nameserver: self
                .0
                .nameservers
                .first()
                .map(|(_, address)| address.as_str()),
            nameservers: self.0.nameservers.iter().cloned().collect(),
            unchanged: self.0.outcome == Outcome::Unchanged,
            changed: self.changed(),
            brought_back: self.brought_back(),
            out_of_reach: LostObject {
                hosts: self
                    .0
                    .out_of_reach
                    .hosts
                    .iter()
                    .map(|it| &it.host)
                    .collect(),
                agents: &self.0.out_of_reach.agents,
            },
            agents: Agents(agents.clone()).objects(),
            connections: Connections(agents).objects(),
        })
    }

    fn names(&self) -> Vec<String> {
        Agents(self.agents()).names()
    }
}

/// How many there are, and how many of them have failed, or cannot be reached.
fn counted(agents: &[Listed]) -> String {
    let mut text = count(agents.len(), "agent");
    for state in [
        State::Failed,
        State::Unhealthy,
        State::Suspect,
        State::Unreachable,
    ] {
        let such = agents.iter().filter(|agent| agent.info.state == state);
        match such.count() {
            0 => {}
            such => text += &format!(", {such} of them {state}"),
        }
    }
    text
}

#[derive(Serialize)]
struct Object<'a, A, C> {
    system: &'a SystemName,
    nameserver: Option<&'a str>,
    nameservers: BTreeMap<NameServerName, String>,
    unchanged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<ChangedObject>,
    brought_back: BackObject,
    out_of_reach: LostObject<'a>,
    agents: Vec<A>,
    connections: Vec<C>,
}

/// What is missing, and could not be brought back.
#[derive(Serialize)]
struct LostObject<'a> {
    hosts: Vec<&'a HostName>,
    agents: &'a [AgentId],
}

/// What was missing, and is there again.
/// What has become of the agents of a system that was up.
#[derive(Serialize)]
struct ChangedObject {
    added: Vec<AgentId>,
    removed: Vec<AgentId>,
    /// Started anew.
    anew: Vec<AgentId>,
    /// In the processes that they have.
    altered: Vec<AgentId>,
}

impl ChangedObject {
    fn of(change: &Change) -> Self {
        let names = |agents: &[AgentSpec]| agents.iter().map(|it| it.name.clone()).collect();
        Self {
            added: names(&change.added),
            removed: names(&change.removed),
            anew: change.anew().map(|it| it.to.name.clone()).collect(),
            altered: change.in_place().map(|it| it.to.name.clone()).collect(),
        }
    }
}

/// In a sentence.
fn changed(change: &ChangedObject) -> String {
    let parts = [
        ("added", &change.added),
        ("removed", &change.removed),
        ("started anew", &change.anew),
        ("altered", &change.altered),
    ];
    let parts = parts.into_iter().filter(|(_, agents)| !agents.is_empty());
    let listed = parts.map(|(what, agents)| {
        let agents: Vec<String> = agents.iter().map(AgentId::to_string).collect();
        format!("{what}: {}", agents.join(", "))
    });
    listed.collect::<Vec<_>>().join("; ")
}

#[derive(Default, Serialize)]
struct BackObject {
    nameservers: Vec<NameServerName>,
    hosts: Vec<HostName>,
    agents: Vec<AgentId>,
}

/// Each agent with the sockets that others can connect to.
fn sockets(style: Style, agents: &[Listed]) -> String {
    if agents.is_empty() {
        return String::new();
    }
    Table::new(style)
        .column("AGENT", Needed, |it: &SocketRow| match it.first {
            true => it.agent.id.to_string(),
            false => String::new(),
        })
        .column("STATE", Needed, |it| {
            let state = it.agent.info.state;
            match it.first {
                true => Field::painted(state, Paint::of(state)),
                false => "".into(),
            }
        })
        .column("SOCKET", Needed, |it| {
            or_dash(it.socket.map(|(alias, _)| alias))
        })
        .column("KIND", Spare(1), |it| {
            or_dash(it.socket.map(|(_, it)| it.kind))
        })
        .column("ADDRESS", Needed, |it| {
            or_dash(it.socket.map(|(_, it)| &it.address))
        })
        .render(agents.iter().flat_map(SocketRow::of))
}

fn or_dash<T: ToString>(it: Option<T>) -> String {
    it.map_or_else(|| "-".to_owned(), |it| it.to_string())
}

/// A socket of an agent that others can connect to, or an agent that has none.
struct SocketRow<'a> {
    agent: &'a Listed,
    /// What is said of an agent is said once.
    first: bool,
    socket: Option<(&'a Alias, &'a Address)>,
}

impl<'a> SocketRow<'a> {
    fn of(agent: &'a Listed) -> Vec<Self> {
        let bound = agent.info.addresses.iter();
        let bound = bound.filter(|(_, it)| it.role == Role::Server);
        let mut sockets: Vec<_> = bound.map(Some).collect();
        if sockets.is_empty() {
            sockets.push(None);
        }
        let rows = sockets.into_iter().enumerate();
        let row = |(at, socket)| Self {
            agent,
            first: at == 0,
            socket,
        };
        rows.map(row).collect()
    }
}
