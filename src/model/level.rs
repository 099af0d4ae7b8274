//! How much an entry of a log matters.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much an entry matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Details, for debugging.
    Debug,
    /// What happens.
    Info,
    /// What may be wrong.
    #[serde(alias = "warn")]
    Warning,
    /// What is wrong.
    Error,
}

impl Level {
    /// As it stands in log files.
    pub fn word(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO ",
            Level::Warning => "WARN ",
            Level::Error => "ERROR",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        })
    }
}
