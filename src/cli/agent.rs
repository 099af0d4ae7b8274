//! `osb agent`: one agent's process. Host daemons start it; what it is to be comes by its standard
//! input.

use super::{CommandError, Context, ErrorKind};
use crate::model::AgentName;

/// Run one agent (started by a host daemon)
#[derive(Debug, clap::Args)]
pub struct AgentArgs {
    /// For process lists only: the name that counts comes by standard input
    #[arg(long)]
    pub name: AgentName,
}

pub fn run(_args: AgentArgs, _context: &mut Context) -> Result<(), CommandError> {
    match crate::agent::run() {
        Ok(0) => Ok(()),
        Ok(status) => Err(CommandError::ended_with(status)),
        Err(error) => Err(CommandError::new(ErrorKind::Failed, error)),
    }
}
