//! Bringing a system up, phase by phase, each in parallel over its agents: name server, hosts,
//! agents started and running, sockets bound, connections wired and proven, timers started.
//!
//! The plan says what to do; this carries it out, watches for agents that end meanwhile,
//! and takes everything back when something fails.

mod agents;
mod ask;
mod attached;
mod by_hand;
mod change;
mod contents;
mod error;
mod far;
mod files;
mod foresee;
mod hosts;
mod launch;
mod launches;
mod lead;
mod machines;
mod mend;
mod missing;
mod naming;
mod observe;
mod phases;
mod placed;
mod renew;
mod rollback;
mod rolling;
mod spares;
mod state;
mod told;
mod undo;
mod wire;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::model::{
    AgentId, AgentInfo, Contents, HostInfo, HostName, NameServerName, Overrides, Topology,
    longest_stop,
};
use crate::plan::{Change, LaunchPlan, Place, Plan, TakeOver};
use crate::ssh::{Sent, SshError};
use crate::state::{Lock, StateDir, SystemDir, SystemRecord};

pub(crate) use by_hand::running;
pub(crate) use contents::followed;
pub(crate) use error::{Absent, Stage, UpError};
use foresee::spawned;
pub(crate) use foresee::{Foreseen, foresee};
use launch::Launched;
pub(crate) use machines::seen_from_afar;
use missing::Missing;
pub(crate) use rolling::up;
use state::Shared;

/// Is told how far `up` has come.
pub(crate) trait Progress: Send {
    fn begin(&mut self, stage: Stage, total: usize);
    fn advance(&mut self, what: &str);
    /// Files are on their way to a machine.
    fn copy(&mut self, host: &HostName, sent: Sent);
    /// Agents, or hosts, that others are to start are not there yet.
    fn await_others(&mut self, missing: &[String]);
    /// Programs have been launched, and others wait until they are ready.
    fn await_programs(&mut self, launched: &[&LaunchPlan]);
    fn end(&mut self);
}

/// What a system looks like when it is up.
#[derive(Debug, Clone)]
pub struct UpReport {
    pub plan: Plan,
    /// What to dial: `tcp://…`, in the order of the topology.
    pub nameservers: Vec<(NameServerName, String)>,
    /// All that the name servers know, those of others too.
    pub agents: Vec<(AgentId, AgentInfo)>,
    pub hosts: Vec<HostInfo>,
    pub outcome: Outcome,
    /// Agents that have ended before they had taken in what was meant for them, and why.
    pub undrained: Vec<(AgentId, String)>,
    pub out_of_reach: OutOfReach,
}

/// What is missing of a system that is up, and could not be brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutOfReach {
    pub hosts: Vec<LostHost>,
    /// Agents that may live, and do not answer, and those that were to be started on such hosts.
    pub agents: Vec<AgentId>,
}

/// A host whose daemon is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostHost {
    pub host: HostName,
    pub nameserver: NameServerName,
    /// Those of the system that are to be there.
    pub agents: Vec<AgentId>,
    /// Why it could not be started again. None: others start it.
    pub cause: Option<SshError>,
}

impl UpReport {
    /// Agents that were asked for at run time and are no part of the system: they were left alone.
    pub(crate) fn spawned(&self) -> Vec<AgentId> {
        let removed = match &self.outcome {
            Outcome::Changed(change) => change.removed.as_slice(),
            Outcome::BroughtUp | Outcome::Unchanged | Outcome::BroughtBack(_) => &[],
        };
        let agents = self.agents.iter().map(|(id, info)| (id, info));
        spawned(&self.plan, removed, agents)
    }
}

impl OutOfReach {
    /// Whether all is there.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.agents.is_empty()
    }
}

/// What `up` has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A system, or whole groups of one.
    BroughtUp,
    /// Nothing: all was up already, from the same file.
    Unchanged,
    /// What was missing of a system that was up.
    BroughtBack(BroughtBack),
    /// A system that was up, from another version of its file.
    Changed(Box<Change>),
}

/// What was missing, and is there again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BroughtBack {
    pub nameservers: Vec<NameServerName>,
    pub hosts: Vec<Place>,
    pub agents: Vec<AgentId>,
}

impl Outcome {
    fn of(request: &UpRequest, missing: &Missing, nameservers: BTreeSet<NameServerName>) -> Self {
        let hosts = missing.mend.hosts.iter().chain(&missing.machines);
        let back = BroughtBack {
            nameservers: nameservers.into_iter().collect(),
            hosts: hosts.cloned().collect(),
            agents: missing.mend.agents.clone(),
        };
        match request.bring_up.is_empty() {
            false => Outcome::BroughtUp,
            true if !request.change.is_empty() => {
                match request.shown.is_empty() && request.is_all(&back) {
                    // All that is new was made by hand already.
                    true => Outcome::Unchanged,
                    false => Outcome::Changed(Box::new(request.shown.clone())),
                }
            }
            true if back == BroughtBack::default() => Outcome::Unchanged,
            true => Outcome::BroughtBack(back),
        }
    }
}

/// What is to be brought up.
#[derive(Clone)]
pub(crate) struct UpRequest {
    pub plan: Plan,
    /// The topology's file as it is shown to people.
    pub file: String,
    /// The topology in its resolved form: what tells a changed file from an unchanged one.
    pub fingerprint: String,
    /// All that the topology was read from, if that is known.
    pub sources: Option<String>,
    /// What counts more than that.
    pub overrides: Overrides,
    pub state: StateDir,
    /// The file with the key for name servers that are there already.
    pub key: Option<PathBuf>,
    /// The name servers to bring up with all that is registered there; the others stand.
    bring_up: Vec<NameServerName>,
    /// The system may be up from another file.
    pub replace: bool,
    /// It is a state on the way to another, and none to come back to.
    on_the_way: bool,
    /// Agents may end before they have taken in what was meant for them.
    pub lossy: bool,
    /// What the files of agents have as their contents, if that is known already.
    pub contents: Option<Contents>,
    /// The same, as far as it counts.
    now: Contents,
    /// What makes of the system that is up the one that is requested.
    change: Change,
    /// The same, from what runs: without what was made by hand already.
    shown: Change,
    /// What the system is that is up.
    former: Option<Topology>,
}

