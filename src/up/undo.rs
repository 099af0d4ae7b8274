//! What takes back a step of `up` by which an agent that stands was changed. `change` carries it out.

use std::sync::Arc;

use crate::model::{AgentName, AgentSpec, HostId};
use crate::proxy::Link;

/// A step that takes one of `up` back.
pub(super) enum Undo {
    /// The agent is to be again what it was, in the process that it has, or in its next life.
    Alter {
        link: Arc<Link>,
        host: HostId,
        spec: Box<AgentSpec>,
    },
    /// The agent has ended, and is to run again, by the spec that its host had before.
    Restart {
        link: Arc<Link>,
        host: HostId,
        agent: AgentName,
        spec: Box<AgentSpec>,
    },
    /// The agent was to go, and got no more work: it takes part again.
    Resume { link: Arc<Link>, agent: AgentName },
    /// The agent was not there before, or not on that host: it has ended, and nothing is to be known of it.
    Forget {
        link: Arc<Link>,
        host: HostId,
        agent: AgentName,
        /// It was nowhere else.
        wholly: bool,
    },
    /// The agent was released, and is to be the system's again.
    Attach {
        link: Arc<Link>,
        host: HostId,
        spec: Box<AgentSpec>,
    },
}

/// What has come of undoing.
#[derive(Default)]
pub(super) struct Undone {
    /// Agents that run again, as they were.
    pub again: Vec<AgentName>,
    /// Agents that could not be put back, and why.
    pub left: Vec<(AgentName, String)>,
}
