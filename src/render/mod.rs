//! How results, progress and errors look: tables for people, JSON for programs, names for scripts.
//!
//! Everything here turns values into text. Nothing is asked of the network and nothing but progress
//! is printed.

pub mod diagnostic;
mod error;
mod json;
mod progress;
mod reports;
#[cfg(test)]
pub mod samples;
mod style;
mod suggest;
mod table;
mod time;

pub use error::{ErrorText, error_json, sentence};
pub use json::{json_line, pretty};
pub use progress::{Bars, Lines, Quiet, Reporter};
pub use reports::utc;
pub use reports::{
    Addresses, AddressesOfAgent, Agents, Answer, Attributes, BareAddress, BareName, Checked,
    Closed, Connected, Connections, Diagnosed, Differs, Done, Down, Expanded, Exported, Failure,
    History, HostRow, Hosts, Installed, Journal, JournalRow, KeptRuns, KeyList, Listed, Many,
    Measured, NameServerRow, Outcome, PastRow, Planned, RateRow, Revoked, RunRow, SocketRates,
    Sockets, Started, SystemRow, SystemState, Systems, Timers, Uninstalled, UnitsPrinted, Up,
    Versions, Waited, WaitedRow, WouldChange, by_hand_remedy,
};
pub use style::{ColorChoice, Paint, Style};
pub use suggest::did_you_mean;
pub(crate) use time::milliseconds;
pub use time::{elapsed, uptime};

use clap::ValueEnum;

/// The forms in which results are printed: for people, one JSON value, or one name on each line, or messages as they are.
// The variants have no words of their own, so that every `--help` stays short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Table,
    Wide,
    Json,
    Names,
    Raw,
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
            Output::Table | Output::Wide => self.table(style),
            Output::Json => self.json(),
            Output::Names => self.names().join("\n"),
            // Of what is no message there is no such form; the commands refuse it.
            Output::Raw => String::new(),
        }
    }
}
