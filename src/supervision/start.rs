//! The beginning of an agent: it is let in at the name server, and then its process is started. It may be
//! called off in between.

use super::{Agent, Effect, Phase, Supervision, Ticket};
use crate::model::{AgentName, AgentSpec};
use crate::wire::{Fault, Incarnation};

impl Supervision {
    /// A member asks for an agent to be started.
    pub(crate) fn on_start(
        &mut self,
        spec: Box<AgentSpec>,
        incarnation: Incarnation,
        ticket: Ticket,
    ) {
        let name = spec.name.name.clone();
        if let Err(fault) = self.may_start(&name) {
            let outcome = Err(fault);
            return self.effects.push(Effect::AnswerStart { ticket, outcome });
        }
        let phase = Phase::Starting {
            spec,
            ticket,
            before: self.agents.remove(&name).map(Box::new),
        };
        self.agents
            .insert(name.clone(), Agent { incarnation, phase });
        self.effects.push(Effect::LetIn {
            agent: name,
            incarnation,
        });
    }

    fn may_start(&self, agent: &AgentName) -> Result<(), Fault> {
        let there = self.agents.get(agent).map(|it| &it.phase);
        match (self.shutdown.is_some(), there) {
            (true, _) => Err(fault(agent, "this host is shutting down")),
            (false, None | Some(Phase::Ended { .. })) => Ok(()),
            (false, Some(Phase::Starting { .. })) => Err(fault(agent, "it is being started")),
            (false, Some(_)) => Err(fault(agent, "it runs already")),
        }
    }

    /// An agent that is to be started may come in, or not. Tells whether it is started now: it may have been
    /// called off meanwhile.
    pub(crate) fn on_let_in(
        &mut self,
        name: &AgentName,
        incarnation: Incarnation,
        outcome: Result<(), Fault>,
    ) -> bool {
        let agent = self.agents.get_mut(name);
        let Some(agent) = agent.filter(|it| it.incarnation == incarnation) else {
            return false;
        };
        if let Err(fault) = outcome {
            self.call_off(name, fault);
            return false;
        }
        match std::mem::replace(&mut agent.phase, Phase::Running) {
            Phase::Starting { spec, ticket, .. } => {
                self.effects.push(Effect::Spawn {
                    spec,
                    incarnation,
                    ticket,
                });
                true
            }
            other => {
                agent.phase = other;
                false
            }
        }
    }

    /// The process was started, or could not be.
    pub(crate) fn on_spawned(
        &mut self,
        agent: &AgentName,
        ticket: Ticket,
        outcome: Result<u32, Fault>,
    ) {
        let failed = outcome.is_err();
        self.effects.push(Effect::AnswerStart { ticket, outcome });
        if failed {
            self.agents.remove(agent);
            if self.shutdown.is_some() {
                self.count_left();
                self.end_if_done();
            }
        }
    }

    /// An agent that has not begun will not begin. Tells whether there was such a one.
    pub(super) fn call_off(&mut self, name: &AgentName, why: Fault) -> bool {
        let phase = self.agents.get_mut(name).map(|it| &mut it.phase);
        let Some(Phase::Starting { ticket, before, .. }) = phase else {
            return false;
        };
        let (ticket, outcome) = (*ticket, Err(why));
        match before.take() {
            Some(before) => drop(self.agents.insert(name.clone(), *before)),
            None => drop(self.agents.remove(name)),
        }
        self.effects.push(Effect::AnswerStart { ticket, outcome });
        true
    }

    /// Nobody begins any more.
    pub(super) fn call_all_off(&mut self) {
        let names: Vec<AgentName> = self.agents.keys().cloned().collect();
        for name in names {
            self.call_off(&name, fault(&name, "this host is shutting down"));
        }
    }
}

pub(super) fn fault(agent: &AgentName, reason: &str) -> Fault {
    Fault::Start {
        agent: agent.clone(),
        reason: reason.to_owned(),
    }
}
