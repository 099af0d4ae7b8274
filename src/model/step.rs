//! The steps from an agent's spec to its work. Each is named as the stage of `up` that waits for it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A step, in the order in which an agent takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Its attributes are set, its sockets bound and its timers noted.
    Configure,
    /// The wires of its spec are proven.
    Wire,
    /// Its program has begun and has settled: it has said a word, or has lived for the time that the spec says.
    Settle,
    /// Its timers run.
    Go,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Configure => "configure",
            Step::Wire => "wire",
            Step::Settle => "settle",
            Step::Go => "go",
        })
    }
}
