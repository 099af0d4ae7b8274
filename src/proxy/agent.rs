//! An agent, called as if it were local: osBrain's names and meaning.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::nameserver::name;
use super::{NameServer, Notice, Pending, ProxyError};
use crate::model::timing::{CONTROL_TIMEOUT, LAST_LOOK_TIMEOUT};
use crate::model::{
    Address, Admits, AgentInfo, AgentName, Alias, BindSpec, ConnectionInfo, Endpoint, ExitReport,
    Handlers, Kind, Level, Millis, Replies, Serializer, State, Transport, to_json,
};
use crate::wire::{AgentRequest, AgentStatus, ConnectRequest, Event, Fault, HostRequest, Peer};

/// The client side of one agent. Calls are carried out in the agent's loop, between messages.
#[derive(Clone)]
pub struct Proxy {
    nameserver: NameServer,
    agent: AgentName,
    timeout: Duration,
}

impl Proxy {
    pub(super) fn new(nameserver: NameServer, agent: AgentName) -> Self {
        Self {
            nameserver,
            agent,
            timeout: CONTROL_TIMEOUT,
        }
    }

    /// The agent's name.
    pub fn name(&self) -> &AgentName {
        &self.agent
    }

    /// Where it is registered.
    pub fn nameserver(&self) -> &NameServer {
        &self.nameserver
    }

