//! A look at what stands: which daemons are there, which agents live, and what is missing therefore.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::super::ask::look_through;
use super::super::error::UpError;
use super::super::hosts::none_taken;
use super::super::missing::Missing;
use super::super::state::{Group, Shared, lock};
use super::super::{Progress, UpRequest};
use super::elsewhere::Elsewhere;
use super::seen::Seen;
use super::stands_beside;
use crate::model::timing::{RETURN_TIMEOUT, ROLL_CALL_TIMEOUT};
use crate::model::{AgentId, AgentName, HostId, HostInfo, HostName, NameServerName, State};
use crate::plan::{Actual, Plan, mend, taken_from_standing};
use crate::proxy::Link;
use crate::state::{GroupRecord, SystemDir};
use crate::wire::{HostRequest, Peer};

/// The missing parts of a running system. Name servers `without_memory` get time to hear of living members.
/// Daemons of other machines are started again on the way: they alone know of their agents.
pub(in crate::up) async fn what_is_missing(
    request: &UpRequest,
    launched: &Shared,
    groups: &[Group],
    without_memory: &BTreeSet<NameServerName>,
    progress: &mut dyn Progress,
) -> Result<Missing, UpError> {
    let (mut actual, mut names) = (Actual::default(), Vec::new());
    for group in groups {
        let (record, dir) = {
            let launched = lock(launched);
            let record = launched.standing_group(&group.name).cloned();
            (record, launched.dir.clone())
        };
        let Some(record) = record.filter(|it| stands_beside(it, request)) else {
            continue;
        };
        let look = Look {
            plan: &request.plan,
            link: &group.link,
            record: &record,
            dir: &dir,
            forgetful: without_memory.contains(&group.name),
        };
        look.around(&mut actual).await?;
        names.push(group.name.clone());
    }
    let plan = &request.plan;
    let machines = mend(plan, &names, &actual).machines;
    let gone_to = Elsewhere {
        plan,
        launched,
        groups,
    };
    let gone_to = gone_to
        .start_again(&machines, &mut actual, progress)
        .await?;
    let mend = mend(plan, &names, &actual);
    // The name server will soon get reports that those have ended which it does not know.
    let unknown = actual.dead.into_keys().map(|agent| (agent, 0));
    let mut lives: BTreeMap<AgentId, u32> = unknown.collect();
    let known = actual.agents.into_iter();
    lives.extend(known.map(|(agent, info)| (agent, info.restarts)));
    Ok(Missing {
        agents: mend.agents.iter().cloned().collect(),
        out_of_reach: gone_to.out_of_reach(plan, &mend),
        machines: gone_to.back,
        mend,
        lives,
    })
}

/// Agents that have ended, with their exit status, if it is known.
type Ends = Vec<(AgentName, Option<i32>)>;

/// A look at one group that stands.
struct Look<'l> {
    plan: &'l Plan,
    link: &'l Link,
    record: &'l GroupRecord,
    dir: &'l SystemDir,
    /// Its name server has only just begun.
    forgetful: bool,
}

