//! `osb check`, of a topology that is valid: what it comes to, or all of it written out.

use serde::Serialize;

use super::copied;
use crate::model::{AgentSpec, SystemName, Topology};
use crate::render::{Report, Style, pretty};
use crate::topology::Flat;

pub struct Checked {
    pub file: String,
    pub topology: Topology,
}

impl Report for Checked {
    fn table(&self, _style: Style) -> String {
        let Topology { name, agents, .. } = &self.topology;
        let copied = copied(agents);
        let copied = match copied.is_empty() {
            true => String::new(),
            false => format!("; files go to {}", copied::hosts(&copied)),
        };
        format!(
            "{} is valid: system {name}, {}, {}{copied}",
            self.file,
            count(agents.len(), "agent"),
            count(self.topology.wires().count(), "connection"),
        )
    }

    fn json(&self) -> String {
        pretty(&Object {
            valid: true,
            system: &self.topology.name,
            agents: self.topology.agents.len(),
            connections: self.topology.wires().count(),
            files: copied(&self.topology.agents),
        })
    }

    fn names(&self) -> Vec<String> {
        names(&self.topology)
    }
}

/// `osb check --expand`.
pub struct Expanded(pub Topology);

impl Report for Expanded {
    fn table(&self, _style: Style) -> String {
        Flat::of(&self.0).to_yaml()
    }

    fn json(&self) -> String {
        pretty(&Flat::of(&self.0))
    }

    fn names(&self) -> Vec<String> {
        names(&self.0)
    }
}

fn names(topology: &Topology) -> Vec<String> {
    let agents = topology.agents.iter();
    agents.map(|agent| agent.name.to_string()).collect()
}

#[derive(Serialize)]
struct Object<'a> {
    valid: bool,
    system: &'a SystemName,
    agents: usize,
    connections: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<copied::Copied<'a>>,
}

fn copied(agents: &[AgentSpec]) -> Vec<copied::Copied<'_>> {
    copied::copied(agents.iter().map(|it| (&it.host, &it.program)))
}

/// `1 agent`, `2 agents`.
pub(super) fn count(number: usize, of: &str) -> String {
    match number {
        1 => format!("1 {of}"),
        _ => format!("{number} {of}s"),
    }
}
