//! Agents that are asked for at run time, and ended for good.

use std::time::Duration;

use super::{NameServer, Proxy, ProxyError};
use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT, STOP_STAGES_TIMEOUT};
use crate::model::{AgentName, AgentSpec, Grace, Holder, HostId, Millis, NewAgent, WireSpec};
use crate::wire::{AgentRequest, Fault, HostRequest, Peer, Stopped};

impl NameServer {
    /// Has a host start an agent that no topology names, and waits until it does its work, or, if that is a job, has done it: its wires
    /// are proven by then. If it does not come so far, the error says why, and nothing of it is left. It is ephemeral:
    /// it ends with its system, and does not come back when its machine has started again.
    ///
    /// In a closed system the sockets that it connects to admit it first, for as long as their agents run.
    pub fn spawn(&self, host: &HostId, new: impl Into<NewAgent>) -> Result<Proxy, ProxyError> {
        let new = new.into();
        let limit = new.limit() + STOP_STAGES_TIMEOUT + ANSWER_MARGIN;
        self.spawn_within(host, new, limit)
    }

    /// The same, with another limit on how long it may take.
    pub fn spawn_within(
        &self,
        host: &HostId,
        new: impl Into<NewAgent>,
        limit: Duration,
    ) -> Result<Proxy, ProxyError> {
        let spec = self.found(new.into())?;
        let host = self.known_host(host)?;
        let agent = spec.name.name.clone();
        let proxy = self.proxy(agent.as_str())?;
        let admitted = self.admit_to_all(&agent, &spec.wires)?;
        let spawn = HostRequest::Spawn {
            spec: Box::new(spec),
        };
        let spawned = self.link().ask::<u32>(Peer::Host(host), &spawn, limit);
        match spawned.wait() {
            Ok(_) => Ok(proxy),
            Err(error) => {
                self.dismiss_from_all(&agent, &admitted);
                Err(error)
            }
        }
    }

    /// With the wires of which the other ends had to be looked up.
    fn found(&self, mut new: NewAgent) -> Result<AgentSpec, ProxyError> {
        while let Some(to) = new.unknown() {
            let server = self.addr(to.agent.name.as_str(), to.alias.as_str())?;
            new.found(&server);
        }
        let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
        Ok(new.into_spec(here))
    }

    /// Ends an agent that was spawned, for good: nothing is kept of it, and its name is free. Without a grace it gets as long as its
    /// spec says.
    pub fn remove(&self, agent: &AgentName, grace: Option<Millis>) -> Result<(), ProxyError> {
        let info = self.agent_info(agent)?;
        let Some(host) = info.host_id() else {
            let reason = format!("no host has started {agent}: end it where it was started");
            return Err(Fault::Refused { reason }.into());
        };
        let grace = Grace::given(grace);
        let remove = HostRequest::Remove {
            agent: agent.clone(),
            grace,
        };
        let limit = grace.longest(None) + STOP_STAGES_TIMEOUT + ANSWER_MARGIN;
        let removed = self.link().ask::<Stopped>(Peer::Host(host), &remove, limit);
        removed.wait().map(drop)
    }

    /// Gives the wires whose other ends have not admitted it before.
    fn admit_to_all(
        &self,
        agent: &AgentName,
        wires: &[WireSpec],
    ) -> Result<Vec<WireSpec>, ProxyError> {
        if self.link().server_key().is_none() {
            return Ok(Vec::new());
        }
        let mut admitted = Vec::new();
        for wire in wires {
            let admit = AgentRequest::Admit {
                alias: wire.to.alias.clone(),
                holder: Holder::Agent(agent.clone()),
            };
            let peer = Peer::Agent(wire.to.agent.name.clone());
            match self.link().ask(peer, &admit, CONTROL_TIMEOUT).wait() {
                Ok(true) => admitted.push(wire.clone()),
                Ok(false) => {}
                Err(error) => {
                    self.dismiss_from_all(agent, &admitted);
                    return Err(error);
                }
            }
        }
        Ok(admitted)
    }

    fn dismiss_from_all(&self, agent: &AgentName, wires: &[WireSpec]) {
        for wire in wires {
            let dismiss = AgentRequest::Dismiss {
                alias: wire.to.alias.clone(),
                holder: Holder::Agent(agent.clone()),
            };
            self.link()
                .tell(Peer::Agent(wire.to.agent.name.clone()), &dismiss);
        }
    }
}
