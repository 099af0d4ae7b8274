//! Taking a system down, in the reverse order of its phases: agents stop sending, then end, then
//! their hosts, then the name server; then what was written about it goes.
//!
//! It works on whatever is left of a system: without a name server, without daemons, or after
//! being cut short itself.

mod damaged;
mod end;
mod machines;
mod order;
mod others;
mod processes;
mod turns;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{AgentId, AgentName, Alias, Grace, Leftover, NameServerName, SystemName};
use crate::process::ProcessId;
use crate::proxy::Link;
use crate::state::{
    Ending, FarNameServer, GroupRecord, Lock, Phase, StateDir, StateError, SystemDir, SystemRecord,
};
use crate::wire::StopStage;

pub(crate) use damaged::Damage;
pub(crate) use order::{Turns, longest_of};
pub(crate) use others::{ForOthers, Others};
use processes::Ended;
pub(crate) use processes::{LeftMachine, Processes};

#[derive(Debug, thiserror::Error)]
pub enum DownError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("system {system} has no name server {name}")]
    UnknownNameServer {
        system: SystemName,
        name: NameServerName,
        known: Vec<NameServerName>,
    },
    /// Nothing was done.
    #[error("{}", serves(system, others))]
    InUse {
        system: SystemName,
        others: Vec<Others>,
    },
    /// The rest is down.
    #[error(
        "system {system} is down but for machines that could not be reached: {}",
        hosts(left)
    )]
    Machines {
        system: SystemName,
        left: Vec<LeftMachine>,
    },
    /// Something is still there.
    #[error(
        "these processes of system {system} could not be ended: {}",
        pids(left)
    )]
    Left {
        system: SystemName,
        left: Vec<ProcessId>,
    },
}

fn serves(system: &SystemName, others: &[Others]) -> String {
    let of_each = others.iter().map(|it| {
        let at = it.address.trim_start_matches("tcp://");
        format!("the name server of {system} at {at} serves others too: {it}")
    });
    of_each.collect::<Vec<_>>().join("\n")
}

fn hosts(left: &[LeftMachine]) -> String {
    let word = |it: &LeftMachine| format!("{} ({})", it.host, it.reason);
    left.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn pids(processes: &[ProcessId]) -> String {
    let pids: Vec<String> = processes
        .iter()
        .map(|process| process.pid.to_string())
        .collect();
    pids.join(", ")
}

/// How one agent was ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoppedAgent {
    pub agent: AgentId,
    pub stage: StopStage,
    /// How many messages had not left its sockets when it ended.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unsent: BTreeMap<Alias, u64>,
    /// What its program had left running, and was killed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub killed: Vec<Leftover>,
}

/// What `down` has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DownReport {
    /// There was nothing to take down.
    pub nothing: bool,
    /// The name servers that were taken down, if others of the system were not.
    pub only: Vec<NameServerName>,
    /// How each agent ended.
    pub stopped: Vec<StoppedAgent>,
    /// Agents that outlived their host daemon, and were killed.
    pub orphans: Vec<AgentId>,
    /// Agents that others have started, and that were released.
    pub released: Vec<AgentId>,
    /// Agents that others have started, and that could not be told.
    pub kept: Vec<AgentId>,
    /// Daemons that did not end when asked to.
    pub killed_daemons: usize,
    /// Under which number its logs are kept.
    pub run: Option<u64>,
    /// Those that have lost their name server.
    pub others: Vec<Others>,
    /// The record could not be read: what `down` found instead. How each agent ended is not known then.
    pub damage: Option<Damage>,
}

impl DownReport {
    fn nothing() -> Self {
        Self {
            nothing: true,
            ..Self::default()
        }
    }

    /// Agents that had to be killed.
    pub fn killed(&self) -> impl Iterator<Item = &AgentId> {
        let killed = self
            .stopped
            .iter()
            .filter(|stopped| stopped.stage == StopStage::Killed);
        killed.map(|stopped| &stopped.agent).chain(&self.orphans)
    }

    /// Sockets that had not sent all that they had, each with how many it was.
    pub fn unsent(&self) -> impl Iterator<Item = String> {
        self.stopped.iter().flat_map(|stopped| {
            let sockets = stopped.unsent.iter();
            sockets.map(|(alias, count)| format!("{}.{alias} {count}", stopped.agent))
        })
    }

    /// What programs had left running, and was killed, by agent.
    pub fn leftovers(&self) -> impl Iterator<Item = String> {
        self.stopped.iter().flat_map(|stopped| {
            let killed = stopped.killed.iter();
            killed.map(|leftover| format!("{}: {leftover}", stopped.agent))
        })
    }

