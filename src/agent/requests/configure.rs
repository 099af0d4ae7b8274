//! Requests that make an agent what it is: sockets to bind, attributes, timers, and its stages.

use std::mem;
use std::time::Instant;

use serde_json::Value;

use super::value;
use crate::agent::given::Given;
use crate::agent::handlers::expect_to_collect;
use crate::agent::requester::Requester;
use crate::agent::sockets::{BindError, Place, Slot, SlotId};
use crate::agent::state::Agent;
use crate::model::timing::{FORMER_PORT_INTERVAL, FORMER_PORT_TIMEOUT};
use crate::model::{
    Action, AgentSpec, Alias, BindSpec, Endpoint, Grace, Handlers, Kind, Millis, Serializer,
    SpecVersion, Topic,
};
use crate::wire::{Configure, Fault};

/// A socket to make.
struct Asked<'a> {
    alias: &'a Alias,
    kind: Kind,
    serializer: Serializer,
    handlers: &'a Handlers,
}

impl Agent {
    /// Becomes what the spec says with which it was started. That it cannot, it announces: the agent is there, so that
    /// it can be asked and ended.
    pub(crate) fn carry_out_spec(&mut self) {
        let Some(version) = self.boot.version else {
            return;
        };
        // What it takes to begin is still needed; the rest is the agent's from now on.
        let is_relaunched = self.is_relaunched();
        let own = &mut self.boot.spec;
        // A program that is started anew begins with these again.
        let (attributes, timers) = match is_relaunched {
            true => (own.attributes.clone(), own.timers.clone()),
            false => (mem::take(&mut own.attributes), mem::take(&mut own.timers)),
        };
        let spec = AgentSpec {
            attributes,
            bind: mem::take(&mut own.bind),
            wires: mem::take(&mut own.wires),
            timers,
            ..(**own).clone()
        };
        if let Err(fault) = self.apply(spec, version) {
            self.log.error(&fault.to_string());
            self.given = Given::failed(fault);
        }
    }

    pub(super) fn configure(&mut self, configure: Configure) -> Result<Value, Fault> {
        self.apply(*configure.spec, configure.version)?;
        self.announce();
        Ok(value(&self.sockets.addresses()))
    }

    /// All or nothing.
    fn apply(&mut self, mut spec: AgentSpec, version: SpecVersion) -> Result<(), Fault> {
        self.check_timers(&spec.timers)?;
        for socket in spec.bind.iter() {
            self.handlers_for(&socket.alias, socket.kind, socket.handlers.clone())?;
        }
        let mut bound = Vec::with_capacity(spec.bind.len());
        let mut theirs = Vec::new();
        for socket in mem::take(&mut spec.bind) {
            if let Some(at) = self.made_by_hand(&socket) {
                theirs.push((at, socket));
                continue;
            }
            match self.bind_one(socket) {
                Ok(at) => bound.push(at),
                Err(fault) => {
                    self.unbind(&bound);
                    return Err(fault);
                }
            }
        }
        self.keep_attributes(mem::take(&mut spec.attributes));
        for timer in mem::take(&mut spec.timers) {
            self.timers.add(timer, self.now);
        }
        self.given = Given::of(spec, version);
        for (at, socket) in theirs {
            self.take_over(at, socket)?;
        }
        self.steps.on_configured();
        Ok(())
    }

    /// Takes back sockets that have just been bound.
    pub(super) fn unbind(&mut self, bound: &[SlotId]) {
        for slot in bound.iter().filter_map(|at| self.sockets.remove(*at)) {
            slot.close_within(None, &self.context);
        }
    }

    pub(super) fn bind(
        &mut self,
        request: BindSpec,
        requester: Option<&Requester>,
    ) -> Result<Value, Fault> {
        let is_program = matches!(requester, Some(Requester::Program(_)));
        if let Some(at) = self.specified(&request).filter(|_| is_program) {
            return Ok(value(&self.sockets.get(at).and_then(Slot::address)));
        }
        let at = self.bind_one(request)?;
        if let Some(slot) = self.sockets.get_mut(at) {
            slot.by_hand = true;
        }
        self.announce();
        Ok(value(&self.sockets.get(at).and_then(Slot::address)))
    }

    pub(super) fn bind_one(&mut self, request: BindSpec) -> Result<SlotId, Fault> {
        let BindSpec {
            alias,
            kind,
            endpoint,
            serializer,
            handlers,
            admits,
        } = request;
        if self.sockets.find(alias.as_str()).is_some() {
            let agent = self.boot.name().clone();
            return Err(Fault::AliasTaken { agent, alias });
        }
        if !kind.binds() {
            let reason = format!(
                "{} socket connects, to {}; it is not bound",
                kind.with_article(),
                kind.twin().with_article()
            );
            return Err(Fault::Refused { reason });
        }
        if serializer == Serializer::Pickle && self.boot.keys.is_none() {
            let reason = format!(
                "{}.{alias} would have pickles, and this system is open: whoever reads one runs code of whoever writes it",
                self.boot.name()
            );
            return Err(Fault::Refused { reason });
        }
        let handlers = self.handlers_for(&alias, kind, handlers)?;
        let asked = endpoint.clone();
        let endpoint = self.endpoint(endpoint);
        let fault = |error: BindError| Fault::Bind {
            alias: alias.clone(),
            address: error.address,
            reason: error.reason,
        };
        let socket = Asked {
            alias: &alias,
            kind,
            serializer,
            handlers: &handlers,
        };
        let former = self.boot.ports.remove(&alias);
        let former = former.and_then(|port| self.bind_again(&socket, &at_port(&endpoint, port)?));
        let mut slot = match former {
            Some(slot) => slot,
            None => self.bind_at(&socket, &endpoint).map_err(fault)?,
        };
        slot.admits = admits;
        slot.asked = asked;
        expect_to_collect(&mut self.attributes, handlers.actions());
        Ok(self.sockets.add(slot))
    }

