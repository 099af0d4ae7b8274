//! The agents that bound sockets admit, in a closed system, changed by hand: a command that connects an agent has it admitted
//! at the other socket first, and takes that back when the connection is closed. What the topology says stays.

use std::collections::BTreeSet;

use super::nameserver::name;
use super::{Proxy, ProxyError};
use crate::model::{Address, Alias, ConnectionInfo, Holder, Role, SocketId, Target};
use crate::wire::AgentRequest;

impl Proxy {
    /// Admits the holder of a key at one of its bound sockets, as a wire of the topology would. Tells whether it was not
    /// admitted before. In an open system every peer is admitted anyway.
    pub fn admit(&self, alias: &str, holder: Holder) -> Result<bool, ProxyError> {
        self.call_for(&AgentRequest::Admit {
            alias: name(alias)?,
            holder,
        })
    }

    /// Takes that back, and ends its connections to that socket. Tells whether there was something to take back.
    pub fn dismiss(&self, alias: &str, holder: Holder) -> Result<bool, ProxyError> {
        self.call_for(&AgentRequest::Dismiss {
            alias: name(alias)?,
            holder,
        })
    }

    fn is_closed(&self) -> bool {
        self.nameserver().link().server_key().is_some()
    }

    fn holder(&self) -> Holder {
        Holder::Agent(self.name().clone())
    }

    /// Admits this agent there, and connects it. If that fails, the former is taken back.
    pub(super) fn admitted_at<T>(
        &self,
        to: &Target,
        connect: impl FnOnce() -> Result<T, ProxyError>,
    ) -> Result<T, ProxyError> {
        let is_new = self.is_closed() && self.admit_at(to)?;
        let connected = connect();
        if is_new && connected.is_err() {
            self.dismiss_at(std::slice::from_ref(to))?;
        }
        connected
    }

    /// That the other one is not there, the attempt to connect tells.
    fn admit_at(&self, to: &Target) -> Result<bool, ProxyError> {
        match self.other(to).admit(to.alias.as_str(), self.holder()) {
            Err(error) if error.is_absence_of_socket() => Ok(false),
            outcome => outcome,
        }
    }

    /// The socket at that address, in a closed system. None if no agent of this name server has it.
    pub(super) fn owner_of(&self, server: &Address) -> Result<Option<Target>, ProxyError> {
        if !self.is_closed() {
            return Ok(None);
        }
        let owner = self
            .nameserver()
            .agent_infos()?
            .into_iter()
            .find_map(|agent| {
                let mut sockets = agent.addresses.into_iter();
                let is_it = |it: &Address| it.role == Role::Server && it.address == server.address;
                let (alias, _) = sockets.find(|(_, at)| is_it(at))?;
                let agent = agent.name;
                Some(Target { agent, alias })
            });
        Ok(owner)
    }

    /// The sockets of others to which these of its sockets alone are connected, or all of its sockets: what it is not to
    /// be admitted to any more when those are closed.
    pub(super) fn reached_by(&self, closing: Option<&Alias>) -> Result<Vec<Target>, ProxyError> {
        let reached = self.reached(closing)?.into_iter();
        Ok(reached.filter_map(SocketId::at_home).collect())
    }

    /// The same of agents of other name servers.
    pub fn reached_elsewhere(&self, closing: Option<&Alias>) -> Result<Vec<SocketId>, ProxyError> {
        let reached = self.reached(closing)?.into_iter();
        Ok(reached.filter(|to| to.agent.nameserver.is_some()).collect())
    }

    fn reached(&self, closing: Option<&Alias>) -> Result<Vec<SocketId>, ProxyError> {
        if !self.is_closed() {
            return Ok(Vec::new());
        }
        let agent = self.nameserver().agent_info(self.name())?;
        let goes = |it: &ConnectionInfo| closing.is_none_or(|alias| it.alias == *alias);
        let (going, staying): (Vec<_>, Vec<_>) = agent.connections.into_iter().partition(goes);
        let targets = |all: Vec<ConnectionInfo>| -> BTreeSet<SocketId> {
            all.into_iter().filter_map(|it| it.to).collect()
        };
        let staying = targets(staying);
        let going = targets(going).into_iter();
        Ok(going.filter(|to| !staying.contains(to)).collect())
    }

    /// This agent is connected there no more.
    pub(super) fn dismiss_at(&self, reached: &[Target]) -> Result<(), ProxyError> {
        for to in reached {
            match self.other(to).dismiss(to.alias.as_str(), self.holder()) {
                Err(error) if error.is_absence_of_socket() => {}
                outcome => drop(outcome?),
            }
        }
        Ok(())
    }

    fn other(&self, to: &Target) -> Proxy {
        let other = Proxy::new(self.nameserver().clone(), to.agent.clone());
        other.with_timeout(self.timeout())
    }
}
