//! Agents that are started again: those of a host, from the spec that it keeps; and those that others have started in a
//! system that is up, which wait to be told to work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::nameserver::NameServer;
use super::watch::Notice;
use super::{Pending, ProxyError};
use crate::model::{AgentInfo, AgentName, ExitReport, Millis, State, Step};
use crate::wire::{AgentRequest, Event, Fault, HostRequest, Peer};

/// What became of each agent.
type Outcomes = BTreeMap<AgentName, Result<(), ProxyError>>;

/// What an agent was asked for.
enum Asked {
    /// Its host begins its next life, after this one.
    Restart {
        former: Option<String>,
        begun: Pending<()>,
    },
    /// It is there, and begins to work.
    Go(Pending<()>),
}

impl NameServer {
    /// Starts agents. One that has ended, or waits to be started again, begins its next life: its host has its spec, and forgets
    /// how often it has restarted the agent. One that others have started is told to work. One that runs stays as it
    /// is. Blocks until each runs or has failed, no longer than `timeout`.
    pub fn start_agents(
        &self,
        agents: impl IntoIterator<Item = AgentName>,
        timeout: Duration,
    ) -> Result<BTreeMap<AgentName, Result<(), ProxyError>>, ProxyError> {
        let until = Instant::now() + timeout;
        let names: BTreeSet<AgentName> = agents.into_iter().collect();
        let there = self.known_for_sure(&names, timeout)?;
        let asked: Vec<_> = names
            .into_iter()
            .map(|name| {
                let asked = self.start_one(&name, there.get(&name), timeout);
                (name, asked)
            })
            .collect();
        let (mut outcomes, mut begun) = (Outcomes::new(), BTreeMap::new());
        for (name, asked) in asked {
            let outcome = match asked {
                Err(fault) => Err(fault.into()),
                Ok(None) => Ok(()),
                Ok(Some(Asked::Go(gone))) => gone.wait(),
                Ok(Some(Asked::Restart {
                    former,
                    begun: answer,
                })) => {
                    let answer = answer.wait();
                    if answer.is_ok() {
                        begun.insert(name.clone(), former);
                    }
                    answer
                }
            };
            outcomes.insert(name, outcome);
        }
        self.wait_for_next_lives(begun, &mut outcomes, (until, timeout))?;
        Ok(outcomes)
    }

    /// How these agents stand. One that has ended is waited for until its host has told: before that the host believes that it runs.
    fn known_for_sure(
        &self,
        names: &BTreeSet<AgentName>,
        timeout: Duration,
    ) -> Result<BTreeMap<AgentName, AgentInfo>, ProxyError> {
        let mut there: Option<BTreeMap<AgentName, AgentInfo>> = None;
        let mut watch = self.watch();
        watch.wait_until("the hosts of agents", timeout, |notice| {
            match notice {
                Notice::Snapshot(snapshot) => {
                    let agents = snapshot.agents.into_iter();
                    there = Some(agents.map(|it| (it.name.clone(), it)).collect());
                }
                Notice::Event(Event::Agent { agent, .. }) => {
                    let there = there.as_mut()?;
                    there.insert(agent.name.clone(), *agent);
                }
                Notice::Event(_) => return None,
            }
            let known = there.as_ref()?;
            let mut those = names.iter().filter_map(|name| known.get(name));
            let is_sure = !those.any(AgentInfo::is_about_to_be_told);
            is_sure.then(|| there.take()).flatten()
        })
    }

    fn start_one(
        &self,
        name: &AgentName,
        there: Option<&AgentInfo>,
        timeout: Duration,
    ) -> Result<Option<Asked>, Fault> {
        let agent = there.ok_or_else(|| Fault::UnknownAgent { name: name.clone() })?;
        let is_over = agent.state.ended() || agent.state == State::Restarting;
        match (agent.host_id(), is_over) {
            (Some(_), false) => Ok(None),
            (Some(host), true) => {
                let request = HostRequest::Restart {
                    agent: name.clone(),
                };
                Ok(Some(Asked::Restart {
                    former: agent.incarnation.clone(),
                    begun: self.link().ask(Peer::Host(host), &request, timeout),
                }))
            }
            (None, false) => {
                let peer = Peer::Agent(name.clone());
                let go = AgentRequest::Lead { to: Step::Go };
                Ok(Some(Asked::Go(self.link().ask(peer, &go, timeout))))
            }
            (None, true) => Err(Fault::Refused {
                reason: format!(
                    "no host of this system has started {name}: start it as it was started before, with `osb agent {name}` say"
                ),
            }),
        }
    }

    /// Until each of them is in another life than the former one, which is given, and runs or has ended.
    fn wait_for_next_lives(
        &self,
        mut left: BTreeMap<AgentName, Option<String>>,
        outcomes: &mut Outcomes,
        (until, timeout): (Instant, Duration),
    ) -> Result<(), ProxyError> {
        if left.is_empty() {
            return Ok(());
        }
        let mut watch = self.watch();
        let patience = until.saturating_duration_since(Instant::now());
        let waited = watch.wait_until("the next life of agents", patience, |notice| {
            match notice {
                Notice::Snapshot(snapshot) => {
                    let agents = snapshot.agents.iter();
                    agents.for_each(|it| note(&mut left, outcomes, it));
                }
                Notice::Event(Event::Agent { agent, .. }) => note(&mut left, outcomes, &agent),
                Notice::Event(_) => {}
            }
            left.is_empty().then_some(())
        });
        match waited {
            Ok(()) => Ok(()),
            Err(ProxyError::Timeout { .. }) => {
                outcomes.extend(left.into_keys().map(|name| {
                    let late = ProxyError::Timeout {
                        what: format!("{name} running"),
                        limit: Millis::from(timeout),
                        standing: None,
                    };
                    (name, Err(late))
                }));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Takes one off the list that is in another life than its former one, if it is known what came of that.
fn note(
    left: &mut BTreeMap<AgentName, Option<String>>,
    outcomes: &mut Outcomes,
    agent: &AgentInfo,
) {
    let is_former = |former: &Option<String>| *former == agent.incarnation;
    if left.get(&agent.name).is_none_or(is_former) {
        return;
    }
    if let Some(outcome) = outcome_of(agent) {
        left.remove(&agent.name);
        outcomes.insert(agent.name.clone(), outcome);
    }
}

fn cannot_start(agent: &AgentName, exit: Option<&ExitReport>) -> ProxyError {
    let how = exit.map(|exit| format!(": {exit}")).unwrap_or_default();
    ProxyError::Fault(Fault::Start {
        agent: agent.clone(),
        reason: format!("it has failed{how}"),
    })
}

/// What has come of a life; None while that is not known yet.
fn outcome_of(agent: &AgentInfo) -> Option<Result<(), ProxyError>> {
    match agent.state {
        State::Running | State::Unhealthy | State::Stopped => Some(Ok(())),
        State::Failed | State::Ended => Some(Err(cannot_start(&agent.name, agent.exit.as_ref()))),
        State::Starting | State::Restarting | State::Suspect | State::Unreachable => None,
    }
}
