//! Sockets that an agent makes for itself, while it runs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::context::{decoded, name};
use super::error::limit;
use super::{CallError, Context};
use crate::agent::{FromProgram, Handler};
use crate::model::{Address, Alias, ConnectionInfo, Handlers, Kind, Millis, Serializer, Transport};

/// What may be said of a socket to bind. What is left out is as the agent has it: TCP, on any port of
/// its host, JSON, and the handler that has the alias for its name.
#[derive(Debug, Clone, Default)]
pub struct Bind {
    pub transport: Option<Transport>,
    /// An IP address (any port), an IP address with a port, or a path.
    pub addr: Option<String>,
    pub serializer: Option<Serializer>,
    pub handler: Option<Handlers>,
    /// Other machines may reach it, unencrypted.
    pub insecure: bool,
}

/// What may be said of a connection.
#[derive(Debug, Clone, Default)]
pub struct Connect {
    /// Needed only for an address that ZeroMQ dials.
    pub kind: Option<Kind>,
    pub serializer: Option<Serializer>,
    /// For SUB, the topics are subscribed to.
    pub handler: Option<Handlers>,
    /// How long the proof may take.
    pub timeout: Option<Duration>,
}

impl<S> Context<S> {
    /// Binds a socket. Its address is known to all when this returns.
    pub fn bind(&mut self, kind: Kind, alias: &str) -> Result<Address, CallError> {
        self.bind_with(kind, alias, Bind::default())
    }

    /// Binds a socket, with all the choices.
    pub fn bind_with(&mut self, kind: Kind, alias: &str, bind: Bind) -> Result<Address, CallError> {
        let socket: Alias = name(alias)?;
        let address = self.line.ask(|id| FromProgram::Bind {
            alias: socket,
            kind,
            transport: bind.transport,
            addr: bind.addr,
            serializer: bind.serializer,
            handler: bind.handler.map(Handler),
            insecure: bind.insecure,
            id: Some(id),
        })?;
        decoded(address, || format!("the address of {alias}"))
    }

    /// Connects a socket to another agent's, `"Alice.main"`, and waits until the connection is proven.
    /// If it was connected there before, and that one has moved, the connection moves.
    pub fn connect(&mut self, alias: &str, to: &str) -> Result<ConnectionInfo, CallError> {
        self.connect_with(alias, to, Connect::default())
    }

    /// Connects a socket to another agent's, or to an address such as `tcp://127.0.0.1:40123`, with all
    /// the choices.
    pub fn connect_with(
        &mut self,
        alias: &str,
        to: &str,
        connect: Connect,
    ) -> Result<ConnectionInfo, CallError> {
        let socket: Alias = name(alias)?;
        let made = self.line.ask(|id| FromProgram::Connect {
            alias: socket,
            to: to.to_owned(),
            kind: connect.kind,
            serializer: connect.serializer,
            handler: connect.handler.map(Handler),
            timeout: connect.timeout.map(limit),
            id: Some(id),
        })?;
        decoded(made, || format!("the connection of {alias}"))
    }

    /// Closes a socket; what it holds may leave for as long as its linger, a second. Tells how many
    /// messages never left.
    pub fn close(&mut self, alias: &str) -> Result<u64, CallError> {
        self.close_lingering(alias, None)
    }

    /// Closes a socket; what it holds may leave for as long as `linger`.
    pub fn close_within(&mut self, alias: &str, linger: Duration) -> Result<u64, CallError> {
        self.close_lingering(alias, Some(limit(linger)))
    }

    fn close_lingering(&mut self, alias: &str, linger: Option<Millis>) -> Result<u64, CallError> {
        let socket: Alias = name(alias)?;
        self.proven.retain(|proven| *proven != socket);
        let unsent = self.line.ask(|id| FromProgram::Close {
            alias: socket,
            linger,
            id: Some(id),
        })?;
        self.unsent(unsent)
    }

    /// Closes all its sockets. Tells how many messages never left.
    pub fn close_all(&mut self) -> Result<u64, CallError> {
        self.proven.clear();
        let unsent = self.line.ask(|id| FromProgram::CloseAll {
            linger: None,
            id: Some(id),
        })?;
        self.unsent(unsent)
    }

    fn unsent(&self, unsent: serde_json::Value) -> Result<u64, CallError> {
        let unsent: BTreeMap<Alias, u64> = decoded(unsent, || "what was not sent".to_owned())?;
        Ok(unsent.values().sum())
    }

    /// SUB: subscribes to topics, each with its handlers; those that it has already get new ones.
    pub fn subscribe(&mut self, alias: &str, handlers: Handlers) -> Result<(), CallError> {
        let socket: Alias = name(alias)?;
        self.line.ask(|id| FromProgram::Subscribe {
            alias: socket,
            handler: Handler(handlers),
            id: Some(id),
        })?;
        Ok(())
    }

    /// SUB: no longer hears of these topics.
    pub fn unsubscribe(&mut self, alias: &str, topics: &[&str]) -> Result<(), CallError> {
        let socket: Alias = name(alias)?;
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        self.line.ask(|id| FromProgram::Unsubscribe {
            alias: socket,
            topics,
            id: Some(id),
        })?;
        Ok(())
    }

    /// The address of one of its own sockets.
    pub fn addr(&mut self, alias: &str) -> Result<Address, CallError> {
        let socket: Alias = name(alias)?;
        let address = self.line.ask(|id| FromProgram::Addr {
            alias: Some(socket),
            id,
        })?;
        decoded(address, || format!("the address of {alias}"))
    }
}
