//! What an attached system is brought up for, and the exit status that comes of it.

use crate::model::{AgentId, ExitReport};

/// What an attached system is brought up for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Purpose {
    /// It is taken down as soon as an agent fails.
    pub abort_on_failure: bool,
    /// It is taken down when this agent has ended, and its exit status is that of the command.
    pub exit_code_from: Option<AgentId>,
}

/// The exit status that tells of an agent's end, as shells have it.
pub(crate) fn status_of(exit: &ExitReport) -> u8 {
    let signal = exit.signal.map(|signal| 128 + signal);
    let status = exit.status.or(signal).unwrap_or(1);
    u8::try_from(status).unwrap_or(u8::MAX)
}
