//! Taking back what an `up` began, and clearing away what a dead one left.

use std::sync::{Arc, Mutex, PoisonError};

use super::launch::{Group, Launched};
use crate::down::Processes;
use crate::model::Millis;
use crate::proxy::Link;
use crate::state::{StateError, SystemDir, SystemRecord};

/// How long agents of a failed system may take to end: they have nothing to finish.
const GRACE: Millis = Millis::from_secs(2);

/// Where the logs are, as long as they are.
pub fn logs(launched: &Arc<Mutex<Launched>>) -> SystemDir {
    launched
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .dir
        .clone()
}

/// Ends everything that was launched and removes what was written. What stood before is as it was.
pub async fn take_back(launched: &Arc<Mutex<Launched>>) {
    let (system, dir, groups, standing, tethers) = {
        let mut launched = launched.lock().unwrap_or_else(PoisonError::into_inner);
        (
            launched.system.clone(),
            launched.dir.clone(),
            std::mem::take(&mut launched.groups),
            launched.standing.take(),
            std::mem::take(&mut launched.tethers),
        )
    };
    for Group { record, link, .. } in &groups {
        let processes = Processes {
            system: &system,
            dir: &dir,
            group: record,
        };
        processes.end(link.as_deref(), GRACE).await;
    }
    // Cut last: whoever still lives then ends of itself.
    drop(tethers);
    let _ = match standing {
        Some(record) => dir.write_record(&record),
        None => dir.remove(),
    };
}

/// A system whose `up` or whose daemons have died: ends what is left of it and forgets it.
pub async fn clean_up_after_the_dead(
    dir: &SystemDir,
    record: &SystemRecord,
) -> Result<(), StateError> {
    clean_up_dead_groups(dir, record).await;
    dir.remove()
}

/// Ends what is left of groups that do not stand any more.
pub async fn clean_up_dead_groups(dir: &SystemDir, record: &SystemRecord) {
    for group in record.present().filter(|group| !group.stands()) {
        let processes = Processes {
            system: &record.name,
            dir,
            group,
        };
        // Only those that stay have to be asked.
        let link = match group.attached.is_empty() {
            true => None,
            false => Link::open(&group.nameserver).ok().map(|(link, _)| link),
        };
        processes.end(link.as_ref(), GRACE).await;
    }
}