    /// Takes in what was done with one group. `id` tells its agents from those of others.
    fn add(&mut self, ended: Ended, id: impl Fn(AgentName) -> AgentId) {
        let stopped = ended.stopped.into_iter();
        self.stopped.extend(stopped.map(|it| StoppedAgent {
            agent: id(it.agent),
            stage: it.stage,
            unsent: it.unsent,
            killed: it.killed,
        }));
        self.stopped
            .sort_by(|one, other| one.agent.cmp(&other.agent));
        self.orphans.extend(ended.orphans.into_iter().map(&id));
        self.orphans.sort();
        self.released.extend(ended.released.into_iter().map(&id));
        self.released.sort();
        self.kept.extend(ended.kept.into_iter().map(&id));
        self.kept.sort();
        self.killed_daemons += ended.killed_daemons;
    }
}

/// Takes the system `name` down, or, if any are given, `only` these of its name servers with all
/// that is registered there. Agents that do not end within `grace` get SIGTERM, and SIGKILL two
/// seconds later. If there is nothing, that is no error.
pub(crate) async fn down(
    state: &StateDir,
    name: &SystemName,
    only: &[NameServerName],
    grace: Grace,
    for_others: ForOthers,
) -> Result<DownReport, DownError> {
    let dir = state.system(name);
    if !dir.path().exists() {
        return Ok(DownReport::nothing());
    }
    let _lock = Lock::take(&dir, name)?;
    let record = match dir.record() {
        Ok(Some(record)) => record,
        Ok(None) => {
            dir.remove(Ending::UpFailed)?;
            return Ok(DownReport::nothing());
        }
        Err(why) if why.untrusted().is_some() => return Err(why.into()),
        Err(why) => return down_damaged(&dir, name, why, only, grace),
    };
    refuse_unknown(name, record.groups.iter().map(|group| &group.name), only)?;
    let meant = |group: &&GroupRecord| only.is_empty() || only.contains(&group.name);
    let groups: Vec<&GroupRecord> = record.present().filter(meant).collect();
    let stays = |group: &GroupRecord| !groups.iter().any(|it| it.name == group.name);
    let is_all = !record.present().any(stays);
    let dial = |group: &&GroupRecord| Link::open(&group.dial().ok()?).ok().map(|(link, _)| link);
    let mut links: Vec<Option<Link>> = groups.iter().map(dial).collect();
    let others = others::others(&record, &groups, &mut links).await;
    if for_others == ForOthers::Keep && !others.is_empty() {
        let system = name.clone();
        return Err(DownError::InUse { system, others });
    }
    if is_all {
        dir.note_ending(ending(&dir, &record));
    }
    let (mut report, left) = end_all(&dir, &record, (&groups, &links), grace).await?;
    report.others = others;
    if !left.is_empty() {
        dir.write_record(&with_what_is_left(&record, &groups, &left))?;
        return Err(DownError::Machines {
            system: name.clone(),
            left: left.into_iter().map(|(_, machine)| machine).collect(),
        });
    }
    if is_all {
        report.run = dir.retire(Ending::Down)?;
        return Ok(report);
    }
    report.nothing = groups.is_empty();
    report.only = groups.iter().map(|group| group.name.clone()).collect();
    dir.write_record(&without(&record, &report.only))?;
    Ok(report)
}

/// Some of its name servers are told from all by what is noted of the run, if that is there.
fn down_damaged(
    dir: &SystemDir,
    name: &SystemName,
    why: StateError,
    only: &[NameServerName],
    grace: Grace,
) -> Result<DownReport, DownError> {
    let mut groups = dir.run_note().groups;
    if groups.is_empty() && !only.is_empty() {
        return Err(why.into());
    }
    refuse_unknown(name, groups.iter().map(|group| &group.name), only)?;
    groups.retain(|group| only.contains(&group.name));
    dir.check()?;
    let (mut report, left) = damaged::end_damaged(dir, &why, &groups, grace);
    if !left.is_empty() {
        let system = name.clone();
        return Err(DownError::Left { system, left });
    }
    match only.is_empty() {
        true => report.run = dir.retire(Ending::Down)?,
        false => report.only = only.to_vec(),
    }
    Ok(report)
}

/// Why a system ends that is taken down.
fn ending(dir: &SystemDir, record: &SystemRecord) -> Ending {
    match record.present().any(|group| group.lives(dir)) {
        true => Ending::Down,
        false => Ending::of_the_dead(record),
    }
}

