//! What `osb up --attach` does after the system is up.

use super::{CommandError, Context, ErrorKind};
use crate::model::SystemName;

/// Follows the logs until Ctrl-C, and takes the system down.
pub fn run(_system: &SystemName, _context: &mut Context) -> Result<(), CommandError> {
    Err(CommandError::say(ErrorKind::Failed, "not built yet"))
}
