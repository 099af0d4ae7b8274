//! Taking back what an `up` began, and clearing away what a dead one left.

use std::sync::{Arc, Mutex, PoisonError};

use super::launch::Launched;
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

/// Ends everything that was launched and removes what was written.
pub async fn take_back(launched: &Arc<Mutex<Launched>>) {
    let (system, dir, link, hosts, nameserver, attached, tethers) = {
        let mut launched = launched.lock().unwrap_or_else(PoisonError::into_inner);
        (
            launched.system.clone(),
            launched.dir.clone(),
            launched.link.take(),
            std::mem::take(&mut launched.hosts),
            launched.nameserver.take(),
            std::mem::take(&mut launched.attached),
            std::mem::take(&mut launched.tethers),
        )
    };
    let processes = Processes {
        system: &system,
        dir: &dir,
        hosts: &hosts,
        nameserver: nameserver.as_ref(),
        attached: &attached,
    };
    processes.end(link.as_deref(), GRACE).await;
    // Cut last: whoever still lives then ends of itself.
    drop(tethers);
    let _ = dir.remove();
}

/// A system whose `up` or whose daemons have died: ends what is left of it and forgets it.
pub async fn clean_up_after_the_dead(
    dir: &SystemDir,
    record: &SystemRecord,
) -> Result<(), StateError> {
    let processes = Processes {
        system: &record.name,
        dir,
        hosts: &record.hosts,
        nameserver: record.launched_nameserver.as_ref(),
        attached: &record.attached,
    };
    // Only those that stay have to be asked.
    let link = match record.attached.is_empty() {
        true => None,
        false => Link::open(&record.nameserver).ok().map(|(link, _)| link),
    };
    processes.end(link.as_ref(), GRACE).await;
    dir.remove()
}
