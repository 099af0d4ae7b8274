//! Agents that are asked for at run time: `spawn`. The daemon looks whether the name is free, starts the agent, has it go
//! to its work by itself, and answers when it is there; or it takes the agent back. What becomes of each, `supervision::Spawns` says.

use std::time::Duration;

use super::restart::{Asked, Values, ask_where, found_again, launch};
use super::{Host, Input};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{
    AgentId, AgentInfo, AgentName, AgentSpec, ExitReport, Grace, HostId, Millis, Spawned as Stays,
    State, WireSpec,
};
use crate::proxy::ProxyError;
use crate::supervision::{Now, Spawned, Ticket};
use crate::wire::{Fault, Incarnation, NameServerRequest, Peer, Presence};

/// It was looked up whether the name of an agent is free, and what it refers to.
pub(super) struct Looked {
    spec: Box<AgentSpec>,
    ticket: Ticket,
    outcome: Result<Values, Fault>,
}

impl Host {
    pub(super) fn on_spawn(&mut self, mut spec: Box<AgentSpec>, ticket: Ticket) {
        self.name_within_system(&mut spec);
        spec.host = self.options.name.name.clone();
        spec.spawned = Some(Stays::Ephemeral);
        let name = spec.name.name.clone();
        if let Err(fault) = self.may_spawn(&spec) {
            return self.answer::<()>(ticket, Err(fault));
        }
        let limit = self.limit_of(&spec, ticket);
        let life = Incarnation::draw();
        let now = self.now();
        self.spawns.begin(&name, (ticket, life), (limit, now));
        let sockets = self.sockets_of(&spec);
        let question = NameServerRequest::Agents {
            name: Some(name.clone()),
        };
        let there = self
            .link
            .ask::<Vec<AgentInfo>>(Peer::NameServer, &question, CONTROL_TIMEOUT);
        let (inputs, host) = (self.inputs.clone(), self.options.name.clone());
        tokio::spawn(async move {
            let outcome = match is_free(there.await, &name, &host) {
                Ok(()) => Ok(found_again(sockets, Values::new()).await),
                Err(fault) => Err(fault),
            };
            let _ = inputs.send(Input::Looked(Box::new(Looked {
                spec,
                ticket,
                outcome,
            })));
        });
    }

    /// Who asks knows agents as their name server does, and the system perhaps by longer names.
    fn name_within_system(&self, spec: &mut AgentSpec) {
        let id = |it: &AgentId| match it.is_at_home() {
            true => self.spawner.id(&it.name),
            false => it.clone(),
        };
        spec.name = self.spawner.id(&spec.name.name);
        for wire in &mut spec.wires {
            wire.to.agent = id(&wire.to.agent);
        }
        spec.program = spec.program.as_ref().map(|it| it.renamed(id));
        let with = std::mem::take(&mut spec.with).into_iter();
        let with = with.map(|(agent, waits)| (id(&agent), waits.iter().map(id).collect()));
        spec.with = with.collect();
    }

    /// What this daemon knows of itself.
    fn may_spawn(&self, spec: &AgentSpec) -> Result<(), Fault> {
        let refused = |reason: String| Err(Fault::Refused { reason });
        let name = &spec.name.name;
        let program = spec.program.as_ref();
        if spec.attach {
            return refused(format!(
                "{name} is to be started by others: that is not for `spawn`"
            ));
        }
        if program.is_some_and(|it| it.sync.is_some()) {
            let reason = format!("the files of {name} have to be copied, which only `osb up` does");
            return refused(reason);
        }
        if program.is_some_and(|it| !it.after.is_empty()) {
            let reason =
                format!("{name} is to be after others: one that is ephemeral waits for nobody");
            return refused(reason);
        }
        let is_far = |it: &&WireSpec| it.to.agent.nameserver != spec.name.nameserver;
        if let Some(wire) = spec.wires.iter().find(is_far) {
            let reason = format!(
                "{} is at another name server: {name} connects to those of its own",
                wire.to.agent
            );
            return refused(reason);
        }
        let lives = self.supervision.alive().any(|it| it == name);
        let kept = self.specs.get(&spec.name);
        let is_another = kept.is_some_and(|it| !it.spec.is_ephemeral());
        if lives || is_another || self.spawns.has(name) {
            return Err(Fault::NameTaken {
                peer: Peer::Agent(name.clone()),
                pid: self.children.get(name).map(|it| it.pid()),
            });
        }
        Ok(())
    }

    /// How long it has until it does its work; no longer than the requester waits.
    fn limit_of(&self, spec: &AgentSpec, ticket: Ticket) -> Millis {
        let program = spec.program.as_ref().and_then(|it| it.timeout);
        let stages = spec.start_timeout.duration() * 2 + spec.settle.duration();
        let own = stages + program.map_or(Duration::ZERO, Millis::duration);
        let asked = self.tickets.get(&ticket).and_then(|it| it.deadline());
        Millis::from(asked.map_or(own, |asked| own.min(asked)))
    }

