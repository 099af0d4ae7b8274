//! What osb does on a machine that another osb has reached by ssh: it starts a host daemon or a name server, or ends
//! one, or looks around. It lives as long as the connection is needed; what it started, released, lives on.

mod files;
mod hold;
mod kept;
mod launch;
mod nameserver;

use std::io::{self, BufRead, Read};

use tokio::sync::mpsc;

use crate::down::{DownError, ForOthers, down};
use crate::examine::{self, Examiner};
use crate::files::FilesError;
use crate::install::here;
use crate::model::timing::{DAEMON_LEAVE_TIMEOUT, EXAMINATION_TIMEOUT};
use crate::model::{Grace, HostName, NameServerName};
use crate::process::{ProcessId, wait_for_end};
use crate::state::{StateDir, StateError, SystemDir};
use crate::wire::{
    DaemonOf, LARGEST_BODY, MachineRequest, MachineWord, NameServerOf, Stopped, body,
};
pub(crate) use launch::HOST_KEY;
use launch::Launch;

/// The longest line that is read, in bytes.
const LONGEST_REQUEST: u64 = LARGEST_BODY as u64 + 1;

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    #[error("what was asked cannot be read: {0}")]
    Request(String),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Down(#[from] DownError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Install(#[from] here::HereError),
    #[error("the operating system refuses: {0}")]
    Io(#[from] io::Error),
    #[error("a host daemon {host} of this system runs on this machine already: pid {pid}")]
    Standing { host: HostName, pid: u32 },
    #[error("a name server of this system runs on this machine already: pid {0}")]
    NameServerStanding(u32),
    #[error("{0}")]
    NameServer(String),
    #[error("the logs of that run are not kept there, or not any more")]
    NoRun,
}

/// Does what the first line of standard input asks for. `say` is given the lines of the answer.
pub(crate) async fn serve(mut say: impl FnMut(&str) -> io::Result<()>) -> Result<(), MachineError> {
    let mut line = String::new();
    let mut stdin = io::stdin().lock().take(LONGEST_REQUEST);
    stdin.read_line(&mut line)?;
    drop(stdin);
    let request = crate::wire::read_body(line.as_bytes());
    let request = request.map_err(|fault| MachineError::Request(fault.to_string()))?;
    let mut speak = |word: MachineWord| {
        let word = String::from_utf8_lossy(&body(&word)).into_owned();
        say(&format!("{}{word}", MachineWord::MARK))
    };
    let outcome = match request {
        MachineRequest::Launch {
            daemon,
            nameserver,
            address,
            files,
            keys,
            succeeds,
        } => {
            let launch = Launch {
                daemon: &daemon,
                nameserver,
                address,
                files: &files,
                keys,
                succeeds,
            };
            launch::launch(launch, &mut speak).await
        }
        MachineRequest::Renew { daemon, files } => {
            files::renew_all(&daemon, &files, &mut speak).await
        }
        MachineRequest::End { daemon, grace } => {
            let stopped = end(&daemon, grace).await;
            stopped.and_then(|stopped| Ok(speak(MachineWord::Down { stopped })?))
        }
        MachineRequest::LaunchNameServer {
            nameserver,
            at,
            keys,
            again,
        } => nameserver::launch(&nameserver, at, (keys, again), &mut speak).await,
        MachineRequest::EndNameServer { nameserver } => {
            let ended = nameserver::end(&nameserver).await;
            let stopped = Vec::new();
            ended.and_then(|()| Ok(speak(MachineWord::Down { stopped })?))
        }
        MachineRequest::Examine(examination) => {
            let (_listening, examined) = Examiner::begin(&examination);
            speak(MachineWord::Examined(examined))?;
            let limit = tokio::time::timeout(EXAMINATION_TIMEOUT, dial_on(&mut speak));
            limit.await.unwrap_or(Ok(()))
        }
        MachineRequest::Dial { targets } => {
            let outcomes = examine::dial(targets).await;
            Ok(speak(MachineWord::Dialled { outcomes })?)
        }
        MachineRequest::KeptLogs {
            daemon,
            pids,
            agents,
        } => kept::read(&daemon, &pids, &agents)
            .and_then(|logs| Ok(speak(MachineWord::KeptLogs { logs })?)),
        MachineRequest::ForgetRuns { daemon } => {
            let folders = folders(&daemon).map_err(MachineError::from);
            let forgotten = folders.and_then(|(_, dir)| kept::forget(&dir));
            forgotten.and_then(|runs| Ok(speak(MachineWord::Forgotten { runs })?))
        }
        MachineRequest::Install {
            units,
            of_user,
            dry,
        } => match dry {
            true => here::units(&units, of_user),
            false => here::install(&units, of_user),
        }
        .map_err(MachineError::from)
        .and_then(|files| Ok(speak(MachineWord::Units { files })?)),
        MachineRequest::Uninstall { system, of_user } => here::uninstall(&system, of_user)
            .map_err(MachineError::from)
            .and_then(|gone| Ok(speak(MachineWord::Uninstalled(gone))?)),
        MachineRequest::ForgetNameServerRuns { nameserver } => {
            let folders = nameserver::folders(&nameserver).map_err(MachineError::from);
            let forgotten = folders.and_then(|(_, dir)| kept::forget(&dir));
            forgotten.and_then(|runs| Ok(speak(MachineWord::Forgotten { runs })?))
        }
    };
    if let Err(error) = outcome {
        let reason = error.to_string();
        speak(MachineWord::Ended { reason })?;
    }
    Ok(())
}

/// Dials whomever further lines name, until there are none.
async fn dial_on(
    speak: &mut impl FnMut(MachineWord) -> io::Result<()>,
) -> Result<(), MachineError> {
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        let request = crate::wire::read_body(line.as_bytes());
        match request.map_err(|fault| MachineError::Request(fault.to_string()))? {
            MachineRequest::Dial { targets } => {
                let outcomes = examine::dial(targets).await;
                speak(MachineWord::Dialled { outcomes })?;
            }
            other => return Err(MachineError::Request(format!("{other:?} comes too late"))),
        }
    }
    Ok(())
}

