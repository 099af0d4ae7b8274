//! Agents that others start: waited for until they have registered and run, made part of the
//! system, and then configured like any other.

use std::future::Future;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::ask::{joined, named};
use super::error::{Absent, Stage, UpError};
use super::phases::{Up, lock, look_through};
use super::{PATIENCE, Progress};
use crate::model::{AgentName, Millis, State};
use crate::wire::{AgentRequest, Peer};

/// Whoever has been started.
type Starts = JoinSet<Result<(AgentName, ()), UpError>>;

impl Up<'_> {
    /// Waits until the agent runs, and then makes it the system's.
    pub(super) fn until_adopted(
        &self,
        agent: AgentName,
        limit: Millis,
        running: oneshot::Receiver<()>,
    ) -> impl Future<Output = Result<(AgentName, ()), UpError>> + Send + use<> {
        let (link, launched) = (self.link.clone(), self.launched.clone());
        let system = self.request.plan.system.clone();
        async move {
            if tokio::time::timeout(limit.duration(), running)
                .await
                .is_err()
            {
                let log = Vec::new();
                return Err(UpError::NotRunning { agent, limit, log });
            }
            // From here on there may be something to take back.
            lock(&launched).attached.push(agent.clone());
            let adopt = AgentRequest::Adopt { system };
            let adopted = link.ask::<()>(Peer::Agent(agent.clone()), &adopt, PATIENCE);
            named(agent, Stage::Start, adopted.await)
        }
    }

    /// Awaits all, and shows who is missing.
    pub(super) async fn gather_starts(
        &self,
        mut starts: Starts,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let mut missing: Vec<AgentName> = match self.attaches() {
            true => self
                .absent()
                .await?
                .0
                .into_iter()
                .map(|it| it.agent)
                .collect(),
            false => Vec::new(),
        };
        loop {
            if !missing.is_empty() {
                progress.await_others(&missing);
            }
            let agent = match starts.join_next().await.map(joined) {
                Some(Ok((agent, ()))) => agent,
                Some(Err(UpError::NotRunning { agent, limit, .. })) if self.is_attached(&agent) => {
                    return Err(self.missing(limit).await?);
                }
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            };
            progress.advance(agent.as_str());
            missing.retain(|it| *it != agent);
        }
    }

    fn attaches(&self) -> bool {
        self.request.plan.attached().next().is_some()
    }

    fn is_attached(&self, agent: &AgentName) -> bool {
        let mut attached = self.request.plan.attached();
        attached.any(|it| it.name == *agent)
    }

    async fn missing(&self, limit: Millis) -> Result<UpError, UpError> {
        let (missing, others) = self.absent().await?;
        Ok(UpError::Missing {
            nameserver: self.nameserver.clone(),
            limit,
            missing,
            others,
        })
    }

    /// Who is to be attached and does not run; and who is registered that is not of this system.
    async fn absent(&self) -> Result<(Vec<Absent>, Vec<AgentName>), UpError> {
        let plan = &self.request.plan;
        let (there, _) = look_through(&self.link).await?;
        let state = |name: &AgentName| {
            let mut there = there.iter();
            there.find(|it| it.name == *name).map(|it| it.state)
        };
        let absent = plan.attached().map(|agent| Absent {
            state: state(&agent.name),
            agent: agent.name.clone(),
        });
        let absent = absent.filter(|it| it.state != Some(State::Running));
        let ours = |name: &AgentName| plan.agents.iter().any(|agent| agent.name == *name);
        let others = there.iter().map(|it| &it.name).filter(|name| !ours(name));
        Ok((absent.collect(), others.cloned().collect()))
    }
}
