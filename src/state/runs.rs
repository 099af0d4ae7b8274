//! The logs of runs that are over: kept beside the folders of systems, each run under a number, until others have come.
//!
//! What a machine keeps is of itself: also that of host daemons and name servers which worked for systems elsewhere.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::{Ending, StateDir, StateError, SystemDir, kept, own};
use crate::model::SystemName;

/// How many runs of a system are kept.
const KEPT: usize = 5;
/// No system is called so.
const FOLDER: &str = ".runs";

/// The runs of one system.
#[derive(Debug, Clone)]
pub struct Runs(PathBuf);

impl StateDir {
    /// The runs of the system that were brought up here; of one that was not, those of its parts here.
    pub fn runs(&self, system: &SystemName) -> Runs {
        let all = self.path().join(FOLDER);
        let here = Runs(all.join(system.as_str()));
        let parts = [".hosts", ".nameservers"].into_iter().flat_map(|kind| {
            let entries = fs::read_dir(all.join(kind)).into_iter().flatten().flatten();
            entries.map(|entry| Runs(entry.path().join(system.as_str())))
        });
        let mut parts: Vec<Runs> = parts.filter(|it| !it.numbers().is_empty()).collect();
        parts.sort_by_key(Runs::ended);
        match here.numbers().is_empty() {
            true => parts.pop().unwrap_or(here),
            false => here,
        }
    }

    /// The systems of which runs are kept, in order of their names.
    pub fn systems_with_runs(&self) -> Result<Vec<SystemName>, StateError> {
        let all = self.path().join(FOLDER);
        let mut systems = StateDir::at(all.clone()).systems()?;
        for kind in [".hosts", ".nameservers"] {
            let entries = fs::read_dir(all.join(kind)).into_iter().flatten().flatten();
            for entry in entries {
                systems.extend(StateDir::at(entry.path()).systems()?);
            }
        }
        systems.sort();
        systems.dedup();
        Ok(systems)
    }
}

impl SystemDir {
    /// The runs of the system of this folder.
    pub fn kept_runs(&self) -> Runs {
        Runs::of(self.path()).unwrap_or_else(|| Runs(self.path().join(FOLDER)))
    }
}

impl Runs {
    /// Those of the system of that folder.
    fn of(system: &Path) -> Option<Self> {
        let (around, name) = (system.parent()?, system.file_name()?);
        let kind = around.parent()?;
        Some(match kind.file_name()?.to_str() {
            Some(".hosts" | ".nameservers") => {
                let all = kind.parent()?.join(FOLDER).join(kind.file_name()?);
                Self(all.join(around.file_name()?).join(name))
            }
            _ => Self(around.join(FOLDER).join(name)),
        })
    }

    /// The numbers of those that are kept, in order. The last run has the largest.
    pub fn numbers(&self) -> Vec<u64> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        let mut numbers: Vec<u64> = entries.filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The folder of one, with its logs where those of a system are.
    pub fn run(&self, number: u64) -> SystemDir {
        SystemDir::at(self.0.join(number.to_string()))
    }

    /// When the last one has ended.
    pub fn ended(&self) -> Option<SystemTime> {
        let last = self.run(*self.numbers().last()?);
        fs::metadata(last.path()).ok()?.modified().ok()
    }

    /// When a run has ended of which no note tells, as logs have it.
    pub fn ended_at(&self, number: u64) -> String {
        let modified = fs::metadata(self.run(number).path()).and_then(|it| it.modified());
        let at = modified.ok().and_then(|it| Timestamp::try_from(it).ok());
        at.map_or_else(String::new, |at| format!("{at:.3}"))
    }

    /// Forgets all of them. Tells how many there were.
    pub fn clear(&self) -> Result<usize, StateError> {
        let count = self.numbers().len();
        match own::check(&self.0).and_then(|()| fs::remove_dir_all(&self.0)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StateError::io("remove", &self.0, error))
            }
            _ => Ok(count),
        }
    }

    fn make(&self) -> io::Result<(u64, PathBuf)> {
        own::make(&self.0).map_err(io::Error::other)?;
        let mut private = DirBuilder::new();
        private.mode(0o700);
        loop {
            let number = self.numbers().last().map_or(1, |last| last + 1);
            let path = self.0.join(number.to_string());
            match private.create(&path) {
                Ok(()) => return Ok((number, path)),
                // Another one has ended at the same moment.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn forget_old(&self) {
        let numbers = self.numbers();
        for number in &numbers[..numbers.len().saturating_sub(KEPT)] {
            // One that stays is one too many, and no more.
            let _ = fs::remove_dir_all(self.run(*number).path());
        }
    }
}

/// Keeps the logs in the folder `gone`, which was that of a system at `path`. Gives the run's number; None
/// if there were none.
pub(super) fn keep(path: &Path, gone: &SystemDir, why: Ending) -> io::Result<Option<u64>> {
    let has_logs = fs::read_dir(gone.logs()).is_ok_and(|mut it| it.next().is_some());
    let Some(runs) = Runs::of(path).filter(|_| has_logs) else {
        return Ok(None);
    };
    let (number, run) = runs.make()?;
    fs::rename(gone.logs(), run.join("logs"))?;
    for entry in fs::read_dir(gone.path())?.flatten() {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let is_log = text.ends_with(".log") || text.ends_with(".log.old");
        if is_log || text == "events" || text.starts_with("events@") {
            fs::rename(entry.path(), run.join(&name))?;
        }
    }
    // The logs can be read without.
    let _ = kept::keep(gone, &run, why);
    runs.forget_old();
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_outlive_their_system_and_five_runs_are_kept() {
        let temp = tempfile::tempdir().unwrap();
        let all = StateDir::at(temp.path().join("osb"));
        let (x, y) = ("x".parse().unwrap(), "y".parse().unwrap());
        let host = all.of_host(&"lab1".parse().unwrap());
        for number in 1..=7 {
            for dir in [all.system(&x), host.system(&y)] {
                dir.create().unwrap();
                fs::write(dir.log_of(&"A".parse().unwrap()), number.to_string()).unwrap();
                fs::write(dir.daemon_log("ns"), "").unwrap();
                assert_eq!(dir.retire(Ending::Down).unwrap(), Some(number));
            }
            host.remove_if_empty();
        }
        // Nothing to keep.
        all.system(&x).create().unwrap();
        assert_eq!(all.system(&x).retire(Ending::Down).unwrap(), None);
        assert_eq!(all.systems().unwrap(), []);
        assert_eq!(all.systems_with_runs().unwrap(), [x.clone(), y.clone()]);
        for system in [&x, &y] {
            let runs = all.runs(system);
            assert_eq!(runs.numbers(), [3, 4, 5, 6, 7]);
            let last = runs.run(7);
            let log = last.log_of(&"A".parse().unwrap());
            assert_eq!(fs::read_to_string(log).unwrap(), "7");
            assert!(last.daemon_log("ns").exists());
        }
        assert_eq!(all.runs(&x).clear().unwrap(), 5);
        assert!(all.runs(&x).numbers().is_empty());
        let mut left: Vec<_> = fs::read_dir(temp.path().join("osb"))
            .unwrap()
            .flatten()
            .collect();
        assert_eq!(left.pop().unwrap().file_name(), FOLDER);
        assert!(left.is_empty());
    }
}
