//! A look at what stands: which daemons are there, which agents live, and what is missing therefore.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tokio::time::{Instant, timeout_at};

use super::super::error::UpError;
use super::super::phases::{Group, Shared, lock, look_through};
use super::super::{OutOfReach, Progress, UpRequest};
use super::elsewhere::Elsewhere;
use super::stands_beside;
use crate::model::timing::{RETURN_TIMEOUT, ROLL_CALL_TIMEOUT};
use crate::model::{AgentId, AgentInfo, AgentName, HostInfo, HostName, NameServerName, State};
use crate::plan::{Actual, Mend, Place, Plan, mend};
use crate::proxy::{Link, Notice, Watch};
use crate::state::{GroupRecord, SystemDir};
use crate::wire::{Event, HostRequest, Peer};

/// What is missing of what stands. Name servers `without_memory` are given the time to hear of those who live.
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
            link: &group.link,
            record: &record,
            dir: &dir,
            forgetful: without_memory.contains(&group.name),
        };
        look.around(&request.plan, &mut actual).await?;
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
    // Of those whom the name server does not know, it is about to hear that they have ended.
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

/// What is missing of what stands.
#[derive(Default)]
pub(in crate::up) struct Missing {
    pub mend: Mend,
    /// Daemons of other machines that are there again.
    pub machines: Vec<Place>,
    /// What could not be brought back.
    pub out_of_reach: OutOfReach,
    /// Those that are to be brought back, to be looked up in.
    agents: HashSet<AgentId>,
    /// How often agents that have been there had been started again by then.
    lives: BTreeMap<AgentId, u32>,
}

impl Missing {
    /// Whether that agent is to be brought back.
    pub(crate) fn has(&self, agent: &AgentId) -> bool {
        self.agents.contains(agent)
    }

    /// How often an agent that is to be brought back had been started again; None if it is not, or has never
    /// been there.
    pub(crate) fn restarts(&self, agent: &AgentId) -> Option<u32> {
        self.lives.get(agent).filter(|_| self.has(agent)).copied()
    }
}

/// Agents that have ended, with their exit status, if it is known.
type Ends = Vec<(AgentName, Option<i32>)>;

/// A look at one group that stands.
struct Look<'l> {
    link: &'l Link,
    record: &'l GroupRecord,
    dir: &'l SystemDir,
    /// Its name server has only just begun.
    forgetful: bool,
}

impl Look<'_> {
    async fn around(&self, plan: &Plan, actual: &mut Actual) -> Result<(), UpError> {
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
        let answers = |host: &HostInfo| self.is_here(host) || answered.contains(&host.name);
        let there = hosts.iter();
        let there = there.filter(|host| self.is_there(host) && answers(host));
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

    /// The daemons that are to come back, with the pids of those of this machine. Of others nobody knows
    /// here whether they live: they are waited for only where nobody else can have seen them.
    fn daemons(&self) -> Vec<(HostName, Option<u32>)> {
        let alive = self.record.hosts.iter().filter(|it| it.process.is_alive());
        let here = alive.map(|it| (it.host.clone(), Some(it.process.pid)));
        let elsewhere = self.record.machines.iter().filter(|_| self.forgetful);
        here.chain(elsewhere.map(|it| (it.host.clone(), None)))
            .collect()
    }

    fn is_here(&self, host: &HostInfo) -> bool {
        self.record.hosts.iter().any(|it| it.host == host.name)
    }

    /// Whether a daemon is there that was brought up with the system, for all that the name server knows.
    fn is_there(&self, host: &HostInfo) -> bool {
        let mut here = self.record.hosts.iter();
        match here.find(|it| it.host == host.name) {
            Some(daemon) => daemon.process.pid == host.pid && daemon.process.is_alive(),
            None => host.state != State::Unreachable,
        }
    }

    /// Agents of daemons of this machine that have ended: those that live; and those that do not, with their
    /// exit status, if that was written down.
    fn orphans(&self, daemons: &[(HostName, Option<u32>)]) -> (Vec<AgentName>, Ends) {
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
    /// tell of others that have ended has been told.
    async fn hosted(&self, seen: &Seen) -> (Vec<AgentName>, BTreeSet<HostName>) {
        let there = seen.hosts.values().filter(|host| self.is_there(host));
        let ask = |host: &HostInfo| {
            let peer = Peer::Host(host.name.clone());
            let request = HostRequest::Agents {};
            let asked = self
                .link
                .ask::<Vec<AgentName>>(peer, &request, ROLL_CALL_TIMEOUT);
            (host.name.clone(), asked)
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

/// What the name server knows of agents, as soon as it knows of all those who live, or time is over.
pub(super) async fn agents_with(
    link: &Link,
    alive: &BTreeSet<AgentName>,
) -> Result<Vec<AgentInfo>, UpError> {
    let mut seen = Seen::new(link);
    let deadline = Instant::now() + RETURN_TIMEOUT;
    seen.until(deadline, |seen| seen.has_agents(alive)).await;
    Ok(look_through(link).await?.0)
}

/// What a name server has told so far.
struct Seen {
    watch: Watch,
    hosts: BTreeMap<HostName, HostInfo>,
    agents: BTreeMap<AgentName, AgentInfo>,
    /// It has told what was so at first.
    begun: bool,
}

impl Seen {
    fn new(link: &Link) -> Self {
        Self {
            watch: Watch::begin(link),
            hosts: BTreeMap::new(),
            agents: BTreeMap::new(),
            begun: false,
        }
    }

    fn has_hosts(&self, wanted: &[(HostName, Option<u32>)]) -> bool {
        let has = |(name, pid): &(HostName, Option<u32>)| {
            let there = self.hosts.get(name);
            there.is_some_and(|it| pid.is_none_or(|pid| pid == it.pid))
        };
        wanted.iter().all(has)
    }

    fn has_agents(&self, wanted: &BTreeSet<AgentName>) -> bool {
        wanted.iter().all(|name| self.agents.contains_key(name))
    }

    /// Takes in what is told, until it is as wanted, or time is over.
    async fn until(&mut self, deadline: Instant, wanted: impl Fn(&Self) -> bool) {
        while !(self.begun && wanted(self)) {
            let Ok(Some(notice)) = timeout_at(deadline, self.watch.next()).await else {
                return;
            };
            self.take(notice);
        }
    }

    fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Snapshot(snapshot) => {
                self.begun = true;
                let hosts = snapshot.hosts.into_iter();
                self.hosts = hosts.map(|it| (it.name.clone(), it)).collect();
                let agents = snapshot.agents.into_iter();
                self.agents = agents.map(|it| (it.name.clone(), it)).collect();
            }
            Notice::Event(Event::Host { host, .. }) => {
                self.hosts.insert(host.name.clone(), host);
            }
            Notice::Event(Event::Agent { agent, .. }) => {
                self.agents.insert(agent.name.clone(), agent);
            }
            Notice::Event(Event::Unregistered {} | Event::Revoked { .. } | Event::Presence(_)) => {}
        }
    }
}
