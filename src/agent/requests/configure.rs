//! Requests that make an agent what it is: sockets to bind, attributes, timers, and its stages.

use serde_json::Value;

use super::value;
use crate::agent::sockets::{BindError, Place, Slot};
use crate::agent::state::Agent;
use crate::model::{Handlers, Kind};
use crate::wire::{BindRequest, Configuration, Fault};

impl Agent {
    /// All or nothing.
    pub(super) fn configure(&mut self, all: Configuration) -> Result<Value, Fault> {
        let before = self.sockets.len();
        for request in all.bind {
            if let Err(fault) = self.bind_one(request) {
                self.sockets.truncate(before);
                return Err(fault);
            }
        }
        self.attributes.extend(all.attributes);
        self.timers.add(all.timers, self.now);
        if self.sockets.len() > before {
            self.announce();
        }
        Ok(value(&self.sockets.addresses()))
    }

    pub(super) fn bind(&mut self, request: BindRequest) -> Result<Value, Fault> {
        let at = self.bind_one(request)?;
        self.announce();
        Ok(value(&self.sockets.at(at).address()))
    }

    fn bind_one(&mut self, request: BindRequest) -> Result<usize, Fault> {
        let BindRequest {
            alias,
            kind,
            endpoint,
            serializer,
            handlers,
        } = request;
        if self.sockets.find(alias.as_str()).is_some() {
            let agent = self.boot.name.clone();
            return Err(Fault::AliasTaken { agent, alias });
        }
        self.check_handlers(&handlers)?;
        let fault = |error: BindError| Fault::Bind {
            alias: alias.clone(),
            address: error.address,
            reason: error.reason,
        };
        let made = Slot::new(&self.context, alias.clone(), kind, serializer, handlers);
        let mut slot = made.map_err(|error| {
            fault(BindError {
                address: endpoint.to_string(),
                reason: error.message().to_lowercase(),
            })
        })?;
        let place = Place {
            agent: &self.boot.name,
            advertise: self.boot.advertise,
            ipc_dir: &self.boot.ipc_dir,
        };
        if kind == Kind::Sub {
            for prefix in slot.handlers.clone().subscriptions() {
                slot.subscribe(prefix.as_bytes());
            }
        }
        slot.bind(&endpoint, &place).map_err(fault)?;
        Ok(self.sockets.add(slot))
    }

    /// Refuses handlers that could never work.
    pub(super) fn check_handlers(&self, handlers: &Handlers) -> Result<(), Fault> {
        let wanting = handlers.actions().find(|action| action.needs_program());
        match wanting {
            Some(action) if self.program.is_none() => Err(Fault::Refused {
                reason: format!(
                    "{} has no command: the handler `{action}` cannot work",
                    self.boot.name
                ),
            }),
            _ => Ok(()),
        }
    }

    /// The system is wired.
    pub fn go(&mut self) {
        if let Some(adoption) = &mut self.adoption {
            adoption.works = true;
        }
        if self.life.go() {
            self.timers.start(self.now);
            self.start_program();
        }
    }

    /// Nothing more of its own accord.
    pub(super) fn stop(&mut self) {
        if self.life.stop() {
            self.timers.stop();
            self.stop_program();
        }
    }

    /// The end begins.
    pub fn end(&mut self, code: i32) {
        if self.life.end(code, self.now) {
            self.timers.stop();
            self.stop_program();
            self.close_program_input();
        }
    }
}
