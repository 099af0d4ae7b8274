//! What `osb host --boot` and `osb ns --boot` have in common: the units that `osb install` writes start them with the machine,
//! and then they look whether there is anything to bring back.

use super::{CommandError, Context, ErrorKind};
use crate::host::notify;
use crate::model::timing::DAEMON_LEAVE_TIMEOUT;
use crate::model::{NameServerName, SystemName};
use crate::process::{ProcessId, wait_for_end};
use crate::state::{Part, Place, SystemDir};

/// Takes the place of the process that has ended with the machine, or is about to end. None: there is nothing to do, which is
/// said.
pub(super) fn take_place(
    dir: &SystemDir,
    group: Option<&NameServerName>,
    part: Part<'_>,
    context: &Context,
) -> Result<Option<ProcessId>, CommandError> {
    let mut place = dir.take_place(group, part)?;
    if let Place::Taken(process) = &place
        && wait_for_end(std::slice::from_ref(process), DAEMON_LEAVE_TIMEOUT)
    {
        place = dir.take_place(group, part)?;
    }
    let reason = match place {
        Place::Vacant { former } => return Ok(Some(former)),
        Place::Taken(process) => format!("it runs already: pid {}", process.pid),
        Place::Nothing => {
            "the system is not up: there is nothing to bring back before the next `osb up`"
                .to_owned()
        }
    };
    context.note(&reason);
    // What has nothing to do is ready, and no failure.
    notify("READY=1");
    Ok(None)
}

/// The system of a process that comes with the machine.
pub(super) fn system(of: Option<&SystemName>) -> Result<SystemName, CommandError> {
    of.cloned().ok_or_else(|| {
        CommandError::say(
            ErrorKind::Usage,
            "which system? --boot needs --for-system NAME",
        )
        .with_hint("`osb install FILE` writes units that say it")
    })
}
