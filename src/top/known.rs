//! What is known of a system: what its name servers tell as it happens, and what agents say when they are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{AgentId, AgentInfo, HostInfo, HostName, NameServerName, State, SystemName};
use crate::wire::{AgentStatus, ProcessUsage};

/// Time since `top` began.
pub type Now = Duration;
/// The name server of a system; None where it has but one.
pub type Group = Option<NameServerName>;
/// A host: that of another system may have its name.
pub type HostKey = (Group, HostName, Option<SystemName>);

/// Two answers of an agent that are further apart tell nothing of how it is now.
const APART: Duration = Duration::from_secs(10);

/// All of it.
#[derive(Debug, Default)]
pub struct Known {
    pub groups: BTreeMap<Group, Standing>,
    pub hosts: BTreeMap<HostKey, HostSeen>,
    pub agents: BTreeMap<AgentId, AgentSeen>,
}

/// How it stands with a name server.
#[derive(Debug, Default)]
pub struct Standing {
    /// It does not answer, since then, and why.
    pub away: Option<(Now, String)>,
    /// It has told what there is.
    pub has_told: bool,
}

/// A host, and when that was told.
#[derive(Debug)]
pub struct HostSeen {
    pub info: HostInfo,
    pub at: Now,
}

/// An agent.
#[derive(Debug)]
pub struct AgentSeen {
    pub info: AgentInfo,
    /// When that was told.
    pub at: Now,
    /// What it has said last, and when.
    pub told: Option<(Now, AgentStatus)>,
    pub rates: Option<Rates>,
    /// Why it has not answered last time.
    pub silent: Option<String>,
}

/// What has happened in each second between two answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    pub received: f64,
    pub sent: f64,
    /// By alias: received and sent.
    pub sockets: BTreeMap<crate::model::Alias, (f64, f64)>,
    /// In parts of one processor.
    pub cpu: Option<f64>,
    pub program_cpu: Option<f64>,
}

impl Known {
    /// Another system is looked at.
    pub fn of(groups: impl IntoIterator<Item = Group>) -> Self {
        let groups = groups.into_iter();
        Self {
            groups: groups.map(|it| (it, Standing::default())).collect(),
            ..Self::default()
        }
    }

    /// All that a name server knows.
    pub fn on_snapshot(
        &mut self,
        group: &Group,
        agents: Vec<AgentInfo>,
        hosts: Option<Vec<HostInfo>>,
        now: Now,
    ) {
        let there: BTreeSet<AgentId> = agents.iter().map(|it| id(group, it)).collect();
        let is_of = |it: &AgentId| it.nameserver == *group;
        self.agents.retain(|id, _| !is_of(id) || there.contains(id));
        for info in agents {
            self.on_agent(group, info, now);
        }
        if let Some(hosts) = hosts {
            self.hosts.retain(|(of, ..), _| of != group);
            hosts
                .into_iter()
                .for_each(|it| self.on_host(group, it, now));
        }
        self.groups.entry(group.clone()).or_default().has_told = true;
    }

    pub fn on_agent(&mut self, group: &Group, info: AgentInfo, now: Now) {
        let id = id(group, &info);
        match self.agents.get_mut(&id) {
            Some(seen) => {
                // Another life counts from the beginning.
                if info.state.ended() || info.incarnation != seen.info.incarnation {
                    (seen.told, seen.rates, seen.silent) = (None, None, None);
                }
                (seen.info, seen.at) = (info, now);
            }
            None => {
                self.agents.insert(id, AgentSeen::new(info, now));
            }
        }
    }

    pub fn on_host(&mut self, group: &Group, info: HostInfo, now: Now) {
        let key = (group.clone(), info.name.clone(), info.system.clone());
        self.hosts.insert(key, HostSeen { info, at: now });
    }

    /// What an agent has said, or why it has not.
    pub fn on_status(&mut self, agent: &AgentId, told: Result<AgentStatus, String>, now: Now) {
        let Some(seen) = self.agents.get_mut(agent) else {
            return;
        };
        match told {
            Ok(status) => {
                let before = seen.told.take();
                let before = before.filter(|(at, _)| now.saturating_sub(*at) <= APART);
                seen.rates = before.and_then(|before| Rates::between(&before, now, &status));
                seen.told = Some((now, status));
                seen.silent = None;
            }
            Err(why) => seen.silent = Some(why),
        }
    }

    /// A name server answers, or does not, and why.
    pub fn on_answer(&mut self, group: &Group, answer: Result<(), String>, now: Now) -> bool {
        let standing = self.groups.entry(group.clone()).or_default();
        let was_away = standing.away.is_some();
        match answer {
            Ok(()) => standing.away = None,
            Err(why) => {
                let since = standing.away.take().map_or(now, |(since, _)| since);
                standing.away = Some((since, why));
            }
        }
        was_away != standing.away.is_some()
    }

