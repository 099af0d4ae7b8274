//! `osb plan`.

use std::path::PathBuf;

use super::{CommandError, Context, ErrorKind};

/// Show what would be started, bound and wired
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// The topology; - is standard input
    pub file: PathBuf,
}

pub fn run(_args: PlanArgs, _context: &mut Context) -> Result<(), CommandError> {
    Err(CommandError::say(ErrorKind::Failed, "not built yet"))
}
