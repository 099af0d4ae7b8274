//! Agents that go with others: the name server tells how those stand, wherever they are, and this daemon restarts its own.

use super::Host;
use crate::model::timing::START_TIMEOUT;
use crate::model::{AgentName, AgentSpec, Grace, State};
use crate::supervision::{Now, With};
use crate::wire::{NameServerRequest, Peer, Presence};

impl Host {
    /// With whom an agent goes that is to be started.
    pub(super) fn note_companions(&mut self, spec: &AgentSpec) {
        // They are of this name server.
        let with = spec.with.iter().map(|(first, waits)| {
            let waits = waits.iter().map(|it| it.name.clone());
            (first.name.clone(), waits.collect())
        });
        let with: With = with.collect();
        let refers = self.note_references(spec);
        if self.companions.on_spec(&spec.name.name, with) || refers {
            self.follow();
        }
    }

    /// The name server is told whom its events are wanted of.
    pub(super) fn follow(&self) {
        let mut agents = self.companions.watched();
        agents.extend(self.referrers.keys().cloned());
        agents.extend(self.boots.followed().cloned());
        agents.extend(self.spawns.followed().cloned());
        let follow = NameServerRequest::Follow { agents };
        self.link.tell(Peer::NameServer, &follow);
    }

    /// The name server has lost its memory.
    pub(super) fn follow_again(&self) {
        let is_awaited = !self.boots.is_over() || self.spawns.followed().next().is_some();
        if self.companions.watches() || !self.referrers.is_empty() || is_awaited {
            self.follow();
        }
    }

    /// An agent stands so that this daemon follows, or that is its own.
    pub(super) fn see_to_companions(&mut self, presence: &Presence) {
        if presence.state == State::Running {
            let at = (self.now(), START_TIMEOUT.duration());
            let life = (presence.incarnation, presence.relaunches);
            let agent = &presence.agent;
            let due = self.companions.on_runs(agent, life, at);
            self.restart_along(due);
        }
    }

    pub(super) fn on_companions_time(&mut self, now: Now) {
        let due = self.companions.on_time(now);
        self.restart_along(due);
    }

    fn restart_along(&mut self, agents: Vec<AgentName>) {
        let now = self.now();
        for agent in agents {
            self.supervision.on_restart_along(&agent, Grace::USUAL, now);
        }
    }
}
