//! Agents that are started again: from the specs that the daemon keeps, with the ports and the values that they had. An
//! agent that comes back in a system that is up is told so with the start, and goes to work by itself.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Host, Input};
use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT};
use crate::model::{
    AddrPart, Address, AfterEnd, AgentId, AgentName, AgentSpec, ExitReport, Millis, Reference, Step,
};
use crate::proxy::{Link, Pending};
use crate::supervision::Ticket;
use crate::wire::{
    AfterProgram, AgentBoot, AgentRequest, Fault, Incarnation, Launch, NameServerRequest, Peer,
    Works,
};

/// What the references of a program stand for, by their texts.
pub(super) type Values = BTreeMap<String, String>;

/// What an agent refers to was looked up again.
pub(super) struct Resolved {
    agent: AgentName,
    values: Values,
    then: Then,
}

/// What for.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// Its next life.
    Restart,
    /// Its program is started anew, in so long, as who waits for that answer is told.
    Relaunch { ticket: Ticket, wait: Millis },
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

    /// The next life of an agent.
    pub(super) fn restart(&mut self, agent: AgentName) {
        self.resolve(agent, Then::Restart);
    }

    /// The program of an agent, which is whole, has ended: the agent is told what becomes of it.
    pub(super) fn on_program_ended(
        &mut self,
        asker: Peer,
        (life, exit): (Incarnation, ExitReport),
        ticket: Ticket,
    ) {
        let now = self.now();
        let ended = |agent| {
            let then = self.supervision.on_program_ended(&agent, life, &exit, now);
            (agent, then)
        };
        let asker = match asker {
            Peer::Agent(agent) => Some(agent),
            Peer::NameServer | Peer::Host(_) | Peer::Successor(_) | Peer::Client(_) => None,
        };
        match asker.map(ended) {
            Some((agent, AfterEnd::Again { wait })) => {
                if let Some(child) = self.children.get_mut(&agent) {
                    let restarts = self.supervision.restarts(&agent);
                    self.spawner.note_restarts(child, restarts);
                }
                self.resolve(agent, Then::Relaunch { ticket, wait });
            }
            Some((_, AfterEnd::Stays | AfterEnd::StaysDown | AfterEnd::GivenUp { .. })) | None => {
                self.answer(ticket, Ok(AfterProgram::AgentEnds))
            }
        }
    }

    /// What the program of an agent refers to may be elsewhere now.
    fn resolve(&mut self, agent: AgentName, then: Then) {
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
            return self.on_resolved(Resolved {
                agent,
                values,
                then,
            });
        }
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let values = found_again(sockets, values).await;
            let _ = inputs.send(Input::Resolved(Box::new(Resolved {
                agent,
                values,
                then,
            })));
        });
    }

    pub(super) fn on_resolved(&mut self, resolved: Resolved) {
        let Resolved {
            agent,
            values,
            then,
        } = resolved;
        let id = self.spawner.id(&agent);
        self.specs.keep_values(&id, &values);
        let Some(kept) = self.specs.get(&id) else {
            return;
        };
        match then {
            Then::Restart => {
                let spec = Box::new(kept.spec.clone());
                self.supervision.on_restart(spec, Incarnation::draw());
            }
            Then::Relaunch { ticket, wait } => {
                let launch = relaunch(&kept.spec, &values).map(Box::new);
                self.answer(ticket, Ok(AfterProgram::Again { wait, launch }));
            }
        }
    }

    /// What a life that begins in a system that is up is given besides.
    /// `strict`: a requester waits for its wires.
    pub(super) fn put_to_work(
        &self,
        boot: &mut AgentBoot,
        before: Option<Incarnation>,
        strict: bool,
    ) {
        let spec = &boot.spec;
        let kept = self.specs.get(&spec.name);
        let launch = kept.and_then(|kept| relaunch(spec, &kept.values));
        let waits = self.boots.holds(&spec.name.name);
        boot.works = Some(Works {
            launch,
            waits,
            strict,
        });
        let left = before.and_then(|life| self.options.dir.left(life));
        let left = left.into_iter().flatten();
        let carried = left.filter(|(name, _)| boot.spec.keep.contains(name));
        let carried: Vec<(String, Value)> = carried.collect();
        boot.spec.attributes.extend(carried);
    }
}

/// A socket that a program refers to, and whose place the name server was asked for.
pub(super) struct Asked {
    /// The reference.
    text: String,
    part: AddrPart,
    at: Pending<Address>,
}

/// Asks for the place of a socket that `agent` refers to. None for other references, and for sockets of another name server:
/// what was found at first has to do.
pub(super) fn ask_where(link: &Link, agent: &AgentId, reference: &Reference) -> Option<Asked> {
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
pub(super) async fn found_again(sockets: Vec<Asked>, mut values: Values) -> Values {
    for Asked { text, part, at } in sockets {
        let found = at.await.ok().and_then(|it| part.of(&it.address));
        values.extend(found.map(|value| (text, value)));
    }
    values
}

/// The agent's program with these values in it. None if it has none, or some are missing.
pub(super) fn launch(spec: &AgentSpec, values: &Values, timeout: Millis) -> Option<Launch> {
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

/// The same in a system that is up, if it is launched at all.
fn relaunch(spec: &AgentSpec, values: &Values) -> Option<Launch> {
    let timeout = spec.program.as_ref().and_then(|it| it.timeout);
    let timeout = timeout.unwrap_or(spec.start_timeout);
    spec.is_launched()
        .then(|| launch(spec, values, timeout))
        .flatten()
}
