//! `osb up`, of a system that is up.

use std::collections::BTreeMap;

use serde::Serialize;

use super::checked::count;
use super::{Agents, Connections, Listed};
use crate::model::{AgentId, HostName, NameServerName, Role, State, SystemName};
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
    for state in [State::Failed, State::Suspect, State::Unreachable] {
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
    let mut table =
        Table::new(style, &["AGENT", "STATE", "SOCKET", "KIND", "ADDRESS"]).leaving_out(&["KIND"]);
    for Listed {
        id, info: agent, ..
    } in agents
    {
        let mut name: Field = id.into();
        let mut state = Field::painted(agent.state, Paint::of(agent.state));
        let bound = agent.addresses.iter();
        let mut bound = bound.filter(|(_, it)| it.role == Role::Server).peekable();
        if bound.peek().is_none() {
            table.row([name, state, "-".into(), "-".into(), "-".into()]);
            continue;
        }
        for (alias, address) in bound {
            let rest = [
                alias.into(),
                address.kind.into(),
                address.address.as_str().into(),
            ];
            table.row([name, state].into_iter().chain(rest));
            (name, state) = ("".into(), "".into());
        }
    }
    table.render()
}
