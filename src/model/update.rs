//! How agents that belong together are replaced when they begin anew: some at a time, so that the others do the work.

use serde::{Deserialize, Serialize};

use super::AgentName;

/// How the agents of a group are replaced. In a topology the key `update`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Those that say the same belong together: the replicas of one entry.
    pub group: AgentName,
    /// How many are replaced at a time; one at least.
    pub parallel: usize,
    /// What comes first.
    #[serde(default)]
    pub order: UpdateOrder,
    /// When the next ones have their turn.
    pub wait: UpdateWait,
    /// What becomes of the system if one does not come up.
    pub on_failure: UpdateFailure,
}

/// What comes first: that former ones end, or that new ones work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOrder {
    /// Each ends, and then begins anew.
    #[default]
    StopFirst,
    /// As many more as are replaced at a time come first, and go last: there are never fewer than before.
    StartFirst,
}

/// When the next ones have their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateWait {
    /// When these run, or are ready, if they say when.
    Running,
    /// When these are healthy too, if they are watched.
    Healthy,
}

/// What becomes of a system in which a replaced agent did not come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateFailure {
    /// It becomes what it was.
    Rollback,
    /// Those that were replaced before stay so.
    Stop,
}

impl UpdateOrder {
    /// All.
    pub const ALL: [Self; 2] = [Self::StopFirst, Self::StartFirst];

    /// As in a topology.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StopFirst => "stop-first",
            Self::StartFirst => "start-first",
        }
    }
}

impl UpdateWait {
    /// All.
    pub const ALL: [Self; 2] = [Self::Healthy, Self::Running];

    /// As in a topology.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Running => "running",
        }
    }
}

impl UpdateFailure {
    /// All.
    pub const ALL: [Self; 2] = [Self::Rollback, Self::Stop];

    /// As in a topology.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Stop => "stop",
        }
    }
}