    /// How long an answer may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The same agent, with another limit on how long an answer may take.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            timeout,
            ..self.clone()
        }
    }

    /// The same agent; calls through what this returns want no answer and learn of no error.
    pub fn oneway(&self) -> Oneway<'_> {
        Oneway { proxy: self }
    }

    /// Address of one of its sockets.
    pub fn addr(&self, alias: &str) -> Result<Address, ProxyError> {
        self.call_for(&AgentRequest::Addr {
            alias: Some(name(alias)?),
        })
    }

    /// Addresses of all its sockets.
    pub fn addresses(&self) -> Result<BTreeMap<Alias, Address>, ProxyError> {
        self.call_for(&AgentRequest::Addr { alias: None })
    }

    /// Whether its main loop runs. An agent that is not there, or does not answer, does not run.
    pub fn is_running(&self) -> Result<bool, ProxyError> {
        match self.call_for(&AgentRequest::IsRunning {}) {
            Err(ProxyError::Timeout { .. }) => Ok(false),
            Err(ProxyError::Fault(
                Fault::UnknownAgent { .. }
                | Fault::NotRunning { .. }
                | Fault::Unreachable { .. }
                | Fault::Gone { .. },
            )) => Ok(false),
            other => other,
        }
    }

    /// Blocks until it runs, however late it is started. It is an error at once if it has failed,
    /// and at the latest after `timeout`.
    pub fn wait_for_running(&self, timeout: Duration) -> Result<(), ProxyError> {
        let what = format!("{} running", self.agent);
        let mut watch = self.nameserver.watch();
        watch.wait_until(&what, timeout, |notice| self.running_in(notice))?
    }

    /// Blocks until it has ended, well or badly, or is not known at all.
    pub fn wait_for_end(&self, timeout: Duration) -> Result<(), ProxyError> {
        let what = format!("the end of {}", self.agent);
        self.nameserver
            .watch()
            .wait_until(&what, timeout, |notice| match notice {
                Notice::Snapshot(snapshot) => {
                    let mut agents = snapshot.agents.into_iter();
                    let there = agents.any(|it| it.name == self.agent && !it.state.is_over());
                    (!there).then_some(())
                }
                Notice::Event(Event::Agent { agent, .. }) => {
                    (agent.name == self.agent && agent.state.is_over()).then_some(())
                }
                Notice::Event(_) => None,
            })
    }

    fn running_in(&self, notice: Notice) -> Option<Result<(), ProxyError>> {
        let told = match notice {
            Notice::Snapshot(snapshot) => snapshot.agents,
            Notice::Event(Event::Agent { agent, .. }) => vec![*agent],
            Notice::Event(_) => return None,
        };
        let AgentInfo { state, exit, .. } = told.into_iter().find(|it| it.name == self.agent)?;
        match state {
            State::Running | State::Unhealthy => Some(Ok(())),
            State::Failed => Some(Err(has_failed(&self.agent, exit.as_ref()))),
            State::Starting
            | State::Stopped
            | State::Restarting
            | State::Ended
            | State::Suspect
            | State::Unreachable => None,
        }
    }

    /// Binds a socket on a free port of the loopback interface, or on a path of the agent's own
    /// choice, with JSON messages. [`Proxy::bind_to`] has all the choices.
    pub fn bind(
        &self,
        kind: Kind,
        alias: &str,
        transport: Transport,
        handlers: Handlers,
    ) -> Result<Address, ProxyError> {
        let endpoint = match transport {
            Transport::Tcp => Endpoint::Tcp {
                ip: std::net::Ipv4Addr::LOCALHOST.into(),
                port: 0,
            },
            Transport::Ipc => Endpoint::Ipc { path: None },
        };
        let serializer = Serializer::Json;
        self.bind_to(BindSpec {
            alias: name(alias)?,
            kind,
            endpoint: Some(endpoint),
            serializer,
            handlers: Some(handlers),
            admits: Admits::anyone(),
        })
    }

    /// Binds a socket.
    pub fn bind_to(&self, socket: BindSpec) -> Result<Address, ProxyError> {
        self.call_for(&AgentRequest::Bind(socket))
    }

    /// Connects a socket `alias`, of the twin kind, to `server`, and waits until the connection is
    /// proven.
    pub fn connect(
        &self,
        server: &Address,
        alias: &str,
        handlers: Handlers,
    ) -> Result<ConnectionInfo, ProxyError> {
        let request = ConnectRequest {
            alias: name(alias)?,
            server: server.clone(),
            to: None,
            handlers: Some(handlers),
            replies: Replies::default(),
            token: None,
            timeout: self.timeout.into(),
        };
        let connect = || self.call_for(&AgentRequest::Connect(request));
        match self.owner_of(server)? {
            Some(owner) => self.admitted_at(&owner, connect),
            None => connect(),
        }
    }

    /// Sets an attribute.
    pub fn set_attr(&self, attribute: &str, value: impl Serialize) -> Result<(), ProxyError> {
        self.set_attrs(BTreeMap::from([(attribute.to_owned(), encoded(value)?)]))
    }

    /// Sets several attributes at once.
    pub fn set_attrs(&self, attributes: BTreeMap<String, Value>) -> Result<(), ProxyError> {
        self.call_for(&AgentRequest::SetAttr { attributes })
    }

    /// The value of an attribute.
    pub fn get_attr(&self, attribute: &str) -> Result<Value, ProxyError> {
        let name = attribute.to_owned();
        let value = self.call_for(&AgentRequest::GetAttr { name });
        value.or_else(|error| self.left(error, Some(attribute)))
    }

    /// All attributes.
    pub fn attributes(&self) -> Result<BTreeMap<String, Value>, ProxyError> {
        let all = self.call_for(&AgentRequest::Attributes {});
        all.or_else(|error| self.left(error, None))
    }

    /// What it has left, if it has ended by itself: its host knows. Else it is as the `error` says.
    #[doc(hidden)]
    pub fn left<T: DeserializeOwned>(
        &self,
        error: ProxyError,
        attribute: Option<&str>,
    ) -> Result<T, ProxyError> {
        let ended =
            matches!(&error, ProxyError::Fault(Fault::NotRunning { state, .. }) if state.ended());
        let known = ended.then(|| self.nameserver.agent_info(&self.agent));
        let Some(host) = known.transpose()?.and_then(|agent| agent.host_id()) else {
            return Err(error);
        };
        let request = HostRequest::Attributes {
            agent: self.agent.clone(),
            name: attribute.map(str::to_owned),
        };
        let link = self.nameserver.link();
        let left = link.ask(Peer::Host(host), &request, self.timeout).wait();
        match left {
            Err(cause) if cause.is_absence() => Err(error),
            left => left,
        }
    }

    /// Sends a message by one of its sockets. Returns when the socket has taken it.
    pub fn send(&self, alias: &str, message: impl Serialize) -> Result<(), ProxyError> {
        self.send_topic(alias, message, None)
    }

    /// Publishes a message under a topic.
    pub fn send_topic(
        &self,
        alias: &str,
        message: impl Serialize,
        topic: Option<&str>,
    ) -> Result<(), ProxyError> {
        self.call_for(&self.send_request_of(alias, message, topic)?)
    }

    pub(super) fn send_request_of(
        &self,
        alias: &str,
        message: impl Serialize,
        topic: Option<&str>,
    ) -> Result<AgentRequest, ProxyError> {
        self.send_request(alias, encoded(message)?, topic)
    }

    fn send_request(
        &self,
        alias: &str,
        message: Value,
        topic: Option<&str>,
    ) -> Result<AgentRequest, ProxyError> {
        let topic = topic.map(str::parse).transpose()?;
        Ok(AgentRequest::Send {
            alias: name(alias)?,
            message,
            topic,
        })
    }

    /// Sends a request by one of its sockets, and lets the answer go to handlers: those of the
    /// connection where `replies` says nothing.
    pub fn ask_by(
        &self,
        alias: &str,
        message: impl Serialize,
        replies: Replies,
    ) -> Result<(), ProxyError> {
        self.call_for(&AgentRequest::Ask {
            alias: name(alias)?,
            message: encoded(message)?,
            replies,
        })
    }

    /// How long its connection waits for the answer to a request by one of its sockets that ask. None if it
    /// says nothing of that.
    pub fn wait_by(&self, alias: &str) -> Result<Option<Duration>, ProxyError> {
        let wait: Option<Millis> = self.call_for(&AgentRequest::Wait {
            alias: name(alias)?,
        })?;
        Ok(wait.map(Millis::duration))
    }

    /// Sends a request by one of its sockets that ask, and waits for the answer.
    pub fn send_recv(&self, alias: &str, message: impl Serialize) -> Result<Value, ProxyError> {
        self.call_for(&AgentRequest::SendRecv {
            alias: name(alias)?,
            message: encoded(message)?,
        })
    }

    /// Calls a method of the agent's program.
    pub fn call(&self, method: &str, params: impl Serialize) -> Result<Value, ProxyError> {
        self.call_for(&AgentRequest::Call {
            name: method.to_owned(),
            params: encoded(params)?,
        })
    }

    /// What went through its sockets.
    pub fn status(&self) -> Result<AgentStatus, ProxyError> {
        self.call_for(&AgentRequest::Status {})
    }

    /// Writes an entry to its log.
    pub fn log(&self, level: Level, text: &str) -> Result<(), ProxyError> {
        let text = text.to_owned();
        self.call_for(&AgentRequest::Log { level, text })
    }

    /// Writes an entry of the level `debug` to the log.
    pub fn log_debug(&self, text: &str) -> Result<(), ProxyError> {
        self.log(Level::Debug, text)
    }

    /// Writes an entry of the level `info` to the log.
    pub fn log_info(&self, text: &str) -> Result<(), ProxyError> {
        self.log(Level::Info, text)
    }

    /// Writes an entry of the level `warning` to the log.
    pub fn log_warning(&self, text: &str) -> Result<(), ProxyError> {
        self.log(Level::Warning, text)
    }

    /// Writes an entry of the level `error` to the log.
    pub fn log_error(&self, text: &str) -> Result<(), ProxyError> {
        self.log(Level::Error, text)
    }

    /// Makes it send no more of its own accord; it can still be called.
    pub fn quiet(&self) -> Result<(), ProxyError> {
        self.call_for(&AgentRequest::Quiet {})
    }

    /// Ends it, after its sockets have sent what they can.
    pub fn shutdown(&self) -> Result<(), ProxyError> {
        self.call_for(&AgentRequest::Shutdown { grace: None })
    }

    /// Any request; the answer is on its way when this returns.
    pub fn ask<T: DeserializeOwned>(&self, request: &AgentRequest) -> Pending<T> {
        let peer = Peer::Agent(self.agent.clone());
        self.nameserver.link().ask(peer, request, self.timeout)
    }

    /// Any request that wants no answer.
    pub(super) fn tell(&self, request: &AgentRequest) {
        let peer = Peer::Agent(self.agent.clone());
        self.nameserver.link().tell(peer, request);
    }

    pub(super) fn call_for<T: DeserializeOwned>(
        &self,
        request: &AgentRequest,
    ) -> Result<T, ProxyError> {
        self.ask(request)
            .wait()
            .map_err(|error| self.standing(error))
    }

    /// Adds to an error that an answer did not come in time how the agent stands, if it is not well. If the name server
    /// does not answer either, it is that.
    #[doc(hidden)]
    pub fn standing(&self, error: ProxyError) -> ProxyError {
        let ProxyError::Timeout { what, limit, .. } = error else {
            return error;
        };
        let standing = match self
            .nameserver
            .agent_info_within(&self.agent, LAST_LOOK_TIMEOUT)
        {
            Ok(agent) => matches!(agent.state, State::Suspect | State::Unreachable)
                .then(|| (agent.state, Millis::from_secs(agent.state_ms / 1000))),
            Err(mute @ ProxyError::Mute { .. }) => return mute,
            Err(_) => None,
        };
        ProxyError::Timeout {
            what,
            limit,
            standing,
        }
    }
}

