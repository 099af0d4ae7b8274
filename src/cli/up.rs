//! `osb up`.

use std::path::PathBuf;

use super::{CommandError, Context, ErrorKind};

/// Bring up a system from its topology
#[derive(Debug, clap::Args)]
pub struct UpArgs {
    /// The topology; - is standard input
    pub file: PathBuf,
    /// Follow the logs until Ctrl-C, then bring the system down again
    #[arg(long)]
    pub attach: bool,
}

pub fn run(_args: UpArgs, _context: &mut Context) -> Result<(), CommandError> {
    Err(CommandError::say(ErrorKind::Failed, "not built yet"))
}
