//! `osb down`.

use super::{CommandError, Context, ErrorKind};
use crate::model::{Millis, SystemName};

/// Bring down a system and leave nothing behind
#[derive(Debug, clap::Args)]
pub struct DownArgs {
    /// The system; needed if several are running
    #[arg(value_name = "SYSTEM")]
    pub name: Option<SystemName>,
    /// How long agents may take to end before they are killed
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub grace: Millis,
}

pub fn run(_args: DownArgs, _context: &mut Context) -> Result<(), CommandError> {
    Err(CommandError::say(ErrorKind::Failed, "not built yet"))
}
