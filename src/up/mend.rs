//! What stands of a system, and of which something is missing: what there is is found out, a name server and
//! daemons that have ended are started again where they were, and agents that are missing are handed to the
//! phases. What is missing, `plan::mend` decides; what lives is not touched.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::error::UpError;
use super::hosts::{first_line, which};
use super::launch::{Launched, Mended};
use super::machines::let_in;
use super::phases::{Group, Shared, Up, lock, look_through};
use super::{PATIENCE, Progress, Stage, UpRequest};
use crate::model::{
    AgentId, AgentInfo, AgentName, HostInfo, HostName, Millis, NameServerName, State,
};
use crate::plan::{Actual, Mend, Place, Plan, mend};
use crate::proxy::{Link, Notice, ProxyError, Watch};
use crate::state::{AgentRecord, EndRecord, GroupRecord, Phase, SystemDir};
use crate::wire::{Event, HostRequest, Peer, Stopped};

/// How long those who live may take to come back to a name server that is there again.
const RETURN: Duration = Duration::from_secs(10);
/// How long a daemon may take to say which agents it has.
const ANSWER: Duration = Duration::from_secs(3);
/// How long an agent that is half configured may take to end.
const GRACE: Millis = Millis::from_secs(2);

/// Starts name servers that have ended where they were, with the keys that they had. One that somebody has
/// started there meanwhile is taken for what it is. Gives those that have no memory.
pub(super) async fn name_servers(
    request: &UpRequest,
    launched: &Shared,
    progress: &mut dyn Progress,
) -> Result<BTreeSet<NameServerName>, UpError> {
    let is_dead = |group: &GroupRecord| {
        let process = group.launched_nameserver.as_ref();
        process.is_some_and(|process| !process.is_alive())
    };
    let dead: Vec<GroupRecord> = {
        let launched = lock(launched);
        let standing = launched.standing.iter().flat_map(|it| &it.groups);
        let dead = standing.filter(|it| stands_beside(it, request) && is_dead(it));
        dead.cloned().collect()
    };
    if dead.is_empty() {
        return Ok(BTreeSet::new());
    }
    progress.begin(Stage::NameServer, dead.len());
    for group in &dead {
        match Link::open(&group.dial()?) {
            Ok(_) => {
                if let Some(group) = lock(launched).standing_group_mut(&group.name) {
                    group.launched_nameserver = None;
                }
            }
            Err(ProxyError::Unreachable { .. }) => {
                start_again(&request.plan, group, launched).await?;
            }
            Err(error) => return Err(error.into()),
        }
        progress.advance(&group.nameserver);
    }
    lock(launched).write_standing()?;
    progress.end();
    Ok(dead.into_iter().map(|group| group.name).collect())
}

async fn start_again(plan: &Plan, group: &GroupRecord, launched: &Shared) -> Result<(), UpError> {
    let failed = |reason| UpError::NameServer {
        which: which(plan, &group.name),
        reason,
    };
    let at = group.nameserver.trim_start_matches("tcp://");
    let at: SocketAddr = at
        .parse()
        .map_err(|_| failed(format!("{at} is no address")))?;
    let stdout = lock(launched).launch_nameserver_again(&group.name, at);
    let stdout = stdout.map_err(|error| failed(error.to_string()))?;
    // From here on it lives on its own, whatever comes of the rest.
    lock(launched).write_standing()?;
    let said = || lock(launched).standing_nameserver_said(&group.name);
    first_line(stdout, said).await.map(drop).map_err(failed)
}

/// Whether a group stands, and is not brought up now as a whole.
fn stands_beside(group: &GroupRecord, request: &UpRequest) -> bool {
    group.phase == Phase::Up && !request.bring_up.contains(&group.name)
}

/// What is missing of what stands. Name servers `without_memory` are given the time to hear of those who live.
pub(super) async fn what_is_missing(
    request: &UpRequest,
    launched: &Shared,
    groups: &[Group],
    without_memory: &BTreeSet<NameServerName>,
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
    let mend = mend(&request.plan, &names, &actual);
    // Of those whom the name server does not know, it is about to hear that they have ended.
    let unknown = actual.dead.into_keys().map(|agent| (agent, 0));
    let mut lives: BTreeMap<AgentId, u32> = unknown.collect();
    let known = actual.agents.into_iter();
    lives.extend(known.map(|(agent, info)| (agent, info.restarts)));
    Ok(Missing {
        agents: mend.agents.iter().cloned().collect(),
        mend,
        lives,
    })
}

/// What is missing of what stands.
#[derive(Default)]
pub(super) struct Missing {
    pub mend: Mend,
    /// Those that are to be brought back, to be looked up in.
    agents: HashSet<AgentId>,
    /// How often agents that have been there had been started again by then.
    lives: BTreeMap<AgentId, u32>,
}

impl Missing {
    /// Whether that agent is to be brought back.
    pub fn has(&self, agent: &AgentId) -> bool {
        self.agents.contains(agent)
    }

