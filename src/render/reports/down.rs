//! `osb down`.

use serde::Serialize;

use super::checked::count;
use crate::down::DownReport;
use crate::model::{AgentName, SystemName};
use crate::render::{Report, Style, pretty};
use crate::wire::Stopped;

pub struct Down {
    /// None if there was no system to take down.
    pub system: Option<SystemName>,
    pub report: DownReport,
}

impl Report for Down {
    fn table(&self, _style: Style) -> String {
        let Some(system) = self.system.as_ref().filter(|_| !self.report.nothing) else {
            return match &self.system {
                Some(system) => format!("system {system} is not up: nothing to take down"),
                None => "no system is up: nothing to take down".to_owned(),
            };
        };
        let ended = count(
            self.report.stopped.len() + self.report.orphans.len(),
            "agent",
        );
        let mut text = format!("{system} is down: {ended} ended");
        let killed: Vec<&str> = self.report.killed().map(AgentName::as_str).collect();
        if !killed.is_empty() {
            text += &format!("; had to be killed: {}", killed.join(", "));
        }
        for (agents, what) in [
            (&self.report.released, "let go of, for others started them"),
            (
                &self.report.kept,
                "could not be told, and keep their sockets",
            ),
        ] {
            if !agents.is_empty() {
                let names: Vec<&str> = agents.iter().map(AgentName::as_str).collect();
                text += &format!("; {what}: {}", names.join(", "));
            }
        }
        if self.report.killed_daemons > 0 {
            text += &format!(
                "; {} had to be killed",
                count(self.report.killed_daemons, "daemon")
            );
        }
        text
    }

    fn json(&self) -> String {
        pretty(&Object {
            system: self.system.as_ref(),
            was_up: !self.report.nothing,
            agents: &self.report.stopped,
            killed: self.report.killed().collect(),
            killed_daemons: self.report.killed_daemons,
            released: &self.report.released,
            kept: &self.report.kept,
        })
    }

    fn names(&self) -> Vec<String> {
        self.report
            .stopped
            .iter()
            .map(|stopped| stopped.agent.to_string())
            .collect()
    }
}

#[derive(Serialize)]
struct Object<'a> {
    system: Option<&'a SystemName>,
    was_up: bool,
    agents: &'a [Stopped],
    killed: Vec<&'a AgentName>,
    killed_daemons: usize,
    released: &'a [AgentName],
    kept: &'a [AgentName],
}
