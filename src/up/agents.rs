//! The phases of agents: their processes started and running, their sockets bound, and, when all
//! is wired, their timers and programs let go.

use std::collections::BTreeMap;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Progress;
use super::ask::named;
use super::error::{Stage, UpError};
use super::phases::{Addresses, Up};
use crate::model::{Address, AgentName, Alias, Millis, Target};
use crate::plan::AgentPlan;
use crate::proxy::Pending;
use crate::wire::{AgentRequest, HostRequest, Peer, StartAgent};

impl Up<'_> {
    /// All processes are started and waited for at once, each with its own limit; and so are those
    /// waited for that others start.
    pub(super) async fn start(
        &self,
        progress: &mut dyn Progress,
        running: Vec<oneshot::Receiver<()>>,
    ) -> Result<(), UpError> {
        let agents = &self.request.plan.agents;
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
            name: agent.name.clone(),
            program: agent.program.clone(),
        };
        let host = Peer::Host(agent.host.clone());
        self.link.ask(
            host,
            &HostRequest::Start(start),
            agent.start_timeout.duration(),
        )
    }

    pub(super) async fn configure(
        &self,
        progress: &mut dyn Progress,
    ) -> Result<Addresses, UpError> {
        let agents = &self.request.plan.agents;
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
                    Target {
                        agent: agent.clone(),
                        alias,
                    },
                    address,
                )
            })
        });
        let addresses = addresses.collect();
        progress.end();
        Ok(addresses)
    }

    pub(super) async fn go(&self, progress: &mut dyn Progress) -> Result<(), UpError> {
        let plan = &self.request.plan;
        // The others go when their programs are launched.
        let ready = |agent: &&AgentPlan| !agent.is_launched();
        let agents: Vec<&AgentPlan> = plan.agents.iter().filter(ready).collect();
        progress.begin(Stage::Go, agents.len());
        let requests = agents
            .iter()
            .map(|agent| (agent.name.clone(), AgentRequest::Go {}, agent.start_timeout));
        self.ask_all::<()>(Stage::Go, requests, progress).await?;
        progress.end();
        Ok(())
    }
}

async fn until_running(
    agent: AgentName,
    limit: Millis,
    started: Pending<u32>,
    running: oneshot::Receiver<()>,
) -> Result<(AgentName, ()), UpError> {
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
