//! The phases, one after the other, and who is watched meanwhile.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::{Stage, UpError};
use super::hosts::{name_server, refuse_taken_names};
use super::launch::Launched;
use super::observe::{Death, Observer};
use super::{PATIENCE, Progress, UpReport, UpRequest};
use crate::model::{Address, AgentInfo, AgentName, HostInfo, Target};
use crate::plan::LaunchPlan;
use crate::proxy::{Link, ProxyError, Watch};
use crate::state::{Phase, SystemRecord};
use crate::wire::{NameServerRequest, Peer};

/// How long to wait for the report of a death that something else has already shown.
const OBITUARY: Duration = Duration::from_secs(2);

pub(super) type Shared = Arc<Mutex<Launched>>;
/// Where the sockets are that others connect to.
pub(super) type Addresses = HashMap<Target, Address>;

/// Brings everything up, or says what failed first.
pub async fn run(
    request: &UpRequest,
    launched: &Shared,
    progress: &mut dyn Progress,
) -> Result<UpReport, UpError> {
    let nameserver = name_server(&request.plan, launched, progress).await?;
    let (link, _no_requests) = Link::open(&nameserver)?;
    let link = Arc::new(link);
    lock(launched).link = Some(link.clone());
    refuse_taken_names(&request.plan, &link).await?;

    let up = Up {
        request,
        launched,
        link: link.clone(),
        nameserver: nameserver.clone(),
    };
    up.launch_hosts(progress)?;
    let mut observer = Observer::default();
    let hosts = lock(launched)
        .hosts
        .iter()
        .map(|daemon| observer.expect_host(&daemon.host, daemon.process.pid))
        .collect();
    let running: Vec<_> = request
        .plan
        .agents
        .iter()
        .map(|agent| match agent.attach {
            true => observer.expect_attached(&agent.name),
            false => observer.expect_agent(&agent.name),
        })
        .collect();
    let stage = Mutex::new(Stage::Hosts);
    // Who has been let go and has nothing more to do has not failed.
    let is_done = |death: &Death| stage_of(&stage) >= Stage::Go && death.is_good();
    let deaths = observer.watch(Watch::begin(&link), is_done);
    up.guarded(deaths, &stage, progress, hosts, running).await?;

    let (agents, hosts) = look_through(&link).await?;
    up.let_go()?;
    Ok(UpReport {
        plan: request.plan.clone(),
        nameserver,
        agents,
        hosts,
        unchanged: false,
    })
}

/// What a running system looks like.
pub async fn look(nameserver: &str) -> Result<(Vec<AgentInfo>, Vec<HostInfo>), UpError> {
    let (link, _no_requests) = Link::open(nameserver)?;
    Ok(look_through(&link).await?)
}

pub(super) async fn look_through(
    link: &Link,
) -> Result<(Vec<AgentInfo>, Vec<HostInfo>), ProxyError> {
    let agents = NameServerRequest::Agents { name: None };
    let agents = link.ask(Peer::NameServer, &agents, PATIENCE);
    let hosts = link.ask(Peer::NameServer, &NameServerRequest::Hosts {}, PATIENCE);
    Ok((agents.await?, hosts.await?))
}

/// One bringing up.
pub(super) struct Up<'a> {
    pub(super) request: &'a UpRequest,
    pub(super) launched: &'a Shared,
    pub(super) link: Arc<Link>,
    pub(super) nameserver: String,
}

impl Up<'_> {
    /// The phases that an agent's death ends.
    async fn guarded(
        &self,
        deaths: impl Future<Output = Option<Death>>,
        stage: &Mutex<Stage>,
        progress: &mut dyn Progress,
        hosts: Vec<oneshot::Receiver<()>>,
        running: Vec<oneshot::Receiver<()>>,
    ) -> Result<(), UpError> {
        let mut progress = Staged { progress, stage };
        tokio::pin!(deaths);
        let outcome = tokio::select! {
            biased;
            death = &mut deaths => return Err(self.obituary(death, stage_of(stage))),
            outcome = self.phases(&mut progress, hosts, running) => outcome,
        };
        match outcome {
            // The peer that went away is the cause; its host is about to say why.
            Err(error) if is_absence(&error) => {
                match tokio::time::timeout(OBITUARY, deaths).await {
                    Ok(Some(death)) => Err(self.obituary(Some(death), stage_of(stage))),
                    _ => Err(error),
                }
            }
            outcome => outcome,
        }
    }

    fn obituary(&self, death: Option<Death>, stage: Stage) -> UpError {
        match death {
            Some(Death::Ended { agent, exit }) => UpError::Ended { agent, stage, exit },
            Some(Death::Lost { agent, state }) => UpError::Lost {
                agent,
                stage,
                state,
            },
            None => UpError::Proxy(ProxyError::Closed),
        }
    }

    async fn phases(
        &self,
        progress: &mut dyn Progress,
        hosts: Vec<oneshot::Receiver<()>>,
        running: Vec<oneshot::Receiver<()>>,
    ) -> Result<(), UpError> {
        tokio::select! {
            error = self.daemons_end() => Err(error),
            outcome = self.on_hosts(progress, hosts, running) => outcome,
        }
    }

    async fn on_hosts(
        &self,
        progress: &mut dyn Progress,
        hosts: Vec<oneshot::Receiver<()>>,
        running: Vec<oneshot::Receiver<()>>,
    ) -> Result<(), UpError> {
        self.hosts(progress, hosts).await?;
        self.start(progress, running).await?;
        let addresses = self.configure(progress).await?;
        self.wire(progress, &addresses).await?;
        self.go(progress).await?;
        self.launch(progress, &addresses).await
    }

    pub(super) fn write_record(&self, phase: Phase) -> Result<(), UpError> {
        let launched = lock(self.launched);
        let record = SystemRecord {
            name: self.request.plan.system.clone(),
            phase,
            nameserver: self.nameserver.clone(),
            launched_nameserver: launched.nameserver.clone(),
            hosts: launched.hosts.clone(),
            attached: launched.attached.clone(),
            topology: self.request.fingerprint.clone(),
            file: self.request.file.clone(),
        };
        Ok(launched.dir.write_record(&record)?)
    }

    /// Everything stands: it is written down, and what was launched lives on its own.
    fn let_go(&self) -> Result<(), UpError> {
        self.write_record(Phase::Up)?;
        for tether in lock(self.launched).tethers.drain(..) {
            // One that is gone already is missed by nobody but `ls`, which says so.
            let _ = tether.release();
        }
        Ok(())
    }
}

/// Whether the error is that somebody was not there any more.
fn is_absence(error: &UpError) -> bool {
    let UpError::Agent { cause, .. } = error else {
        return false;
    };
    cause.is_absence()
}

/// Passes progress on and remembers the stage, for those who die in it.
struct Staged<'a> {
    progress: &'a mut dyn Progress,
    stage: &'a Mutex<Stage>,
}

impl Progress for Staged<'_> {
    fn begin(&mut self, stage: Stage, total: usize) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
        self.progress.begin(stage, total);
    }

    fn advance(&mut self, what: &str) {
        self.progress.advance(what);
    }

    fn await_others(&mut self, missing: &[AgentName]) {
        self.progress.await_others(missing);
    }

    fn await_programs(&mut self, launched: &[&LaunchPlan]) {
        self.progress.await_programs(launched);
    }

    fn end(&mut self) {
        self.progress.end();
    }
}

fn stage_of(stage: &Mutex<Stage>) -> Stage {
    *stage.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn lock(launched: &Shared) -> MutexGuard<'_, Launched> {
    launched.lock().unwrap_or_else(PoisonError::into_inner)
}
