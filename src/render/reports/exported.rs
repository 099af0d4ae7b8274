//! `osb export`: what runs as a file, or how it differs from one.

use serde::Serialize;

use super::by_hand::note;
use super::checked::count;
use super::steps::{Sign, all_of, block, details};
use crate::model::{SystemName, Topology, harmless_line};
use crate::plan::{Change, Fixed, Note};
use crate::render::{Paint, Report, Style, pretty};
use crate::topology::Flat;

/// The number of this form of JSON.
const FORMAT: u32 = 1;

/// What runs.
pub struct Exported {
    pub topology: Topology,
    pub notes: Vec<Note>,
}

impl Exported {
    /// What the file does not say, in sentences.
    pub fn sentences(notes: &[Note]) -> Vec<String> {
        let sentence = |it: &Note| harmless_line(&note(it)).into_owned();
        notes.iter().map(sentence).collect()
    }
}

impl Report for Exported {
    fn table(&self, _style: Style) -> String {
        let notes = Self::sentences(&self.notes).into_iter();
        let comments: String = notes.map(|it| format!("# {it}\n")).collect();
        comments + &Flat::of(&self.topology).to_yaml()
    }

    fn json(&self) -> String {
        pretty(&Flat::of(&self.topology))
    }

    fn names(&self) -> Vec<String> {
        let agents = self.topology.agents.iter();
        agents.map(|agent| agent.name.to_string()).collect()
    }
}

/// How what runs differs from a file.
pub struct Differs {
    pub system: SystemName,
    pub file: String,
    /// From the file to what runs.
    pub change: Change,
    /// What could not be changed while the system runs.
    pub fixed: Option<Fixed>,
}

#[derive(Serialize)]
struct Object<'o> {
    format: u32,
    system: &'o SystemName,
    file: &'o str,
    /// What runs is what the file says.
    same: bool,
    fixed: Option<String>,
    #[serde(flatten)]
    change: &'o Change,
}

impl Differs {
    /// Whether what runs is what the file says.
    pub fn is_same(&self) -> bool {
        self.change.is_empty() && self.fixed.is_none()
    }

    fn summary(&self) -> String {
        let Change {
            added,
            removed,
            altered,
        } = &self.change;
        let parts = [
            (added.len(), "more"),
            (altered.len(), "otherwise"),
            (removed.len(), "fewer"),
        ];
        let parts = parts.into_iter().filter(|(many, _)| *many > 0);
        let parts: Vec<String> = parts
            .map(|(many, what)| format!("{} {what}", count(many, "agent")))
            .chain(self.fixed.as_ref().map(fixed))
            .collect();
        parts.join(", ")
    }
}

impl Report for Differs {
    fn table(&self, style: Style) -> String {
        let name = style.paint(self.system.as_str(), Paint::Strong);
        let file = &self.file;
        if self.is_same() {
            return format!("{name} runs as {file} says\n");
        }
        let mut text = format!("{name} does not run as {file} says: {}\n", self.summary());
        let change = &self.change;
        for agent in &change.added {
            let what = "runs, and is not in the file";
            text += &block(style, Sign::Comes, &agent.name, what, &all_of(agent));
        }
        for it in &change.altered {
            let what = "is otherwise than in the file";
            text += &block(style, Sign::Otherwise, &it.to.name, what, &details(it));
        }
        for agent in &change.removed {
            let what = "is in the file, and not in the system";
            text += &block(style, Sign::Goes, &agent.name, what, &[]);
        }
        text
    }

    fn json(&self) -> String {
        pretty(&Object {
            format: FORMAT,
            system: &self.system,
            file: &self.file,
            same: self.is_same(),
            fixed: self.fixed.as_ref().map(fixed),
            change: &self.change,
        })
    }

    fn names(&self) -> Vec<String> {
        let altered = self.change.altered.iter().map(|it| &it.to);
        let all = self.change.added.iter().chain(altered);
        let all = all.chain(&self.change.removed);
        all.map(|it| it.name.to_string()).collect()
    }
}

/// What is otherwise, and could not be changed while the system runs.
fn fixed(what: &Fixed) -> String {
    match what {
        Fixed::Security => "another security".to_owned(),
        Fixed::NameServers => "other name servers".to_owned(),
        Fixed::Host(host) | Fixed::NewHost(host) => {
            format!("another host {host}, or reached otherwise")
        }
    }
}
