//! Taking a system down, in the reverse order of its phases: agents stop sending, then end, then
//! their hosts, then the name server; then what was written about it goes.
//!
//! It works on whatever is left of a system: without a name server, without daemons, or after
//! being cut short itself.

use std::time::Duration;

use crate::model::{AgentName, Millis, SystemName};
use crate::process::{ProcessId, wait_for_end};
use crate::proxy::Link;
use crate::state::{AgentRecord, Lock, StateDir, StateError, SystemDir, SystemRecord};
use crate::wire::{AgentRequest, HostRequest, NameServerRequest, Peer, Rung, Stopped};

/// Beyond the grace: the rest of the ladder, and the answer's way.
const LADDER: Duration = Duration::from_secs(6);
/// How long a daemon may take to end when it has nothing more to do.
const DAEMON_TIMEOUT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(3);

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
    let mut report = DownReport {
        stopped: ask_all(&dir, &record, grace).await,
        ..DownReport::default()
    };
    let left = end_all(&dir, &record, &mut report);
    if !left.is_empty() {
        return Err(DownError::Left {
            system: name.clone(),
            left,
        });
    }
    dir.remove()?;
    Ok(report)
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

/// Everything that can be asked to end, in order.
async fn ask_all(dir: &SystemDir, record: &SystemRecord, grace: Millis) -> Vec<Stopped> {
    let Ok((link, _no_requests)) = Link::open(&record.nameserver) else {
        return Vec::new();
    };
    quiesce(&link, dir);
    let request = HostRequest::Shutdown { grace };
    let ask = |daemon: &crate::state::Daemon| {
        let peer = Peer::Host(daemon.host.clone());
        link.ask::<Vec<Stopped>>(peer, &request, grace.duration() + LADDER)
    };
    let asked: Vec<_> = record.hosts.iter().map(ask).collect();
    let mut stopped = Vec::new();
    for answer in asked {
        stopped.extend(answer.await.unwrap_or_default());
    }
    if record.launched_nameserver.is_some() {
        let request = NameServerRequest::Shutdown {};
        let _ = link.ask::<()>(Peer::NameServer, &request, PATIENCE).await;
    }
    stopped
}

/// Nobody of ours begins to send any more, so that the last messages find their receivers alive.
fn quiesce(link: &Link, dir: &SystemDir) {
    for AgentRecord { agent, process } in dir.agents() {
        if process.is_alive() {
            link.tell(Peer::Agent(agent), &AgentRequest::Stop {});
        }
    }
}

/// Sees to the end of whatever did not end by being asked.
fn end_all(dir: &SystemDir, record: &SystemRecord, report: &mut DownReport) -> Vec<ProcessId> {
    let mut daemons: Vec<ProcessId> = record
        .hosts
        .iter()
        .map(|daemon| daemon.process.clone())
        .collect();
    daemons.extend(record.launched_nameserver.clone());
    let agents = dir.agents();
    let ended = end_processes(&daemons, &agents);
    report.orphans = ended.orphans;
    report.killed_daemons = ended.killed_daemons;
    let all = daemons
        .into_iter()
        .chain(agents.into_iter().map(|agent| agent.process));
    all.filter(ProcessId::is_alive).collect()
}

/// What it took to end processes.
pub struct Ended {
    pub orphans: Vec<AgentName>,
    pub killed_daemons: usize,
}

/// Ends daemons, and then agents that are left over: first kindly, then not.
pub fn end_processes(daemons: &[ProcessId], agents: &[AgentRecord]) -> Ended {
    let mut killed_daemons = 0;
    if !wait_for_end(daemons, Duration::ZERO) && !wait_for_end(daemons, DAEMON_TIMEOUT) {
        for daemon in daemons {
            daemon.terminate();
        }
        if !wait_for_end(daemons, DAEMON_TIMEOUT + LADDER) {
            killed_daemons = daemons.iter().filter(|daemon| daemon.kill_group()).count();
            wait_for_end(daemons, DAEMON_TIMEOUT);
        }
    }
    let left: Vec<&AgentRecord> = agents.iter().filter(|it| it.process.is_alive()).collect();
    for agent in &left {
        agent.process.kill_group();
    }
    let processes: Vec<ProcessId> = left.iter().map(|agent| agent.process.clone()).collect();
    wait_for_end(&processes, DAEMON_TIMEOUT);
    let orphans = left.into_iter().map(|agent| agent.agent.clone()).collect();
    Ended {
        orphans,
        killed_daemons,
    }
}
