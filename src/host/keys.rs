//! Keys of agents: the daemon draws one for each that it starts, and has the name server let it in.

use super::{Host, Input, PATIENCE};
use crate::model::{AgentName, Credentials, Holder, KeyEntry, KeyPair, Term};
use crate::supervision::Ticket;
use crate::wire::{Fault, Incarnation, NameServerRequest, Peer, StartAgent};
use crate::zeromq;

/// An agent that is to be started, and the key that has been let in for it.
pub(super) struct LetIn {
    agent: StartAgent,
    ticket: Ticket,
    keys: Result<Credentials, Fault>,
}

impl Host {
    /// Starts an agent; in a closed system, once its key has been let in.
    pub(super) fn let_in_and_start(&mut self, agent: StartAgent, ticket: Ticket) {
        let Some(server) = self.link.server_key() else {
            let incarnation = Incarnation::draw();
            return self.supervision.on_start(agent, incarnation, ticket);
        };
        // One that runs has a key already, which is not to be taken from it.
        let may = self.supervision.may_start(&agent.name);
        let own = match may.and_then(|()| draw(&agent.name)) {
            Ok(own) => own,
            Err(fault) => return self.answer::<u32>(ticket, Err(fault)),
        };
        let admit = NameServerRequest::Admit(KeyEntry {
            key: own.public,
            holder: Holder::Agent(agent.name.clone()),
            term: Term::Run,
            by: Some(self.options.name.clone()),
        });
        let admitted = self.link.ask::<()>(Peer::NameServer, &admit, PATIENCE);
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let keys = admitted
                .await
                .map_err(|error| start_fault(&agent.name, &error));
            let keys = keys.map(|()| Credentials { own, server });
            let let_in = LetIn {
                agent,
                ticket,
                keys,
            };
            let _ = inputs.send(Input::LetIn(Box::new(let_in)));
        });
    }

    pub(super) fn on_let_in(&mut self, let_in: LetIn) {
        let LetIn {
            agent,
            ticket,
            keys,
        } = let_in;
        match keys {
            Ok(keys) => {
                self.agents_keys.insert(agent.name.clone(), keys);
                let incarnation = Incarnation::draw();
                self.supervision.on_start(agent, incarnation, ticket);
            }
            Err(fault) => self.answer::<u32>(ticket, Err(fault)),
        }
    }
}

fn draw(agent: &AgentName) -> Result<KeyPair, Fault> {
    zeromq::draw_keys().map_err(|error| start_fault(agent, &error))
}

fn start_fault(agent: &AgentName, error: &dyn std::error::Error) -> Fault {
    Fault::Start {
        agent: agent.clone(),
        reason: error.to_string(),
    }
}
