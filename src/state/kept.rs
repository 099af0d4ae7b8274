//! What is noted of a run while it lasts, for commands that read its logs when it is over: which daemons worked
//! for it here, which machines it was on, and at last when and why it ended. Without a note there are the
//! logs of this machine.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FarNameServer, GroupRecord, Launch, SystemDir, SystemRecord, own};
use crate::model::{AgentId, HostName, NameServerName};
use crate::process::ProcessId;

/// The file of the note, in the system's folder and then in that of the run.
const FILE: &str = "run.json";

/// Why a run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was taken down.
    Down,
    /// `up` did not bring it up.
    UpFailed,
    /// It had died, and was cleared away.
    Died,
    /// The daemon or name server that worked here for a system elsewhere has ended.
    DaemonEnded,
}

impl Ending {
    /// Of a system of which nothing stands any more.
    pub fn of_the_dead(record: &SystemRecord) -> Self {
        match record.is_starting() {
            true => Ending::UpFailed,
            false => Ending::Died,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Down => "down",
            Ending::UpFailed => "up failed",
            Ending::Died => "died",
            Ending::DaemonEnded => "daemon ended",
        }
    }
}

/// What is known of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNote {
    /// UTC, as in logs; None as long as it lasts.
    #[serde(default)]
    pub ended: Option<String>,
    #[serde(default)]
    pub why: Option<Ending>,
    /// All on other machines.
    #[serde(default)]
    pub machines: Vec<KeptMachine>,
    #[serde(default)]
    pub nameservers: Vec<FarNameServer>,
    /// Its name servers, by which its parts are told from one another if the record cannot be read.
    #[serde(default)]
    pub groups: Vec<NotedGroup>,
}

/// A name server of a run, and what there was with it on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedGroup {
    pub name: NameServerName,
    /// Where its agents are registered: `tcp://…`.
    pub nameserver: String,
    /// All that there have been, itself too.
    pub daemons: Vec<ProcessId>,
}

/// A host daemon on another machine, and the agents whose logs are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMachine {
    pub host: HostName,
    pub agents: Vec<AgentId>,
    /// None: others have started the daemon.
    pub ours: Option<Launch>,
}

impl RunNote {
    /// Adds what a record tells. Tells whether that is news.
    fn add(&mut self, record: &SystemRecord) -> bool {
        let before = self.clone();
        for group in &record.groups {
            self.add_group(record, group);
        }
        *self != before
    }

    fn add_group(&mut self, record: &SystemRecord, group: &GroupRecord) {
        let hosts = group.hosts.iter().map(|daemon| &daemon.process);
        let noted = self.group(group);
        for daemon in hosts.chain(&group.launched_nameserver) {
            if !noted.daemons.contains(daemon) {
                noted.daemons.push(daemon.clone());
            }
        }
        for machine in &group.machines {
            let agents = machine.agents.iter().cloned();
            let machine = KeptMachine {
                host: machine.host.clone(),
                agents: agents.map(|agent| record.id(group, agent)).collect(),
                ours: machine.ours.clone(),
            };
            self.add_machine(machine);
        }
        if let Some(far) = &group.far_nameserver
            && !self.nameservers.contains(far)
        {
            self.nameservers.push(far.clone());
        }
    }

    fn group(&mut self, group: &GroupRecord) -> &mut NotedGroup {
        let known = self.groups.iter().position(|it| it.name == group.name);
        let at = known.unwrap_or_else(|| {
            self.groups.push(NotedGroup {
                name: group.name.clone(),
                nameserver: String::new(),
                daemons: Vec::new(),
            });
            self.groups.len() - 1
        });
        let noted = &mut self.groups[at];
        noted.nameserver.clone_from(&group.nameserver);
        noted
    }

    /// All that there have been on this machine, name servers too.
    pub fn daemons(&self) -> impl Iterator<Item = &ProcessId> {
        self.groups.iter().flat_map(|group| &group.daemons)
    }

