//! `osb check`.

use std::path::PathBuf;

use super::{CommandError, Context, ErrorKind};

/// Check a topology and say all that is wrong with it
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The topology; - is standard input
    pub file: PathBuf,
}

pub fn run(_args: CheckArgs, _context: &mut Context) -> Result<(), CommandError> {
    Err(CommandError::say(ErrorKind::Failed, "not built yet"))
}
