//! Agents that others start: waited for until they have registered and run. The daemon of this machine makes each
//! part of the system, and what its spec says.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::Progress;
use super::ask::{joined, look_through};
use super::error::{Absent, UpError};
use super::launch::Launched;
use super::state::{Group, Up, lock};
use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT};
use crate::model::{
    Address, AgentId, AgentName, AgentSpec, Alias, HostId, HostName, Millis, NameServerName,
    NameServerSpec, State,
};
use crate::plan::Plan;
use crate::proxy::Pending;
use crate::wire::{HostRequest, NameServerRequest, Peer};

/// An agent that others start, and where its sockets will be.
pub(super) type Attaching = (AgentId, Pending<BTreeMap<Alias, Address>>);

/// The agents that have been started.
type Starts = JoinSet<Result<AgentId, UpError>>;

impl Up<'_> {
    /// Hands their specs to the daemon of this machine, and has the name servers entrust them to it. It answers as soon
    /// as they are there, and are what these say.
    pub(super) async fn attach(&self) -> Result<Vec<Attaching>, UpError> {
        let here = HostId::of(&self.part.system, &HostName::local());
        let attach = |agent: &AgentSpec| {
            // From here on there may be something to take back.
            let nameserver = self.part.nameserver_of(&agent.name);
            lock(self.launched).attach(nameserver, agent.name.name.clone());
            let request = HostRequest::Attach {
                spec: Box::new(agent.clone()),
            };
            let limit = agent.start_timeout.duration() + ANSWER_MARGIN;
            let link = self.link(&agent.name);
            let bound = link.ask(Peer::Host(here.clone()), &request, limit);
            (agent.name.clone(), bound)
        };
        let attaching = self.part.attached().map(attach).collect();
        for group in &self.groups {
            entrust(&self.request.plan, group).await?;
        }
        Ok(attaching)
    }

    /// Awaits all agents, and shows which are missing.
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
                Some(Ok(started)) => started,
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

    /// The agents with `attach` that do not run; and registered agents that are not of this system.
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
        absent.retain(|it| !matches!(it.state, Some(State::Running | State::Unhealthy)));
        Ok((absent, others))
    }
}

/// Has a name server entrust those of its agents that others start to the daemon of this machine.
pub(super) async fn entrust(plan: &Plan, group: &Group) -> Result<(), UpError> {
    let agents = plan.agents_at(&group.name).filter(|agent| agent.attach);
    let agents: Vec<AgentName> = agents.map(|it| it.name.name.clone()).collect();
    if agents.is_empty() {
        return Ok(());
    }
    let to = HostId::of(&plan.system, &HostName::local());
    let entrust = NameServerRequest::Entrust { agents, to };
    let entrusted = group
        .link
        .ask::<()>(Peer::NameServer, &entrust, CONTROL_TIMEOUT);
    Ok(entrusted.await?)
}

impl Launched {
    /// Agents that may have been configured, and are released if this fails.
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
