//! Processes that work for a system, found by what they have to do with its folder: for when there is nothing
//! else to go by.

use std::fs;
use std::path::{Path, PathBuf};

use super::{ProcessId, parent_of};

/// A process that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Working {
    /// It was told to work in the folder.
    Daemon {
        process: ProcessId,
        /// It starts agents, and ends them.
        is_host: bool,
    },
    /// What it prints goes to a file in the folder.
    Agent(ProcessId),
}

/// All of them. `logs` is where what agents print goes, in the folder `dir`.
pub fn working_for(dir: &Path, logs: &Path) -> Vec<Working> {
    // The kernel shows paths without links in them.
    let logs = fs::canonicalize(logs).unwrap_or_else(|_| logs.to_owned());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    without_kept(pids.filter_map(|pid| look_at(pid, dir, &logs)).collect())
}

/// A daemon and its keeper have the same words. The keeper hands on what it is told.
fn without_kept(mut found: Vec<Working>) -> Vec<Working> {
    let daemon = |it: &Working| match it {
        Working::Daemon { process, .. } => Some(process.clone()),
        Working::Agent(_) => None,
    };
    let daemons: Vec<ProcessId> = found.iter().filter_map(daemon).collect();
    let is_daemon = |pid: u32| daemons.iter().any(|it| it.pid == pid);
    found.retain(|it| match it {
        Working::Daemon { process, .. } => !parent_of(process).is_some_and(is_daemon),
        Working::Agent(_) => true,
    });
    found
}

fn look_at(pid: u32, dir: &Path, logs: &Path) -> Option<Working> {
    // Known before it is looked at: what is found out is of this very process, or of none.
    let process = ProcessId::of(pid).ok()?;
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
    let dir = dir.as_os_str().as_encoded_bytes();
    let found = if words.windows(2).any(|it| it == [b"--dir".as_slice(), dir]) {
        let is_host = words.contains(&b"host".as_slice());
        Working::Daemon {
            process: process.clone(),
            is_host,
        }
    } else if leads_to(pid).any(|path| path.starts_with(logs)) {
        Working::Agent(process.clone())
    } else {
        return None;
    };
    process.is_alive().then_some(found)
}

/// Where its standard output and standard error lead.
fn leads_to(pid: u32) -> impl Iterator<Item = PathBuf> {
    let links = [1, 2].map(|fd| format!("/proc/{pid}/fd/{fd}"));
    links
        .into_iter()
        .filter_map(|link| fs::read_link(link).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn what_prints_into_the_folder_is_found() {
        let temp = tempfile::tempdir().unwrap();
        let logs = temp.path().join("logs");
        fs::create_dir(&logs).unwrap();
        assert_eq!(working_for(temp.path(), &logs), []);
        let log = fs::File::create(logs.join("A.log")).unwrap();
        let mut agent = Command::new("sleep")
            .arg("600")
            .stderr(log)
            .spawn()
            .unwrap();
        // A shell that ignores its arguments.
        let script = ["-c", "read line", "sh", "host", "--dir"];
        let mut daemon = Command::new("sh")
            .args(script)
            .arg(temp.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let process = |child: &std::process::Child| ProcessId::of(child.id()).unwrap();
        let mut found = working_for(temp.path(), &logs);
        found.sort_by_key(|it| matches!(it, Working::Agent(_)));
        let expected = [
            Working::Daemon {
                process: process(&daemon),
                is_host: true,
            },
            Working::Agent(process(&agent)),
        ];
        assert_eq!(found, expected);
        for child in [&mut agent, &mut daemon] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
