//! Agents that are stopped: by their hosts, which end them by stages and keep them down; those that others have started are
//! asked to end themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::nameserver::NameServer;
use super::{Pending, ProxyError};
use crate::model::timing::{LIST_TIMEOUT, STOP_STAGES_TIMEOUT};
use crate::model::{AgentInfo, AgentName, Grace, HostId, Millis, Ties};
use crate::wire::{AgentRequest, Fault, HostRequest, Peer, Stopped};

/// How agents are stopped.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// How long each may take to end before it is killed.
    pub grace: Grace,
    /// They stay down until they are started again.
    pub hold: bool,
}

/// Who keeps an agent down that was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptDown {
    /// Its host, whatever becomes of its daemon.
    ByItsHost,
    /// Nobody: no host has started it.
    ByNobody,
}

/// What became of each agent.
type Outcomes = BTreeMap<AgentName, Result<KeptDown, ProxyError>>;

impl NameServer {
    /// Stops agents, all at once: each by its host, by the stop stages; one that no host has started is asked to end. Blocks until
    /// they have ended, no longer than `timeout` and the stages take.
    pub fn stop_agents(
        &self,
        agents: impl IntoIterator<Item = AgentName>,
        how: Stop,
        timeout: Duration,
    ) -> Result<Outcomes, ProxyError> {
        let until = Instant::now() + timeout;
        let there = self.agent_infos()?.into_iter();
        let there: BTreeMap<AgentName, AgentInfo> = there.map(|it| (it.name.clone(), it)).collect();
        let (mut outcomes, mut of_hosts, mut by_themselves) =
            (Outcomes::new(), Vec::new(), Vec::new());
        for name in agents {
            match there.get(&name) {
                None => {
                    let fault = Fault::UnknownAgent { name: name.clone() };
                    outcomes.insert(name, Err(fault.into()));
                }
                Some(agent) => match agent.host_id() {
                    Some(host) => of_hosts.push((name, host)),
                    None => by_themselves.push(name),
                },
            }
        }
        let longest = self.longest_stop(&of_hosts, how.grace);
        let limit = timeout.max(how.grace.longest(longest) + STOP_STAGES_TIMEOUT);
        let ask = |(name, host): (AgentName, HostId)| {
            let request = HostRequest::Stop {
                agent: name.clone(),
                grace: how.grace,
                hold: how.hold,
            };
            let asked = self
                .link()
                .ask::<Stopped>(Peer::Host(host), &request, limit);
            (name, asked)
        };
        let by_hosts: Vec<_> = of_hosts.into_iter().map(ask).collect();
        let asks = |name: AgentName| (name.clone(), self.ask_to_end(&name, how.grace, timeout));
        let mut asked: Vec<_> = by_themselves.into_iter().map(asks).collect();
        for (name, answer) in by_hosts {
            match answer.wait() {
                Ok(_) => drop(outcomes.insert(name, Ok(KeptDown::ByItsHost))),
                // Its daemon is not the one that has started it, or others have.
                Err(ProxyError::Fault(Fault::UnknownAgent { .. })) => asked.push(asks(name)),
                Err(error) => drop(outcomes.insert(name, Err(error))),
            }
        }
        self.wait_for_those_asked(asked, &mut outcomes, (until, timeout))?;
        Ok(outcomes)
    }

    /// The longest `stop_timeout` of these agents, as far as their hosts tell. None: none says anything, or it does not matter.
    fn longest_stop(&self, agents: &[(AgentName, HostId)], grace: Grace) -> Option<Millis> {
        if let Grace::Exactly(_) = grace {
            return None;
        }
        let hosts: BTreeSet<&HostId> = agents.iter().map(|(_, host)| host).collect();
        let ask = |host: &HostId| {
            let peer = Peer::Host(host.clone());
            let ties = HostRequest::Ties {};
            self.link().ask::<Vec<Ties>>(peer, &ties, LIST_TIMEOUT)
        };
        let asked: Vec<Pending<Vec<Ties>>> = hosts.into_iter().map(ask).collect();
        let named: BTreeSet<&AgentName> = agents.iter().map(|(name, _)| name).collect();
        // One that does not answer is waited for as long as is usual.
        let told = asked.into_iter().filter_map(|it| it.wait().ok()).flatten();
        told.filter(|it| named.contains(&it.agent.name))
            .filter_map(|it| it.stop_timeout)
            .max()
    }

    fn ask_to_end(&self, name: &AgentName, grace: Grace, timeout: Duration) -> Pending<()> {
        let grace = match grace {
            Grace::Exactly(given) => Some(given),
            Grace::UnlessSaid { .. } => None,
        };
        let peer = Peer::Agent(name.clone());
        self.link()
            .ask(peer, &AgentRequest::Shutdown { grace }, timeout)
    }

    fn wait_for_those_asked(
        &self,
        asked: Vec<(AgentName, Pending<()>)>,
        outcomes: &mut Outcomes,
        (until, timeout): (Instant, Duration),
    ) -> Result<(), ProxyError> {
        let mut ending = Vec::new();
        for (name, answer) in asked {
            match answer.wait() {
                // It may have ended before.
                Ok(()) | Err(ProxyError::Fault(Fault::NotRunning { .. })) => ending.push(name),
                Err(error) => drop(outcomes.insert(name, Err(error))),
            }
        }
        if ending.is_empty() {
            return Ok(());
        }
        let patience = until.saturating_duration_since(Instant::now());
        let left = self.wait_for_ends(ending.iter().cloned(), patience)?;
        outcomes.extend(ending.into_iter().map(|name| {
            let outcome = match left.get(&name) {
                Some(silent) => Err(ProxyError::of_end(&name.clone().into(), *silent, timeout)),
                None => Ok(KeptDown::ByNobody),
            };
            (name, outcome)
        }));
        Ok(())
    }
}
