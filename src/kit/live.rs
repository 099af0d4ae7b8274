//! The agent's own sockets, changed by its code while it runs: the same requests, with the
//! same names, as a [`Proxy`](crate::proxy::Proxy) makes from outside. Each waits until it is done.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::convert::{decoded, name, to_value};
use super::{CallError, Context};
use crate::agent::ProgramRequest;
use crate::model::{
    Address, Admits, Alias, BindSpec, ConnectionInfo, Handlers, Kind, Millis, Replies, Serializer,
    Target,
};
use crate::wire::{AgentRequest, ConnectToRequest};

impl<S> Context<S> {
    /// Binds a socket on any free port of the agent's address, with JSON messages, for the handler of
    /// that name. [`Context::bind_to`] has all the choices.
    pub fn bind(&mut self, kind: Kind, alias: &str) -> Result<Address, CallError> {
        self.bind_to(BindSpec {
            alias: name(alias)?,
            kind,
            endpoint: None,
            serializer: Serializer::Json,
            handlers: None,
            admits: Admits::anyone(),
        })
    }

    /// Binds a socket.
    pub fn bind_to(&mut self, socket: BindSpec) -> Result<Address, CallError> {
        self.ask_for("an address", AgentRequest::Bind(socket))
    }

    /// Connects a socket to another agent's, such as `Alice.main`, wherever that is now, and waits
    /// until the connection is proven. If it was connected to that one elsewhere, it is moved.
    pub fn connect(&mut self, to: &str, alias: &str) -> Result<ConnectionInfo, CallError> {
        self.connect_to(&name(to)?, alias, None)
    }

    /// The same, with handlers other than the one of that name: by topic, for example.
    pub fn connect_to(
        &mut self,
        to: &Target,
        alias: &str,
        handlers: Option<Handlers>,
    ) -> Result<ConnectionInfo, CallError> {
        self.connect_and_ask(to, alias, handlers, Replies::default())
    }

    /// The same with a socket that asks, and with what becomes of the answers.
    pub fn connect_and_ask(
        &mut self,
        to: &Target,
        alias: &str,
        handlers: Option<Handlers>,
        replies: Replies,
    ) -> Result<ConnectionInfo, CallError> {
        let request = AgentRequest::ConnectTo(ConnectToRequest {
            alias: name(alias)?,
            to: to.clone(),
            handlers,
            replies,
        });
        self.ask_for("a connection", request)
    }

    /// Sends a request by a socket that asks and goes on: the answer goes to handlers, those of the
    /// connection where `replies` says nothing. [`Context::request`](Self::request) waits for it.
    pub fn ask_by(
        &mut self,
        alias: &str,
        message: impl Serialize,
        replies: Replies,
    ) -> Result<(), CallError> {
        let request = AgentRequest::Ask {
            alias: name(alias)?,
            message: to_value(message)?,
            replies,
        };
        self.ask_for("nothing", request)
    }

    /// Where one of the agent's own sockets can be reached.
    pub fn addr(&mut self, alias: &str) -> Result<Address, CallError> {
        let alias = Some(name(alias)?);
        self.ask_for("an address", AgentRequest::Addr { alias })
    }

    /// Closes a socket. What it has taken may leave for as long as `linger`, or a second; requests
    /// that came by it and are not answered yet get an error. Tells how many messages never left.
    pub fn close(&mut self, alias: &str, linger: Option<Duration>) -> Result<u64, CallError> {
        let alias: Alias = name(alias)?;
        self.proven.retain(|proven| *proven != alias);
        let request = AgentRequest::Close {
            alias,
            linger: linger.map(Millis::from),
        };
        let unsent: BTreeMap<Alias, u64> = self.ask_for("a count", request)?;
        Ok(unsent.values().sum())
    }

    /// Closes all sockets.
    pub fn close_all(
        &mut self,
        linger: Option<Duration>,
    ) -> Result<BTreeMap<Alias, u64>, CallError> {
        self.proven.clear();
        let linger = linger.map(Millis::from);
        self.ask_for("a count", AgentRequest::CloseAll { linger })
    }

    /// Subscribes a SUB socket to topics, and handles them so from now on.
    pub fn subscribe(&mut self, alias: &str, handlers: Handlers) -> Result<(), CallError> {
        let alias = name(alias)?;
        self.ask_for("nothing", AgentRequest::Subscribe { alias, handlers })
    }

    /// Takes subscriptions of a SUB socket back.
    pub fn unsubscribe(&mut self, alias: &str, topics: &[&str]) -> Result<(), CallError> {
        let request = AgentRequest::Unsubscribe {
            alias: name(alias)?,
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
        };
        self.ask_for("nothing", request)
    }

    pub(super) fn ask_for<T: DeserializeOwned>(
        &mut self,
        what: &str,
        request: AgentRequest,
    ) -> Result<T, CallError> {
        let request = Box::new(request);
        let answer = self.line.ask(|id| ProgramRequest::Plain {
            request,
            id: Some(id),
        })?;
        decoded(answer, || what.to_owned())
    }
}
