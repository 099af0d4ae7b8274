//! Requests by which an agent that was started elsewhere becomes part of a system, and is released
//! again: it is then what it was before.

use serde_json::Value;

use crate::agent::adoption::Adoption;
use crate::agent::core::{Life, Steps};
use crate::agent::given::Given;
use crate::agent::state::Agent;
use crate::model::{State, SystemName};
use crate::wire::Fault;

/// Why what was under way is not answered any more.
const LET_GO: &str = "the system that it was attached to is taken down";

impl Agent {
    /// From now on it is `system`'s. What a former life of that system has left goes, and also what
    /// another one has left that did not come as far as letting the agent work.
    pub(super) fn adopt(&mut self, system: SystemName) -> Result<Value, Fault> {
        let agent = self.boot.name();
        if self.life.ending() {
            let (agent, state) = (agent.clone(), State::Stopped);
            return Err(Fault::NotRunning { agent, state });
        }
        if let Some(Adoption {
            system: owner,
            works,
            ..
        }) = &self.adoption
        {
            if *owner != system && *works {
                let reason = format!("{agent} is part of the system {owner} already");
                return Err(Fault::Refused { reason });
            }
            self.let_go();
        }
        self.log.info(&format!("attached to the system {system}"));
        self.adoption = Some(Adoption {
            system,
            sockets: self.sockets.aliases(),
            timers: self.timers.aliases(),
            attributes: self.attributes.clone(),
            life: self.life,
            works: false,
        });
        Ok(Value::Null)
    }

    /// Tells whether it was `system`'s.
    pub(super) fn release(&mut self, system: &SystemName) -> bool {
        let ours = |adoption: &Adoption| adoption.system == *system;
        let released = self.adoption.as_ref().is_some_and(ours) && !self.life.ending();
        if released {
            self.let_go();
            self.log.info(&format!("released by the system {system}"));
        }
        released
    }

    /// Closes what it got from its system. Requesters that wait for an answer there are told.
    fn let_go(&mut self) {
        let Some(adoption) = self.adoption.take() else {
            return;
        };
        let mut theirs = self.sockets.aliases();
        theirs.retain(|alias| !adoption.sockets.contains(alias));
        self.timers.keep(&adoption.timers);
        for (_, waiting) in self.waiting.take_all() {
            let reason = LET_GO.to_owned();
            self.reply(waiting.into_requester(), Err(Fault::Refused { reason }));
        }
        self.settling = None;
        for request in self.exchange.take_all() {
            self.resolve(request, Err(LET_GO.to_owned()));
        }
        if adoption.life == Life::Preparing && self.life.rest() {
            self.timers.rest();
            self.release_program();
        }
        self.close(theirs, None, None);
        // Those that it had before are again its own.
        for alias in self.given.taken_over.keys().cloned().collect::<Vec<_>>() {
            self.give_back(&alias);
        }
        self.attributes = adoption.attributes;
        self.given = Given::default();
        self.steps = Steps::default();
        self.announce();
    }
}
