//! `osb history`.

use serde::Serialize;

use super::runs::to_the_second;
use crate::model::{AgentId, AgentSpec};
use crate::plan::Change;
use crate::render::json::pretty;
use crate::render::table::Table;
use crate::render::table::Width::{Needed, Spare};
use crate::render::{Report, Style};

/// What a system was meant to be from a moment on.
pub struct PastRow {
    /// How many states back: 0 is what it is meant to be now.
    pub back: u32,
    /// UTC, as in logs.
    pub at: String,
    pub by: Option<String>,
    pub file: String,
    /// How many there were.
    pub agents: usize,
    /// From the state before. None: it is not known.
    pub change: Option<Change>,
}

/// The last state first.
pub struct History(pub Vec<PastRow>);

#[derive(Serialize)]
struct Object<'o> {
    back: u32,
    at: &'o str,
    by: Option<&'o str>,
    file: &'o str,
    agents: usize,
    /// Of agents, by their names; null for the first state that is kept.
    added: Option<Vec<AgentId>>,
    removed: Option<Vec<AgentId>>,
    altered: Option<Vec<AgentId>>,
}

impl PastRow {
    fn object(&self) -> Object<'_> {
        let change = self.change.as_ref();
        let names =
            |agents: &[AgentSpec]| agents.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
        let altered = |it: &Change| it.altered.iter().map(|it| it.to.name.clone()).collect();
        Object {
            back: self.back,
            at: &self.at,
            by: self.by.as_deref(),
            file: &self.file,
            agents: self.agents,
            added: change.map(|it| names(&it.added)),
            removed: change.map(|it| names(&it.removed)),
            altered: change.map(altered),
        }
    }

    /// `+1 -0 ~2`.
    fn summary(&self) -> String {
        self.change.as_ref().map_or("-".to_owned(), |it| {
            format!(
                "+{} -{} ~{}",
                it.added.len(),
                it.removed.len(),
                it.altered.len()
            )
        })
    }
}

impl Report for History {
    fn table(&self, style: Style) -> String {
        Table::new(style)
            .column("BACK", Needed, |it: &PastRow| it.back)
            .column("SINCE", Needed, |it| to_the_second(&it.at))
            .column("BY", Spare(1), |it| {
                it.by.clone().unwrap_or_else(|| "-".to_owned())
            })
            .column("AGENTS", Needed, |it| it.agents)
            .column("CHANGE", Needed, PastRow::summary)
            .column("FILE", Spare(2), |it| it.file.clone())
            .render(&self.0)
    }

    fn json(&self) -> String {
        let objects: Vec<Object<'_>> = self.0.iter().map(PastRow::object).collect();
        pretty(&objects)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|it| it.back.to_string()).collect()
    }
}
