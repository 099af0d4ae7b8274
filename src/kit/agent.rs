//! The description of an agent: its state, its handlers and methods, and the hooks of its life.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::convert::encoded;
use super::{CallError, Context, Error, Result};
use crate::agent::Payload;
use crate::wire::{Content, ReadError};

/// A handler or method whose types have been seen to. It is told whether somebody waits for what it comes back with.
pub(super) type Erased<S> =
    Box<dyn FnMut(&mut Context<S>, Payload, bool) -> Result<Option<Content>>>;
/// A hook.
pub(super) type Hook<S> = Box<dyn FnMut(&mut Context<S>) -> Result<()>>;

/// An agent to be: `S` is its state, which every handler has at hand as `agent.state`.
///
/// ```no_run
/// use osb::kit::Agent;
///
/// fn main() -> std::process::ExitCode {
///     Agent::new(0u64)
///         .handler("numbers", |agent, number: u64| {
///             agent.state += number;
///             Ok(())
///         })
///         .method("total", |agent, (): ()| Ok(agent.state))
///         .main()
/// }
/// ```
pub struct Agent<S = ()> {
    pub(super) state: S,
    pub(super) name: Option<String>,
    pub(super) nameserver: Option<String>,
    pub(super) waits_for_go: bool,
    /// It keeps no log.
    pub(super) is_quiet: bool,
    /// The file with its key, if it is not the one that is found.
    pub(super) key: Option<PathBuf>,
    /// What peers dial to reach it. None: this machine alone does.
    pub(super) advertise: Option<IpAddr>,
    pub(super) code: Code<S>,
}

/// What has come is no message, whatever a handler expects.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Garbled(pub String);

/// All that an agent runs.
pub(super) struct Code<S> {
    pub handlers: BTreeMap<String, Erased<S>>,
    pub methods: BTreeMap<String, Erased<S>>,
    pub any: Option<Erased<S>>,
    pub on_init: Option<Hook<S>>,
    pub before_loop: Option<Hook<S>>,
    pub on_start: Option<Hook<S>>,
    pub on_stop: Option<Hook<S>>,
    pub idle: Option<(Duration, Hook<S>)>,
    pub ends_on_error: bool,
}

impl<S> Agent<S> {
    /// An agent that has `state` and does nothing yet.
    pub fn new(state: S) -> Self {
        Self {
            state,
            name: None,
            nameserver: None,
            waits_for_go: false,
            is_quiet: false,
            key: None,
            advertise: None,
            code: Code {
                handlers: BTreeMap::new(),
                methods: BTreeMap::new(),
                any: None,
                on_init: None,
                before_loop: None,
                on_start: None,
                on_stop: None,
                idle: None,
                ends_on_error: false,
            },
        }
    }

    /// Its name, if osb does not give it one and neither does the environment variable `OSB_AGENT`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The name server to be registered at, if osb does not tell and neither does the environment
    /// variable `OSB_NAMESERVER`: `host:port`.
    #[must_use]
    pub fn nameserver(mut self, address: &str) -> Self {
        self.nameserver = Some(address.to_owned());
        self
    }

    /// By that key, and where peers dial to reach it: for a command, which is told.
    pub(crate) fn told(mut self, key: Option<PathBuf>, advertise: IpAddr) -> Self {
        (self.key, self.advertise) = (key, Some(advertise));
        self
    }

    /// Started by hand, it sends nothing until `osb up` has wired it (`attach: true` in the
    /// topology). Without this it begins at once, unless osb has started it.
    #[must_use]
    pub fn waits_for_go(mut self) -> Self {
        self.waits_for_go = true;
        self
    }

    /// Handles messages: those of sockets with the handler `call:NAME`, and those of the socket with
    /// the alias `name` if the topology names no handler for it. What it returns answers a request;
    /// an error is logged, and answers it too.
    #[must_use]
    pub fn handler<M, R>(
        mut self,
        name: &str,
        handler: impl FnMut(&mut Context<S>, M) -> Result<R> + 'static,
    ) -> Self
    where
        M: DeserializeOwned,
        R: Serialize,
    {
        let handler = erase("the message", handler);
        self.code.handlers.insert(name.to_owned(), handler);
        self
    }

    /// Handles the messages that no other handler is for.
    #[must_use]
    pub fn default_handler<M, R>(
        mut self,
        handler: impl FnMut(&mut Context<S>, M) -> Result<R> + 'static,
    ) -> Self
    where
        M: DeserializeOwned,
        R: Serialize,
    {
        self.code.any = Some(erase("the message", handler));
        self
    }

    /// Answers calls by `osb call AGENT name`, by proxies and by timers.
    #[must_use]
    pub fn method<P, R>(
        mut self,
        name: &str,
        method: impl FnMut(&mut Context<S>, P) -> Result<R> + 'static,
    ) -> Self
    where
        P: DeserializeOwned,
        R: Serialize,
    {
        let method = erase("what it is called with", method);
        self.code.methods.insert(name.to_owned(), method);
        self
    }

    /// Runs before the agent is registered: for attributes and sockets of its own. An error ends it.
    #[must_use]
    pub fn on_init(mut self, hook: impl FnMut(&mut Context<S>) -> Result<()> + 'static) -> Self {
        self.code.on_init = Some(Box::new(hook));
        self
    }

    /// Runs once when the agent is registered, before the first message.
    #[must_use]
    pub fn before_loop(
        mut self,
        hook: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Self {
        self.code.before_loop = Some(Box::new(hook));
        self
    }

    /// Runs when the system is wired and messages may be sent; at once, if no `up` wires it.
    #[must_use]
    pub fn on_start(mut self, hook: impl FnMut(&mut Context<S>) -> Result<()> + 'static) -> Self {
        self.code.on_start = Some(Box::new(hook));
        self
    }

    /// Runs when the agent is to end, or to stop.
    #[must_use]
    pub fn on_stop(mut self, hook: impl FnMut(&mut Context<S>) -> Result<()> + 'static) -> Self {
        self.code.on_stop = Some(Box::new(hook));
        self
    }

    /// Runs whenever nothing has happened for `timeout`, again and again: osBrain's `idle`.
    #[must_use]
    pub fn idle(
        mut self,
        timeout: Duration,
        hook: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Self {
        self.code.idle = Some((timeout, Box::new(hook)));
        self
    }

    /// An error of a handler, a method or a hook ends the agent, with status 1. Without this it is
    /// logged, and the agent goes on.
    #[must_use]
    pub fn ends_on_error(mut self) -> Self {
        self.code.ends_on_error = true;
        self
    }
}

/// A handler for any message, from one for messages of a type.
pub(super) fn erase<S, M, R>(
    what: &'static str,
    mut handler: impl FnMut(&mut Context<S>, M) -> Result<R> + 'static,
) -> Erased<S>
where
    M: DeserializeOwned,
    R: Serialize,
{
    Box::new(move |context, message: Payload, is_asked| {
        let message = message.read().map_err(|error| match error {
            ReadError::Garbled(error) => Error::new(Garbled(error.to_string())),
            ReadError::Unfit(error) => Error::new(CallError::Decode {
                what: what.to_owned(),
                error,
            }),
        })?;
        let answer = handler(context, message)?;
        Ok(match is_asked {
            true => Some(encoded(answer)?),
            false => None,
        })
    })
}
