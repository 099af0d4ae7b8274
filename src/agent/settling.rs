//! The requesters that wait until the program has settled.

use std::time::Duration;

use super::core::Settling;
use super::requester::Requester;

/// A requester waits until the program has settled.
pub(crate) struct SettlingFor {
    pub requester: Option<Requester>,
    pub settling: Settling,
}

impl SettlingFor {
    pub(crate) fn wakes_at(&self) -> Duration {
        self.settling.wakes_at()
    }
}
