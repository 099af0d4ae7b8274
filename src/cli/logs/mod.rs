//! `osb logs`.

use super::{CommandError, Context, ErrorKind};
use crate::model::AgentName;

/// Print the logs of agents
#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// The agents; all, if none is given
    #[arg(value_name = "AGENT")]
    pub agents: Vec<AgentName>,
    /// Go on as lines are written, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last lines
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
}

pub fn run(_args: LogsArgs, _context: &mut Context) -> Result<(), CommandError> {
    Err(CommandError::say(ErrorKind::Failed, "not built yet"))
}