    /// How often an agent that is to be brought back had been started again; None if it is not, or has never
    /// been there.
    pub fn restarts(&self, agent: &AgentId) -> Option<u32> {
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
        let deadline = Instant::now() + RETURN;
        let mut seen = Seen::new(self.link);
        let daemons = self.daemons();
        seen.until(deadline, |seen| seen.has_hosts(&daemons)).await;
        let (mut alive, mut dead) = self.orphans(&daemons);
        alive.extend(self.hosted(&seen).await);
        if self.forgetful {
            let attached = self.record.attached.iter().cloned();
            let hoped: BTreeSet<AgentName> = alive.iter().cloned().chain(attached).collect();
            seen.until(deadline, |seen| seen.has_agents(&hoped)).await;
        }
        dead.retain(|(agent, _)| !alive.contains(agent));
        let id = |agent: AgentName| plan.id(name, agent);
        let (agents, hosts) = look_through(self.link).await?;
        let there = hosts.iter().filter(|host| self.is_there(host));
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

    /// Whether a daemon is there that was brought up with the system.
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
        let all = self.dir.latest_agents(&self.record.nameserver);
        let (alive, dead): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.process.is_alive());
        let ends = self.dir.ends();
        let status = |it: &AgentRecord| {
            let of_it = |end: &&EndRecord| Some(end.incarnation) == it.incarnation;
            ends.iter().find(of_it).and_then(|end| end.status)
        };
        let dead = dead.into_iter().map(|it| (it.agent.clone(), status(&it)));
        let dead = dead.collect();
        (alive.into_iter().map(|it| it.agent).collect(), dead)
    }

    /// The agents that daemons say they have. By their answers, all that they had to tell of others that have
    /// ended has been told.
    async fn hosted(&self, seen: &Seen) -> Vec<AgentName> {
        let there = seen.hosts.values().filter(|host| self.is_there(host));
        let ask = |host: &HostInfo| {
            let peer = Peer::Host(host.name.clone());
            self.link
                .ask::<Vec<AgentName>>(peer, &HostRequest::Agents {}, ANSWER)
        };
        let asked: Vec<_> = there.map(ask).collect();
        let mut all = Vec::new();
        for answer in asked {
            // One that does not answer is found out by its silence.
            all.extend(answer.await.unwrap_or_default());
        }
        all
    }
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
            Notice::Event(Event::Unregistered {} | Event::Revoked { .. }) => {}
        }
    }
}

impl Up<'_> {
    /// Starts daemons of this machine in the place of those that have ended.
    pub(super) async fn launch_missing_hosts(
        &self,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let missing: &[Place] = &self.missing.mend.hosts;
        if missing.is_empty() {
            return Ok(());
        }
        progress.begin(Stage::Hosts, missing.len());
        for (nameserver, host) in missing {
            let mut specs = self.request.plan.hosts_at(nameserver);
            let Some(spec) = specs.find(|it| it.name == *host) else {
                continue;
            };
            let link = self.groups.iter().find(|it| it.name == *nameserver);
            let keys = let_in(link.map(|it| it.link.as_ref()), host).await?;
            let launch = lock(self.launched).launch_host_again(nameserver, spec, keys.as_ref());
            launch.map_err(|reason| UpError::Host {
                host: host.clone(),
                reason,
            })?;
        }
        lock(self.launched).write_standing()
    }

    /// Writes down who is about to be brought back, and ends those who are half configured.
    pub(super) async fn make_room(&self) -> Result<(), UpError> {
        let mend = &self.missing.mend;
        if mend.agents.is_empty() {
            return Ok(());
        }
        lock(self.launched).note_mending(&self.request.plan, mend)?;
        let half = self.part.agents.iter();
        let half = half.filter(|it| mend.stop.contains(&it.name));
        // One that could not be ended does not let another take its name, and that is an error then.
        stop(half.map(|agent| Mended {
            link: self.link(&agent.name).clone(),
            host: agent.host.clone(),
            agent: agent.name.name.clone(),
        }))
        .await;
        Ok(())
    }
}

impl Launched {
    /// Writes down what stands, with what was started in the place of what had ended.
    pub(super) fn write_standing(&self) -> Result<(), UpError> {
        match &self.standing {
            Some(record) => Ok(self.dir.write_record(record)?),
            None => Ok(()),
        }
    }

    fn note_mending(&mut self, plan: &Plan, mend: &Mend) -> Result<(), UpError> {
        for agent in &mend.agents {
            if let Some(group) = self.standing_group_mut(plan.nameserver_of(agent)) {
                group.mending.push(agent.name.clone());
            }
        }
        for group in self.standing.iter_mut().flat_map(|it| &mut it.groups) {
            group.mending.sort();
            group.mending.dedup();
        }
        self.write_standing()
    }

    /// All that was to be brought back is there.
    pub(super) fn forget_mending(&mut self) {
        let groups = self.standing.iter_mut().flat_map(|it| &mut it.groups);
        groups.for_each(|group| group.mending.clear());
    }
}

/// Stops agents that were started where all else stands.
pub(super) async fn take_back(launched: &Shared) {
    let mended = std::mem::take(&mut lock(launched).mended);
    stop(mended.into_iter()).await;
}

/// Has their hosts stop agents, all at once, and waits until they have.
async fn stop(agents: impl Iterator<Item = Mended>) {
    let mut stops = JoinSet::new();
    for Mended { link, host, agent } in agents {
        let grace = GRACE;
        let request = HostRequest::Stop { agent, grace };
        let patience = GRACE.duration() + PATIENCE;
        stops.spawn(link.ask::<Stopped>(Peer::Host(host), &request, patience));
    }
    while stops.join_next().await.is_some() {}
}
