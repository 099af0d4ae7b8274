//! The phases of agents: their processes started and running, their sockets bound, and, when all
//! is wired, their timers begun.

use std::collections::HashSet;

use tokio::task::JoinSet;

use super::Progress;
use super::ask::{joined, look_through, named, unless_done};
use super::attached::Attaching;
use super::error::{Stage, UpError};
use super::launch::Mended;
use super::state::{Addresses, Up, lock};
use super::told::{Telling, Tellings, until_runs};
use crate::model::timing::ANSWER_MARGIN;
use crate::model::{AgentId, AgentSpec, Incarnation, Millis, SocketId, Step};
use crate::plan::LaunchPlan;
use crate::proxy::{Pending, ProxyError};
use crate::wire::{HostRequest, Peer};

impl Up<'_> {
    /// All processes are started and waited for at once, each with its own limit; and so are those
    /// waited for that others start.
    pub(super) async fn start(
        &self,
        progress: &mut dyn Progress,
        tellings: &Tellings,
    ) -> Result<Vec<Attaching>, UpError> {
        let agents = &self.part.agents;
        progress.begin(Stage::Start, agents.len());
        let attaching = self.attach().await?;
        self.take_over().await?;
        let mut starts = JoinSet::new();
        for agent in agents {
            let (name, limit) = (agent.name.clone(), agent.start_timeout);
            let is_there = agent.attach || self.has_successor(&agent.name);
            let started = (!is_there).then(|| self.ask_host(agent, None));
            let telling = tellings.get(&agent.name).cloned();
            starts.spawn(until_running(name, limit, started, telling));
        }
        self.gather_starts(starts, progress).await?;
        progress.end();
        Ok(attaching)
    }

    /// Has an agent started, perhaps as the successor of a life of it that is at another host.
    pub(super) fn ask_host(
        &self,
        agent: &AgentSpec,
        succeeds: Option<Incarnation>,
    ) -> Pending<u32> {
        let start = HostRequest::Start {
            succeeds,
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
        tellings: &Tellings,
        attaching: Vec<Attaching>,
    ) -> Result<Addresses, UpError> {
        progress.begin(Stage::Configure, self.part.agents.len());
        let mut bound = Vec::with_capacity(self.part.agents.len());
        for agent in self.part.agents.iter().filter(|it| !it.attach) {
            let (step, limit) = ((Stage::Configure, Step::Configure), agent.start_timeout);
            let told = self.until_done(tellings, &agent.name, step, limit.duration());
            bound.push((agent.name.clone(), told.await?.addresses));
        }
        for (agent, attached) in attaching {
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
        tellings: &Tellings,
        later: &[LaunchPlan],
    ) -> Result<(), UpError> {
        let later: HashSet<&AgentId> = later.iter().map(|it| &it.agent).collect();
        let now = |agent: &&AgentSpec| !later.contains(&agent.name);
        let agents: Vec<&AgentSpec> = self.part.agents.iter().filter(now).collect();
        progress.begin(Stage::Go, agents.len());
        self.lead(agents.iter().copied(), Step::Go).await?;
        let mut going = JoinSet::new();
        for agent in agents {
            let (name, ends) = (agent.name.clone(), self.ends.subscribe());
            let limit = agent.start_timeout.duration() + ANSWER_MARGIN;
            let gone = self.until_done(tellings, &name, (Stage::Go, Step::Go), limit);
            going.spawn(async move {
                let outcome = unless_done(gone.await, &name, ends).await;
                outcome.map(|()| name)
            });
        }
        while let Some(gone) = going.join_next().await {
            progress.advance(&joined(gone)?.to_string());
        }
        progress.end();
        Ok(())
    }
}

/// Waits until an agent runs; of one that was to be `started` first until that is done.
async fn until_running(
    agent: AgentId,
    limit: Millis,
    started: Option<Pending<u32>>,
    telling: Option<Telling>,
) -> Result<AgentId, UpError> {
    if let Some(started) = started {
        named(agent.clone(), Stage::Start, started.await)?;
    }
    let running = async {
        match telling {
            Some(telling) => until_runs(telling).await,
            None => false,
        }
    };
    match tokio::time::timeout(limit.duration(), running).await {
        Ok(true) => Ok(agent),
        Ok(false) => Err(UpError::Proxy(ProxyError::Closed)),
        Err(_) => Err(UpError::NotRunning {
            agent,
            limit,
            log: Vec::new(),
        }),
    }
}
