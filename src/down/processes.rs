//! The processes of a system that are to end, and what it took to end them.

use std::time::Duration;

use super::order::Turns;
use crate::model::timing::STOP_STAGES_TIMEOUT;
use crate::model::{AgentName, Grace, HostName, Millis, SystemName};
use crate::process::ProcessId;
use crate::state::{GroupRecord, SystemDir};
use crate::wire::Stopped;

/// The processes of a system, as far as they belong to one of its name servers.
pub(crate) struct Processes<'a> {
    pub system: &'a SystemName,
    pub dir: &'a SystemDir,
    pub group: &'a GroupRecord,
    /// The order in which agents end.
    pub turns: Turns,
    /// The longest `stop_timeout` of the agents, if any says so.
    pub longest: Option<Millis>,
}

impl Processes<'_> {
    /// How long an answer of a daemon may take that ends agents.
    pub(super) fn limit(&self, grace: Grace) -> Duration {
        grace.longest(self.longest) + STOP_STAGES_TIMEOUT
    }
}

/// What it took to end them.
#[derive(Default)]
pub(crate) struct Ended {
    /// How each agent ended.
    pub stopped: Vec<Stopped>,
    /// Agents that outlived their host daemon, and were killed.
    pub orphans: Vec<AgentName>,
    /// Attached agents that were released.
    pub released: Vec<AgentName>,
    /// Attached agents that could not be told so, and keep what they have.
    pub kept: Vec<AgentName>,
    /// Daemons that had to be killed.
    pub killed_daemons: usize,
    /// What is still there in spite of all.
    pub left: Vec<ProcessId>,
    /// What could not be ended on other machines.
    pub machines: Vec<LeftMachine>,
}

/// A machine on which something may be left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftMachine {
    pub host: HostName,
    /// Others have started its daemon.
    pub attached: bool,
    pub reason: String,
}
