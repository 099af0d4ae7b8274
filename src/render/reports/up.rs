//! `osb up`, of a system that is up.

use std::collections::BTreeMap;

use serde::Serialize;

use super::checked::count;
use super::{Agents, Connections, Listed};
use crate::model::{AgentId, NameServerName, Role, State, SystemName};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, pretty};
use crate::up::UpReport;

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
        let how = match self.0.unchanged {
            true => "is up already, unchanged",
            false => "is up",
        };
        let mut parts = vec![format!(
            "{} {how}: {}, {}",
            style.paint(self.0.plan.system.as_str(), Paint::Strong),
            counted(&agents),
            self.nameservers(),
        )];
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
            unchanged: self.0.unchanged,
            agents: Agents(agents.clone()).objects(),
            connections: Connections(agents).objects(),
        })
    }

    fn names(&self) -> Vec<String> {
        Agents(self.agents()).names()
    }
}

/// How many there are, and, if some have failed since, how many of them.
fn counted(agents: &[Listed]) -> String {
    let all = count(agents.len(), "agent");
    let failed = agents
        .iter()
        .filter(|agent| agent.info.state == State::Failed);
    match failed.count() {
        0 => all,
        failed => format!("{all}, {failed} of them failed"),
    }
}

#[derive(Serialize)]
struct Object<'a, A, C> {
    system: &'a SystemName,
    nameserver: Option<&'a str>,
    nameservers: BTreeMap<NameServerName, String>,
    unchanged: bool,
    agents: Vec<A>,
    connections: Vec<C>,
}

/// Each agent with the sockets that others can connect to.
fn sockets(style: Style, agents: &[Listed]) -> String {
    if agents.is_empty() {
        return String::new();
    }
    let mut table = Table::new(style, &["AGENT", "STATE", "SOCKET", "KIND", "ADDRESS"]);
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
