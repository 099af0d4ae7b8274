//! What an agent's code has in hand while it runs: its state, and all it can do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::convert::{decoded, encoded, name, to_value};
use super::current::{Current, Promise};
use super::error::limit;
use super::later::{Added, Answered};
use super::line::Line;
use super::remote::Task;
use super::run::{Handle, spawn_at};
use super::{Agent, CallError, Error, RunError};
use crate::agent::{OwnWord, ToOthers, Whence};
use crate::model::{AgentName, Alias, Dial, Level, NewAgent, Topic};
use crate::proxy::{NameServer, Proxy};
use crate::wire::Content;

/// The agent, as its handlers see it. All calls are carried out by its loop, in the order they are
/// made.
pub struct Context<S> {
    /// The agent's own.
    pub state: S,
    pub(super) line: Line,
    pub(super) name: AgentName,
    /// Whence messages come now.
    pub(super) at: Option<Arc<Whence>>,
    pub(super) current: Current,
    pub(super) ending: Option<i32>,
    nameserver: Dial,
    link: Option<NameServer>,
    /// Sockets that have taken a message before.
    pub(super) proven: Vec<Alias>,
    /// Code that was added and is not in its place yet.
    pub(super) added: Vec<Added<S>>,
    /// Requests whose answers are seen to when they come.
    pub(super) asked: BTreeMap<u64, Answered<S>>,
    /// Methods that are called once.
    pub(super) once: Vec<String>,
    pub(super) last_timer: u64,
    /// What other threads have for this one to do.
    pub(super) tasks: Receiver<Task<S>>,
    pub(super) new_tasks: Sender<Task<S>>,
}

impl<S> Context<S> {
    pub(super) fn new(state: S, line: Line, name: AgentName, nameserver: Dial) -> Self {
        let (new_tasks, tasks) = mpsc::channel();
        Self {
            state,
            line,
            name,
            at: None,
            current: Current::default(),
            ending: None,
            nameserver,
            link: None,
            proven: Vec::new(),
            added: Vec::new(),
            asked: BTreeMap::new(),
            once: Vec::new(),
            last_timer: 0,
            tasks,
            new_tasks,
        }
    }

    /// The agent's name.
    pub fn name(&self) -> &AgentName {
        &self.name
    }

    /// The socket at which the message that is being handled has arrived. None in methods and hooks.
    pub fn alias(&self) -> Option<&str> {
        let at = self.at.as_ref().filter(|_| self.current.is_message);
        at.map(|at| at.alias.as_str())
    }

    /// The topic of the publication that is being handled.
    pub fn topic(&self) -> Option<&str> {
        self.current.topic.as_deref()
    }

    /// Sends a message by one of the agent's sockets. If there is no room it waits. The first message
    /// by a socket comes back when the socket has taken it, so that a wrong alias or kind is an error
    /// here; later ones are on their way at once.
    pub fn send(&mut self, alias: &str, message: impl Serialize) -> Result<(), CallError> {
        self.send_by(alias, message, None)
    }

    /// Publishes a message under a topic.
    pub fn publish(
        &mut self,
        alias: &str,
        topic: &str,
        message: impl Serialize,
    ) -> Result<(), CallError> {
        self.send_by(alias, message, Some(topic.parse()?))
    }

    fn send_by(
        &mut self,
        alias: &str,
        message: impl Serialize,
        topic: Option<Topic>,
    ) -> Result<(), CallError> {
        let alias: Alias = name(alias)?;
        let message = encoded(message)?;
        if self.proven.contains(&alias) {
            return self.line.say(OwnWord::Send {
                alias,
                message,
                topic,
                id: None,
            });
        }
        self.line.ask(|id| OwnWord::Send {
            alias: alias.clone(),
            message,
            topic,
            id: Some(id),
        })?;
        self.proven.push(alias);
        Ok(())
    }

    /// Sends a request and waits for its answer, 30 s at most. Meanwhile the agent serves all else,
    /// but runs no other handler.
    pub fn request<R: DeserializeOwned>(
        &mut self,
        alias: &str,
        message: impl Serialize,
    ) -> Result<R, CallError> {
        self.ask(alias, message, None)
    }

    /// Sends a request and waits for its answer, `patience` at most.
    pub fn request_within<R: DeserializeOwned>(
        &mut self,
        alias: &str,
        message: impl Serialize,
        patience: Duration,
    ) -> Result<R, CallError> {
        self.ask(alias, message, Some(patience))
    }

    fn ask<R: DeserializeOwned>(
        &mut self,
        alias: &str,
        message: impl Serialize,
        patience: Option<Duration>,
    ) -> Result<R, CallError> {
        let socket: Alias = name(alias)?;
        let message = encoded(message)?;
        let answer = self.line.ask(|id| OwnWord::Request {
            alias: socket,
            message,
            id,
            timeout: patience.map(limit),
        })?;
        decoded(answer, || format!("the answer to a request by {alias}"))
    }

