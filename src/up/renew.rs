//! Files that have other contents, or are new, on machines that stand: brought there before agents begin anew with them, and put back if
//! `up` fails.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use super::Progress;
use super::error::UpError;
use super::launch::{Launched, Renewed};
use super::state::{Up, lock};
use crate::model::{HostName, Reach, SshSpec};
use crate::plan::Place;
use crate::ssh::{self, Sent, Session, SshError};
use crate::state::Laid;
use crate::wire::{DaemonOf, MachineRequest, Renewal};

impl Up<'_> {
    /// To all machines at once; every one that failed is named.
    pub(super) async fn renew_files(&self, progress: &mut dyn Progress) -> Result<(), UpError> {
        let (tell, mut told) = unbounded_channel();
        let mut going = JoinSet::new();
        for place in self.bundle.places() {
            let Some((spec, request)) = self.renewal(place) else {
                continue;
            };
            let bundle = self.bundle.of(&place.0, &place.1);
            let (place, tell) = (place.clone(), tell.clone());
            going.spawn(async move {
                let whose = place.1.clone();
                let tell = move |sent: Sent| drop(tell.send((whose.clone(), sent)));
                let outcome = ssh::renew(spec, request, bundle, tell).await;
                (place, outcome)
            });
        }
        drop(tell);
        let mut failed: Vec<(HostName, SshError)> = Vec::new();
        loop {
            let joined = tokio::select! {
                biased;
                Some((host, sent)) = told.recv() => {
                    progress.copy(&host, sent);
                    continue;
                }
                joined = going.join_next() => joined,
            };
            match joined {
                Some(Ok((place, Ok((session, folders))))) => {
                    let bundle = self.bundle.of(&place.0, &place.1);
                    let from = bundle.trees.iter().map(|tree| tree.from.clone());
                    let laid = from
                        .zip(folders)
                        .map(|(from, folder)| Laid { from, folder });
                    lock(self.launched).note_renewed(&place, laid.collect(), session);
                }
                Some(Ok((place, Err(error)))) => failed.push((place.1, error)),
                Some(Err(_)) => {}
                None => break,
            }
        }
        failed.sort_by(|one, other| one.0.cmp(&other.0));
        match failed.is_empty() {
            true => Ok(()),
            false => Err(UpError::Machines(failed)),
        }
    }

    /// What is to be asked of a machine that stands.
    fn renewal(&self, (nameserver, host): &Place) -> Option<(SshSpec, MachineRequest)> {
        let mut hosts = self.request.plan.hosts_at(nameserver);
        let Reach::Ssh(spec) = &hosts.find(|it| it.name == *host)?.reach else {
            return None;
        };
        let launched = lock(self.launched);
        launched.standing_group(nameserver)?;
        let bundle = self.bundle.of(nameserver, host);
        let files = bundle.trees.iter().map(|tree| Renewal {
            listing: tree.listing.clone(),
            folder: launched.laid_before(nameserver, host, &tree.from).cloned(),
        });
        let request = MachineRequest::Renew {
            daemon: DaemonOf {
                system: self.request.plan.system.clone(),
                host: host.clone(),
                group: launched.standing_suffix(nameserver),
            },
            files: files.collect(),
        };
        Some((spec.clone(), request))
    }

    /// All stands: the files stay as they are.
    pub(super) async fn keep_files(&self) -> Result<(), UpError> {
        let renewed = std::mem::take(&mut lock(self.launched).renewed);
        let mut failed = Vec::new();
        for Renewed { host, session } in renewed {
            if let Err(error) = session.release().await {
                failed.push((host, error));
            }
        }
        match failed.is_empty() {
            true => Ok(()),
            false => Err(UpError::Machines(failed)),
        }
    }
}

impl Launched {
    fn note_renewed(&mut self, (nameserver, host): &Place, laid: Vec<Laid>, session: Session) {
        let host = host.clone();
        let group = self.standing_group_mut(nameserver);
        let machines = group.into_iter().flat_map(|it| &mut it.machines);
        let mut new = Vec::new();
        for machine in machines.filter(|it| it.host == host) {
            for laid in &laid {
                if !machine.files.contains(laid) {
                    machine.files.push(laid.clone());
                    new.push((nameserver.clone(), host.clone(), laid.clone()));
                }
            }
        }
        self.new_folders.extend(new);
        self.renewed.push(Renewed { host, session });
    }
}

/// Puts back what was on other machines, before anything begins again there.
pub(super) async fn put_back(launched: &Mutex<Launched>) {
    let renewed = {
        let mut launched = launched.lock().unwrap_or_else(PoisonError::into_inner);
        for (nameserver, host, laid) in std::mem::take(&mut launched.new_folders) {
            let group = launched.standing_group_mut(&nameserver);
            let machines = group.into_iter().flat_map(|it| &mut it.machines);
            let of_host = machines.filter(|it| it.host == host);
            of_host.for_each(|it| it.files.retain(|it| *it != laid));
        }
        std::mem::take(&mut launched.renewed)
    };
    let mut cuts = JoinSet::new();
    for Renewed { session, .. } in renewed {
        cuts.spawn(session.cut(Duration::ZERO));
    }
    while cuts.join_next().await.is_some() {}
}
