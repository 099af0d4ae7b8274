//! What many agents have answered, each for itself.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::model::AgentId;
use crate::render::json::pretty;
use crate::render::table::Width::Needed;
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style};

/// What one of them has answered, or why it has not.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Result(Value),
    Error(Failure),
}

/// As errors are printed as JSON.
#[derive(Serialize)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub hint: Option<String>,
}

/// All of them, by their names, in that order.
pub struct Many {
    pub rows: Vec<(AgentId, Outcome)>,
    /// There is nothing to answer but that it is done.
    pub done: bool,
}

impl Many {
    pub fn failures(&self) -> impl Iterator<Item = (&AgentId, &Failure)> {
        self.rows
            .iter()
            .filter_map(|(agent, outcome)| match outcome {
                Outcome::Result(_) => None,
                Outcome::Error(failure) => Some((agent, failure)),
            })
    }
}

impl Serialize for Many {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.rows.iter().map(|(agent, outcome)| (agent, outcome)))
    }
}

impl Report for Many {
    fn table(&self, style: Style) -> String {
        Table::new(style)
            .column("AGENT", Needed, |it: &(AgentId, Outcome)| it.0.to_string())
            .column("RESULT", Needed, |(_, outcome)| match outcome {
                Outcome::Result(_) if self.done => "done".into(),
                Outcome::Result(value) => value.to_string().into(),
                Outcome::Error(failure) => {
                    Field::painted(format!("error: {}", failure.message), Paint::Bad)
                }
            })
            .render(&self.rows)
    }

    fn json(&self) -> String {
        pretty(self)
    }

    /// Those that have not failed.
    fn names(&self) -> Vec<String> {
        let well = |(agent, outcome): &(AgentId, Outcome)| {
            matches!(outcome, Outcome::Result(_)).then(|| agent.to_string())
        };
        self.rows.iter().filter_map(well).collect()
    }
}
