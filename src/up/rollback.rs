//! Taking back what an `up` began, and clearing away what a dead one left.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::UpError;
use super::launch::{Group, Launched};
use super::undo::Undone;
use super::{change, machines, renew};
use crate::down::{Processes, Turns, longest_of};
use crate::model::{AgentName, Grace, Millis, beyond_usual};
use crate::proxy::Link;
use crate::state::{Ending, SystemDir, SystemRecord};

/// Where the logs are, as long as they are.
pub(crate) fn logs(launched: &Arc<Mutex<Launched>>) -> SystemDir {
    launched
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .dir
        .clone()
}

/// Ends everything that was launched and removes what was written. What stood before is as it was. `longest`: the longest
/// `stop_timeout` of the agents. Tells which agents could not be put back, and why.
pub(crate) async fn take_back(
    launched: &Arc<Mutex<Launched>>,
    longest: Option<Millis>,
) -> Vec<(AgentName, String)> {
    renew::put_back(launched).await;
    let Undone { again, left } = change::take_back(launched, longest).await;
    let (system, dir, groups, standing, tethers, hanging, far) = {
        let mut launched = launched.lock().unwrap_or_else(PoisonError::into_inner);
        let (hanging, far) = (launched.take_hanging(), launched.take_far());
        (
            launched.system.clone(),
            launched.dir.clone(),
            std::mem::take(&mut launched.groups),
            launched.standing.take(),
            std::mem::take(&mut launched.tethers),
            hanging,
            far,
        )
    };
    // The name server is still there, for members that report to it.
    machines::cut(hanging, beyond_usual(longest)).await;
    for Group { record, link, .. } in &groups {
        let processes = Processes {
            system: &system,
            dir: &dir,
            group: record,
            turns: Turns::default(),
            longest,
        };
        processes.end(link.as_deref(), Grace::SHORT).await;
    }
    machines::cut(far, Duration::ZERO).await;
    // Cut last: daemons that still live then end by themselves.
    drop(tethers);
    let _ = match standing {
        Some(mut record) => {
            // If not all is as it was, the next `up` is to see to it.
            record.changing = record.changing.filter(|_| !left.is_empty());
            for group in &mut record.groups {
                group.mending.retain(|agent| !again.contains(agent));
            }
            dir.write_record(&record)
        }
        None => dir.remove(Ending::UpFailed),
    };
    left
}

/// A system whose `up` or whose daemons have died: ends what is left of it and forgets it.
pub(crate) async fn clean_up_after_the_dead(
    dir: &SystemDir,
    record: &SystemRecord,
) -> Result<(), UpError> {
    clean_up_dead_groups(dir, record).await?;
    Ok(dir.remove(Ending::of_the_dead(record))?)
}

/// Ends what is left of groups that do not stand any more. What is on machines that cannot be
/// reached is in the way of anything new.
pub(crate) async fn clean_up_dead_groups(
    dir: &SystemDir,
    record: &SystemRecord,
) -> Result<(), UpError> {
    let mut left = Vec::new();
    let longest = longest_of(None, dir);
    for group in record.present().filter(|group| !group.lives(dir)) {
        let processes = Processes {
            system: &record.name,
            dir,
            group,
            turns: Turns::default(),
            longest,
        };
        // Only those that stay have to be asked.
        let link = match group.attached.is_empty() && group.machines.is_empty() {
            true => None,
            false => group
                .dial()
                .ok()
                .and_then(|to| Some(Link::open(&to).ok()?.0)),
        };
        left.extend(processes.end(link.as_ref(), Grace::SHORT).await.machines);
    }
    match left.is_empty() {
        true => Ok(()),
        false => Err(UpError::MachinesLeft {
            system: record.name.clone(),
            left,
        }),
    }
}
