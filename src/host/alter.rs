//! An agent is to be what another spec says, without a new process: it is told what is otherwise, and the daemon keeps the spec
//! when the agent has carried that out.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use super::attached::fault;
use super::{Host, Input};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{AgentName, AgentSpec};
use crate::plan::edits;
use crate::proxy::ProxyError;
use crate::supervision::Ticket;
use crate::wire::{AgentRequest, Alter, Altered, Fault, Peer};

/// What each agent that is being altered is to be next, in order, with the requests to answer.
pub(super) type Altering = HashMap<AgentName, VecDeque<(ToBe, Ticket)>>;

/// What an agent is to be.
pub(super) struct ToBe {
    pub spec: Box<AgentSpec>,
    /// Again, after a change that failed.
    pub back: bool,
}

/// What came of altering an agent that lives.
pub(super) struct Outcome {
    spec: Box<AgentSpec>,
    ticket: Ticket,
    /// Where its sockets are, as it has answered.
    outcome: Result<Value, ProxyError>,
}

impl Host {
    /// One after the other, if there are several of one agent.
    pub(super) fn on_alter(&mut self, mut wanted: ToBe, ticket: Ticket) {
        let spec = &mut wanted.spec;
        spec.name = self.spawner.id(&spec.name.name);
        match self.altering.get_mut(&spec.name.name) {
            Some(next) => next.push_back((wanted, ticket)),
            None => self.alter(wanted, ticket),
        }
    }

    fn alter(&mut self, wanted: ToBe, ticket: Ticket) {
        let ToBe { spec, back } = wanted;
        let Some(kept) = self.specs.get(&spec.name) else {
            let reason = format!("this host has no agent {} to alter", spec.name);
            return self.answer::<()>(ticket, Err(Fault::Refused { reason }));
        };
        if kept.spec == *spec {
            // It has the number that it had.
            let (version, lives) = (kept.version, self.lives(&spec.name.name));
            return self.answer(ticket, Ok(Altered { version, lives }));
        }
        let alter = Alter {
            from: kept.version,
            version: kept.version.next(),
            edits: edits(&kept.spec, &spec),
            spec: spec.clone(),
            back,
        };
        if !self.lives(&spec.name.name) {
            return self.keep_altered(&spec, ticket, false);
        }
        self.altering.entry(spec.name.name.clone()).or_default();
        let agent = Peer::Agent(spec.name.name.clone());
        let request = AgentRequest::Alter(alter);
        let altered = self.link.ask::<Value>(agent, &request, CONTROL_TIMEOUT);
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let outcome = altered.await;
            let _ = inputs.send(Input::Altered(Box::new(Outcome {
                spec,
                ticket,
                outcome,
            })));
        });
    }

    pub(super) fn on_altered(&mut self, outcome: Outcome) {
        let Outcome {
            spec,
            ticket,
            outcome,
        } = outcome;
        match outcome {
            Ok(addresses) => {
                self.keep_altered(&spec, ticket, true);
                // A socket that was taken over has its place already.
                let addresses = serde_json::from_value(addresses).unwrap_or_default();
                self.specs.note_addresses(&spec.name, &addresses);
            }
            Err(error) => self.answer::<()>(ticket, Err(fault(error))),
        }
        let mut next = self.altering.remove(&spec.name.name).unwrap_or_default();
        while let Some((wanted, ticket)) = next.pop_front() {
            let agent = wanted.spec.name.name.clone();
            self.alter(wanted, ticket);
            // Nothing is under way, if the agent has ended.
            if let Some(rest) = self.altering.get_mut(&agent) {
                rest.extend(next);
                return;
            }
        }
    }

    fn keep_altered(&mut self, spec: &AgentSpec, ticket: Ticket, lives: bool) {
        let version = self.specs.alter(spec);
        self.note_companions(spec);
        self.supervision.on_alter(&spec.name.name, spec);
        self.note_attached(spec, version);
        self.answer(ticket, Ok(Altered { version, lives }));
    }

    fn lives(&self, agent: &AgentName) -> bool {
        let mut alive = self.supervision.alive();
        alive.any(|it| it == agent) || self.is_attached(agent)
    }

    /// These agents are nothing to the daemon any more.
    pub(super) fn forget(&mut self, agents: &[AgentName]) -> Result<(), Fault> {
        self.supervision.on_forget(agents).map_err(|agent| {
            let reason = format!("{agent} has not ended");
            Fault::Refused { reason }
        })?;
        for agent in agents {
            self.attached.remove(agent);
            self.referrers.values_mut().for_each(|it| {
                it.remove(agent);
            });
        }
        let ids = agents.iter().map(|agent| self.spawner.id(agent)).collect();
        self.specs.forget(ids);
        Ok(())
    }
}
