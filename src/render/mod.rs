//! How results, progress and errors look: tables for people, JSON for programs, names for scripts.
//!
//! Everything here turns values into text. Nothing is asked of the network and nothing but progress
//! is printed.

mod amount;
pub mod diagnostic;
mod error;
mod graph;
mod json;
mod progress;
mod reports;
#[cfg(test)]
pub mod samples;
mod style;
mod suggest;
mod table;
mod time;

pub(crate) use amount::amount;
pub use error::{ErrorText, error_json, sentence};
pub use graph::Picture;
pub use json::{json_line, pretty};
pub use progress::{Bars, Lines, Quiet, Reporter};
pub use reports::utc;
pub use reports::{
    Addresses, AddressesOfAgent, Agents, Answer, Attributes, BareAddress, BareName, Checked,
    Closed, Connected, Connections, Diagnosed, Differs, Done, Down, Expanded, Exported, Failure,
    Happened, History, HostRow, Hosts, Installed, Journal, JournalRow, KeptRuns, KeyList, Listed,
    Many, Measured, NameServerRow, Outcome, PastRow, Planned, RateRow, Revoked, RunRow,
    SocketRates, Sockets, Standing, Started, SystemRow, SystemState, Systems, Timers, TopReport,
    Uninstalled, UnitsPrinted, Up, Versions, Waited, WaitedRow, Why, WouldChange, by_hand_remedy,
};
pub(crate) use reports::{Contents, Recorded, Replayed};
pub use style::{ColorChoice, Paint, Style};
pub use suggest::did_you_mean;
pub(crate) use time::milliseconds;
pub use time::{elapsed, uptime};

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// The forms in which results are printed: for people, one JSON value, one name on each line, messages as they are, or a drawing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    #[default]
    Table,
    Wide,
    Json,
    Names,
    /// Of messages alone: as they are.
    Raw,
    /// Of a graph alone.
    Drawing(Drawing),
}

/// A form in which a graph is drawn, or which other programs draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    Svg,
    Dot,
    Mermaid,
}

impl ValueEnum for Output {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Output::Table,
            Output::Wide,
            Output::Json,
            Output::Names,
            Output::Raw,
            Output::Drawing(Drawing::Svg),
            Output::Drawing(Drawing::Dot),
            Output::Drawing(Drawing::Mermaid),
        ]
    }

    /// What one command alone can print is not in the help of all.
    fn to_possible_value(&self) -> Option<PossibleValue> {
        let hidden = matches!(self, Output::Raw | Output::Drawing(_));
        Some(PossibleValue::new(self.as_str()).hide(hidden))
    }
}

impl Output {
    /// Its word, as an option has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Output::Table => "table",
            Output::Wide => "wide",
            Output::Json => "json",
            Output::Names => "names",
            Output::Raw => "raw",
            Output::Drawing(Drawing::Svg) => "svg",
            Output::Drawing(Drawing::Dot) => "dot",
            Output::Drawing(Drawing::Mermaid) => "mermaid",
        }
    }
}

/// A result that can be shown in each form.
pub trait Report {
    /// For people; may be empty. Text from elsewhere is harmless in it, colours too: those here have a meaning.
    fn table(&self, style: Style) -> String;
    /// For programs.
    fn json(&self) -> String;
    /// For scripts: what one would name in a further command.
    fn names(&self) -> Vec<String>;

    fn render(&self, output: Output, style: Style) -> String {
        match output {
            // Whoever can be drawn, or has messages, does so itself.
            Output::Table | Output::Wide | Output::Drawing(_) | Output::Raw => self.table(style),
            Output::Json => self.json(),
            Output::Names => self.names().join("\n"),
        }
    }
}
