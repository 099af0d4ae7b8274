//! A program that was launched, and the requesters that wait until it is ready.

use std::time::Duration;

use super::attempt::Attempt;
use super::core::Readiness;
use super::requester::Requester;
use crate::model::{Command, Millis, Ready};

/// A program that was launched and is not ready yet.
pub(crate) struct Launching {
    pub requester: Option<Requester>,
    pub ready: Ready,
    /// It has to be healthy, too.
    pub until_healthy: bool,
    pub readiness: Readiness,
    pub limit: Millis,
    /// What to run as a probe.
    pub probe: Option<Command>,
    /// The attempt that is under way.
    pub attempt: Option<Attempt>,
    /// Why the last one failed.
    pub failure: Option<String>,
}

impl Launching {
    pub(crate) fn wakes_at(&self) -> Duration {
        self.readiness.wakes_at()
    }
}
