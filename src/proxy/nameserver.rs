//! The name server, called as if it were local.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Link, Notice, Pending, Proxy, ProxyError, Watch};
use crate::model::timing::{CONTROL_TIMEOUT, UNREACHABLE_TIMEOUT};
use crate::model::{
    Address, AgentInfo, AgentName, AgentSpec, Dial, HostId, HostInfo, Millis, NameError, Program,
    State,
};
use crate::state;
use crate::wire::{AgentRequest, Event, Fault, NameServerRequest, Peer};

/// A name server.
#[derive(Clone)]
pub struct NameServer {
    link: Arc<Link>,
}

impl NameServer {
    /// Connects to the name server at `address`: `host:port`, with or without `tcp://`. By the key in
    /// the file that `OSB_KEY` names, or that of its owner, if it was launched on this machine.
    pub fn connect(address: &str) -> Result<Self, ProxyError> {
        Self::dial(&state::find_keys(address)?)
    }

    /// Connects to a name server by these keys, or by none.
    pub fn dial(to: &Dial) -> Result<Self, ProxyError> {
        let (link, _no_requests) = Link::open(to)?;
        Ok(Self {
            link: Arc::new(link),
        })
    }

    /// The connection beneath, for calls of other sorts.
    #[doc(hidden)]
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The names of all agents it knows, in order.
    pub fn agents(&self) -> Result<Vec<AgentName>, ProxyError> {
        Ok(self
            .agent_infos()?
            .into_iter()
            .map(|agent| agent.name)
            .collect())
    }

    /// All it knows of all agents, in order of their names.
    pub fn agent_infos(&self) -> Result<Vec<AgentInfo>, ProxyError> {
        self.ask(&NameServerRequest::Agents { name: None }).wait()
    }

    /// All it knows of one agent.
    pub fn agent_info(&self, agent: &AgentName) -> Result<AgentInfo, ProxyError> {
        self.agent_info_within(agent, CONTROL_TIMEOUT)
    }

    pub(super) fn agent_info_within(
        &self,
        agent: &AgentName,
        timeout: Duration,
    ) -> Result<AgentInfo, ProxyError> {
        let name = Some(agent.clone());
        let request = NameServerRequest::Agents { name };
        let mut agents: Vec<AgentInfo> = self.ask_within(&request, timeout).wait()?;
        agents.pop().ok_or(ProxyError::BadAnswer {
            reason: "an empty list".to_owned(),
        })
    }

    /// All hosts it knows.
    pub fn hosts(&self) -> Result<Vec<HostInfo>, ProxyError> {
        self.ask(&NameServerRequest::Hosts {}).wait()
    }

    /// The address of an agent's socket, from the name server itself: the agent is not disturbed.
    pub fn addr(&self, agent: &str, alias: &str) -> Result<Address, ProxyError> {
        let request = NameServerRequest::Addr {
            agent: name(agent)?,
            alias: name(alias)?,
        };
        self.ask(&request).wait()
    }

    /// The proxy of an agent. It need not be there yet.
    pub fn proxy(&self, agent: &str) -> Result<Proxy, ProxyError> {
        Ok(Proxy::new(self.clone(), name(agent)?))
    }

    /// What happens from now on.
    pub fn watch(&self) -> Watch {
        Watch::begin(&self.link)
    }

    /// The version of osb it is of. Also a test of whether it answers.
    pub fn ping(&self) -> Result<String, ProxyError> {
        self.ask(&NameServerRequest::Ping {}).wait()
    }

    /// Starts an agent on a host, with a program or without, and waits until it runs: osBrain's
    /// `run_agent`. Which hosts there are, [`NameServer::hosts`] tells; `local` is enough where one system has a host of
    /// that name.
    pub fn run_agent(
        &self,
        host: &HostId,
        agent: &str,
        program: Option<Program>,
    ) -> Result<Proxy, ProxyError> {
        let name = name(agent)?;
        let host = self.known_host(host)?;
        let spec = AgentSpec {
            program,
            host: host.name.clone(),
            ..AgentSpec::named(name)
        };
        self.spawn(&host, spec)
    }

