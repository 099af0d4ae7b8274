//! Taking a system down, in the reverse order of its phases: agents stop sending, then end, then
//! their hosts, then the name server; then what was written about it goes.
//!
//! It works on whatever is left of a system: without a name server, without daemons, or after
//! being cut short itself.

mod end;

use crate::model::{AgentName, Millis, SystemName};
use crate::process::ProcessId;
use crate::proxy::Link;
use crate::state::{Lock, StateDir, StateError};
use crate::wire::{Rung, Stopped};

pub use end::Processes;

#[derive(Debug, thiserror::Error)]
pub enum DownError {
    #[error(transparent)]
    State(#[from] StateError),
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

fn pids(processes: &[ProcessId]) -> String {
    let pids: Vec<String> = processes
        .iter()
        .map(|process| process.pid.to_string())
        .collect();
    pids.join(", ")
}

/// What `down` has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DownReport {
    /// There was nothing to take down.
    pub nothing: bool,
    /// How each agent ended.
    pub stopped: Vec<Stopped>,
    /// Agents that outlived their host daemon, and were killed.
    pub orphans: Vec<AgentName>,
    /// Agents that others have started, and that were let go of.
    pub released: Vec<AgentName>,
    /// Agents that others have started, and that could not be told.
    pub kept: Vec<AgentName>,
    /// Daemons that did not end when asked to.
    pub killed_daemons: usize,
}

impl DownReport {
    /// Agents that had to be killed.
    pub fn killed(&self) -> impl Iterator<Item = &AgentName> {
        let killed = self
            .stopped
            .iter()
            .filter(|stopped| stopped.rung == Rung::Killed);
        killed.map(|stopped| &stopped.agent).chain(&self.orphans)
    }
}

/// Takes the system `name` down. Agents that do not end within `grace` get SIGTERM, and SIGKILL
/// two seconds later. If there is nothing, that is no error.
pub async fn down(
    state: &StateDir,
    name: &SystemName,
    grace: Millis,
) -> Result<DownReport, DownError> {
    let dir = state.system(name);
    if !dir.path().exists() {
        return Ok(DownReport {
            nothing: true,
            ..DownReport::default()
        });
    }
    let _lock = Lock::take(&dir, name)?;
    let Some(record) = dir.record()? else {
        dir.remove()?;
        return Ok(DownReport {
            nothing: true,
            ..DownReport::default()
        });
    };
    let link = Link::open(&record.nameserver).ok().map(|(link, _)| link);
    let processes = Processes {
        system: name,
        dir: &dir,
        hosts: &record.hosts,
        nameserver: record.launched_nameserver.as_ref(),
        attached: &record.attached,
    };
    let ended = processes.end(link.as_ref(), grace).await;
    if !ended.left.is_empty() {
        return Err(DownError::Left {
            system: name.clone(),
            left: ended.left,
        });
    }
    dir.remove()?;
    Ok(DownReport {
        nothing: false,
        stopped: ended.stopped,
        orphans: ended.orphans,
        released: ended.released,
        kept: ended.kept,
        killed_daemons: ended.killed_daemons,
    })
}

/// Loses patience with a `down` that is under way: the host daemons are told to go on to the next
/// rung of the ladder at once, for all agents.
pub fn hurry(state: &StateDir, name: &SystemName) -> Result<(), StateError> {
    if let Some(record) = state.system(name).record()? {
        for daemon in record.hosts {
            daemon.process.hurry();
        }
    }
    Ok(())
}
