//! `osb down`.

use serde::Serialize;

use super::checked::count;
use crate::down::{DownReport, StoppedAgent};
use crate::model::{AgentId, NameServerName, SystemName};
use crate::render::{Report, Style, pretty};

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
        let mut text = match &self.report.only[..] {
            [] => format!("{system} is down: {ended} ended"),
            only => format!("{} of {system} is down: {ended} ended", list(only)),
        };
        let killed = list(self.report.killed());
        if !killed.is_empty() {
            text += &format!("; had to be killed: {killed}");
        }
        for (agents, what) in [
            (&self.report.released, "let go of, for others started them"),
            (
                &self.report.kept,
                "could not be told, and keep their sockets",
            ),
        ] {
            if !agents.is_empty() {
                text += &format!("; {what}: {}", list(agents));
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
            nameservers: &self.report.only,
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

fn list<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    names.join(", ")
}

#[derive(Serialize)]
struct Object<'a> {
    system: Option<&'a SystemName>,
    was_up: bool,
    nameservers: &'a [NameServerName],
    agents: &'a [StoppedAgent],
    killed: Vec<&'a AgentId>,
    killed_daemons: usize,
    released: &'a [AgentId],
    kept: &'a [AgentId],
}
