//! Taking back what an `up` began, and clearing away what a dead one left.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::launch::Launched;
use crate::down::end_processes;
use crate::model::Millis;
use crate::process::ProcessId;
use crate::state::{StateError, SystemDir, SystemRecord};
use crate::wire::{HostRequest, NameServerRequest, Peer, Stopped};

/// How long agents of a failed system may take to end: they have nothing to finish.
const GRACE: Millis = Millis::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(8);

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
    let (dir, link, hosts, nameserver, tethers) = {
        let mut launched = launched.lock().unwrap_or_else(PoisonError::into_inner);
        let tethers = std::mem::take(&mut launched.tethers);
        (
            launched.dir.clone(),
            launched.link.take(),
            std::mem::take(&mut launched.hosts),
            launched.nameserver.take(),
            tethers,
        )
    };
    let mut processes: Vec<ProcessId> = Vec::new();
    if let Some(link) = &link {
        for daemon in &hosts {
            let request = HostRequest::Shutdown { grace: GRACE };
            let peer = Peer::Host(daemon.host.clone());
            let _ = link.ask::<Vec<Stopped>>(peer, &request, PATIENCE).await;
        }
        if nameserver.is_some() {
            let request = NameServerRequest::Shutdown {};
            let _ = link
                .ask::<()>(Peer::NameServer, &request, GRACE.duration())
                .await;
        }
    }
    processes.extend(hosts.into_iter().map(|daemon| daemon.process));
    processes.extend(nameserver);
    let agents = dir.agents();
    // Cut the tethers last: whoever still lives then ends of itself.
    drop(tethers);
    end_processes(&processes, &agents);
    let _ = dir.remove();
}

/// A system whose `up` or whose daemons have died: ends what is left of it and forgets it.
pub fn clean_up_after_the_dead(dir: &SystemDir, record: &SystemRecord) -> Result<(), StateError> {
    let mut processes: Vec<ProcessId> = record
        .hosts
        .iter()
        .map(|daemon| daemon.process.clone())
        .collect();
    processes.extend(record.launched_nameserver.clone());
    end_processes(&processes, &dir.agents());
    dir.remove()
}