    fn add_machine(&mut self, machine: KeptMachine) {
        let mut known = self.machines.iter_mut();
        let same = |it: &&mut KeptMachine| it.host == machine.host && it.ours == machine.ours;
        match known.find(same) {
            Some(known) => {
                let new = machine.agents.into_iter();
                let new: Vec<AgentId> = new.filter(|it| !known.agents.contains(it)).collect();
                known.agents.extend(new);
            }
            None => self.machines.push(machine),
        }
    }
}

impl SystemDir {
    /// What is noted of it, or of the run whose folder this is.
    pub fn run_note(&self) -> RunNote {
        let bytes = own::read(&self.run_note_path()).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Notes what a record tells. A full disk does not keep the caller from going on.
    pub(super) fn note_run(&self, record: &SystemRecord) {
        let mut note = self.run_note();
        if note.add(record) {
            let _ = write(&note, self.path());
        }
    }

    /// Notes why it is about to end, if that is not noted yet: what is left is ended later, and for the same reason.
    pub fn note_ending(&self, why: Ending) {
        let mut note = self.run_note();
        if note.why.is_none() {
            note.why = Some(why);
            let _ = write(&note, self.path());
        }
    }

    fn run_note_path(&self) -> PathBuf {
        self.path().join(FILE)
    }
}

/// Writes the note of the folder `gone` to that of its `run`, which has ended now.
pub(super) fn keep(gone: &SystemDir, run: &Path, why: Ending) -> std::io::Result<()> {
    let mut note = gone.run_note();
    note.ended = Some(format!("{:.3}", Timestamp::now()));
    note.why.get_or_insert(why);
    write(&note, run)
}

fn write(note: &RunNote, folder: &Path) -> std::io::Result<()> {
    own::replace(&folder.join(FILE), &crate::wire::body(note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Overrides;
    use crate::state::{Daemon, Machine, Phase};

    fn record(machines: Vec<Machine>) -> SystemRecord {
        SystemRecord {
            name: "x".parse().unwrap(),
            groups: vec![GroupRecord {
                name: NameServerName::only(),
                phase: Phase::Up,
                nameserver: "tcp://127.0.0.1:1".to_owned(),
                key: None,
                launched_nameserver: None,
                far_nameserver: None,
                hosts: vec![Daemon {
                    host: "local".parse().unwrap(),
                    process: ProcessId::of_self().unwrap(),
                }],
                machines,
                attached: Vec::new(),
                mending: Vec::new(),
            }],
            unprotected: false,
            sources: None,
            overrides: Overrides::default(),
            changing: None,
            contents: Default::default(),
            topology: String::new(),
            file: String::new(),
        }
    }

    fn machine(host: &str, agent: &str) -> Machine {
        Machine {
            host: host.parse().unwrap(),
            agents: vec![agent.parse().unwrap()],
            ours: None,
            files: Vec::new(),
            succeeded: false,
        }
    }

    #[test]
    fn what_once_was_part_of_a_run_is_noted_to_its_end() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().join("x"));
        dir.create().unwrap();
        dir.write_record(&record(vec![machine("lab1", "A"), machine("lab2", "B")]))
            .unwrap();
        dir.write_record(&record(vec![machine("lab2", "C")]))
            .unwrap();
        dir.note_ending(Ending::Down);
        dir.note_ending(Ending::UpFailed);
        let run = temp.path().join("run");
        std::fs::create_dir(&run).unwrap();
        keep(&dir, &run, Ending::Died).unwrap();
        let note = SystemDir::at(run).run_note();
        let machines: Vec<(&str, Vec<String>)> = note
            .machines
            .iter()
            .map(|it| {
                let agents = it.agents.iter().map(AgentId::to_string);
                (it.host.as_str(), agents.collect())
            })
            .collect();
        let (a, bc) = (vec!["A".to_owned()], vec!["B".to_owned(), "C".to_owned()]);
        assert_eq!(machines, [("lab1", a), ("lab2", bc)]);
        let own = ProcessId::of_self().unwrap();
        assert_eq!(note.daemons().collect::<Vec<_>>(), [&own]);
        assert_eq!(note.why, Some(Ending::Down));
        assert!(note.ended.is_some());
    }
}
