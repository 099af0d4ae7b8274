//! Agents that others start: waited for until they have registered and run, made part of the
//! system, and then configured like any other.

use std::future::Future;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Progress;
use super::ask::{joined, named};
use super::error::{Absent, Stage, UpError};
use super::launch::Launched;
use super::phases::{Up, lock, look_through};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{AgentId, AgentName, Millis, NameServerName, NameServerSpec, State};
use crate::wire::{AgentRequest, Peer};

/// Whoever has been started.
type Starts = JoinSet<Result<(AgentId, ()), UpError>>;

impl Up<'_> {
    /// Waits until the agent runs, and then makes it the system's.
    pub(super) fn until_adopted(
        &self,
        agent: AgentId,
        limit: Millis,
        running: oneshot::Receiver<()>,
    ) -> impl Future<Output = Result<(AgentId, ()), UpError>> + Send + use<> {
        let (link, launched) = (self.link(&agent).clone(), self.launched.clone());
        let nameserver = self.part.nameserver_of(&agent).clone();
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
            lock(&launched).attach(&nameserver, agent.name.clone());
            let adopt = AgentRequest::Adopt { system };
            let adopted = link.ask::<()>(Peer::Agent(agent.name.clone()), &adopt, CONTROL_TIMEOUT);
            named(agent, Stage::Start, adopted.await)
        }
    }

    /// Awaits all, and shows who is missing.
    pub(super) async fn gather_starts(
        &self,
        mut starts: Starts,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let mut missing: Vec<AgentId> = match self.attaches() {
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
                let names: Vec<String> = missing.iter().map(AgentId::to_string).collect();
                progress.await_others(&names);
            }
            let agent = match starts.join_next().await.map(joined) {
                Some(Ok((agent, ()))) => agent,
                Some(Err(UpError::NotRunning { agent, limit, .. })) if self.is_attached(&agent) => {
                    return Err(self.missing(limit).await?);
                }
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            };
            progress.advance(&agent.to_string());
            missing.retain(|it| *it != agent);
        }
    }

    /// Whether a name server is at the same address whenever it is there.
    pub(super) fn is_lasting(&self, name: &NameServerName) -> bool {
        let mut entries = self.request.plan.nameservers.iter();
        let entry = entries.find(|entry| entry.name == *name);
        entry.is_some_and(|entry| match entry.at {
            NameServerSpec::Launch(at) => at.port() != 0,
            NameServerSpec::Attach(_) => true,
        })
    }

    fn attaches(&self) -> bool {
        self.part.attached().next().is_some()
    }

    fn is_attached(&self, agent: &AgentId) -> bool {
        let mut attached = self.part.attached();
        attached.any(|it| it.name == *agent)
    }

    async fn missing(&self, limit: Millis) -> Result<UpError, UpError> {
        let (missing, others) = self.absent().await?;
        let first = missing.first().map(|it| &it.agent);
        let link = first.map_or(&self.groups[0].link, |agent| self.link(agent));
        let name = first.map(|agent| self.part.nameserver_of(agent));
        Ok(UpError::Missing {
            nameserver: link.address().to_owned(),
            lasting: name.is_some_and(|name| self.is_lasting(name)),
            limit,
            missing,
            others,
        })
    }

    /// Who is to be attached and does not run; and who is registered that is not of this system.
    async fn absent(&self) -> Result<(Vec<Absent>, Vec<AgentId>), UpError> {
        let (mut absent, mut others) = (Vec::new(), Vec::new());
        for group in &self.groups {
            let (there, _) = look_through(&group.link).await?;
            let here = || self.part.agents_at(&group.name);
            for agent in here().filter(|agent| agent.attach) {
                let mut found = there.iter().filter(|it| it.name == agent.name.name);
                let state = found.next().map(|it| it.state);
                let agent = agent.name.clone();
                absent.push(Absent { agent, state });
            }
            let others_there = there.into_iter().map(|it| it.name);
            let others_there =
                others_there.filter(|name| here().all(|agent| agent.name.name != *name));
            others.extend(others_there.map(|name| self.part.id(&group.name, name)));
        }
        absent.retain(|it| it.state != Some(State::Running));
        Ok((absent, others))
    }
}

impl Launched {
    /// What may have been given something, and is to be let go of if this fails.
    fn attach(&mut self, nameserver: &NameServerName, agent: AgentName) {
        let mut new = self.groups.iter_mut().map(|it| &mut it.record);
        let record = match new.find(|it| it.name == *nameserver) {
            Some(record) => Some(record),
            None => self.standing_group_mut(nameserver),
        };
        if let Some(record) = record.filter(|it| !it.attached.contains(&agent)) {
            record.attached.push(agent);
        }
    }
}
