//! The beginning of an agent: it is let in at the name server, and then its process is started. It may be
//! called off in between.

use super::restart::History;
use super::{Agent, Effect, Now, Phase, Supervision, Ticket};
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
        self.stop_waiting(&name);
        let history = History::of(&spec);
        self.begin(spec, incarnation, Some(ticket), history);
    }

    pub(super) fn begin(
        &mut self,
        spec: Box<AgentSpec>,
        incarnation: Incarnation,
        ticket: Option<Ticket>,
        history: History,
    ) {
        let name = spec.name.name.clone();
        let stop_timeout = spec.stop_timeout;
        let phase = Phase::Starting {
            spec,
            ticket,
            before: self.agents.remove(&name).map(Box::new),
        };
        let agent = Agent {
            incarnation,
            phase,
            history,
            stop_timeout,
        };
        self.agents.insert(name.clone(), agent);
        self.effects.push(Effect::LetIn {
            agent: name,
            incarnation,
        });
    }

    fn answer_start(&mut self, ticket: Option<Ticket>, outcome: Result<u32, Fault>) {
        if let Some(ticket) = ticket {
            self.effects.push(Effect::AnswerStart { ticket, outcome });
        }
    }

    pub(super) fn may_start(&self, agent: &AgentName) -> Result<(), Fault> {
        let there = self.agents.get(agent).map(|it| &it.phase);
        match (self.shutdown.is_some(), there) {
            (true, _) => Err(fault(agent, "this host is shutting down")),
            (false, None | Some(Phase::Ended { .. } | Phase::Waiting { .. })) => Ok(()),
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
        now: Now,
    ) -> bool {
        let agent = self.agents.get_mut(name);
        let Some(agent) = agent.filter(|it| it.incarnation == incarnation) else {
            return false;
        };
        if let Err(fault) = outcome {
            let is_restart = matches!(agent.phase, Phase::Starting { ticket: None, .. });
            self.call_off(name, fault);
            if is_restart {
                self.restart_has_failed(name, now);
            }
            return false;
        }
        match std::mem::replace(&mut agent.phase, Phase::Running) {
            Phase::Starting { spec, ticket, .. } => {
                self.effects.push(Effect::Spawn {
                    spec,
                    incarnation,
                    ticket,
                    restarts: agent.history.restarts(),
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
        ticket: Option<Ticket>,
        outcome: Result<u32, Fault>,
        now: Now,
    ) {
        let failed = outcome.is_err();
        self.answer_start(ticket, outcome);
        if failed && ticket.is_none() {
            self.restart_has_failed(agent, now);
        } else if failed {
            self.agents.remove(agent);
            if self.shutdown.is_some() {
                self.count_left();
                self.end_if_done();
            }
        }
    }

    /// An agent that has not begun will not begin. Tells whether there was such a one.
    pub(super) fn call_off(&mut self, name: &AgentName, why: Fault) -> bool {
        let agent = self.agents.get_mut(name);
        let Some(Agent {
            phase: Phase::Starting { ticket, before, .. },
            history,
            ..
        }) = agent
        else {
            return false;
        };
        let (ticket, outcome) = (*ticket, Err(why));
        match before.take() {
            Some(mut before) => {
                if ticket.is_none() {
                    // How often it was tried counts on.
                    std::mem::swap(&mut before.history, history);
                }
                self.agents.insert(name.clone(), *before);
            }
            None => drop(self.agents.remove(name)),
        }
        self.answer_start(ticket, outcome);
        true
    }

    /// No agent begins any more.
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
