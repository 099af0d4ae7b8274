//! The ends of ephemeral agents: `remove`, and what the daemon forgets of them by itself, because nobody waits for them any more, or because
//! their machine has started again.

use std::collections::{BTreeMap, BTreeSet};

use super::Host;
use crate::model::{AfterEnd, AgentId, AgentName, Grace};
use crate::state::{AgentRecord, EndRecord, KeptSpec};
use crate::supervision::Ticket;
use crate::wire::{Fault, NameServerRequest, Peer};

impl Host {
    /// One that is not ephemeral is not touched.
    pub(super) fn on_remove(&mut self, agent: AgentName, grace: Grace, ticket: Ticket) {
        let kept = self.specs.get(&self.spawner.id(&agent));
        let fault = match kept.map(|it| it.spec.is_ephemeral()) {
            Some(true) => {
                self.removing.insert(ticket, agent.clone());
                let now = self.now();
                return self.supervision.on_stop(&agent, grace, ticket, now);
            }
            Some(false) => Fault::Refused {
                reason: format!(
                    "{agent} is a part of its system: `osb up` of another file takes it away"
                ),
            },
            None => Fault::UnknownAgent { name: agent },
        };
        self.answer::<()>(ticket, Err(fault));
    }

    /// It has ended, and the name server was told.
    pub(super) fn on_stopped(&mut self, ticket: Ticket) {
        if let Some(agent) = self.removing.remove(&ticket) {
            self.forget_ephemeral(&agent);
        }
    }

    pub(super) fn forget_ephemeral(&mut self, agent: &AgentName) {
        let id = self.spawner.id(agent);
        if !self.specs.get(&id).is_some_and(|it| it.spec.is_ephemeral()) {
            return;
        }
        // One that lives is not forgotten: it was asked for anew.
        if self.forget(std::slice::from_ref(agent)).is_ok() {
            let agents = vec![agent.clone()];
            let forget = NameServerRequest::Forget { agents };
            self.link.tell(Peer::NameServer, &forget);
        }
    }

    /// Agents that were on their way when the daemon before this one was killed: whoever had asked for them was told that they did
    /// not come. Those that this daemon has been asked for meanwhile are on their way still.
    pub(super) fn end_half_spawned(&mut self) {
        let is_under_way = |it: &KeptSpec| self.spawns.has(&it.spec.name.name);
        let is_half = |it: &&KeptSpec| it.spec.is_ephemeral() && !it.is_up && !is_under_way(it);
        let half: Vec<AgentName> = self
            .specs
            .all()
            .filter(is_half)
            .map(|it| it.spec.name.name.clone())
            .collect();
        for agent in half {
            let ticket = self.ticket();
            self.on_remove(agent, Grace::USUAL, ticket);
        }
    }

    /// They do not come back with their machine. A daemon that its service manager has started, or that finds what is of another
    /// boot, begins on a machine that has started again.
    pub(super) fn forget_ephemeral_that_ended_with_the_machine(&mut self) {
        let alive: BTreeSet<AgentName> = self.supervision.alive().cloned().collect();
        let records = self.options.dir.latest_agents(self.link.address());
        let records = records.into_iter().map(|it| (it.agent.clone(), it));
        let records: BTreeMap<AgentName, AgentRecord> = records.collect();
        let boots = self.options.boot;
        let is_over = |it: &&KeptSpec| {
            let name = &it.spec.name.name;
            let record = records.get(name);
            let of_this_boot = record.is_some_and(|it| it.process.is_of_this_boot());
            it.spec.is_ephemeral() && !alive.contains(name) && (boots || !of_this_boot)
        };
        let over = self.specs.all().filter(is_over);
        let over: Vec<AgentId> = over.map(|it| it.spec.name.clone()).collect();
        if over.is_empty() {
            return;
        }
        for id in &over {
            let life = records.get(&id.name).and_then(|it| it.incarnation);
            self.gone.extend(life.map(|life| (id.name.clone(), life)));
        }
        self.unseen
            .retain(|it| !over.iter().any(|id| id.name == *it.agent()));
        self.specs.forget(over);
    }

    /// The name server knows this daemon, and may take these agents for alive.
    pub(super) fn tell_of_gone(&mut self) {
        for (agent, incarnation) in std::mem::take(&mut self.gone) {
            let exited = NameServerRequest::Exited {
                agent: agent.clone(),
                incarnation,
                exit: EndRecord::report(None),
                asked: false,
                then: AfterEnd::Stays,
            };
            self.link.tell(Peer::NameServer, &exited);
            let agents = vec![agent];
            let forget = NameServerRequest::Forget { agents };
            self.link.tell(Peer::NameServer, &forget);
        }
    }
}