    /// The host that is meant: of which system, need not be said if there is but one of that name.
    pub(super) fn known_host(&self, host: &HostId) -> Result<HostId, ProxyError> {
        if host.system.is_some() {
            return Ok(host.clone());
        }
        let hosts = self.hosts()?.into_iter().map(|it| it.id());
        let known: Vec<HostId> = hosts.filter(|it| it.name == host.name).collect();
        match known.as_slice() {
            [only] => Ok(only.clone()),
            [] => Ok(host.clone()),
            several if several.contains(host) => Ok(host.clone()),
            several => {
                let several: Vec<String> = several.iter().map(HostId::to_string).collect();
                let reason = format!(
                    "several systems have a host {host}: say which, of {}",
                    several.join(", ")
                );
                Err(ProxyError::Fault(Fault::Refused { reason }))
            }
        }
    }

    /// Ends all agents that are registered, and waits until they have ended.
    pub fn shutdown_agents(&self, timeout: Duration) -> Result<(), ProxyError> {
        let agents = self.agent_infos()?.into_iter();
        let running = agents.filter(|agent| !agent.state.ended());
        let names: Vec<AgentName> = running.map(|agent| agent.name).collect();
        for name in &names {
            let peer = Peer::Agent(name.clone());
            self.link
                .tell(peer, &AgentRequest::Shutdown { grace: None });
        }
        match self.wait_for_ends(names, timeout)?.into_iter().next() {
            None => Ok(()),
            Some((agent, silent)) => Err(ProxyError::of_end(&agent.into(), silent, timeout)),
        }
    }

    /// Blocks until all these agents have ended, or are not known at all, or the time is over. Tells which have not
    /// ended, and for how long nothing was heard of those that are unreachable: these are not waited for.
    pub fn wait_for_ends(
        &self,
        agents: impl IntoIterator<Item = AgentName>,
        timeout: Duration,
    ) -> Result<BTreeMap<AgentName, Option<Millis>>, ProxyError> {
        let mut left: BTreeMap<AgentName, Option<Millis>> =
            agents.into_iter().map(|name| (name, None)).collect();
        let mut watch = self.watch();
        let waited = watch.wait_until("the end of agents", timeout, |notice| {
            match notice {
                Notice::Snapshot(snapshot) => {
                    let there = snapshot.agents.into_iter();
                    let there: BTreeMap<AgentName, AgentInfo> =
                        there.map(|it| (it.name.clone(), it)).collect();
                    left.retain(|name, _| there.contains_key(name));
                    there.values().for_each(|agent| note(&mut left, agent));
                }
                Notice::Event(Event::Agent { agent, .. }) => note(&mut left, &agent),
                Notice::Event(_) => {}
            }
            left.values().all(Option::is_some).then_some(())
        });
        match waited {
            Ok(()) | Err(ProxyError::Timeout { .. }) => Ok(left),
            Err(error) => Err(error),
        }
    }

    /// Ends the name server. Agents go on, and can no more be found.
    pub fn shutdown(&self) -> Result<(), ProxyError> {
        self.ask(&NameServerRequest::Shutdown {}).wait()
    }

    /// The same, but no longer than that.
    #[doc(hidden)]
    pub fn ask_within<T: DeserializeOwned>(
        &self,
        request: &NameServerRequest,
        timeout: Duration,
    ) -> Pending<T> {
        self.link.ask(Peer::NameServer, request, timeout)
    }

    /// Asks; the answer is on its way when this returns.
    #[doc(hidden)]
    pub fn ask<T: DeserializeOwned>(&self, request: &NameServerRequest) -> Pending<T> {
        self.ask_within(request, CONTROL_TIMEOUT)
    }
}

/// Takes note of how an agent stands whose end is waited for.
fn note(left: &mut BTreeMap<AgentName, Option<Millis>>, agent: &AgentInfo) {
    if agent.state.ended() {
        left.remove(&agent.name);
    } else if let Some(silent) = left.get_mut(&agent.name) {
        let heard = UNREACHABLE_TIMEOUT + Duration::from_millis(agent.state_ms);
        let is_silent = agent.state == State::Unreachable;
        *silent = is_silent.then(|| Millis::from_secs(heard.as_secs()));
    }
}

/// Checks a name given as text.
pub(super) fn name<N: std::str::FromStr<Err = NameError>>(text: &str) -> Result<N, ProxyError> {
    text.parse()
        .map_err(|error| ProxyError::Name(text.to_owned(), error))
}

/// Runs a future to its end on this thread.
pub(super) fn block_on<T>(
    future: impl Future<Output = Result<T, ProxyError>>,
) -> Result<T, ProxyError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => Err(ProxyError::BadAnswer {
            reason: format!("no runtime: {error}"),
        }),
    }
}