/// An agent that was to run has failed.
fn has_failed(agent: &AgentName, exit: Option<&ExitReport>) -> ProxyError {
    ProxyError::HasFailed {
        agent: agent.clone(),
        exit: exit.cloned().map(Box::new),
    }
}

/// Calls that want no answer.
pub struct Oneway<'a> {
    proxy: &'a Proxy,
}

impl Oneway<'_> {
    /// Sets an attribute of the agent.
    pub fn set_attr(&self, attribute: &str, value: impl Serialize) -> Result<(), ProxyError> {
        let attributes = BTreeMap::from([(attribute.to_owned(), encoded(value)?)]);
        self.tell(&AgentRequest::SetAttr { attributes });
        Ok(())
    }

    /// Makes the agent send a message by the socket `alias`.
    pub fn send(&self, alias: &str, message: impl Serialize) -> Result<(), ProxyError> {
        let request = self.proxy.send_request(alias, encoded(message)?, None)?;
        self.tell(&request);
        Ok(())
    }

    /// Calls a method of the agent's program.
    pub fn call(&self, method: &str, params: impl Serialize) -> Result<(), ProxyError> {
        self.tell(&AgentRequest::Call {
            name: method.to_owned(),
            params: encoded(params)?,
        });
        Ok(())
    }

    /// Makes the agent send no more of its own accord.
    pub fn quiet(&self) {
        self.tell(&AgentRequest::Quiet {});
    }

    /// Ends the agent.
    pub fn shutdown(&self) {
        self.tell(&AgentRequest::Shutdown { grace: None });
    }

    fn tell(&self, request: &impl Serialize) {
        let peer = Peer::Agent(self.proxy.agent.clone());
        self.proxy.nameserver.link().tell(peer, request);
    }
}

pub(super) fn encoded(value: impl Serialize) -> Result<Value, ProxyError> {
    to_json(value).map_err(|error| ProxyError::Encode {
        reason: error.to_string(),
    })
}
