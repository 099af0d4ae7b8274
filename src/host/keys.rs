//! Keys of agents: the daemon draws one for each that it starts, and has the name server let it in.

use std::sync::Arc;

use super::{Host, Input};
use crate::model::timing::{CONTROL_TIMEOUT, LAST_LOOK_TIMEOUT};
use crate::model::{AgentName, Credentials, Holder, KeyEntry, Term};
use crate::proxy::ProxyError;
use crate::wire::{Fault, Incarnation, NameServerRequest, Peer};
use crate::zeromq::draw_keys;

/// Whether an agent that is about to start was admitted, and in a closed system by which key.
pub(super) struct LetIn {
    agent: AgentName,
    incarnation: Incarnation,
    keys: Result<Option<Credentials>, Fault>,
}

impl Host {
    /// Makes the keys of an agent and has the name server admit them. In an open system every peer is admitted.
    pub(super) fn let_in(&mut self, agent: AgentName, incarnation: Incarnation) {
        if self.link.server_key().is_none() {
            return self.let_in_openly(agent, incarnation);
        }
        let own = match draw_keys() {
            Ok(own) => own,
            Err(error) => {
                let fault = start_fault(&agent, &error);
                let now = self.now();
                self.supervision
                    .on_let_in(&agent, incarnation, Err(fault), now);
                return;
            }
        };
        let holder = Holder::Agent(agent.clone());
        let admit = NameServerRequest::Admit(KeyEntry {
            by: Some(self.options.name.clone()),
            ..KeyEntry::new(own.public, holder, Term::Run)
        });
        let admitted = self
            .link
            .ask::<()>(Peer::NameServer, &admit, CONTROL_TIMEOUT);
        let (inputs, link) = (self.inputs.clone(), Arc::clone(&self.link));
        tokio::spawn(async move {
            let admitted = admitted.await.and_then(|()| {
                // The key that the name server has by now.
                let server = link.server_key().ok_or(ProxyError::Closed)?;
                Ok(Some(Credentials::new(own, server)))
            });
            let keys = admitted.map_err(|error| start_fault(&agent, &error));
            let let_in = LetIn {
                agent,
                incarnation,
                keys,
            };
            let _ = inputs.send(Input::LetIn(Box::new(let_in)));
        });
    }

    /// The next life of an agent waits until the name server has read of the end of the former one, which was told before this on
    /// the same connection. Or the agent, which comes by a connection of its own, might be faster, and find its name taken. If the
    /// name server is not there, the agent is started all the same.
    fn let_in_openly(&mut self, agent: AgentName, incarnation: Incarnation) {
        if !self.last_lives.contains_key(&agent) {
            let now = self.now();
            self.supervision.on_let_in(&agent, incarnation, Ok(()), now);
            return;
        }
        let ping = NameServerRequest::Ping {};
        let read = self
            .link
            .ask::<String>(Peer::NameServer, &ping, LAST_LOOK_TIMEOUT);
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let _ = read.await;
            let let_in = LetIn {
                agent,
                incarnation,
                keys: Ok(None),
            };
            let _ = inputs.send(Input::LetIn(Box::new(let_in)));
        });
    }

    pub(super) fn on_let_in(&mut self, let_in: LetIn) {
        let LetIn {
            agent,
            incarnation,
            keys,
        } = let_in;
        let (keys, outcome) = match keys {
            Ok(keys) => (keys, Ok(())),
            Err(fault) => (None, Err(fault)),
        };
        let now = self.now();
        let is_started = self
            .supervision
            .on_let_in(&agent, incarnation, outcome, now);
        if let Some(keys) = keys.filter(|_| is_started) {
            self.agents_keys.insert(agent, keys);
        }
    }
}

fn start_fault(agent: &AgentName, error: &dyn std::error::Error) -> Fault {
    Fault::Start {
        agent: agent.clone(),
        reason: error.to_string(),
    }
}
