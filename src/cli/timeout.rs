//! `--timeout`: how long agents may take to answer, the same for all commands that ask them.

use std::time::Duration;

use crate::model::Millis;
use crate::model::timing::CONTROL_TIMEOUT;

/// How long an answer may take.
#[derive(Debug, clap::Args)]
pub struct TimeoutArgs {
    /// How long the answer may take [default: 10s]
    // Global, so that commands with actions of their own have it behind these too.
    #[arg(short, long, value_name = "DURATION", global = true)]
    timeout: Option<Millis>,
}

impl TimeoutArgs {
    pub fn limit(&self) -> Duration {
        self.timeout.map_or(CONTROL_TIMEOUT, Millis::duration)
    }

    /// What was asked for, if anything was.
    pub fn given(&self) -> Option<Duration> {
        self.timeout.map(Millis::duration)
    }
}