impl Look<'_> {
    async fn around(&self, actual: &mut Actual) -> Result<(), UpError> {
        let plan = self.plan;
        let name = &self.record.name;
        let deadline = Instant::now() + RETURN_TIMEOUT;
        let mut seen = Seen::new(self.link);
        let daemons = self.daemons();
        seen.until(deadline, |seen| seen.has_hosts(&daemons)).await;
        let (mut alive, mut dead) = self.orphans(&daemons);
        let (hosted, answered) = self.hosted(&seen).await;
        alive.extend(hosted);
        if self.forgetful {
            let attached = self.record.attached.iter().cloned();
            let hoped: BTreeSet<AgentName> = alive.iter().cloned().chain(attached).collect();
            seen.until(deadline, |seen| seen.has_agents(&hoped)).await;
        }
        dead.retain(|(agent, _)| !alive.contains(agent));
        let id = |agent: AgentName| plan.id(name, agent);
        let (agents, hosts) = look_through(self.link).await?;
        none_taken(taken_from_standing(plan, name, &agents), self.link)?;
        let answers = |host: &HostInfo| self.is_here(host) || answered.contains(&host.id());
        let there = hosts.iter();
        let there = there.filter(|host| self.is_ours(host) && self.is_there(host) && answers(host));
        let place = |host: &HostInfo| (name.clone(), host.name.clone());
        actual.hosts.extend(there.map(place));
        let agents = agents.into_iter();
        actual
            .agents
            .extend(agents.map(|it| (id(it.name.clone()), it)));
        actual.alive.extend(alive.into_iter().map(id));
        let dead = dead.into_iter();
        actual
            .dead
            .extend(dead.map(|(agent, status)| (id(agent), status)));
        let unfinished = self.record.mending.iter().cloned();
        actual.unfinished.extend(unfinished.map(id));
        Ok(())
    }

    /// The daemons that are to come back, with the pids of those of this machine. It is not known here whether
    /// others live: `up` waits for them only where no other process can have seen them.
    fn daemons(&self) -> Vec<(HostId, Option<u32>)> {
        let alive = self.record.hosts.iter().filter(|it| it.process.is_alive());
        let id = |host: &HostName| self.plan.host_id(host);
        let here = alive.map(|it| (id(&it.host), Some(it.process.pid)));
        let elsewhere = self.record.machines.iter().filter(|_| self.forgetful);
        here.chain(elsewhere.map(|it| (id(&it.host), None)))
            .collect()
    }

    /// Whether it is a host of the plan, and not another system's of the same name.
    fn is_ours(&self, host: &HostInfo) -> bool {
        self.plan.host_id(&host.name) == host.id()
    }

    fn is_here(&self, host: &HostInfo) -> bool {
        let mut here = self.record.hosts.iter();
        here.any(|it| self.plan.host_id(&it.host) == host.id())
    }

    /// Whether a daemon is there that was brought up with the system, for all that the name server knows.
    fn is_there(&self, host: &HostInfo) -> bool {
        let mut here = self.record.hosts.iter();
        match here.find(|it| self.plan.host_id(&it.host) == host.id()) {
            Some(daemon) => daemon.process.pid == host.pid && daemon.process.is_alive(),
            None => host.state != State::Unreachable,
        }
    }

    /// Agents of daemons of this machine that have ended: those that live; and those that do not, with their
    /// exit status, if that was written down.
    fn orphans(&self, daemons: &[(HostId, Option<u32>)]) -> (Vec<AgentName>, Ends) {
        let alive = daemons.iter().filter(|it| it.1.is_some()).count();
        if self.record.hosts.len() == alive {
            return (Vec::new(), Vec::new());
        }
        let all = self.dir.former_agents(&self.record.nameserver);
        let (alive, dead): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.alive);
        let dead = dead.into_iter().map(|it| (it.agent, it.status)).collect();
        (alive.into_iter().map(|it| it.agent).collect(), dead)
    }

    /// The agents that daemons say they have, and which daemons have answered. By their answers, all that they had to
    /// report of others that have ended has been reported.
    async fn hosted(&self, seen: &Seen) -> (Vec<AgentName>, BTreeSet<HostId>) {
        let there = seen.hosts.values();
        let there = there.filter(|host| self.is_ours(host) && self.is_there(host));
        let ask = |host: &HostInfo| {
            let peer = Peer::Host(host.id());
            let request = HostRequest::Agents {};
            let asked = self
                .link
                .ask::<Vec<AgentName>>(peer, &request, ROLL_CALL_TIMEOUT);
            (host.id(), asked)
        };
        let asked: Vec<_> = there.map(ask).collect();
        let (mut all, mut answered) = (Vec::new(), BTreeSet::new());
        for (host, answer) in asked {
            if let Ok(agents) = answer.await {
                all.extend(agents);
                answered.insert(host);
            }
        }
        (all, answered)
    }
}