/// The lines that come by standard input from here on.
fn lines() -> mpsc::UnboundedReceiver<String> {
    // A thread of its own, which no other waits for: there is no other way to give up a blocking read.
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        loop {
            let mut line = String::new();
            let read = io::stdin()
                .lock()
                .take(LONGEST_REQUEST)
                .read_line(&mut line);
            if !matches!(read, Ok(1..)) || sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The folder of all that one host daemon name has on this machine, and its own in it.
fn folders(daemon: &DaemonOf) -> Result<(StateDir, SystemDir), StateError> {
    let host = match &daemon.group {
        None => daemon.host.clone(),
        Some(group) => shorter(&daemon.host, group),
    };
    let all = StateDir::from_env()?.of_host(&host);
    let own = all.system(&daemon.system);
    Ok((all, own))
}

/// A host's folder for a further name server. Cut, if need be: two that are cut alike would get in each other's
/// way, and be told so by the lock.
fn shorter(host: &HostName, group: &NameServerName) -> HostName {
    let text: String = format!("{host}.{group}").chars().take(63).collect();
    text.parse().unwrap_or(host.clone())
}

/// The folder of a daemon that a system elsewhere has on this machine.
pub(crate) fn daemon_dir(daemon: &DaemonOf) -> Result<SystemDir, StateError> {
    Ok(folders(daemon)?.1)
}

/// The same of a name server.
pub(crate) fn nameserver_dir(nameserver: &NameServerOf) -> Result<SystemDir, StateError> {
    Ok(nameserver::folders(nameserver)?.1)
}

async fn end(daemon: &DaemonOf, grace: Grace) -> Result<Vec<Stopped>, MachineError> {
    let (all, _) = folders(daemon)?;
    let report = down(&all, &daemon.system, &[], grace, ForOthers::Lose).await?;
    all.remove_if_empty();
    let orphans = report.orphans.into_iter();
    let orphans = orphans.map(|it| Stopped::at(it.name, crate::wire::StopStage::Killed));
    let stopped = report.stopped.into_iter().map(|it| Stopped {
        agent: it.agent.name,
        stage: it.stage,
        unsent: it.unsent,
        killed: it.killed,
    });
    Ok(stopped.chain(orphans).collect())
}

/// Whether a daemon or name server of that folder runs, and which. One that is about to end is waited for: its
/// `down` knows only that it has nothing left to do.
fn standing(dir: &SystemDir) -> Result<Option<ProcessId>, StateError> {
    let processes: Vec<ProcessId> = match dir.record() {
        Ok(record) => {
            let groups = record.into_iter().flat_map(|record| record.groups);
            let processes = groups.flat_map(|group| {
                let hosts = group.hosts.into_iter().map(|it| it.process);
                hosts.chain(group.launched_nameserver)
            });
            processes.collect()
        }
        // `down` will find what there is, and clears it away.
        Err(_) => Vec::new(),
    };
    wait_for_end(&processes, DAEMON_LEAVE_TIMEOUT);
    Ok(processes.into_iter().find(ProcessId::is_alive))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_daemon_that_is_about_to_end_is_waited_for() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().join("x"));
        dir.create().unwrap();
        let mut leaving = Command::new("sleep").arg("0.3").spawn().unwrap();
        let daemon = DaemonOf {
            system: "x".parse().unwrap(),
            host: "lab1".parse().unwrap(),
            group: None,
        };
        let process = ProcessId::of(leaving.id()).unwrap();
        let record = launch::record(&daemon, "tcp://127.0.0.1:1".to_owned(), process.clone());
        dir.write_record(&record).unwrap();
        assert_eq!(standing(&dir).unwrap(), None);
        assert!(!process.is_alive());
        leaving.wait().unwrap();
    }
}
