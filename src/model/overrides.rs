//! What somebody has said of a system that is up beside its file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AgentId, HostName};

/// What counts more than the file: until the system goes down, or it is taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// `osb scale`: for how many agents an entry with `replicas` stands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas: BTreeMap<AgentId, usize>,
    /// `osb move`: where an agent runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<AgentId, HostName>,
}

impl Overrides {
    /// Whether the file alone counts.
    pub fn is_empty(&self) -> bool {
        self.replicas.is_empty() && self.hosts.is_empty()
    }
}
