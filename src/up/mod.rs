//! Bringing a system up, phase by phase, each in parallel over its agents: name server, hosts,
//! agents started and running, sockets bound, connections wired and proven, timers started.
//!
//! What is to be done is the plan's; this carries it out, watches for agents that die meanwhile,
//! and takes everything back when something fails.

mod agents;
mod ask;
mod attached;
mod error;
mod hosts;
mod launch;
mod launches;
mod observe;
mod phases;
mod rollback;
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::model::{AgentInfo, AgentName, HostInfo};
use crate::plan::{LaunchPlan, Plan};
use crate::process::ProcessId;
use crate::state::{Lock, Phase, StateDir, SystemDir, SystemRecord};

pub use error::{Absent, Stage, UpError};
use launch::Launched;

/// How long control requests that need no work may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Is told how far `up` has come.
pub trait Progress: Send {
    fn begin(&mut self, stage: Stage, total: usize);
    fn advance(&mut self, what: &str);
    /// Agents that others are to start are not there yet.
    fn await_others(&mut self, missing: &[AgentName]);
    /// Programs have been launched, and others wait until they are ready.
    fn await_programs(&mut self, launched: &[&LaunchPlan]);
    fn end(&mut self);
}

/// What a system looks like when it is up.
#[derive(Debug, Clone)]
pub struct UpReport {
    pub plan: Plan,
    /// What to dial: `tcp://…`.
    pub nameserver: String,
    pub agents: Vec<AgentInfo>,
    pub hosts: Vec<HostInfo>,
    /// It was up already, from the same file, and nothing was touched.
    pub unchanged: bool,
}

/// What is to be brought up.
pub struct UpRequest {
    pub plan: Plan,
    /// The topology's file as it is shown to people.
    pub file: String,
    /// The topology in its resolved form: what tells a changed file from an unchanged one.
    pub fingerprint: String,
    pub state: StateDir,
}

/// Brings a system up. `interrupted` ends when somebody presses Ctrl-C: then, as after any failure,
/// all that was started is taken back before this returns.
pub async fn up(
    request: UpRequest,
    progress: &mut dyn Progress,
    interrupted: impl Future<Output = ()>,
) -> Result<UpReport, UpError> {
    let dir = request.state.system(&request.plan.system);
    let lock = Lock::take(&dir, &request.plan.system)?;
    if let Some(record) = dir.record()? {
        if is_alive(&record) {
            return already_up(&request, record).await;
        }
        rollback::clean_up_after_the_dead(&dir, &record).await?;
        drop(lock);
        let lock = Lock::take(&dir, &request.plan.system)?;
        return begin(request, dir, lock, progress, interrupted).await;
    }
    begin(request, dir, lock, progress, interrupted).await
}

async fn begin(
    request: UpRequest,
    dir: SystemDir,
    lock: Lock,
    progress: &mut dyn Progress,
    interrupted: impl Future<Output = ()>,
) -> Result<UpReport, UpError> {
    let launched = Arc::new(Mutex::new(Launched::new(
        request.plan.system.clone(),
        dir,
        lock,
    )));
    let outcome = tokio::select! {
        outcome = phases::run(&request, &launched, progress) => outcome,
        () = interrupted => Err(UpError::Interrupted),
    };
    match outcome {
        Ok(report) => Ok(report),
        Err(error) => {
            let error = error.with_log(&rollback::logs(&launched));
            rollback::take_back(&launched).await;
            Err(error)
        }
    }
}

/// Whether anything of the system still runs that `up` would get in the way of.
fn is_alive(record: &SystemRecord) -> bool {
    let nameserver = record.launched_nameserver.as_ref();
    let mut hosts = record.hosts.iter().map(|daemon| &daemon.process);
    let hosts = record.hosts.is_empty() || hosts.any(ProcessId::is_alive);
    record.phase == Phase::Up && (hosts && nameserver.is_none_or(|it| it.is_alive()))
}

/// The same file again is no work; another is refused.
async fn already_up(request: &UpRequest, record: SystemRecord) -> Result<UpReport, UpError> {
    if record.topology != request.fingerprint {
        return Err(UpError::Changed {
            system: record.name,
            file: record.file,
        });
    }
    let (agents, hosts) = phases::look(&record.nameserver).await?;
    Ok(UpReport {
        plan: request.plan.clone(),
        nameserver: record.nameserver,
        agents,
        hosts,
        unchanged: true,
    })
}
