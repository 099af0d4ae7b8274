//! `osb wait`.

use super::{CommandError, Context, ErrorKind};
use crate::model::Millis;

/// Wait until agents are running, or sockets are there
#[derive(Debug, clap::Args)]
pub struct WaitArgs {
    /// What to wait for: AGENT, or AGENT.ALIAS for a socket
    #[arg(required = true, value_name = "AGENT")]
    pub names: Vec<String>,
    /// How long that may take
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub timeout: Millis,
}

pub fn run(_args: WaitArgs, _context: &mut Context) -> Result<(), CommandError> {
    Err(CommandError::say(ErrorKind::Failed, "not built yet"))
}
