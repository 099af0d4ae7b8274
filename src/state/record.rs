//! What is written down about a system, whole or not at all.
//!
//! Fields that are not known are read over: a later osb may have written them. What an older one could not
//! do without understanding raises the format's number, and then it is refused.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{KeyFile, StateError, SystemDir, own};
use crate::model::{
    AgentId, AgentName, Alias, Cause, Contents, Dial, ExitReport, HostId, HostName, Leftover,
    LogLimits, NameServerName, Overrides, SshSpec, SystemName,
};
use crate::process::ProcessId;
use crate::wire::{FormerAgent, Incarnation};

/// The format of records.
pub(super) const FORMAT: u32 = 1;
/// The file of a system's record.
pub(super) const FILE: &str = "system.json";

/// What every format begins with.
#[derive(Deserialize)]
struct Head {
    #[serde(default = "first_format")]
    format: u32,
}

fn first_format() -> u32 {
    1
}

/// A record as it is written.
#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    #[serde(flatten)]
    record: &'a SystemRecord,
}

/// A system as its commands remember it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemRecord {
    pub name: SystemName,
    /// In the order of the topology; one at least.
    pub groups: Vec<GroupRecord>,
    /// Other machines can reach it, and nothing protects it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unprotected: bool,
    /// The topology it was brought up from, in its resolved form.
    pub topology: String,
    pub file: String,
    /// All that the topology was read from, so that it can be read again. None if it was made otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<String>,
    /// What counts more than the file.
    #[serde(default, skip_serializing_if = "Overrides::is_empty")]
    pub overrides: Overrides,
    /// The topology that an `up` is about to make of it. If that is killed, some agents are what it was to be, some what they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changing: Option<String>,
    /// With which contents of their files agents have begun, as far as those are followed.
    #[serde(default, skip_serializing_if = "Contents::is_empty")]
    pub contents: Contents,
}

/// A name server of a system, with its agents and daemons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    pub name: NameServerName,
    pub phase: Phase,
    /// What to dial: `tcp://…`.
    pub nameserver: String,
    /// The file with the key of commands. None: the system is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// None if it was there before and stays.
    pub launched_nameserver: Option<ProcessId>,
    /// Where it was launched, if on another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub far_nameserver: Option<FarNameServer>,
    pub hosts: Vec<Daemon>,
    /// Those on other machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<Machine>,
    /// Agents that others have started: they are released and not ended.
    pub attached: Vec<AgentName>,
    /// Agents that an `up` is about to bring back. If it is killed, they are half configured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mending: Vec<AgentName>,
}

impl SystemRecord {
    /// Those that are there, or are just coming: not those that were taken down by themselves.
    pub fn present(&self) -> impl Iterator<Item = &GroupRecord> {
        self.groups.iter().filter(|it| it.phase != Phase::Down)
    }

    /// An agent of one of them by its name.
    pub fn id(&self, group: &GroupRecord, name: AgentName) -> AgentId {
        AgentId {
            name,
            nameserver: self.suffix(group).cloned(),
        }
    }

    /// The name of one of them, if it is not the first.
    pub fn suffix<'g>(&self, group: &'g GroupRecord) -> Option<&'g NameServerName> {
        let is_first = self.groups.first().is_some_and(|it| it.name == group.name);
        (!is_first).then_some(&group.name)
    }

    /// The agents that its topology names, of one of its name servers. None if the record does not tell.
    pub fn declared(&self, group: &NameServerName) -> Option<Vec<AgentName>> {
        /// What matters of a topology here.
        #[derive(Deserialize)]
        struct Named {
            agents: Vec<Agent>,
        }
        #[derive(Deserialize)]
        struct Agent {
            name: AgentId,
        }
        let topology: Named = serde_json::from_str(&self.topology).ok()?;
        let first = &self.groups.first()?.name;
        let of_group =
            |id: AgentId| (id.nameserver.as_ref().unwrap_or(first) == group).then_some(id.name);
        let ids = topology.agents.into_iter().map(|agent| agent.name);
        Some(ids.filter_map(of_group).collect())
    }

    /// Whether one of them is being brought up.
    pub fn is_starting(&self) -> bool {
        self.groups.iter().any(|it| it.phase == Phase::Starting)
    }
}

