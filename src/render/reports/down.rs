//! `osb down`.

use serde::Serialize;

use super::checked::count;
use crate::down::{Damage, DownReport, Others, StoppedAgent};
use crate::model::{AgentId, NameServerName, SystemName};
use crate::render::{Report, Style, pretty, sentence};

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
        if let Some(damage) = &self.report.damage {
            return self.of_damaged(system, damage);
        }
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
        let leftovers = list(self.report.leftovers());
        if !leftovers.is_empty() {
            text += &format!("; left running, and killed: {leftovers}");
        }
        let unsent = list(self.report.unsent());
        if !unsent.is_empty() {
            text += &format!("; messages that were not sent: {unsent}");
        }
        for (agents, what) in [
            (
                &self.report.released,
                "released, because others started them",
            ),
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
        if !self.report.others.is_empty() {
            text += &format!("; without a name server now: {}", list(&self.report.others));
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
            run: self.report.run,
            others: &self.report.others,
            damage: self.report.damage.as_ref(),
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

impl Down {
    /// What `down` found instead of the record.
    fn of_damaged(&self, system: &SystemName, damage: &Damage) -> String {
        let Damage {
            reason,
            daemons,
            listed,
            unlisted,
            hosts,
        } = damage;
        let (what, noted) = match &self.report.only[..] {
            [] => (system.to_string(), ""),
            only => (
                format!("{} of {system}", list(only)),
                ", and by what was noted of the run",
            ),
        };
        let mut text = format!(
            "{what} is down, as far as it could be found, for its record could not be read: {}\n\
             ended: {}, found by the folder they were told to work in{noted}; {} of the list that daemons keep",
            sentence(reason),
            count(*daemons, "daemon"),
            count(*listed, "agent"),
        );
        if *unlisted > 0 {
            let more = count(*unlisted, "agent");
            text += &format!("; {more} in no list, found by where their output goes");
        }
        let killed = list(self.report.killed());
        if !killed.is_empty() {
            text += &format!("; had to be killed: {killed}");
        }
        if self.report.killed_daemons > 0 {
            let daemons = count(self.report.killed_daemons, "daemon");
            text += &format!("; {daemons} had to be killed");
        }
        let leftovers = list(self.report.leftovers());
        if !leftovers.is_empty() {
            text += &format!("; left running, and killed: {leftovers}");
        }
        text += &match &hosts[..] {
            [] => "\nwhether it had anything on other machines is not known".to_owned(),
            some => format!(
                "\nwhat it had on other machines was not ended: {}",
                list(some)
            ),
        };
        text
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
    run: Option<u64>,
    #[serde(skip_serializing_if = "<[Others]>::is_empty")]
    others: &'a [Others],
    /// Only of a system whose record could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<&'a Damage>,
}
