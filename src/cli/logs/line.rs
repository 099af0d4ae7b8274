//! One line of a log, and whose it is.

use crate::model::AgentId;
use crate::state::{goes_on, level_and_text, stamp};

/// Which of an agent's two files a line is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Part {
    /// The agent's own log
    Log,
    /// What its program has printed
    Output,
}

/// A line, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub agent: AgentId,
    pub part: Part,
    /// Without its newline.
    pub text: String,
}

impl LogLine {
    /// When it was written. Lines without a stamp belong to the one before.
    pub fn stamp(&self) -> Option<&str> {
        stamp(&self.text)
    }

    /// Where it was written: `log`, or the program's `out` or `err`; `output` where that is not known.
    pub fn stream(&self) -> &'static str {
        match (self.part, self.level_and_text().0) {
            (Part::Log, _) => "log",
            (Part::Output, Some("OUT")) => "out",
            (Part::Output, Some("ERR")) => "err",
            (Part::Output, _) => "output",
        }
    }

    /// Whether it goes on in the next line of its stream.
    pub fn goes_on(&self) -> bool {
        self.part == Part::Output && goes_on(&self.text)
    }

    /// The level and the rest, of a line with a stamp.
    pub fn level_and_text(&self) -> (Option<&str>, &str) {
        level_and_text(&self.text)
    }
}
