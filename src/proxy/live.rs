//! An agent's sockets and timers, changed while it runs: osBrain's names and meaning.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::nameserver::name;
use super::{Proxy, ProxyError};
use crate::model::{
    Alias, ConnectionInfo, Handlers, Millis, Replies, Target, TimerAction, TimerInfo, TimerSpec,
    When,
};
use crate::wire::{AgentRequest, ConnectToRequest};

impl Proxy {
    /// Connects a socket `alias` to another agent's socket, wherever that is now, and waits until the
    /// connection is proven. If `alias` was connected to `to` elsewhere, it is moved. `handlers` of
    /// None leaves the choice to the agent: its own program, or else `log`.
    pub fn connect_to(
        &self,
        to: &Target,
        alias: &str,
        handlers: Option<Handlers>,
    ) -> Result<ConnectionInfo, ProxyError> {
        self.connect_and_ask(to, alias, handlers, Replies::default())
    }

    /// The same with a socket that asks, and with what it does with the answers.
    pub fn connect_and_ask(
        &self,
        to: &Target,
        alias: &str,
        handlers: Option<Handlers>,
        replies: Replies,
    ) -> Result<ConnectionInfo, ProxyError> {
        let request = AgentRequest::ConnectTo(ConnectToRequest {
            alias: name(alias)?,
            to: to.clone(),
            handlers,
            replies,
        });
        self.admitted_at(to, || self.call_for(&request))
    }

    /// Closes a socket. What it has taken may leave for as long as `linger`, or a second if that is
    /// None. Tells how many messages never left the agent.
    pub fn close(&self, alias: &str, linger: Option<Duration>) -> Result<u64, ProxyError> {
        let alias: Alias = name(alias)?;
        let reached = self.reached_by(Some(&alias))?;
        let unsent: BTreeMap<Alias, u64> = self.call_for(&AgentRequest::Close {
            alias,
            linger: linger.map(Millis::from),
        })?;
        self.dismiss_at(&reached)?;
        Ok(unsent.values().sum())
    }

    /// Closes all sockets, as [`Proxy::close`] does. Tells which, and how many messages of each
    /// never left the agent.
    pub fn close_all(&self, linger: Option<Duration>) -> Result<BTreeMap<Alias, u64>, ProxyError> {
        let linger = linger.map(Millis::from);
        let reached = self.reached_by(None)?;
        let unsent = self.call_for(&AgentRequest::CloseAll { linger })?;
        self.dismiss_at(&reached)?;
        Ok(unsent)
    }

    /// Subscribes a SUB socket to the topics of `handlers`, and handles them so from now on; those of
    /// all messages stand for the topic "". Waits until the publishers that are agents have seen it.
    pub fn subscribe(&self, alias: &str, handlers: Handlers) -> Result<(), ProxyError> {
        self.call_for(&AgentRequest::Subscribe {
            alias: name(alias)?,
            handlers,
        })
    }

    /// Takes subscriptions of a SUB socket back, with their handlers.
    pub fn unsubscribe(&self, alias: &str, topics: &[&str]) -> Result<(), ProxyError> {
        self.call_for(&AgentRequest::Unsubscribe {
            alias: name(alias)?,
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
        })
    }

    /// Does something again and again, a first time after one `interval`. A timer that is late, or
    /// whose last call is still under way, falls behind: it never piles up. Tells its alias, which
    /// is chosen by the agent if it is None here.
    pub fn every(
        &self,
        interval: Duration,
        action: TimerAction,
        alias: Option<&str>,
    ) -> Result<Alias, ProxyError> {
        self.timer(TimerSpec {
            alias: alias.map(name).transpose()?,
            when: When::Every(interval.into()),
            action,
        })
    }

    /// Does something once, after `delay`. Tells the timer's alias, as [`Proxy::every`] does.
    pub fn after(
        &self,
        delay: Duration,
        action: TimerAction,
        alias: Option<&str>,
    ) -> Result<Alias, ProxyError> {
        self.timer(TimerSpec {
            alias: alias.map(name).transpose()?,
            when: When::After(delay.into()),
            action,
        })
    }

    /// Adds a timer, and tells its alias.
    pub fn timer(&self, timer: TimerSpec) -> Result<Alias, ProxyError> {
        self.call_for(&AgentRequest::Timer(timer))
    }

    /// The timers that run, in the order in which they were added.
    pub fn timers(&self) -> Result<Vec<TimerInfo>, ProxyError> {
        self.call_for(&AgentRequest::Timers {})
    }

    /// Stops a timer.
    pub fn stop_timer(&self, alias: &str) -> Result<(), ProxyError> {
        self.call_for(&AgentRequest::StopTimer {
            alias: name(alias)?,
        })
    }

    /// Stops all timers.
    pub fn stop_timers(&self) -> Result<(), ProxyError> {
        self.call_for(&AgentRequest::StopTimers {})
    }
}

impl TimerAction {
    /// Sends a message by a socket of the agent.
    pub fn send(alias: &str, message: impl Into<Value>) -> Result<Self, ProxyError> {
        Ok(TimerAction::Send {
            alias: name(alias)?,
            message: message.into(),
            topic: None,
        })
    }

    /// Calls a method of the agent's own code.
    pub fn call(method: &str, params: impl Into<Value>) -> Self {
        TimerAction::Call {
            method: method.to_owned(),
            params: params.into(),
        }
    }

    /// Sets an attribute of the agent.
    pub fn set(attribute: &str, value: impl Into<Value>) -> Self {
        TimerAction::Set {
            attributes: BTreeMap::from([(attribute.to_owned(), value.into())]),
        }
    }
}