    /// Whether what is known of that name server's is old.
    pub fn is_stale(&self, group: &Group) -> bool {
        let standing = self.groups.get(group);
        standing.is_none_or(|it| it.away.is_some())
    }

    /// How many agents there are, how many of them run, and how many are not well: failed, or not heard of, say.
    pub fn counts(&self) -> (usize, usize, usize) {
        let states = || self.agents.values().map(|it| it.info.state);
        let running = states().filter(|it| *it == State::Running).count();
        let is_bad = |it: &State| {
            matches!(
                it,
                State::Failed
                    | State::Ended
                    | State::Unhealthy
                    | State::Suspect
                    | State::Unreachable
            )
        };
        (self.agents.len(), running, states().filter(is_bad).count())
    }
}

/// How an agent of a name server is called.
pub fn id(group: &Group, info: &AgentInfo) -> AgentId {
    AgentId {
        name: info.name.clone(),
        nameserver: group.clone(),
    }
}

impl AgentSeen {
    fn new(info: AgentInfo, now: Now) -> Self {
        Self {
            info,
            at: now,
            told: None,
            rates: None,
            silent: None,
        }
    }

    /// For how long its process has run. None if it has ended.
    pub fn uptime(&self, now: Now) -> Option<Duration> {
        let at = Duration::try_from_secs_f64(self.info.uptime_s.max(0.0)).unwrap_or_default();
        (!self.info.state.ended()).then(|| at + now.saturating_sub(self.at))
    }

    pub fn status(&self) -> Option<&AgentStatus> {
        self.told.as_ref().map(|(_, status)| status)
    }

    /// What waits to leave.
    pub fn queued(&self) -> Option<u64> {
        let status = self.status()?;
        let waiting: u64 = status.sockets.values().map(|it| it.waiting).sum();
        Some(waiting + status.queued.values().sum::<u64>())
    }

    /// What was lost since it began.
    pub fn lost(&self) -> Option<u64> {
        let sockets = self.status()?.sockets.values();
        Some(sockets.map(|it| it.dropped + it.garbled).sum())
    }

    /// What its process takes of its machine.
    pub fn process(&self) -> Option<&ProcessUsage> {
        self.status()?.usage.as_ref().map(|it| &it.agent)
    }

    /// The same of its program.
    pub fn program(&self) -> Option<&ProcessUsage> {
        self.status()?.usage.as_ref()?.program.as_ref()
    }

    /// Of both, in parts of one processor.
    pub fn cpu(&self) -> Option<f64> {
        let rates = self.rates.as_ref()?;
        Some(rates.cpu? + rates.program_cpu.unwrap_or(0.0))
    }

    /// Of both, in bytes.
    pub fn memory(&self) -> Option<u64> {
        let program = self.program().map_or(0, |it| it.memory);
        Some(self.process()?.memory + program)
    }
}

impl Rates {
    /// None if the second answer is of another life.
    #[allow(clippy::cast_precision_loss, reason = "counts of messages")]
    fn between((at, before): &(Now, AgentStatus), now: Now, after: &AgentStatus) -> Option<Self> {
        let by_agent = before.usage.zip(after.usage);
        let by_agent = by_agent.map(|(before, after)| after.at_us.checked_sub(before.at_us));
        let seconds = match by_agent {
            Some(us) => us? as f64 / 1e6,
            None => now.saturating_sub(*at).as_secs_f64(),
        };
        if seconds <= 0.0 {
            return None;
        }
        let per_second =
            |before: u64, after: u64| Some(after.checked_sub(before)? as f64 / seconds);
        let mut rates = Rates::default();
        for (alias, after) in &after.sockets {
            let before = before.sockets.get(alias).copied().unwrap_or_default();
            let received = per_second(before.received, after.received)?;
            let sent = per_second(before.sent, after.sent)?;
            rates.received += received;
            rates.sent += sent;
            rates.sockets.insert(alias.clone(), (received, sent));
        }
        let share = |before: &ProcessUsage, after: &ProcessUsage| {
            let is_same = before.pid == after.pid;
            let us = is_same.then(|| after.cpu_us.saturating_sub(before.cpu_us))?;
            Some(us as f64 / 1e6 / seconds)
        };
        if let Some((before, after)) = before.usage.zip(after.usage) {
            rates.cpu = share(&before.agent, &after.agent);
            let program = before.program.zip(after.program);
            rates.program_cpu = program.and_then(|(before, after)| share(&before, &after));
        }
        Some(rates)
    }
}