    fn sockets_of(&self, spec: &AgentSpec) -> Vec<Asked> {
        let references = spec.program.iter().flat_map(|it| it.references());
        references
            .filter_map(|it| ask_where(&self.link, &spec.name, it))
            .collect()
    }

    pub(super) fn on_looked(&mut self, looked: Looked) {
        let Looked {
            spec,
            ticket,
            outcome,
        } = looked;
        let name = spec.name.name.clone();
        let Some(life) = self.spawns.life(&name) else {
            return;
        };
        let values = match outcome.and_then(|values| complete(&spec, values)) {
            Ok(values) => values,
            Err(fault) => {
                let over = self.spawns.refuse(&name, fault);
                return self.on_spawn_over(over);
            }
        };
        self.note_companions(&spec);
        let now = self.now();
        self.boots.forget(&name, now);
        self.specs.keep(&spec);
        self.specs.keep_values(&spec.name, &values);
        self.follow();
        self.supervision.on_start(spec, life, ticket);
    }

    /// Its process is there, or could not be started. Tells whether it is one of these.
    pub(super) fn on_spawn_started(
        &mut self,
        ticket: Ticket,
        outcome: &Result<u32, Fault>,
    ) -> bool {
        match self.spawns.on_started(ticket, outcome) {
            None => false,
            Some(over) => {
                self.on_spawn_over(over);
                true
            }
        }
    }

    pub(super) fn see_to_spawned(&mut self, presence: &Presence) {
        let (agent, life) = (&presence.agent, presence.incarnation);
        if let Some(fault) = &presence.fault {
            if self.spawns.on_fault(agent, life, (**fault).clone()) {
                self.end_spawned(agent);
            }
            return;
        }
        let works = matches!(presence.state, State::Running | State::Unhealthy);
        if works && presence.ready {
            let over = self.spawns.on_ready(agent, life);
            self.on_spawn_over(over);
        }
    }

    pub(super) fn on_spawns_time(&mut self, now: Now) {
        for agent in self.spawns.on_time(now) {
            self.end_spawned(&agent);
        }
    }

    /// The name server has been told that it has ended.
    pub(super) fn on_spawn_ended(
        &mut self,
        agent: &AgentName,
        life: Incarnation,
        exit: &ExitReport,
    ) {
        let over = self.spawns.on_ended(agent, life, exit);
        self.on_spawn_over(over);
    }

    fn on_spawn_over(&mut self, over: Option<Spawned>) {
        let Some(Spawned {
            agent,
            ticket,
            outcome,
        }) = over
        else {
            return;
        };
        match &outcome {
            Ok(_) => {
                let id = self.spawner.id(&agent);
                self.specs.keep_up(std::iter::once(id));
                let now = self.now();
                self.supervision.on_keep(std::slice::from_ref(&agent), now);
                self.specs.flush();
            }
            Err(_) => self.forget_ephemeral(&agent),
        }
        self.follow();
        self.answer(ticket, outcome);
    }

    /// Nobody is told of its end but those who wait for it already.
    fn end_spawned(&mut self, agent: &AgentName) {
        let ticket = self.ticket();
        let now = self.now();
        self.supervision.on_stop(agent, Grace::USUAL, ticket, now);
    }
}

/// A name is free that the name server does not know, or that an agent of this host has had which has ended.
fn is_free(
    there: Result<Vec<AgentInfo>, ProxyError>,
    name: &AgentName,
    host: &HostId,
) -> Result<(), Fault> {
    let there = match there {
        Err(ProxyError::Fault(Fault::UnknownAgent { .. })) => Vec::new(),
        Err(error) => return Err(super::attached::fault(error)),
        Ok(there) => there,
    };
    let is_over = |it: &AgentInfo| it.state.is_over() && it.host_id().as_ref() == Some(host);
    match there.into_iter().find(|it| !is_over(it)) {
        None => Ok(()),
        Some(taken) => Err(Fault::NameTaken {
            peer: Peer::Agent(name.clone()),
            pid: taken.pid,
        }),
    }
}

/// Whether all is known that its program refers to.
fn complete(spec: &AgentSpec, values: Values) -> Result<Values, Fault> {
    if !spec.is_launched() || launch(spec, &values, spec.start_timeout).is_some() {
        return Ok(values);
    }
    let references = spec.program.iter().flat_map(|it| it.references());
    let mut unknown = references
        .filter(|it| it.agent().is_some())
        .map(ToString::to_string)
        .filter(|it| !values.contains_key(it));
    let first = unknown.next().unwrap_or_default();
    Err(Fault::Start {
        agent: spec.name.name.clone(),
        reason: format!(
            "what ${{{first}}} stands for is not known: an ephemeral agent may refer to addresses of sockets that are there"
        ),
    })
}