    /// At the port of the agent's former life, which may be in use for a moment still. None if it is for longer: the socket
    /// is bound elsewhere then. The agent is not at work yet, and nothing tells when a port is free.
    fn bind_again(&self, socket: &Asked<'_>, endpoint: &Endpoint) -> Option<Slot> {
        let deadline = Instant::now() + FORMER_PORT_TIMEOUT;
        loop {
            if let Ok(slot) = self.bind_at(socket, endpoint) {
                return Some(slot);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(FORMER_PORT_INTERVAL);
        }
    }

    fn bind_at(&self, socket: &Asked<'_>, endpoint: &Endpoint) -> Result<Slot, BindError> {
        let made = Slot::new(
            &self.context,
            socket.alias.clone(),
            socket.kind,
            socket.serializer,
            socket.handlers.clone(),
            self.own_keys(),
        );
        let mut slot = made.map_err(|error| BindError {
            address: endpoint.to_string(),
            reason: error.message().to_lowercase(),
        })?;
        let place = Place {
            agent: self.boot.name(),
            advertise: self.boot.advertise,
            ipc_dir: &self.boot.ipc_dir,
        };
        if socket.kind.subscribes() {
            slot.subscribe_to_handlers();
        }
        slot.bind(endpoint, &place)?;
        Ok(slot)
    }

    /// The handlers of a new socket: those that were asked for, or what an agent does by itself.
    pub(super) fn handlers_for(
        &self,
        alias: &Alias,
        kind: Kind,
        asked: Option<Handlers>,
    ) -> Result<Handlers, Fault> {
        match asked {
            Some(handlers) => self.check_handlers(kind, &handlers).map(|()| handlers),
            None if !kind.receives() => Ok(Handlers::none()),
            None if kind.answers() && !self.has_words() => Err(Fault::Refused {
                reason: format!(
                    "{}.{alias} must answer, and has nothing to do it: give it a handler, such as echo",
                    self.boot.name()
                ),
            }),
            None => Ok(Handlers::one(self.own_action())),
        }
    }

    /// What an agent does with messages of a socket without a handler.
    pub(super) fn own_action(&self) -> Action {
        match self.has_words() {
            true => Action::Command,
            false => Action::Log,
        }
    }

    /// Refuses handlers that could never work.
    pub(super) fn check_handlers(&self, kind: Kind, handlers: &Handlers) -> Result<(), Fault> {
        let refused = |reason: String| Err(Fault::Refused { reason });
        let by_topic = matches!(handlers, Handlers::ByTopic(_));
        if by_topic && kind.receives() && !kind.subscribes() {
            return refused(format!(
                "{} socket has no topics to handle apart",
                kind.with_article()
            ));
        }
        // It would end the topic on the wire, so that no message ever matched.
        for topic in handlers.subscriptions() {
            if let Err(error) = topic.parse::<Topic>() {
                return refused(error.to_string());
            }
        }
        if !kind.receives() && handlers.actions().next().is_some() {
            return refused(format!(
                "nothing arrives at {} socket: no handler would ever run",
                kind.with_article()
            ));
        }
        self.check_actions(handlers.actions())
    }

    /// Refuses actions that need a program, if there is none.
    pub(super) fn check_actions<'a>(
        &self,
        mut actions: impl Iterator<Item = &'a Action>,
    ) -> Result<(), Fault> {
        let wanting = actions.find(|action| action.needs_program());
        match wanting.filter(|_| !self.has_words()) {
            None => Ok(()),
            Some(action) => Err(Fault::Refused {
                reason: format!(
                    "{} has no command: the handler `{action}` cannot work",
                    self.boot.name()
                ),
            }),
        }
    }

    /// The program may begin, once.
    pub(crate) fn start(&mut self) {
        if let Some(adoption) = &mut self.adoption {
            adoption.works = true;
        }
        self.life.start();
        if self.life.working() {
            self.start_program();
        }
    }

    /// The timers begin, once.
    pub(crate) fn go(&mut self) {
        if self.life.working() {
            self.timers.start(self.now);
        }
    }

    /// Nothing more of its own accord.
    pub(super) fn quiet(&mut self) {
        if self.life.quiet() {
            self.timers.stop();
            self.stop_program();
        }
    }

    /// How long its program gets to end by itself.
    pub(crate) fn stop_timeout(&self) -> Millis {
        Grace::USUAL.of(self.boot.spec.stop_timeout)
    }

    /// The end begins.
    pub(crate) fn end(&mut self, code: i32) {
        self.end_within(code, self.stop_timeout());
    }

    /// The same, for one that gives its program so long.
    pub(crate) fn end_within(&mut self, code: i32, grace: Millis) {
        if self.life.end(code, grace.duration(), self.now) {
            self.timers.stop();
            self.give_up_relaunch();
            self.stop_program();
            self.end_program();
        }
    }
}

/// The same place, at the port that the socket had before, where it may have any.
fn at_port(endpoint: &Endpoint, port: u16) -> Option<Endpoint> {
    match endpoint {
        Endpoint::Tcp { ip, port: 0 } => Some(Endpoint::Tcp { ip: *ip, port }),
        Endpoint::Tcp { .. } | Endpoint::Ipc { .. } => None,
    }
}
