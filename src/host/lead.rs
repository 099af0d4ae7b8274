//! The daemon leads agents from their specs to their work: one word to each, when `up` says so. What becomes of it, each agent
//! announces.

use super::Host;
use crate::model::{AgentName, Step};
use crate::wire::{AgentRequest, Fault, Peer};

impl Host {
    /// All of these agents, or none.
    pub(super) fn lead(&self, agents: Vec<AgentName>, to: Step) -> Result<(), Fault> {
        let is_ours =
            |agent: &AgentName| self.supervision.has(agent) || self.attached.contains_key(agent);
        if let Some(name) = agents.iter().find(|agent| !is_ours(agent)) {
            let reason = format!("this host has no agent {name} to lead");
            return Err(Fault::Refused { reason });
        }
        for agent in agents {
            self.link
                .tell(Peer::Agent(agent), &AgentRequest::Lead { to });
        }
        Ok(())
    }
}