impl GroupRecord {
    /// Whether its name server came with the system, and is there for it alone.
    pub fn was_launched(&self) -> bool {
        self.launched_nameserver.is_some() || self.far_nameserver.is_some()
    }

    /// How its name server is dialled.
    pub fn dial(&self) -> Result<Dial, StateError> {
        let key = self.key.as_deref().map(KeyFile::read_named).transpose()?;
        Ok(Dial {
            address: self.nameserver.clone(),
            keys: key.map(|key| key.credentials()),
        })
    }

    /// Whether anything of it lives that was brought up, so that it is mended and not begun anew. What is
    /// on other machines may, for all that is known here.
    pub fn lives(&self, dir: &SystemDir) -> bool {
        let mut here = self
            .hosts
            .iter()
            .map(|daemon| &daemon.process)
            .chain(&self.launched_nameserver);
        let nothing_here = self.hosts.is_empty() && self.launched_nameserver.is_none();
        let agent_lives = || {
            let mut agents = dir.agents().into_iter();
            agents.any(|it| it.nameserver == self.nameserver && it.process.is_alive())
        };
        self.phase == Phase::Up
            && (nothing_here
                || !self.machines.is_empty()
                || self.far_nameserver.is_some()
                || here.any(ProcessId::is_alive)
                || agent_lives())
    }

    /// Whether it is up, with `process` as one of its daemons.
    fn is_up_with(&self, process: &ProcessId) -> bool {
        self.phase == Phase::Up && self.has(process)
    }

    /// Whether `process` is one of its daemons.
    pub fn has(&self, process: &ProcessId) -> bool {
        let mut hosts = self.hosts.iter();
        self.launched_nameserver.as_ref() == Some(process)
            || hosts.any(|daemon| daemon.process == *process)
    }
}

/// How far `up` came with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Starting,
    Up,
    /// It was taken down, and others of the system were not.
    Down,
}

/// A host daemon that was launched with the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    pub host: HostName,
    pub process: ProcessId,
}

/// A host daemon on another machine, and what of the system is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub host: HostName,
    /// Those of the system that were to be started there.
    pub agents: Vec<AgentName>,
    /// None: others have started the daemon, and it stays.
    pub ours: Option<Launch>,
    /// Where the files are there that have come along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Laid>,
    /// The daemon came in the place of one that had ended, whose agents it cannot end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub succeeded: bool,
}

impl Machine {
    /// Its daemon among all that the name server knows.
    pub fn id(&self, system: &SystemName) -> HostId {
        match self.ours {
            Some(_) => HostId::of(system, &self.host),
            None => HostId::shared(&self.host),
        }
    }
}

/// A folder of this machine, and where its files are on another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Laid {
    pub from: PathBuf,
    pub folder: PathBuf,
}

/// A name server that was launched on another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarNameServer {
    pub host: HostName,
    pub launch: Launch,
}

/// How a daemon on another machine was started, which is how it can be ended too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    pub ssh: SshSpec,
    /// Its name server's name within the system, if it is not the first.
    pub group: Option<NameServerName>,
    /// The daemon's, on its own machine.
    pub pid: u32,
}

/// An agent's process, written down by the daemon that started it, for the case that the daemon
/// is gone when the agent is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRecord {
    pub agent: AgentName,
    /// Where it is registered: `tcp://…`.
    pub nameserver: String,
    pub process: ProcessId,
    /// Which of its lives that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    /// The limits of what it prints, if it holds that file itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prints: Option<LogLimits>,
    /// The group that it is in, with what it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<PathBuf>,
    /// How often it had been started again by its policy, within the window of that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How an agent ended, written down by its daemon; by itself and by the daemon's keeper if that was gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRecord {
    pub agent: AgentName,
    pub incarnation: Incarnation,
    /// Exit status, unless a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Its daemon has decided that it is not started again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
}

/// A process that stands for a daemon now, and the pid of the one that did before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperRecord {
    pub former: u32,
    pub process: ProcessId,
}

impl SystemDir {
    /// Whether a group is up that has `process` as one of its daemons. The record says so before `up` lets go of what it
    /// has launched.
    pub fn is_up_with(&self, process: &ProcessId) -> bool {
        let record = self.record().ok().flatten();
        record.is_some_and(|record| record.groups.iter().any(|group| group.is_up_with(process)))
    }

