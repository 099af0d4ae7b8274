//! A system after its machine has started again: which of its processes here are to come back, and what the service manager's
//! units need that outlives `down`.

use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::{GroupRecord, Phase, StateDir, StateError, SystemDir, own};
use crate::model::{HostName, HostSpec, NameServerName, PublicKey, SystemName};
use crate::process::ProcessId;

/// One of the processes of a group.
#[derive(Debug, Clone, Copy)]
pub enum Part<'p> {
    NameServer,
    Daemon(&'p HostName),
}

/// What a process finds that the service manager has started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It is its own from now on. The process that had it before has ended.
    Vacant { former: ProcessId },
    /// That process has it, and lives.
    Taken(ProcessId),
    /// The system is not up, or has no such process here: there is nothing to come back.
    Nothing,
}

impl SystemDir {
    /// Takes the place of a process that has ended, in the record of the system: `down` finds this one from now on. Other
    /// commands that work on the system are waited for.
    pub fn take_place(
        &self,
        group: Option<&NameServerName>,
        part: Part<'_>,
    ) -> Result<Place, StateError> {
        let Some(_turn) = self.turn()? else {
            return Ok(Place::Nothing);
        };
        let Some(mut record) = self.record()? else {
            return Ok(Place::Nothing);
        };
        let of_group = |it: &&mut GroupRecord| group.is_none_or(|name| it.name == *name);
        let found = record.groups.iter_mut().find(of_group);
        let found = found.filter(|it| it.phase == Phase::Up);
        let Some(process) = found.and_then(|group| group.process(part)) else {
            return Ok(Place::Nothing);
        };
        if process.is_alive() {
            return Ok(Place::Taken(process.clone()));
        }
        let own = ProcessId::of_self().map_err(|error| StateError::io("find", &self.0, error))?;
        let former = std::mem::replace(process, own);
        self.write_record(&record)?;
        Ok(Place::Vacant { former })
    }

    /// The system's lock, when those that hold it have let go. None if the system is not there, or not any more.
    fn turn(&self) -> Result<Option<Flock<std::fs::File>>, StateError> {
        let path = self.lock_path();
        match own::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StateError::io("open", &path, error)),
            Ok(file) => Flock::lock(file, FlockArg::LockExclusive)
                .map(Some)
                .map_err(|(_, errno)| StateError::io("lock", &path, errno.into())),
        }
    }
}

impl GroupRecord {
    fn process(&mut self, part: Part<'_>) -> Option<&mut ProcessId> {
        match part {
            Part::NameServer => self.launched_nameserver.as_mut(),
            Part::Daemon(host) => {
                let mut hosts = self.hosts.iter_mut();
                hosts.find(|it| it.host == *host).map(|it| &mut it.process)
            }
        }
    }
}

/// Where units of a system were written, and which keys were admitted for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallNote {
    pub machines: Vec<HostSpec>,
    /// They are a user's own.
    pub of_user: bool,
    /// With the name of the name server, if it is not the first.
    pub keys: Vec<(Option<NameServerName>, PublicKey)>,
}

/// The folder of what units have for a system on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootDir(PathBuf);

impl StateDir {
    pub fn boot(&self, system: &SystemName) -> BootDir {
        // No system is called so.
        BootDir(self.path().join(".boot").join(system.as_str()))
    }
}

impl BootDir {
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether the machine's start brings the system back.
    pub fn is_installed(&self) -> bool {
        self.0.exists()
    }

    /// Makes the folder. Others must not even look into it.
    pub fn make(&self) -> Result<(), StateError> {
        own::make_closed(&self.0)
    }

    /// The lasting key of a host daemon of this machine.
    pub fn host_key(&self, host: &HostName, group: Option<&NameServerName>) -> PathBuf {
        let of = group.map_or(String::new(), |group| format!("@{group}"));
        self.0.join(format!("host-{host}{of}.key"))
    }

    /// What is known of the units, where the system was installed from. None if it was not from here.
    pub fn note(&self) -> Result<Option<InstallNote>, StateError> {
        let path = self.note_path();
        match own::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes)
                    .map(Some)
                    .map_err(|error| StateError::Corrupt {
                        path,
                        reason: error.to_string(),
                    })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StateError::io("read", &path, error)),
        }
    }

    pub fn write_note(&self, note: &InstallNote) -> Result<(), StateError> {
        self.make()?;
        let path = self.note_path();
        own::replace(&path, &crate::wire::body(note))
            .map_err(|error| StateError::io("write", &path, error))
    }

    fn note_path(&self) -> PathBuf {
        self.0.join("installed.json")
    }

    /// Removes it, with the keys.
    pub fn remove(&self) -> Result<(), StateError> {
        match own::check(&self.0).and_then(|()| std::fs::remove_dir_all(&self.0)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StateError::io("remove", &self.0, error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Overrides;
    use crate::state::{Daemon, SystemRecord};

    /// A process of a boot that is over.
    fn gone() -> ProcessId {
        ProcessId {
            boot: "another".to_owned(),
            ..ProcessId::of_self().unwrap()
        }
    }

    fn dir(phase: Phase) -> (tempfile::TempDir, SystemDir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = StateDir::at(temp.path().join("osb")).system(&"x".parse().unwrap());
        dir.create().unwrap();
        own::open_or_make(&dir.lock_path()).unwrap();
        let record = SystemRecord {
            name: "x".parse().unwrap(),
            groups: vec![GroupRecord {
                name: NameServerName::only(),
                phase,
                nameserver: "tcp://127.0.0.1:1".into(),
                key: None,
                launched_nameserver: Some(gone()),
                far_nameserver: None,
                hosts: vec![Daemon {
                    host: "local".parse().unwrap(),
                    process: gone(),
                }],
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
        };
        dir.write_record(&record).unwrap();
        (temp, dir)
    }

    #[test]
    fn the_place_of_a_process_that_ended_with_the_machine_is_taken_once() {
        let (_temp, dir) = dir(Phase::Up);
        let (local, other) = ("local".parse().unwrap(), "other".parse().unwrap());
        for part in [Part::NameServer, Part::Daemon(&local)] {
            let place = dir.take_place(None, part).unwrap();
            assert_eq!(place, Place::Vacant { former: gone() });
            let place = dir.take_place(None, part).unwrap();
            assert_eq!(place, Place::Taken(ProcessId::of_self().unwrap()));
        }
        let place = dir.take_place(None, Part::Daemon(&other)).unwrap();
        assert_eq!(place, Place::Nothing);
        let another = "lab".parse().unwrap();
        let place = dir.take_place(Some(&another), Part::NameServer).unwrap();
        assert_eq!(place, Place::Nothing);
    }

    #[test]
    fn what_was_not_up_or_was_taken_down_does_not_come_back() {
        for phase in [Phase::Starting, Phase::Down] {
            let (_temp, dir) = dir(phase);
            let place = dir.take_place(None, Part::NameServer).unwrap();
            assert_eq!(place, Place::Nothing);
        }
        let (_temp, dir) = dir(Phase::Up);
        dir.remove(super::super::Ending::Down).unwrap();
        let place = dir.take_place(None, Part::NameServer).unwrap();
        assert_eq!(place, Place::Nothing);
        assert!(!dir.path().exists(), "nothing is made");
    }
}
