//! The logs of former runs on another machine: read and forgotten there. Nothing is left behind.

use super::error::{SshError, Stage};
use super::script::Copied;
use super::session::Session;
use crate::model::timing::SSH_READ_TIMEOUT;
use crate::model::{AgentName, SshSpec};
use crate::wire::{AgentLogs, DaemonOf, MachineRequest, MachineWord};

/// The most that an agent's logs take, as JSON writes them, in bytes: the ends of two files in a few runs.
const PER_AGENT: usize = 16 << 20;

/// What agents have logged in the runs of the daemons that had these pids.
pub(crate) async fn kept_logs(
    spec: SshSpec,
    daemon: DaemonOf,
    pids: Vec<u32>,
    agents: Vec<AgentName>,
) -> Result<Vec<AgentLogs>, SshError> {
    let more = agents.len() * PER_AGENT;
    let request = MachineRequest::KeptLogs {
        daemon,
        pids,
        agents,
    };
    let mut session = Session::open(spec, &request, Copied::Borrowed).await?;
    let word = session.long_word(SSH_READ_TIMEOUT, Stage::Logs, more);
    match word.await? {
        MachineWord::KeptLogs { logs } => Ok(logs),
        other => Err(session.unexpected(Stage::Logs, other)),
    }
}

/// Forgets the runs that the request names. Tells how many there were.
pub(crate) async fn forget_runs(spec: SshSpec, request: MachineRequest) -> Result<usize, SshError> {
    let mut session = Session::open(spec, &request, Copied::Borrowed).await?;
    match session.word(SSH_READ_TIMEOUT, Stage::Logs).await? {
        MachineWord::Forgotten { runs } => Ok(runs),
        other => Err(session.unexpected(Stage::Logs, other)),
    }
}
