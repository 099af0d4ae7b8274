//! The phases of agents: their processes started and running, their sockets bound, and, when all
//! is wired, their timers and programs let go.

use std::collections::{BTreeMap, HashSet};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Progress;
use super::ask::{gather, named};
use super::error::{Stage, UpError};
use super::launch::Mended;
use super::phases::{Addresses, Running, Up, lock, look_through, unless_done};
use crate::model::{Address, AgentId, Alias, Millis, SocketId};
use crate::plan::{AgentPlan, LaunchPlan};
use crate::proxy::Pending;
use crate::wire::{AgentRequest, HostRequest, Peer, StartAgent};

impl Up<'_> {
    /// All processes are started and waited for at once, each with its own limit; and so are those
    /// waited for that others start.
    pub(super) async fn start(
        &self,
        progress: &mut dyn Progress,
        running: Running,
    ) -> Result<(), UpError> {
        let agents = &self.part.agents;
        progress.begin(Stage::Start, agents.len());
        let mut starts = JoinSet::new();
        for (agent, running) in agents.iter().zip(running) {
            let (name, limit) = (agent.name.clone(), agent.start_timeout);
            match agent.attach {
                true => starts.spawn(self.until_adopted(name, limit, running)),
                false => starts.spawn(until_running(name, limit, self.ask_host(agent), running)),
            };
        }
        self.gather_starts(starts, progress).await?;
        progress.end();
        Ok(())
    }

    fn ask_host(&self, agent: &AgentPlan) -> Pending<u32> {
        let start = StartAgent {
            name: agent.name.name.clone(),
            program: self.placed(agent),
            logs: agent.logs,
        };
        let host = Peer::Host(agent.host.clone());
        if self.missing.has(&agent.name) {
            lock(self.launched).mended.push(Mended {
                link: self.link(&agent.name).clone(),
                host: agent.host.clone(),
                agent: agent.name.name.clone(),
            });
        }
        self.link(&agent.name).ask(
            host,
            &HostRequest::Start(start),
            agent.start_timeout.duration(),
        )
    }

    pub(super) async fn configure(
        &self,
        progress: &mut dyn Progress,
    ) -> Result<Addresses, UpError> {
        let agents = &self.part.agents;
        progress.begin(Stage::Configure, agents.len());
        let requests = agents.iter().map(|agent| {
            let request = AgentRequest::Configure(agent.configuration.clone());
            (agent.name.clone(), request, agent.start_timeout)
        });
        let answers =
            self.ask_all::<BTreeMap<Alias, Address>>(Stage::Configure, requests, progress);
        let addresses = answers.await?.into_iter().flat_map(|(agent, addresses)| {
            addresses.into_iter().map(move |(alias, address)| {
                (
                    SocketId {
                        agent: agent.clone(),
                        alias,
                    },
                    address,
                )
            })
        });
        let mut addresses: Addresses = addresses.collect();
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

    /// The timers of all begin whose programs have settled, or who have none. Those that are launched
    /// `later` go then.
    pub(super) async fn go(
        &self,
        progress: &mut dyn Progress,
        later: &[LaunchPlan],
    ) -> Result<(), UpError> {
        let later: HashSet<&AgentId> = later.iter().map(|it| &it.agent).collect();
        let now = |agent: &&AgentPlan| !later.contains(&agent.name);
        let agents: Vec<&AgentPlan> = self.part.agents.iter().filter(now).collect();
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

async fn until_running(
    agent: AgentId,
    limit: Millis,
    started: Pending<u32>,
    running: oneshot::Receiver<()>,
) -> Result<(AgentId, ()), UpError> {
    let (agent, _pid) = named(agent, Stage::Start, started.await)?;
    match tokio::time::timeout(limit.duration(), running).await {
        Ok(_) => Ok((agent, ())),
        Err(_) => Err(UpError::NotRunning {
            agent,
            limit,
            log: Vec::new(),
        }),
    }
}