    /// The record, if there is one.
    pub fn record(&self) -> Result<Option<SystemRecord>, StateError> {
        let path = self.record_path();
        let bytes = match own::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::io("read", &path, error)),
        };
        let corrupt = |error: serde_json::Error| StateError::Corrupt {
            path: path.clone(),
            reason: error.to_string(),
        };
        let Head { format } = serde_json::from_slice(&bytes).map_err(corrupt)?;
        if format > FORMAT {
            return Err(StateError::Newer { path, format });
        }
        let mut record: SystemRecord = serde_json::from_slice(&bytes).map_err(corrupt)?;
        self.find_keepers(&mut record);
        Ok(Some(record))
    }

    /// Keepers that have died since the record was written, and others have come in their places.
    fn find_keepers(&self, record: &mut SystemRecord) {
        let keepers = self.keepers();
        if keepers.is_empty() {
            return;
        }
        for group in &mut record.groups {
            let hosts = group.hosts.iter_mut().map(|it| &mut it.process);
            for process in hosts.chain(&mut group.launched_nameserver) {
                for keeper in &keepers {
                    if keeper.former == process.pid && !process.is_alive() {
                        *process = keeper.process.clone();
                    }
                }
            }
        }
    }

    fn keepers(&self) -> Vec<KeeperRecord> {
        let mut keepers: Vec<KeeperRecord> = lines_of(&self.keepers_path());
        // Pids come again with each boot.
        keepers.retain(|it| it.process.is_of_this_boot());
        keepers
    }

    /// Writes down which process stands for a daemon from now on.
    pub fn note_keeper(&self, keeper: &KeeperRecord) -> io::Result<()> {
        own::append(&self.keepers_path())?.write_all(&line(keeper))
    }

    /// The pids of those that have stood for a daemon before `pid` did.
    pub fn former_keepers(&self, pid: u32) -> Vec<u32> {
        let (mut former, mut at) = (Vec::new(), pid);
        for keeper in self.keepers().iter().rev() {
            if keeper.process.pid == at {
                at = keeper.former;
                former.push(at);
            }
        }
        former
    }

    /// The hosts on other machines that a record names which is not understood as a whole.
    pub fn hosts_of_damaged(&self) -> Vec<String> {
        let bytes = own::read(&self.record_path()).unwrap_or_default();
        let record: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let list = |of: &serde_json::Value, key: &str| {
            let list = of.get(key).and_then(serde_json::Value::as_array);
            list.cloned().unwrap_or_default()
        };
        let groups = list(&record, "groups").into_iter();
        let machines = groups.flat_map(|group| {
            let far = group.get("far_nameserver").cloned();
            list(&group, "machines").into_iter().chain(far)
        });
        let hosts = machines.filter_map(|it| Some(it.get("host")?.as_str()?.to_owned()));
        let mut hosts: Vec<String> = hosts.collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// Writes the record, so that a reader finds the old one or the new one and nothing between.
    pub fn write_record(&self, record: &SystemRecord) -> Result<(), StateError> {
        let path = self.record_path();
        let written = Written {
            format: FORMAT,
            record,
        };
        let bytes = serde_json::to_vec_pretty(&written).map_err(|error| StateError::Corrupt {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        own::replace(&path, &bytes).map_err(|error| StateError::io("write", &path, error))?;
        self.note_run(record);
        Ok(())
    }

    /// Opens the list of agents' processes for adding to it.
    pub fn agents_log(&self) -> Result<File, StateError> {
        let path = self.agents_path();
        own::append(&path).map_err(|error| StateError::io("open", &path, error))
    }

    /// The agents' processes. A line that was torn by a crash is not one of them.
    pub fn agents(&self) -> Vec<AgentRecord> {
        lines_of(&self.agents_path())
    }

    /// Writes down the attributes with which an agent has ended.
    pub fn write_left(
        &self,
        life: Incarnation,
        attributes: &BTreeMap<String, Value>,
    ) -> io::Result<()> {
        self.leave(&self.left_path(life), attributes)
    }

    /// Writes down what an agent has killed at its end, for its daemon.
    pub fn write_killed(&self, life: Incarnation, killed: &[Leftover]) -> io::Result<()> {
        self.leave(&self.killed_path(life), &killed)
    }

    /// What an agent has killed at its end. It is told once.
    pub fn take_killed(&self, life: Incarnation) -> Vec<Leftover> {
        take(&self.killed_path(life))
    }

    /// Writes down how many messages an agent has not sent at its end, by socket, for its daemon.
    pub fn write_unsent(&self, life: Incarnation, unsent: &BTreeMap<Alias, u64>) -> io::Result<()> {
        self.leave(&self.unsent_path(life), unsent)
    }

    /// How many messages an agent has not sent at its end, by socket. It is told once. That nothing is written down
    /// means that nothing was left.
    pub fn take_unsent(&self, life: Incarnation) -> BTreeMap<Alias, u64> {
        take(&self.unsent_path(life))
    }

    /// Writes down that a member has asked an agent to end, for its daemon: it is not to be started again.
    pub fn write_asked(&self, life: Incarnation) -> io::Result<()> {
        self.leave(&self.asked_path(life), &true)
    }

    /// Whether a member has asked an agent to end. It is told once.
    pub fn take_asked(&self, life: Incarnation) -> bool {
        take(&self.asked_path(life))
    }

    /// Writes down why an agent ends, for its daemon.
    pub fn write_cause(&self, life: Incarnation, cause: &Cause) -> io::Result<()> {
        self.leave(&self.cause_path(life), &Some(cause))
    }

    /// Why an agent has ended, in its own word. It is told once.
    pub fn take_cause(&self, life: Incarnation) -> Option<Cause> {
        take(&self.cause_path(life))
    }

    fn leave<T: Serialize>(&self, path: &Path, what: &T) -> io::Result<()> {
        own::make(path.parent().unwrap_or(path)).map_err(io::Error::other)?;
        own::create(path)?.write_all(&crate::wire::body(what))
    }

    /// The attributes with which an agent has ended. None if it has left none.
    pub fn left(&self, life: Incarnation) -> Option<BTreeMap<String, Value>> {
        let bytes = own::read(&self.left_path(life)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The last process of each agent of a name server.
    pub fn latest_agents(&self, nameserver: &str) -> Vec<AgentRecord> {
        let mut records = self.agents();
        records.retain(|it| it.nameserver == nameserver);
        AgentRecord::latest(records)
    }

    /// The agents of a name server's daemon that has ended: those that live, and those that do not.
    pub fn former_agents(&self, nameserver: &str) -> Vec<FormerAgent> {
        let ends = self.ends();
        let status = |it: &AgentRecord| ends.get(&it.incarnation?)?.status;
        let former = |it: AgentRecord| match it.process.is_alive() {
            true => FormerAgent::alive(it.agent),
            false => FormerAgent {
                status: status(&it),
                alive: false,
                agent: it.agent,
            },
        };
        let all = self.latest_agents(nameserver);
        all.into_iter().map(former).collect()
    }

    /// Whether any agent lives whose daemon was of this folder.
    pub fn any_agent_lives(&self) -> bool {
        self.agents().iter().any(|it| it.process.is_alive())
    }

    /// How agents have ended, by their lives. What was written last holds: an agent itself has written before its end.
    pub fn ends(&self) -> HashMap<Incarnation, EndRecord> {
        let all = lines_of::<EndRecord>(&self.ends_path()).into_iter();
        all.map(|it| (it.incarnation, it)).collect()
    }

    /// The list of ends, to be added to with [`EndRecord::append`].
    pub fn ends_log(&self) -> io::Result<File> {
        own::append(&self.ends_path())
    }
}

/// What is written there, and removes it.
fn take<T: DeserializeOwned + Default>(path: &Path) -> T {
    let Ok(bytes) = own::read(path) else {
        return T::default();
    };
    let _ = fs::remove_file(path);
    serde_json::from_slice(&bytes).unwrap_or_default()
}

pub(super) fn lines_of<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let bytes = own::read(path).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let lines = text.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

impl AgentRecord {
    /// The last one of each agent of a name server.
    pub fn latest(records: Vec<Self>) -> Vec<Self> {
        let by_agent = records.into_iter().map(|it| (it.agent.clone(), it));
        by_agent.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// As one line of the list.
    pub fn line(&self) -> Vec<u8> {
        line(self)
    }
}

impl EndRecord {
    /// What is known of an end by what was written down, if anything was.
    pub fn report(end: Option<&Self>) -> ExitReport {
        ExitReport {
            status: end.and_then(|it| it.status),
            signal: end.and_then(|it| it.signal),
            log: Vec::new(),
            cause: None,
        }
    }

    /// Adds it to the list, at once and whole: others may add theirs.
    pub fn append(&self, list: &mut File) -> io::Result<()> {
        list.write_all(&line(self))
    }
}

pub(super) fn line(record: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(record).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> SystemRecord {
        SystemRecord {
            name: "x".parse().unwrap(),
            groups: vec![GroupRecord {
                name: NameServerName::only(),
                phase: Phase::Up,
                nameserver: "tcp://127.0.0.1:1".into(),
                key: None,
                launched_nameserver: Some(ProcessId::of_self().unwrap()),
                far_nameserver: None,
                hosts: vec![],
                machines: vec![],
                attached: vec![],
                mending: vec![],
            }],
            unprotected: false,
            sources: None,
            overrides: Overrides::default(),
            changing: None,
            contents: Default::default(),
            topology: "{}".into(),
            file: "x.yaml".into(),
        }
    }

    #[test]
    fn a_record_comes_back_and_a_torn_one_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().to_owned());
        assert_eq!(dir.record().unwrap(), None);
        let record = record();
        dir.write_record(&record).unwrap();
        assert_eq!(dir.record().unwrap(), Some(record));
        fs::write(dir.record_path(), b"{\"name\":").unwrap();
        assert!(matches!(dir.record(), Err(StateError::Corrupt { .. })));
    }

    #[test]
    fn what_a_later_osb_adds_is_read_over_and_what_it_changes_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().to_owned());
        let path = dir.record_path();
        dir.write_record(&record()).unwrap();
        let mut later: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        later["colour"] = "blue".into();
        later["groups"][0]["colour"] = "blue".into();
        later["groups"][0]["launched_nameserver"]["colour"] = "blue".into();
        fs::write(&path, later.to_string()).unwrap();
        assert_eq!(dir.record().unwrap(), Some(record()));
        later["format"] = 2.into();
        later["groups"][0]["machines"] = serde_json::json!([{ "host": "lab1", "via": "pigeon" }]);
        fs::write(&path, later.to_string()).unwrap();
        let refused = dir.record().unwrap_err().to_string();
        assert!(
            refused.ends_with("format 2, and this one reads up to 1"),
            "{refused}"
        );
        assert_eq!(dir.hosts_of_damaged(), ["lab1"]);
    }

    #[test]
    fn a_keeper_that_came_in_the_place_of_a_dead_one_is_found() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().to_owned());
        let own = ProcessId::of_self().unwrap();
        let dead = ProcessId {
            start: own.start + 1,
            ..own.clone()
        };
        let mut written = record();
        written.groups[0].launched_nameserver = Some(dead.clone());
        dir.write_record(&written).unwrap();
        assert_eq!(dir.record().unwrap(), Some(written));
        for (former, process) in [
            (
                own.pid,
                ProcessId {
                    pid: 7,
                    ..dead.clone()
                },
            ),
            (7, own.clone()),
        ] {
            dir.note_keeper(&KeeperRecord { former, process }).unwrap();
        }
        let found = dir.record().unwrap().unwrap();
        assert_eq!(found.groups[0].launched_nameserver, Some(own.clone()));
        assert_eq!(dir.former_keepers(own.pid), [7, own.pid]);
        assert!(dir.former_keepers(8).is_empty());
    }

    #[test]
    fn a_torn_line_hides_no_other_agent() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().to_owned());
        let process = ProcessId::of_self().unwrap();
        let alice = AgentRecord {
            agent: "Alice".parse().unwrap(),
            nameserver: "tcp://127.0.0.1:1".into(),
            process,
            incarnation: None,
            prints: None,
            cgroup: None,
            restarts: 0,
        };
        let mut log = dir.agents_log().unwrap();
        log.write_all(&alice.line()).unwrap();
        log.write_all(b"{\"agent\":").unwrap();
        assert_eq!(dir.agents(), [alice]);
    }
}