    /// Answers the request or call that is being handled, now: the handler may go on with its work
    /// (osBrain's `yield`). Then what the handler returns is dropped.
    pub fn reply(&mut self, answer: impl Serialize) -> Result<(), CallError> {
        let pending = self.promise()?;
        self.keep(pending, answer)
    }

    /// Takes the request or call that is being handled, to answer it after the handler has returned.
    pub fn promise(&mut self) -> Result<Promise, CallError> {
        let pending = self.current.pending.take();
        pending.ok_or(CallError::NotAsked("no request is being handled"))
    }

    /// Keeps a promise.
    pub fn keep(&mut self, promise: Promise, answer: impl Serialize) -> Result<(), CallError> {
        self.answer(promise, Ok(encoded(answer)?))
    }

    /// Answers with an error.
    pub fn break_promise(&mut self, promise: Promise, why: &Error) -> Result<(), CallError> {
        self.answer(promise, Err(format!("{why:#}")))
    }

    pub(super) fn answer(
        &mut self,
        promise: Promise,
        outcome: Result<Content, String>,
    ) -> Result<(), CallError> {
        self.line.say(OwnWord::reply(promise.0, outcome))
    }

    /// The value of one of the agent's attributes.
    pub fn get<T: DeserializeOwned>(&mut self, attribute: &str) -> Result<T, CallError> {
        let name = attribute.to_owned();
        let value = self.line.ask(|id| OwnWord::Get { name, id })?;
        decoded(value, || format!("the attribute {attribute}"))
    }

    /// Sets one of the agent's attributes, for all to see.
    pub fn set(&mut self, attribute: &str, value: impl Serialize) -> Result<(), CallError> {
        let attributes = BTreeMap::from([(attribute.to_owned(), to_value(value)?)]);
        self.line.say(OwnWord::Set { attributes })
    }

    /// Writes an entry of the level `debug` to the log.
    pub fn log_debug(&mut self, text: impl fmt::Display) {
        self.log(Level::Debug, text);
    }

    /// Writes an entry of the level `info` to the log.
    pub fn log_info(&mut self, text: impl fmt::Display) {
        self.log(Level::Info, text);
    }

    /// Writes an entry of the level `warning` to the log.
    pub fn log_warning(&mut self, text: impl fmt::Display) {
        self.log(Level::Warning, text);
    }

    /// Writes an entry of the level `error` to the log.
    pub fn log_error(&mut self, text: impl fmt::Display) {
        self.log(Level::Error, text);
    }

    fn log(&mut self, level: Level, text: impl fmt::Display) {
        let text = text.to_string();
        // An agent that is gone has no log.
        let _ = self.line.say(OwnWord::Log {
            level: Some(level),
            text,
        });
    }

    /// The name server, for all that concerns other agents. It is a line of its own: calls by it
    /// wait here, and the agent's loop goes on.
    pub fn nameserver(&mut self) -> Result<&NameServer, crate::proxy::ProxyError> {
        if self.link.is_none() {
            self.link = Some(NameServer::dial(&self.nameserver)?);
        }
        // It was set a moment ago if it was not before.
        self.link.as_ref().ok_or(crate::proxy::ProxyError::Closed)
    }

    /// The proxy of another agent.
    pub fn proxy(&mut self, agent: &str) -> Result<Proxy, crate::proxy::ProxyError> {
        self.nameserver()?.proxy(agent)
    }

    /// Creates an agent beside this one, at the same name server unless its code says otherwise. It
    /// runs until its handle is dropped, so keep that, in the state for example.
    pub fn spawn<T: 'static>(
        &self,
        make: impl FnOnce() -> Agent<T> + Send + 'static,
    ) -> Result<Handle, RunError> {
        spawn_at(Some(self.nameserver.address.clone()), make)
    }

    /// Has the host that has started this agent start another, a process of its own, and waits until that does its work: see
    /// [`NameServer::spawn`](crate::proxy::NameServer::spawn). In a closed system this agent's sockets admit it, and those of others
    /// if they `accept` it.
    pub fn spawn_agent(&mut self, agent: NewAgent) -> Result<(), CallError> {
        self.line.ask(|id| ToOthers::Spawn {
            new: Box::new(agent),
            timeout: None,
            id: Some(id),
        })?;
        Ok(())
    }

    /// Ends such an agent, for good.
    pub fn remove_agent(&mut self, agent: &str) -> Result<(), CallError> {
        let agent = name(agent)?;
        self.line.ask(|id| ToOthers::Remove {
            agent,
            id: Some(id),
        })?;
        Ok(())
    }

    /// The agent ends when the handler has returned.
    pub fn shutdown(&mut self) {
        self.ending = self.ending.or(Some(0));
    }
}
