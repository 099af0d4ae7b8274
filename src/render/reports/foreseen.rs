//! `osb plan` of a system that is up: what `up` would do, agent by agent, with the reason for each that begins anew.

use serde::Serialize;

use super::by_hand;
use super::checked::count;
use super::steps::{Sign, all_of, block, details, listed};
use crate::model::{AgentId, HostName, NameServerName, SystemName};
use crate::plan::{Change, TakeOver};
use crate::render::{Paint, Report, Style, pretty};
use crate::up::Foreseen;

/// The number of this form of JSON.
const FORMAT: u32 = 1;

pub struct WouldChange {
    pub system: SystemName,
    pub foreseen: Foreseen,
}

#[derive(Serialize)]
struct Object<'o> {
    format: u32,
    system: &'o SystemName,
    /// Nothing would be done.
    unchanged: bool,
    cut_off: bool,
    nameservers: &'o [NameServerName],
    hosts: &'o [HostName],
    missing: &'o [AgentId],
    touched: &'o [AgentId],
    /// In how many turns agents begin anew, if not at once.
    turns: Option<usize>,
    by_hand: &'o TakeOver,
    #[serde(skip_serializing_if = "<[AgentId]>::is_empty")]
    spawned: &'o [AgentId],
    #[serde(flatten)]
    change: &'o Change,
}

impl Report for WouldChange {
    fn table(&self, style: Style) -> String {
        let name = style.paint(self.system.as_str(), Paint::Strong);
        if self.foreseen.is_empty() {
            let mut text = format!("{name} is up, and what the file says: nothing to do\n");
            text += &left_alone(&self.foreseen.spawned);
            return text + &by_hand::lines(&self.foreseen.by_hand);
        }
        let mut text = format!("{name} is up: {}\n", self.summary());
        let Foreseen { change, .. } = &self.foreseen;
        for agent in &change.added {
            text += &block(style, Sign::Comes, &agent.name, "starts", &all_of(agent));
        }
        for it in &change.altered {
            let what = match it.is_in_place() {
                true => "is altered in its process".to_owned(),
                false => format!("begins anew: {}", listed(&it.anew)),
            };
            text += &block(style, Sign::Otherwise, &it.to.name, &what, &details(it));
        }
        for agent in &change.removed {
            let what = match (agent.attach, agent.spawned) {
                (true, _) => "is released",
                (false, None) => "ends",
                (false, Some(_)) => "ends: it was spawned, and the file does not name it",
            };
            text += &block(style, Sign::Goes, &agent.name, what, &[]);
        }
        text + &self.others() + &by_hand::lines(&self.foreseen.by_hand)
    }

    fn json(&self) -> String {
        let Foreseen {
            change,
            by_hand,
            nameservers,
            hosts,
            missing,
            touched,
            turns,
            cut_off,
            spawned,
        } = &self.foreseen;
        pretty(&Object {
            format: FORMAT,
            system: &self.system,
            unchanged: self.foreseen.is_empty(),
            cut_off: *cut_off,
            nameservers,
            hosts,
            missing,
            touched,
            turns: *turns,
            by_hand,
            spawned,
            change,
        })
    }

    fn names(&self) -> Vec<String> {
        let change = &self.foreseen.change;
        let altered = change.altered.iter().map(|it| &it.to);
        let all = change.added.iter().chain(altered).chain(&change.removed);
        all.map(|it| it.name.to_string()).collect()
    }
}

impl WouldChange {
    fn summary(&self) -> String {
        let change = &self.foreseen.change;
        let parts = [
            (change.added.len(), "starts", "start"),
            (change.anew().count(), "begins anew", "begin anew"),
            (change.in_place().count(), "is altered", "are altered"),
            (change.removed.len(), "goes", "go"),
            (
                self.foreseen.missing.len(),
                "is brought back",
                "are brought back",
            ),
        ];
        let parts = parts.into_iter().filter(|(many, ..)| *many > 0);
        let parts = parts.map(|(many, one, several)| {
            let verb = if many == 1 { one } else { several };
            format!("{} {verb}", count(many, "agent"))
        });
        let parts: Vec<String> = parts.collect();
        match parts.is_empty() {
            true => "no agent is otherwise".to_owned(),
            false => parts.join(", "),
        }
    }

    /// What is not as it is meant to be, and who is touched besides.
    fn others(&self) -> String {
        let Foreseen {
            nameservers,
            hosts,
            missing,
            touched,
            turns,
            cut_off,
            spawned,
            change: _,
            by_hand: _,
        } = &self.foreseen;
        let mut text = match turns {
            Some(turns) => {
                format!("\nagents begin anew in {turns} turns, as their `update` says\n")
            }
            None => String::new(),
        };
        let mut say = |what: &str, names: Vec<String>| {
            if !names.is_empty() {
                text += &format!("\n{what}: {}\n", names.join(", "));
            }
        };
        say(
            "name servers that are not there, and are brought up with their agents",
            nameservers.iter().map(ToString::to_string).collect(),
        );
        say(
            "hosts whose daemons are started again",
            hosts.iter().map(ToString::to_string).collect(),
        );
        say(
            "agents that have ended, and are brought back",
            missing.iter().map(ToString::to_string).collect(),
        );
        say(
            "agents whose wires are proven again",
            touched.iter().map(ToString::to_string).collect(),
        );
        text += &left_alone(spawned);
        if *cut_off {
            text += "\nan `up` that was to change this system was cut off: this finishes or undoes it\n";
        }
        text
    }
}

/// In one line, if there are any.
fn left_alone(spawned: &[AgentId]) -> String {
    let names: Vec<String> = spawned.iter().map(ToString::to_string).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(
            "\nagents that were spawned, and are left alone: {}\n",
            names.join(", ")
        ),
    }
}
