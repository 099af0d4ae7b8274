//! What is remembered of systems between commands: one folder for each, with its record, its lock
//! and its logs, under `OSB_STATE_DIR` or the XDG state directory.
//!
//! Only facts that no other process could restore are kept: where the name server listens, which
//! processes belong to the system. Everything else is asked of the name server.

mod boot;
mod error;
mod find;
mod folder_watch;
mod history;
mod kept;
mod keys;
#[allow(
    unsafe_code,
    reason = "a descriptor that was inherited, known by its number"
)]
mod lock;
mod log_line;
#[allow(
    unsafe_code,
    reason = "a descriptor that is watched is owned beside it"
)]
mod log_watch;
pub(crate) mod own;
mod record;
mod runs;
mod spec_log;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::logfile::move_if_full;
use crate::model::{AgentId, Amount, HostName, LogLimits, NameServerName, SystemName};
use crate::owned::Folder;
use crate::wire::Incarnation;

pub use boot::{BootDir, InstallNote, Part, Place};
pub use error::StateError;
pub use find::{find_key, find_keys};
pub use folder_watch::FolderWatch;
pub use history::Past;
pub use kept::{Ending, KeptMachine, NotedGroup, RunNote};
pub use keys::{FormerServerKey, KeyDir, KeyFile, KeyLog, ServerKeys};
pub use lock::{Lock, inherit};
pub use log_line::{goes_on, level_and_text, stamp};
pub use log_watch::{LogEvents, LogWatch};
pub use record::{
    AgentRecord, Daemon, EndRecord, FarNameServer, GroupRecord, KeeperRecord, Laid, Launch,
    Machine, Phase, SystemRecord,
};
pub use runs::Runs;
pub use spec_log::{KeptSpec, SpecNews};

/// The folder of all systems of one user.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

/// The folder of one system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemDir(PathBuf);

impl StateDir {
    /// The folder at `path`.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// From the environment: `OSB_STATE_DIR`, else `XDG_STATE_HOME`, else `~/.local/state`.
    pub fn from_env() -> Result<Self, StateError> {
        let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(dir) = var("OSB_STATE_DIR") {
            return Ok(Self(absolute(PathBuf::from(dir))?.join("osb")));
        }
        if let Some(dir) = var("XDG_STATE_HOME") {
            return Ok(Self(absolute(PathBuf::from(dir))?.join("osb")));
        }
        let home = var("HOME").ok_or(StateError::NoHome)?;
        Ok(Self(
            absolute(PathBuf::from(home))?.join(".local/state/osb"),
        ))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// The folder that it is in, as `OSB_STATE_DIR` names it.
    pub fn root(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }

    pub fn system(&self, name: &SystemName) -> SystemDir {
        SystemDir(self.0.join(name.as_str()))
    }

    /// Where a host daemon of this machine, which works for name servers elsewhere, has its folders:
    /// one for each system, or for each name server.
    pub fn of_host(&self, host: &HostName) -> StateDir {
        // No system is called so.
        Self(self.0.join(".hosts").join(host.as_str()))
    }

    /// Where a name server of this machine, which a system elsewhere has launched here, has its folder for each
    /// system. `group`: its name within the system, if it is not the first.
    pub fn of_nameserver(&self, group: Option<&NameServerName>) -> Self {
        let name = group.map_or(NameServerName::ONLY, NameServerName::as_str);
        // No system is called so.
        Self(self.0.join(".nameservers").join(name))
    }

    /// Removes the folder if it has become empty, and the one that it is in.
    pub fn remove_if_empty(&self) {
        if fs::remove_dir(&self.0).is_ok() {
            let parents = self.0.ancestors().skip(1).take(2);
            let _ = parents
                .map(fs::remove_dir)
                .take_while(io::Result::is_ok)
                .count();
        }
    }

    /// The names of all systems that have a folder, in order.
    pub fn systems(&self) -> Result<Vec<SystemName>, StateError> {
        let entries = match own::names(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StateError::io("read", &self.0, error)),
        };
        let mut names: Vec<SystemName> = entries
            .iter()
            .filter_map(|name| name.to_str()?.parse().ok())
            .collect();
        names.sort();
        Ok(names)
    }
}

impl SystemDir {
    /// The folder at `path`, as a process that works for the system is told it.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder that it is in.
    pub fn around(&self) -> StateDir {
        StateDir(self.0.parent().unwrap_or(&self.0).to_owned())
    }

    /// Makes the folders, readable for their owner alone.
    pub fn create(&self) -> Result<(), StateError> {
        [&self.0, &self.logs(), &self.ipc()]
            .into_iter()
            .try_for_each(|dir| own::make(dir))
    }

