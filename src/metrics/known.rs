//! What is known of a system when somebody scrapes.

use std::time::Duration;

use crate::model::{AgentId, AgentInfo, HostInfo, NameServerName};
use crate::wire::AgentStatus;

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// How long ago that was so.
    pub age: Duration,
    /// When that was, in seconds since 1970.
    pub at: f64,
    pub nameservers: Vec<NameServerSeen>,
    pub hosts: Vec<HostInfo>,
    pub agents: Vec<AgentSeen>,
}

/// A name server of the system.
#[derive(Debug, Clone)]
pub struct NameServerSeen {
    pub name: NameServerName,
    /// Whether it answers.
    pub is_up: bool,
}

/// An agent.
#[derive(Debug, Clone)]
pub struct AgentSeen {
    pub id: AgentId,
    pub info: AgentInfo,
    /// What it has told of its sockets. None: it has not answered, or has ended.
    pub status: Option<AgentStatus>,
}
