//! Files that are copied with agents to other machines: what each machine gets, and where.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::unbounded_channel;

use super::error::{Stage, UpError};
use super::launch::Launched;
use super::{Progress, UpRequest};
use crate::files::{Bundle, FilesError, Stock};
use crate::model::{AgentSpec, Digest, HostName, NameServerName, SyncSpec};
use crate::plan::{Alteration, Place, Plan, Reason};

/// What each daemon is to have.
#[derive(Default)]
pub(super) struct Bundles {
    all: HashMap<Place, Arc<Bundle>>,
    /// What was looked through has these digests.
    digests: HashMap<SyncSpec, Digest>,
}

impl Bundles {
    /// Looks through all that is to be copied for what is brought up.
    pub(crate) async fn gather(
        request: &UpRequest,
        progress: &mut dyn Progress,
    ) -> Result<Self, UpError> {
        let plan = &request.plan;
        let mut specs: HashMap<Place, Vec<SyncSpec>> = HashMap::new();
        let change = &request.change;
        let new = change
            .added
            .iter()
            .chain(change.anew().filter(|it| wants_files(it)).map(|it| &it.to));
        let begins: HashSet<Place> = new.map(|it| place(plan, it)).collect();
        for entry in &plan.nameservers {
            let nameserver = &entry.name;
            let is_whole = request.bring_up.contains(nameserver);
            let far = |it: &&AgentSpec| !it.attach && it.host != HostName::local();
            for agent in plan.agents_at(nameserver).filter(far) {
                let place = || place(plan, agent);
                if !is_whole && !begins.contains(&place()) {
                    continue;
                }
                if let Some(sync) = agent.program.as_ref().and_then(|it| it.sync.as_deref()) {
                    let of_place = specs.entry(place()).or_default();
                    if !of_place.contains(sync) {
                        of_place.push(sync.clone());
                    }
                }
            }
        }
        if specs.is_empty() {
            return Ok(Self::default());
        }
        progress.begin(Stage::Files, specs.len());
        // It reads every file, on a thread of its own.
        let (tell, mut told) = unbounded_channel();
        let mut stock = Stock::default();
        let _stop = StopOnDrop(stock.stop.clone());
        let gathering = tokio::task::spawn_blocking(move || {
            let mut gathered = Self::default();
            for (place, specs) in specs {
                let bundle = stock.bundle(&specs)?;
                let _ = tell.send(place.1.clone());
                gathered.all.insert(place, Arc::new(bundle));
                let digests = specs.into_iter();
                let digests = digests.filter_map(|it| Some((it.clone(), stock.digest(&it)?)));
                gathered.digests.extend(digests);
            }
            Ok(gathered)
        });
        while let Some(host) = told.recv().await {
            progress.advance(host.as_str());
        }
        let gathered: Result<_, FilesError> = match gathering.await {
            Ok(bundles) => bundles,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let gathered = gathered.map_err(UpError::Files)?;
        progress.end();
        Ok(gathered)
    }

    /// Of what was looked through for these files, if it was.
    pub(super) fn digest(&self, sync: &SyncSpec) -> Option<&Digest> {
        self.digests.get(sync)
    }

    /// The daemons that have files.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.all.keys()
    }

    pub(crate) fn of(&self, nameserver: &NameServerName, host: &HostName) -> Arc<Bundle> {
        let place = (nameserver.clone(), host.clone());
        self.all.get(&place).cloned().unwrap_or_default()
    }
}

/// Whether an agent begins anew for a reason for which its files may not be there yet.
fn wants_files(it: &Alteration) -> bool {
    it.anew.iter().any(|reason| match reason {
        Reason::Files
        | Reason::Contents
        | Reason::Program
        | Reason::Host
        | Reason::Attach
        | Reason::CutOff => true,
        Reason::Command
        | Reason::Environment
        | Reason::Folder
        | Reason::Speaks
        | Reason::Ready
        | Reason::Health
        | Reason::After
        | Reason::Logs
        | Reason::FarWire
        | Reason::Unset => false,
    })
}

fn place(plan: &Plan, agent: &AgentSpec) -> Place {
    let nameserver = plan.nameserver_of(&agent.name);
    (nameserver.clone(), agent.host.clone())
}

/// Ctrl-C does not wait until gigabytes are read.
pub(super) struct StopOnDrop(pub Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Launched {
    /// The bundle of a daemon is in these folders, in its order.
    pub(super) fn laid(
        &mut self,
        nameserver: NameServerName,
        host: &HostName,
        folders: Vec<PathBuf>,
    ) {
        self.folders.insert((nameserver, host.clone()), folders);
    }

    /// Where the files of a folder are on a machine that stands.
    pub(super) fn laid_before(
        &self,
        nameserver: &NameServerName,
        host: &HostName,
        from: &Path,
    ) -> Option<&PathBuf> {
        let group = self.standing_group(nameserver)?;
        let machine = group.machines.iter().find(|it| it.host == *host)?;
        let laid = machine.files.iter().find(|it| it.from == from)?;
        Some(&laid.folder)
    }
}