impl UpRequest {
    /// The topology of its plan.
    pub(crate) fn topology(&self) -> Topology {
        let plan = &self.plan;
        Topology {
            name: plan.system.clone(),
            security: plan.security,
            nameservers: plan.nameservers.clone(),
            hosts: plan.hosts.clone(),
            agents: plan.agents.clone(),
        }
    }

    /// Whether nothing was missing but agents that are new to the system.
    fn is_all(&self, back: &BroughtBack) -> bool {
        let is_new = |agent: &AgentId| self.change.added.iter().any(|it| it.name == *agent);
        back.nameservers.is_empty() && back.hosts.is_empty() && back.agents.iter().all(is_new)
    }

    /// To bring up all of `plan`.
    pub(crate) fn new(plan: Plan, file: String, fingerprint: String, state: StateDir) -> Self {
        let names = plan.nameservers.iter().map(|it| it.name.clone());
        Self {
            key: None,
            replace: false,
            lossy: true,
            on_the_way: false,
            contents: None,
            now: Contents::new(),
            change: Change::default(),
            shown: Change::default(),
            former: None,
            bring_up: names.collect(),
            plan,
            file,
            fingerprint,
            sources: None,
            overrides: Overrides::default(),
            state,
        }
    }
}

/// Brings a system up, or what is missing of it. `interrupted` ends when the user presses Ctrl-C:
/// then, as after any failure, all that was started is taken back before this returns. `held`: the lock of the system that is up, if
/// this is one change of several between which nobody is to do anything else.
async fn up_at_once(
    mut request: UpRequest,
    held: Option<&Lock>,
    progress: &mut dyn Progress,
    interrupted: impl Future<Output = ()>,
) -> Result<UpReport, UpError> {
    let dir = request.state.system(&request.plan.system);
    let mut lock = match held {
        Some(held) => held.clone(),
        None => Lock::take(&dir, &request.plan.system)?,
    };
    let mut standing = None;
    request.now = request.contents.clone().unwrap_or_default();
    if let Some(record) = dir.record()? {
        if !record.groups.iter().any(|group| group.lives(&dir)) {
            rollback::clean_up_after_the_dead(&dir, &record).await?;
            drop(lock);
            lock = Lock::take(&dir, &request.plan.system)?;
        } else {
            request.now = contents::of(&request).await?;
            let (change, former) = change::of(&request, &request.now, &record)?;
            let seen = seen_by_hand(&request, &record, &dir, (&former, &change)).await?;
            (request.change, request.shown) = shown(change, &seen);
            request.former = Some(former);
            refuse_conflicts(&request, seen)?;
            let stands = |name: &NameServerName| {
                let mut groups = record.groups.iter();
                groups.any(|group| group.name == *name && group.lives(&dir))
            };
            request.bring_up.retain(|name| !stands(name));
            rollback::clean_up_dead_groups(&dir, &record).await?;
            standing = Some(record);
        }
    }
    begin(request, dir, lock, standing, progress, interrupted).await
}

/// What was made by hand, where it matters. None: nothing is to be otherwise, or it is not known what was meant to be.
async fn seen_by_hand(
    request: &UpRequest,
    record: &SystemRecord,
    dir: &SystemDir,
    (former, change): (&Topology, &Change),
) -> Result<Option<TakeOver>, UpError> {
    if change.is_empty() || record.changing.is_some() {
        return Ok(None);
    }
    let seen = by_hand::taken_over(request, record, dir, &request.now, (former, change));
    seen.await.map(Some)
}

/// What is to be done, and what of that is to be seen.
fn shown(mut change: Change, seen: &Option<TakeOver>) -> (Change, Change) {
    let Some(seen) = seen else {
        return (change.clone(), change);
    };
    change.with_reasons_of(&seen.change);
    (change, seen.change.clone())
}

/// Nothing has begun yet.
fn refuse_conflicts(request: &UpRequest, seen: Option<TakeOver>) -> Result<(), UpError> {
    let conflicts = seen.map(|it| it.conflicts).unwrap_or_default();
    match conflicts.is_empty() {
        true => Ok(()),
        false => Err(UpError::ByHand {
            system: request.plan.system.clone(),
            conflicts,
        }),
    }
}

async fn begin(
    request: UpRequest,
    dir: SystemDir,
    lock: Lock,
    standing: Option<SystemRecord>,
    progress: &mut dyn Progress,
    interrupted: impl Future<Output = ()>,
) -> Result<UpReport, UpError> {
    let system = (request.plan.system.clone(), request.plan.security);
    let launched = Arc::new(Mutex::new(Launched::new(system, dir, lock, standing)));
    let outcome = tokio::select! {
        outcome = phases::run(&request, &launched, progress) => outcome,
        () = interrupted => Err(UpError::Interrupted),
    };
    match outcome {
        Ok(report) => Ok(report),
        Err(error) => {
            let error = error.with_log(&rollback::logs(&launched));
            let former = request.former.iter().flat_map(|it| &it.agents);
            let longest = longest_stop(request.plan.agents.iter().chain(former));
            Err(error.and_left(rollback::take_back(&launched, longest).await))
        }
    }
}
