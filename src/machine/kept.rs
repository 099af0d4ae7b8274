//! The logs of former runs that this machine keeps for systems elsewhere.

use super::{MachineError, folders};
use crate::host::ends_of_logs;
use crate::model::AgentName;
use crate::state::SystemDir;
use crate::wire::{AgentLogs, DaemonOf};

/// What agents have logged in the runs of the daemons that had these pids.
pub(super) fn read(
    daemon: &DaemonOf,
    pids: &[u32],
    agents: &[AgentName],
) -> Result<Vec<AgentLogs>, MachineError> {
    let (_, dir) = folders(daemon)?;
    let runs = dir.kept_runs();
    let is_meant = |run: &SystemDir| {
        let note = run.run_note();
        note.daemons().any(|it| pids.contains(&it.pid))
    };
    let all = runs.numbers().into_iter().map(|number| runs.run(number));
    let meant: Vec<SystemDir> = all.filter(is_meant).collect();
    if meant.is_empty() {
        return Err(MachineError::NoRun);
    }
    let logs = |run: &SystemDir| ends_of_logs(run, daemon.group.as_ref(), agents);
    Ok(meant.iter().flat_map(logs).collect())
}

/// Forgets all runs of the daemon or name server of that folder. Tells how many there were.
pub(super) fn forget(dir: &SystemDir) -> Result<usize, MachineError> {
    Ok(dir.kept_runs().clear()?)
}