fn refuse_unknown<'a>(
    system: &SystemName,
    known: impl Iterator<Item = &'a NameServerName> + Clone,
    only: &[NameServerName],
) -> Result<(), DownError> {
    let is_known = |name: &&NameServerName| known.clone().any(|it| it == *name);
    match only.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(DownError::UnknownNameServer {
            system: system.clone(),
            name: name.clone(),
            known: known.clone().cloned().collect(),
        }),
    }
}

async fn end_all(
    dir: &SystemDir,
    record: &SystemRecord,
    (groups, links): (&[&GroupRecord], &[Option<Link>]),
    grace: Grace,
) -> Result<(DownReport, Left), DownError> {
    let system = &record.name;
    let topology = order::topology(record);
    let longest = longest_of(topology.as_ref(), dir);
    let processes = |group| Processes {
        system,
        dir,
        group,
        turns: Turns::of(topology.as_ref(), record, group),
        longest,
    };
    // Before any of them ends: others may be sending to it.
    for (group, link) in groups.iter().zip(links) {
        link.iter().for_each(|link| processes(group).quiesce(link));
    }
    let mut report = DownReport::default();
    let (mut left, mut machines) = (Vec::new(), Vec::new());
    for (group, link) in groups.iter().zip(links) {
        let mut ended = processes(group).end(link.as_ref(), grace).await;
        left.append(&mut ended.left);
        let there = std::mem::take(&mut ended.machines).into_iter();
        machines.extend(there.map(|it| (group.name.clone(), it)));
        report.add(ended, |name| record.id(group, name));
    }
    match left.is_empty() {
        true => Ok((report, machines)),
        false => Err(DownError::Left {
            system: system.clone(),
            left,
        }),
    }
}

/// What could not be ended, by the names of the name servers.
type Left = Vec<(NameServerName, LeftMachine)>;

/// The record when all of `groups` is gone but what is left on other machines.
fn with_what_is_left(record: &SystemRecord, groups: &[&GroupRecord], left: &Left) -> SystemRecord {
    let gone: Vec<NameServerName> = groups.iter().map(|it| it.name.clone()).collect();
    let mut rest = without(record, &gone);
    for (group, old) in rest.groups.iter_mut().zip(&record.groups) {
        let of_group = || left.iter().filter(|(name, _)| *name == group.name);
        let mut machines = old.machines.clone();
        machines.retain(|machine| of_group().any(|(_, it)| it.host == machine.host));
        if of_group().next().is_none() || !gone.contains(&group.name) {
            continue;
        }
        let is_needed = of_group().any(|(_, it)| it.attached);
        if is_needed {
            group.launched_nameserver = old.launched_nameserver.clone();
        }
        let is_left = |far: &FarNameServer| of_group().any(|(_, it)| it.host == far.host);
        let far = old.far_nameserver.clone();
        group.far_nameserver = far.filter(|far| is_needed || is_left(far));
        group.phase = Phase::Starting;
        group.machines = machines;
    }
    rest
}

/// The record when `gone` are gone.
fn without(record: &SystemRecord, gone: &[NameServerName]) -> SystemRecord {
    let mut record = record.clone();
    for group in record
        .groups
        .iter_mut()
        .filter(|it| gone.contains(&it.name))
    {
        *group = GroupRecord {
            phase: Phase::Down,
            launched_nameserver: None,
            far_nameserver: None,
            hosts: Vec::new(),
            machines: Vec::new(),
            attached: Vec::new(),
            mending: Vec::new(),
            ..group.clone()
        };
    }
    record
}

/// Loses patience with a `down` that is under way: the host daemons are told to go on to the next
/// stop stage at once, for all agents.
pub(crate) fn hurry(state: &StateDir, name: &SystemName) -> Result<(), StateError> {
    // Of a damaged one, it is not known which process to tell.
    if let Ok(Some(record)) = state.system(name).record() {
        for daemon in record.groups.into_iter().flat_map(|group| group.hosts) {
            daemon.process.hurry();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Stopped;

    #[test]
    fn agents_of_all_groups_are_told_of_in_the_order_of_their_names() {
        let ended = |names: &[&str]| Ended {
            stopped: names
                .iter()
                .map(|name| Stopped::at(name.parse().unwrap(), StopStage::Asked))
                .collect(),
            ..Ended::default()
        };
        let mut report = DownReport::default();
        report.add(ended(&["A10", "A9"]), AgentId::from);
        report.add(ended(&["A1"]), AgentId::from);
        let told = report.stopped.iter().map(|it| it.agent.to_string());
        assert_eq!(told.collect::<Vec<_>>(), ["A1", "A9", "A10"]);
    }
}
