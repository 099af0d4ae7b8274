//! The same calls for async code, and for many at a time: each is under way when it returns.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::agent::encoded;
use super::nameserver::name;
use super::{NameServer, Pending, Proxy, ProxyError};
use crate::model::{Address, AgentInfo, Alias, HostInfo};
use crate::wire::{AgentRequest, NameServerRequest};

/// Calls of an agent that are under way when they return.
pub struct Begin<'a> {
    proxy: &'a Proxy,
}

/// Questions to a name server that are under way when they return.
pub struct BeginAt<'a> {
    nameserver: &'a NameServer,
}

impl Proxy {
    /// The same calls, which are under way when they return: await what they give, in any async
    /// runtime, or [wait](Pending::wait) for it. All that can go wrong is told there.
    ///
    /// ```no_run
    /// # async fn sums(ns: osb::proxy::NameServer) -> Result<(), osb::proxy::ProxyError> {
    /// let (left, right) = (ns.proxy("Left")?, ns.proxy("Right")?);
    /// // Both are at work at once.
    /// let sums = [&left, &right].map(|it| it.begin().call_as::<u32>("add", (1, 2)));
    /// for sum in sums {
    ///     println!("{}", sum.await?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn begin(&self) -> Begin<'_> {
        Begin { proxy: self }
    }
}

impl NameServer {
    /// The same questions, which are under way when they return: see [`Proxy::begin`].
    pub fn begin(&self) -> BeginAt<'_> {
        BeginAt { nameserver: self }
    }
}

impl Begin<'_> {
    /// Calls a method of the agent's program.
    pub fn call(&self, method: &str, params: impl Serialize) -> Pending<Value> {
        self.call_as(method, params)
    }

    /// Calls a method of the agent's program; the answer is a `T`.
    pub fn call_as<T: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> Pending<T> {
        let request = encoded(params).map(|params| AgentRequest::Call {
            name: method.to_owned(),
            params,
        });
        self.ask(request)
    }

    /// The value of an attribute.
    pub fn get_attr(&self, attribute: &str) -> Pending<Value> {
        self.get_attr_as(attribute)
    }

    /// The value of an attribute, as a `T`.
    pub fn get_attr_as<T: DeserializeOwned>(&self, attribute: &str) -> Pending<T> {
        let name = attribute.to_owned();
        self.ask(Ok(AgentRequest::GetAttr { name }))
    }

    /// Sets an attribute.
    pub fn set_attr(&self, attribute: &str, value: impl Serialize) -> Pending<()> {
        let request = encoded(value).map(|value| AgentRequest::SetAttr {
            attributes: BTreeMap::from([(attribute.to_owned(), value)]),
        });
        self.ask(request)
    }

    /// All attributes.
    pub fn attributes(&self) -> Pending<BTreeMap<String, Value>> {
        self.ask(Ok(AgentRequest::Attributes {}))
    }

    /// Addresses of all its sockets.
    pub fn addresses(&self) -> Pending<BTreeMap<Alias, Address>> {
        self.ask(Ok(AgentRequest::Addr { alias: None }))
    }

    /// Sends a message by one of its sockets.
    pub fn send(&self, alias: &str, message: impl Serialize) -> Pending<()> {
        self.ask(self.proxy.send_request_of(alias, message, None))
    }

    /// Publishes a message under a topic.
    pub fn send_topic(&self, alias: &str, message: impl Serialize, topic: &str) -> Pending<()> {
        self.ask(self.proxy.send_request_of(alias, message, Some(topic)))
    }

    /// Sends a request by one of its sockets that ask.
    pub fn send_recv(&self, alias: &str, message: impl Serialize) -> Pending<Value> {
        self.send_recv_as(alias, message)
    }

    /// Sends a request by one of its sockets that ask; the answer is a `T`.
    pub fn send_recv_as<T: DeserializeOwned>(
        &self,
        alias: &str,
        message: impl Serialize,
    ) -> Pending<T> {
        let request = name(alias).and_then(|alias| {
            let message = encoded(message)?;
            Ok(AgentRequest::SendRecv { alias, message })
        });
        self.ask(request)
    }

    /// Ends it, after its sockets have sent what they can.
    pub fn shutdown(&self) -> Pending<()> {
        self.ask(Ok(AgentRequest::Shutdown { grace: None }))
    }

    fn ask<T: DeserializeOwned>(&self, request: Result<AgentRequest, ProxyError>) -> Pending<T> {
        match request {
            Ok(request) => self.proxy.ask(&request),
            Err(error) => Pending::failed(error),
        }
    }
}

impl BeginAt<'_> {
    /// All it knows of all agents, in order of their names.
    pub fn agent_infos(&self) -> Pending<Vec<AgentInfo>> {
        self.nameserver
            .ask(&NameServerRequest::Agents { name: None })
    }

    /// All hosts it knows.
    pub fn hosts(&self) -> Pending<Vec<HostInfo>> {
        self.nameserver.ask(&NameServerRequest::Hosts {})
    }

    /// The address of an agent's socket.
    pub fn addr(&self, agent: &str, alias: &str) -> Pending<Address> {
        let names = name(agent).and_then(|agent| Ok((agent, name(alias)?)));
        match names {
            Ok((agent, alias)) => self
                .nameserver
                .ask(&NameServerRequest::Addr { agent, alias }),
            Err(error) => Pending::failed(error),
        }
    }

    /// The version of osb it is of. Also a test of whether it answers.
    pub fn ping(&self) -> Pending<String> {
        self.nameserver.ask(&NameServerRequest::Ping {})
    }
}