    /// An error if it is there and not this user's alone to change.
    pub fn check(&self) -> Result<(), StateError> {
        match own::check(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StateError::io("use", &self.0, error))
            }
            _ => Ok(()),
        }
    }

    /// The same as [`retire`](Self::retire).
    pub fn remove(&self, why: Ending) -> Result<(), StateError> {
        self.retire(why).map(drop)
    }

    /// Removes everything, if there is anything, but for the logs, which are kept as a run; gives its
    /// number. Moved away first: a command that begins anew meanwhile begins in a folder of its own. The
    /// new name is no system's.
    pub fn retire(&self, why: Ending) -> Result<Option<u64>, StateError> {
        let name = self.0.file_name().unwrap_or_default().to_string_lossy();
        let gone = self
            .0
            .with_file_name(format!(".{name}.{}", std::process::id()));
        let gone = Self(gone);
        let moved = own::check(&self.0).and_then(|()| fs::rename(&self.0, &gone.0));
        let removed = moved.and_then(|()| {
            // Logs that cannot be kept stop nothing.
            let run = runs::keep(&self.0, &gone, why).unwrap_or_default();
            fs::remove_dir_all(&gone.0).map(|()| run)
        });
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StateError::io("remove", &self.0, error))
            }
            removed => Ok(removed.unwrap_or_default()),
        }
    }

    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The log of one agent. An agent's name is a file's name by its pattern, and so
    /// is one with a name server's behind an @.
    pub fn log_of(&self, agent: &AgentId) -> PathBuf {
        self.logs().join(format!("{agent}.log"))
    }

    /// What one agent's program writes by itself.
    pub fn output_of(&self, agent: &AgentId) -> PathBuf {
        self.logs().join(format!("{agent}.out"))
    }

    /// The log of the name server or of a host daemon.
    pub fn daemon_log(&self, daemon: &str) -> PathBuf {
        self.0.join(format!("{daemon}.log"))
    }

    /// The same, made if need be, to be written to.
    ///
    /// What former ones wrote is moved away when it is too much; a daemon sees to its own.
    pub fn open_daemon_log(&self, daemon: &str) -> io::Result<File> {
        move_if_full(&self.daemon_log(daemon), LogLimits::default())?;
        own::append(&self.daemon_log(daemon))
    }

    /// Where the name server keeps what happens; `group`: its name, if it is not the system's first.
    pub fn events_path(&self, group: Option<&NameServerName>) -> PathBuf {
        self.0.join(match group {
            Some(name) => format!("events@{name}"),
            None => "events".to_owned(),
        })
    }

    /// The name servers of which there are events here: None is the first one. With the folder of each.
    pub(crate) fn all_events(&self) -> Result<Vec<(Option<NameServerName>, Folder)>, StateError> {
        let entries =
            fs::read_dir(&self.0).map_err(|error| StateError::io("read", &self.0, error))?;
        let mut all = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let group = match name.to_str().and_then(|name| name.strip_prefix("events")) {
                Some("") => None,
                Some(of) => match of.strip_prefix('@').and_then(|of| of.parse().ok()) {
                    Some(of) => Some(of),
                    None => continue,
                },
                None => continue,
            };
            let path = self.events_path(group.as_ref());
            let folder = own::closed(&path);
            all.push((
                group,
                folder.map_err(|error| StateError::io("open", &path, error))?,
            ));
        }
        all.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(all)
    }

    /// Where agents put their ipc sockets.
    pub fn ipc(&self) -> PathBuf {
        self.0.join("ipc")
    }

    /// Where the files are that have come with agents from another machine.
    pub fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    /// Writes down how much came.
    pub fn note_files(&self, amount: Amount) -> Result<(), StateError> {
        let path = self.files_note();
        let text = crate::wire::body(&amount);
        own::replace(&path, &text).map_err(|error| StateError::io("write", &path, error))
    }

    /// How much came. None if nothing did.
    pub fn amount_of_files(&self) -> Option<Amount> {
        let text = own::read(&self.files_note()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn files_note(&self) -> PathBuf {
        self.0.join("files.json")
    }

    fn record_path(&self) -> PathBuf {
        self.0.join(record::FILE)
    }

    fn agents_path(&self) -> PathBuf {
        self.0.join("agents.jsonl")
    }

    fn specs_path(&self) -> PathBuf {
        self.0.join("specs.jsonl")
    }

    fn history_path(&self) -> PathBuf {
        self.0.join("history.jsonl")
    }

    fn keepers_path(&self) -> PathBuf {
        self.0.join("keepers.jsonl")
    }

    /// Where it is written down how agents have ended.
    fn ends_path(&self) -> PathBuf {
        self.0.join("ends.jsonl")
    }

    /// What an agent has left, in that life of its.
    fn left_path(&self, life: Incarnation) -> PathBuf {
        self.0.join("left").join(format!("{}.json", life.0))
    }

    fn killed_path(&self, life: Incarnation) -> PathBuf {
        self.0.join("left").join(format!("{}.killed.json", life.0))
    }

    fn unsent_path(&self, life: Incarnation) -> PathBuf {
        self.0.join("left").join(format!("{}.unsent.json", life.0))
    }

    fn cause_path(&self, life: Incarnation) -> PathBuf {
        self.0.join("left").join(format!("{}.cause.json", life.0))
    }

    fn asked_path(&self, life: Incarnation) -> PathBuf {
        self.0.join("left").join(format!("{}.asked.json", life.0))
    }

    fn lock_path(&self) -> PathBuf {
        self.0.join("lock")
    }
}

/// The folder in which a name server keeps what happens, made if need be.
pub(crate) fn events_folder(path: &Path) -> Result<Folder, StateError> {
    own::make_closed(path)?;
    own::closed(path).map_err(|error| StateError::io("open", path, error))
}

fn absolute(path: PathBuf) -> Result<PathBuf, StateError> {
    std::path::absolute(&path).map_err(|error| StateError::io("find", &path, error))
}
