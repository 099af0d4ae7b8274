//! Agents that are to take the place of others, which run at other hosts: each is there as a successor until the name server
//! gives it the name.

use super::Host;
use crate::model::AgentName;
use crate::wire::{AgentBoot, Incarnation, Peer, Presence, Works};

impl Host {
    /// An agent is to be started, perhaps as a successor.
    pub(super) fn note_succession(&mut self, agent: &AgentName, succeeds: Option<Incarnation>) {
        match succeeds {
            Some(former) => self.succeeding.insert(agent.clone(), former),
            None => self.succeeding.remove(agent),
        };
    }

    /// A successor goes as far as its wires by itself. Tells whether this is one.
    pub(super) fn put_to_succeed(&self, boot: &mut AgentBoot) -> bool {
        boot.successor_of = self.succeeding.get(boot.name()).copied();
        if boot.successor_of.is_some() {
            boot.works = Some(Works {
                launch: None,
                waits: true,
                strict: true,
            });
        }
        boot.successor_of.is_some()
    }

    /// The name server tells of an agent by its name: if that is the successor, it has taken over.
    pub(super) fn see_to_succession(&mut self, presence: &Presence) {
        if self.last_lives.get(&presence.agent) == Some(&presence.incarnation) {
            self.succeeding.remove(&presence.agent);
        }
    }

    /// As whom the name server knows an agent of this host.
    pub(super) fn peer_of(&self, agent: AgentName) -> Peer {
        match self.succeeding.contains_key(&agent) {
            true => Peer::Successor(agent),
            false => Peer::Agent(agent),
        }
    }
}
