//! Agents that others start, and that are this system's: each life of them that registers is adopted, and made what
//! its spec says. In a system that is up it is also wired and goes; while `up` works, it sees to that.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use super::specs::Specs;
use super::{Host, Input};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{
    Address, AgentName, AgentSpec, Alias, NameServerName, SpecVersion, Step, SystemName, harmless,
};
use crate::proxy::{Link, ProxyError};
use crate::state::{KeptSpec, Phase};
use crate::supervision::Ticket;
use crate::wire::{AgentRequest, Configure, Fault, Incarnation, Peer, Presence};

/// Where its sockets are.
type Addresses = BTreeMap<Alias, Address>;

/// An agent that others start.
pub(super) struct Attached {
    spec: Box<AgentSpec>,
    version: SpecVersion,
    /// The life of it that is, or is being made, what the spec says.
    life: Option<Incarnation>,
    /// The request to answer when it is.
    ticket: Option<Ticket>,
}

/// All of them.
pub(super) type AllAttached = HashMap<AgentName, Attached>;

/// A life of an agent was adopted and configured, or could not be.
pub(super) struct Adopted {
    agent: AgentName,
    life: Incarnation,
    outcome: Result<Addresses, ProxyError>,
}

/// Those of this name server that a daemon before this one has kept.
pub(super) fn kept(specs: &Specs, group: Option<&NameServerName>) -> AllAttached {
    let ours = |kept: &&KeptSpec| kept.spec.name.nameserver.as_ref() == group;
    let attached = specs.all().filter(|kept| kept.spec.attach).filter(ours);
    let attached = attached.map(|kept| {
        let attached = Attached {
            spec: Box::new(kept.spec.clone()),
            version: kept.version,
            life: None,
            ticket: None,
        };
        (kept.spec.name.name.clone(), attached)
    });
    attached.collect()
}

impl Host {
    /// Its life now is told by the name server, if there is one.
    pub(super) fn on_attach(&mut self, spec: Box<AgentSpec>, ticket: Ticket) {
        let (version, _) = self.specs.keep(&spec);
        let attached = Attached {
            version,
            life: None,
            ticket: Some(ticket),
            spec,
        };
        let name = attached.spec.name.name.clone();
        let before = self.attached.insert(name.clone(), attached);
        if let Some(waiting) = before.and_then(|it| it.ticket) {
            let reason = format!("{name} is to be something else now");
            self.answer::<()>(waiting, Err(Fault::Refused { reason }));
        }
    }

    /// An agent is there that others have started: a new life of it is made the system's.
    pub(super) fn see_to_attached(&mut self, presence: &Presence) {
        let Some(system) = self.options.name.system.clone() else {
            return;
        };
        let Some(attached) = self.attached.get_mut(&presence.agent) else {
            return;
        };
        let is_known = attached.life.replace(presence.incarnation) == Some(presence.incarnation);
        // A daemon before this one has seen to it.
        let is_done = attached.ticket.is_none() && presence.spec_version == Some(attached.version);
        if is_known || is_done {
            return;
        }
        let configure = Configure {
            spec: attached.spec.clone(),
            version: attached.version,
        };
        let (agent, life) = (presence.agent.clone(), presence.incarnation);
        let (link, inputs) = (self.link.clone(), self.inputs.clone());
        tokio::spawn(async move {
            let outcome = adopt(&link, &agent, system, configure).await;
            let _ = inputs.send(Input::Adopted(Box::new(Adopted {
                agent,
                life,
                outcome,
            })));
        });
    }

    pub(super) fn on_adopted(&mut self, adopted: Adopted) {
        let Adopted {
            agent,
            life,
            outcome,
        } = adopted;
        let attached = self.attached.get_mut(&agent);
        let Some(attached) = attached.filter(|it| it.life == Some(life)) else {
            return;
        };
        if outcome.is_err() {
            // When it is heard of again, it is tried again.
            attached.life = None;
        }
        match (attached.ticket.take(), outcome) {
            (Some(ticket), outcome) => self.answer(ticket, outcome.map_err(fault)),
            (None, Ok(_)) if self.is_up() => self.let_work(agent),
            // `up` is about to see to it.
            (None, Ok(_)) => {}
            (None, Err(error)) => complain(&agent, &error),
        }
    }

    /// Whether others have started that agent, and it is there.
    pub(super) fn is_attached(&self, agent: &AgentName) -> bool {
        let attached = self.attached.get(agent);
        attached.is_some_and(|it| it.life.is_some())
    }

    /// What it is to be from its next life on.
    pub(super) fn note_attached(&mut self, spec: &AgentSpec, version: SpecVersion) {
        if let Some(attached) = self.attached.get_mut(&spec.name.name) {
            *attached.spec = spec.clone();
            attached.version = version;
        }
    }

    /// Whether the system is up, so that no `up` configures a new life of an agent.
    fn is_up(&self) -> bool {
        let record = self.options.dir.record().ok().flatten();
        let at = self.link.address();
        record.is_some_and(|record| {
            let mut groups = record.groups.iter();
            groups.any(|group| group.nameserver == at && group.phase == Phase::Up)
        })
    }

    /// To the last step, for an agent that has come back by itself.
    fn let_work(&self, agent: AgentName) {
        let (lead, peer) = (
            AgentRequest::Lead { to: Step::Go },
            Peer::Agent(agent.clone()),
        );
        let led = self.link.ask::<()>(peer, &lead, CONTROL_TIMEOUT);
        tokio::spawn(async move {
            if let Err(error) = led.await {
                complain(&agent, &error);
            }
        });
    }
}

async fn adopt(
    link: &Link,
    agent: &AgentName,
    system: SystemName,
    configure: Configure,
) -> Result<Addresses, ProxyError> {
    let peer = || Peer::Agent(agent.clone());
    let adopt = AgentRequest::Adopt { system };
    link.ask::<()>(peer(), &adopt, CONTROL_TIMEOUT).await?;
    let configure = AgentRequest::Configure(configure);
    link.ask(peer(), &configure, CONTROL_TIMEOUT).await
}

pub(super) fn fault(error: ProxyError) -> Fault {
    match error {
        ProxyError::Fault(fault) => fault,
        other => Fault::Refused {
            reason: other.to_string(),
        },
    }
}

/// To the daemon's log.
fn complain(agent: &AgentName, error: &ProxyError) {
    let mut log = std::io::stderr();
    let error = error.to_string();
    let _ = writeln!(
        log,
        "warning: {agent} was attached anew, and does not work: {}",
        harmless(&error)
    );
}
