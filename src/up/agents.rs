//! The phases of agents: their processes started and running, their sockets bound, and, when all
//! is wired, their timers and programs told to go.

use std::collections::HashSet;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Progress;
use super::ask::{gather, look_through, named, unless_done};
use super::attached::Attaching;
use super::error::{Stage, UpError};
use super::launch::Mended;
use super::observe::Told;
use super::state::{Addresses, Running, Up, lock};
use crate::model::{AgentId, AgentSpec, Millis, SocketId};
use crate::plan::LaunchPlan;
use crate::proxy::Pending;
use crate::wire::{AgentRequest, HostRequest, Peer};

/// Agents that run.
pub(super) struct Started {
    /// What those said that were started here.
    told: Vec<(AgentId, Told)>,
    attached: Vec<Attaching>,
}

impl Up<'_> {
    /// All processes are started and waited for at once, each with its own limit; and so are those
    /// waited for that others start.
    pub(super) async fn start(
        &self,
        progress: &mut dyn Progress,
        running: Running,
    ) -> Result<Started, UpError> {
        let agents = &self.part.agents;
        progress.begin(Stage::Start, agents.len());
        let attached = self.attach().await?;
        let mut starts = JoinSet::new();
        for (agent, running) in agents.iter().zip(running) {
            let (name, limit) = (agent.name.clone(), agent.start_timeout);
            let started = (!agent.attach).then(|| self.ask_host(agent));
            starts.spawn(until_running(name, limit, started, running));
        }
        let told = self.gather_starts(starts, progress).await?;
        progress.end();
        Ok(Started { told, attached })
    }

    fn ask_host(&self, agent: &AgentSpec) -> Pending<u32> {
        let start = HostRequest::Start {
            spec: Box::new(AgentSpec {
                program: self.placed(agent),
                ..agent.clone()
            }),
        };
        if self.missing.has(&agent.name) {
            lock(self.launched).mended.push(Mended {
                link: self.link(&agent.name).clone(),
                host: self.part.host_id(&agent.host),
                agent: agent.name.name.clone(),
            });
        }
        let host = Peer::Host(self.part.host_id(&agent.host));
        let limit = agent.start_timeout.duration();
        self.link(&agent.name).ask(host, &start, limit)
    }

    /// All agents have become what their specs say, or tell why not: those that were started, and those that the daemon
    /// of this machine has attached. Tells where all sockets are.
    pub(super) async fn configure(
        &self,
        progress: &mut dyn Progress,
        started: Started,
    ) -> Result<Addresses, UpError> {
        progress.begin(Stage::Configure, self.part.agents.len());
        let mut bound = Vec::with_capacity(self.part.agents.len());
        for (agent, told) in started.told {
            let outcome = told
                .fault
                .map_or(Ok(told.agent.addresses), |it| Err(it.into()));
            bound.push(named(agent, Stage::Configure, outcome)?);
        }
        for (agent, attached) in started.attached {
            bound.push(named(agent, Stage::Configure, attached.await)?);
        }
        let mut addresses = Addresses::new();
        for (agent, of_agent) in bound {
            progress.advance(&agent.to_string());
            addresses.extend(of_agent.into_iter().map(|(alias, address)| {
                let agent = agent.clone();
                (SocketId { agent, alias }, address)
            }));
        }
        self.standing_addresses(&mut addresses).await?;
        progress.end();
        Ok(addresses)
    }

    /// Sockets of agents that are not touched, to which others connect.
    async fn standing_addresses(&self, addresses: &mut Addresses) -> Result<(), UpError> {
        let new: HashSet<&AgentId> = self.part.agents.iter().map(|it| &it.name).collect();
        for group in &self.groups {
            if new.len() == self.request.plan.agents.len() {
                break;
            }
            for info in look_through(&group.link).await?.0 {
                let agent = self.part.id(&group.name, info.name);
                if new.contains(&agent) {
                    continue;
                }
                let bound = info.addresses.into_iter();
                addresses.extend(bound.map(|(alias, address)| {
                    let agent = agent.clone();
                    (SocketId { agent, alias }, address)
                }));
            }
        }
        Ok(())
    }

    /// Begins the timers of all agents whose programs have settled, or that have none. Those that are launched
    /// `later` go then.
    pub(super) async fn go(
        &self,
        progress: &mut dyn Progress,
        later: &[LaunchPlan],
    ) -> Result<(), UpError> {
        let later: HashSet<&AgentId> = later.iter().map(|it| &it.agent).collect();
        let now = |agent: &&AgentSpec| !later.contains(&agent.name);
        let agents: Vec<&AgentSpec> = self.part.agents.iter().filter(now).collect();
        progress.begin(Stage::Go, agents.len());
        let requests = agents
            .iter()
            .map(|agent| (agent.name.clone(), AgentRequest::Go {}, agent.start_timeout));
        let mut asked = JoinSet::new();
        for (agent, gone) in self.pending::<()>(requests) {
            let ends = self.ends.subscribe();
            asked.spawn(async move {
                let gone = named(agent.clone(), Stage::Go, gone.await);
                let outcome = unless_done(gone, &agent, ends).await;
                outcome.map(|()| (agent, ()))
            });
        }
        gather(asked, progress).await?;
        progress.end();
        Ok(())
    }
}

/// Waits until an agent runs; of one that was to be `started` first until that is done. Tells what that one said.
async fn until_running(
    agent: AgentId,
    limit: Millis,
    started: Option<Pending<u32>>,
    running: oneshot::Receiver<Told>,
) -> Result<(AgentId, Option<Told>), UpError> {
    let is_ours = started.is_some();
    if let Some(started) = started {
        named(agent.clone(), Stage::Start, started.await)?;
    }
    match tokio::time::timeout(limit.duration(), running).await {
        Ok(told) => Ok((agent, told.ok().filter(|_| is_ours))),
        Err(_) => Err(UpError::NotRunning {
            agent,
            limit,
            log: Vec::new(),
        }),
    }
}
