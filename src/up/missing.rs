//! What is missing of a system that stands, as far as `up` has to know.

use std::collections::{BTreeMap, HashSet};

use super::OutOfReach;
use crate::model::{AgentId, HostName, NameServerName};
use crate::plan::{Mend, Place};

/// What is missing of what stands.
#[derive(Default)]
pub(super) struct Missing {
    pub mend: Mend,
    /// Daemons of other machines that are there again.
    pub machines: Vec<Place>,
    /// What could not be brought back.
    pub out_of_reach: OutOfReach,
    /// Those that are to be brought back, to be looked up in.
    pub agents: HashSet<AgentId>,
    /// How often agents that have been there had been started again by then.
    pub lives: BTreeMap<AgentId, u32>,
}

impl Missing {
    /// Whether that agent is to be brought back.
    pub(super) fn has(&self, agent: &AgentId) -> bool {
        self.agents.contains(agent)
    }

    /// Whether that host could not be brought back.
    pub(super) fn is_out_of_reach(&self, host: &HostName, nameserver: &NameServerName) -> bool {
        let mut lost = self.out_of_reach.hosts.iter();
        lost.any(|it| it.host == *host && it.nameserver == *nameserver)
    }

    /// How often an agent that is to be brought back had been started again; None if it is not, or has never
    /// been there.
    pub(super) fn restarts(&self, agent: &AgentId) -> Option<u32> {
        self.lives.get(agent).filter(|_| self.has(agent)).copied()
    }
}
