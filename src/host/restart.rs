//! Agents that are started again: from the specs that the daemon keeps, with the ports and the values that they had. An
//! agent that comes back in a system that is up is told so with the start, and goes to work by itself.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Host, Input};
use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT};
use crate::model::{AddrPart, Address, AgentId, AgentName, AgentSpec, Millis, Reference, Step};
use crate::proxy::{Link, Pending};
use crate::supervision::Ticket;
use crate::wire::{
    AgentBoot, AgentRequest, Fault, Incarnation, Launch, NameServerRequest, Peer, Works,
};

/// What the references of a program stand for, by their texts.
type Values = BTreeMap<String, String>;

/// What an agent refers to was looked up again.
pub(super) struct Resolved {
    agent: AgentName,
    values: Values,
}

impl Host {
    /// Launches an agent's program, now that it is known what it refers to. The answer is the agent's.
    pub(super) fn on_launch(
        &mut self,
        agent: AgentName,
        values: Values,
        (timers, timeout): (bool, Millis),
        ticket: Ticket,
    ) {
        let id = self.spawner.id(&agent);
        self.specs.keep_values(&id, &values);
        let launch = self
            .specs
            .get(&id)
            .and_then(|kept| launch(&kept.spec, &values, timeout));
        let Some(launch) = launch else {
            let reason = format!("this host has no program of {agent} to launch");
            return self.answer::<()>(ticket, Err(Fault::Refused { reason }));
        };
        let peer = Peer::Agent(agent);
        let limit = timeout.duration() + ANSWER_MARGIN;
        let launched = self
            .link
            .ask::<Value>(peer.clone(), &AgentRequest::Launch(launch), limit);
        if timers {
            // It is read when the program has been started.
            self.link.tell(peer, &AgentRequest::Lead { to: Step::Go });
        }
        let Some(envelope) = self.tickets.remove(&ticket) else {
            return;
        };
        let link = self.link.clone();
        tokio::spawn(async move {
            let outcome = launched.await.map_err(super::attached::fault);
            link.reply(&envelope, outcome);
        });
    }

    /// The next life of an agent. What its program refers to may be elsewhere now.
    pub(super) fn restart(&mut self, agent: AgentName) {
        let id = self.spawner.id(&agent);
        let Some(kept) = self.specs.get(&id) else {
            return;
        };
        let values = kept.values.clone();
        let program = kept.spec.program.as_ref();
        let references = program.into_iter().flat_map(|it| it.references());
        let sockets: Vec<Asked> = references
            .filter_map(|it| ask_where(&self.link, &id, it))
            .collect();
        if sockets.is_empty() {
            return self.on_resolved(Resolved { agent, values });
        }
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let values = found_again(sockets, values).await;
            let _ = inputs.send(Input::Resolved(Box::new(Resolved { agent, values })));
        });
    }

    pub(super) fn on_resolved(&mut self, Resolved { agent, values }: Resolved) {
        let id = self.spawner.id(&agent);
        self.specs.keep_values(&id, &values);
        if let Some(kept) = self.specs.get(&id) {
            let spec = Box::new(kept.spec.clone());
            self.supervision.on_restart(spec, Incarnation::draw());
        }
    }

    /// What a life that begins in a system that is up is given besides.
    pub(super) fn put_to_work(&self, boot: &mut AgentBoot, before: Option<Incarnation>) {
        let spec = &boot.spec;
        let kept = self.specs.get(&spec.name);
        let values = kept.map(|kept| &kept.values);
        let timeout = spec.program.as_ref().and_then(|it| it.timeout);
        let timeout = timeout.unwrap_or(spec.start_timeout);
        let launch = values
            .filter(|_| spec.is_launched())
            .and_then(|values| launch(spec, values, timeout));
        boot.works = Some(Works { launch });
        let left = before.and_then(|life| self.options.dir.left(life));
        let left = left.into_iter().flatten();
        let carried = left.filter(|(name, _)| boot.spec.keep.contains(name));
        let carried: Vec<(String, Value)> = carried.collect();
        boot.spec.attributes.extend(carried);
    }
}

/// A socket that a program refers to, and whose place the name server was asked for.
struct Asked {
    /// The reference.
    text: String,
    part: AddrPart,
    at: Pending<Address>,
}

/// Asks for the place of a socket that `agent` refers to. None for other references, and for sockets of another name server:
/// what was found at first has to do.
fn ask_where(link: &Link, agent: &AgentId, reference: &Reference) -> Option<Asked> {
    let text = reference.to_string();
    let Reference::Addr {
        agent: of,
        alias,
        part,
    } = reference
    else {
        return None;
    };
    let question = NameServerRequest::Addr {
        agent: of.name.clone(),
        alias: alias.clone(),
    };
    (of.nameserver == agent.nameserver).then(|| Asked {
        text,
        part: *part,
        at: link.ask(Peer::NameServer, &question, CONTROL_TIMEOUT),
    })
}

/// The values, with the places where those sockets are now. One that is not found has been where it was.
async fn found_again(sockets: Vec<Asked>, mut values: Values) -> Values {
    for Asked { text, part, at } in sockets {
        let found = at.await.ok().and_then(|it| part.of(&it.address));
        values.extend(found.map(|value| (text, value)));
    }
    values
}

/// The agent's program with these values in it. None if it has none, or some are missing.
fn launch(spec: &AgentSpec, values: &Values, timeout: Millis) -> Option<Launch> {
    let known = |reference: &Reference| {
        let value = values.get(&reference.to_string());
        match (value, reference.agent()) {
            (None, Some(_)) => Err(()),
            (value, _) => Ok(value.cloned()),
        }
    };
    let program = spec.program.as_ref()?.filled(known).ok()?;
    Some(Launch { program, timeout })
}
