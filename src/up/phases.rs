//! The phases, one after the other.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::error::{Stage, UpError};
use super::launch::Launched;
use super::observe::{Death, Observer};
use super::{PATIENCE, Progress, UpReport, UpRequest};
use crate::model::{
    Address, AgentInfo, AgentName, Alias, ConnectionInfo, HostInfo, Millis, NameServerSpec, Target,
};
use crate::plan::{AgentPlan, Plan};
use crate::process::end_of;
use crate::proxy::{Link, Pending, ProxyError, Watch};
use crate::state::{Daemon, Phase, SystemRecord};
use crate::wire::{
    AgentRequest, ConnectRequest, Fault, HostRequest, NameServerRequest, Peer, StartAgent, Wiring,
};

/// How long a host daemon may take to dial the name server.
const HOST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for the report of a death that something else has already shown.
const OBITUARY: Duration = Duration::from_secs(2);

type Shared = Arc<Mutex<Launched>>;
type Addresses = HashMap<Target, Address>;

/// Brings everything up, or says what failed first.
pub async fn run(
    request: &UpRequest,
    launched: &Shared,
    progress: &mut dyn Progress,
) -> Result<UpReport, UpError> {
    let nameserver = name_server(&request.plan, launched, progress)?;
    let (link, _no_requests) = Link::open(&nameserver)?;
    let link = Arc::new(link);
    lock(launched).link = Some(link.clone());
    refuse_taken_names(&request.plan, &link).await?;

    let mut observer = Observer::default();
    let hosts = request
        .plan
        .hosts
        .iter()
        .map(|host| observer.expect_host(&host.name))
        .collect();
    let running: Vec<_> = request
        .plan
        .agents
        .iter()
        .map(|agent| observer.expect_agent(&agent.name))
        .collect();
    let deaths = observer.watch(Watch::begin(&link));
    let up = Up {
        request,
        launched,
        link: link.clone(),
        nameserver: nameserver.clone(),
    };
    up.guarded(deaths, progress, hosts, running).await?;

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
    look_through(&link).await
}

async fn look_through(link: &Link) -> Result<(Vec<AgentInfo>, Vec<HostInfo>), UpError> {
    let agents = NameServerRequest::Agents { name: None };
    let agents = link.ask(Peer::NameServer, &agents, PATIENCE);
    let hosts = link.ask(Peer::NameServer, &NameServerRequest::Hosts {}, PATIENCE);
    Ok((agents.await?, hosts.await?))
}

fn name_server(
    plan: &Plan,
    launched: &Shared,
    progress: &mut dyn Progress,
) -> Result<String, UpError> {
    progress.begin(Stage::NameServer, 1);
    let address = match plan.nameserver {
        NameServerSpec::Launch(at) => lock(launched)
            .launch_nameserver(at)
            .map_err(|reason| UpError::NameServer { reason })?,
        NameServerSpec::Attach(at) => format!("tcp://{at}"),
    };
    progress.advance(&address);
    progress.end();
    Ok(address)
}

/// On a name server that was there before, somebody else may have our names.
async fn refuse_taken_names(plan: &Plan, link: &Link) -> Result<(), UpError> {
    if let NameServerSpec::Launch(_) = plan.nameserver {
        return Ok(());
    }
    let agents = NameServerRequest::Agents { name: None };
    let there: Vec<AgentInfo> = link
        .ask(Peer::NameServer, &agents, PATIENCE)
        .await
        .map_err(|cause| UpError::Attach {
            address: link.address().to_owned(),
            cause: Box::new(cause),
        })?;
    let is_taken = |name: &AgentName| there.iter().any(|it| it.name == *name && !it.state.ended());
    let names = plan.agents.iter().map(|agent| &agent.name);
    let names: Vec<AgentName> = names.filter(|name| is_taken(name)).cloned().collect();
    match names.is_empty() {
        true => Ok(()),
        false => Err(UpError::NamesTaken {
            nameserver: link.address().to_owned(),
            names,
        }),
    }
}

struct Up<'a> {
    request: &'a UpRequest,
    launched: &'a Shared,
    link: Arc<Link>,
    nameserver: String,
}

impl Up<'_> {
    /// The phases that an agent's death ends.
    async fn guarded(
        &self,
        deaths: impl Future<Output = Option<Death>>,
        progress: &mut dyn Progress,
        hosts: Vec<oneshot::Receiver<()>>,
        running: Vec<oneshot::Receiver<()>>,
    ) -> Result<(), UpError> {
        let stage = Mutex::new(Stage::Hosts);
        let mut progress = Staged {
            progress,
            stage: &stage,
        };
        tokio::pin!(deaths);
        let outcome = tokio::select! {
            biased;
            death = &mut deaths => return Err(self.obituary(death, stage_of(&stage))),
            outcome = self.phases(&mut progress, hosts, running) => outcome,
        };
        match outcome {
            // The peer that went away is the cause; its host is about to say why.
            Err(error) if is_absence(&error) => {
                match tokio::time::timeout(OBITUARY, deaths).await {
                    Ok(Some(death)) => Err(self.obituary(Some(death), stage_of(&stage))),
                    _ => Err(error),
                }
            }
            outcome => outcome,
        }
    }

    fn obituary(&self, death: Option<Death>, stage: Stage) -> UpError {
        match death {
            Some(Death { agent, exit }) => UpError::Ended { agent, stage, exit },
            None => UpError::Proxy(ProxyError::Closed),
        }
    }

    /// Ends with an error when a host daemon does. Who is just being launched is seen soon enough
    /// by whoever waits for it.
    async fn daemons_end(&self) -> UpError {
        let daemons = lock(self.launched).hosts.clone();
        let mut ends = JoinSet::new();
        for Daemon { host, process } in daemons {
            let end = process.open().map(end_of);
            ends.spawn(async move {
                if let Some(Ok(end)) = end {
                    end.await;
                }
                host
            });
        }
        match ends.join_next().await {
            Some(Ok(host)) => {
                let reason = lock(self.launched).host_said(&host);
                UpError::Host { host, reason }
            }
            _ => std::future::pending().await,
        }
    }

    async fn phases(
        &self,
        progress: &mut dyn Progress,
        hosts: Vec<oneshot::Receiver<()>>,
        running: Vec<oneshot::Receiver<()>>,
    ) -> Result<(), UpError> {
        self.launch_hosts(progress)?;
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
        self.go(progress).await
    }

    fn launch_hosts(&self, progress: &mut dyn Progress) -> Result<(), UpError> {
        let hosts = &self.request.plan.hosts;
        progress.begin(Stage::Hosts, hosts.len());
        for host in hosts {
            lock(self.launched)
                .launch_host(&host.name, &self.nameserver, host.address)
                .map_err(|reason| UpError::Host {
                    host: host.name.clone(),
                    reason,
                })?;
        }
        self.write_record(Phase::Starting)
    }

    async fn hosts(
        &self,
        progress: &mut dyn Progress,
        expected: Vec<oneshot::Receiver<()>>,
    ) -> Result<(), UpError> {
        for (host, there) in self.request.plan.hosts.iter().zip(expected) {
            if tokio::time::timeout(HOST_TIMEOUT, there).await.is_err() {
                let reason = format!(
                    "it did not dial the name server within {}",
                    Millis::from(HOST_TIMEOUT)
                );
                return Err(UpError::Host {
                    host: host.name.clone(),
                    reason,
                });
            }
            progress.advance(host.name.as_str());
        }
        progress.end();
        Ok(())
    }

    /// All processes are started and waited for at once, each with its own limit.
    async fn start(
        &self,
        progress: &mut dyn Progress,
        running: Vec<oneshot::Receiver<()>>,
    ) -> Result<(), UpError> {
        let agents = &self.request.plan.agents;
        progress.begin(Stage::Start, agents.len());
        let mut starts = JoinSet::new();
        for (agent, running) in agents.iter().zip(running) {
            let started = self.ask_host(agent);
            starts.spawn(until_running(
                agent.name.clone(),
                agent.start_timeout,
                started,
                running,
            ));
        }
        gather(starts, progress).await?;
        progress.end();
        Ok(())
    }

    fn ask_host(&self, agent: &AgentPlan) -> Pending<u32> {
        let start = StartAgent {
            name: agent.name.clone(),
            program: agent.program.clone(),
        };
        let host = Peer::Host(agent.host.clone());
        self.link.ask(
            host,
            &HostRequest::Start(start),
            agent.start_timeout.duration(),
        )
    }

    async fn configure(&self, progress: &mut dyn Progress) -> Result<Addresses, UpError> {
        let agents = &self.request.plan.agents;
        progress.begin(Stage::Configure, agents.len());
        let requests = agents.iter().map(|agent| {
            let request = AgentRequest::Configure(agent.configuration.clone());
            (agent.name.clone(), request, agent.start_timeout)
        });
        let answers =
            self.ask_all::<BTreeMap<Alias, Address>>(Stage::Configure, requests, progress);
        let addresses = answers.await?.into_iter().flat_map(|(agent, addresses)| {
            addresses.into_iter().map(move |(alias, address)| {
                (
                    Target {
                        agent: agent.clone(),
                        alias,
                    },
                    address,
                )
            })
        });
        let addresses = addresses.collect();
        progress.end();
        Ok(addresses)
    }

    /// Every agent connects its sockets, and every publisher says when it has been subscribed to.
    async fn wire(
        &self,
        progress: &mut dyn Progress,
        addresses: &Addresses,
    ) -> Result<(), UpError> {
        let plan = &self.request.plan;
        let wirings = self.wirings(addresses)?;
        let proofs: Vec<_> = plan.proofs().collect();
        progress.begin(Stage::Wire, wirings.len() + proofs.len());
        self.ask_quietly(plan.probes()).await?;
        let limit = plan
            .links
            .iter()
            .map(|link| link.timeout)
            .max()
            .unwrap_or_default();
        let wirings = wirings
            .into_iter()
            .map(|(agent, wiring)| (agent, AgentRequest::Wire(wiring), limit));
        // The wirings go first: a publisher that connects has its socket only then.
        let wired = self.pending::<Vec<ConnectionInfo>>(wirings);
        let proofs = proofs
            .into_iter()
            .map(|(agent, request)| (agent, request, limit));
        let mut asked = self.send_all::<()>(Stage::Wire, proofs);
        for (agent, wired) in wired {
            asked.spawn(async move { named(agent, Stage::Wire, wired.await.map(drop)) });
        }
        gather(asked, progress).await?;
        self.ask_quietly(plan.unprobes()).await?;
        progress.end();
        Ok(())
    }

    fn wirings(&self, addresses: &Addresses) -> Result<BTreeMap<AgentName, Wiring>, UpError> {
        let mut wirings: BTreeMap<AgentName, Wiring> = BTreeMap::new();
        for link in &self.request.plan.links {
            let server = addresses.get(&link.server).ok_or_else(|| UpError::Agent {
                agent: link.server.agent.clone(),
                stage: Stage::Wire,
                cause: Box::new(ProxyError::Fault(Fault::UnknownAlias {
                    agent: link.server.agent.clone(),
                    alias: link.server.alias.clone(),
                    known: Vec::new(),
                })),
                log: Vec::new(),
            })?;
            let wiring = wirings
                .entry(link.client.agent.clone())
                .or_insert_with(|| Wiring {
                    connections: Vec::new(),
                });
            wiring.connections.push(ConnectRequest {
                alias: link.client.alias.clone(),
                server: server.clone(),
                to: Some(link.server.clone()),
                handlers: link.handlers.clone(),
                token: link.token().cloned(),
                timeout: link.timeout,
            });
        }
        Ok(wirings)
    }

    async fn go(&self, progress: &mut dyn Progress) -> Result<(), UpError> {
        let agents = &self.request.plan.agents;
        progress.begin(Stage::Go, agents.len());
        let requests = agents
            .iter()
            .map(|agent| (agent.name.clone(), AgentRequest::Go {}, agent.start_timeout));
        self.ask_all::<()>(Stage::Go, requests, progress).await?;
        progress.end();
        Ok(())
    }

    async fn ask_all<T: DeserializeOwned + Send + 'static>(
        &self,
        stage: Stage,
        requests: impl Iterator<Item = (AgentName, AgentRequest, Millis)>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<(AgentName, T)>, UpError> {
        gather(self.send_all(stage, requests), progress).await
    }

    async fn ask_quietly(
        &self,
        requests: impl Iterator<Item = (AgentName, AgentRequest)>,
    ) -> Result<(), UpError> {
        let requests = requests.map(|(agent, request)| (agent, request, PATIENCE.into()));
        let mut asked = self.send_all::<()>(Stage::Wire, requests);
        while let Some(answer) = asked.join_next().await {
            joined(answer)?;
        }
        Ok(())
    }

    fn send_all<T: DeserializeOwned + Send + 'static>(
        &self,
        stage: Stage,
        requests: impl Iterator<Item = (AgentName, AgentRequest, Millis)>,
    ) -> JoinSet<Result<(AgentName, T), UpError>> {
        let mut asked = JoinSet::new();
        for (agent, pending) in self.pending::<T>(requests) {
            asked.spawn(async move { named(agent, stage, pending.await) });
        }
        asked
    }

    /// The agent keeps the limit itself and says what it waited for; who asks waits a bit longer.
    fn pending<T: DeserializeOwned>(
        &self,
        requests: impl Iterator<Item = (AgentName, AgentRequest, Millis)>,
    ) -> Vec<(AgentName, Pending<T>)> {
        let ask = |(agent, request, limit): (AgentName, AgentRequest, Millis)| {
            let timeout = limit.duration() + Duration::from_secs(1);
            let pending = self.link.ask(Peer::Agent(agent.clone()), &request, timeout);
            (agent, pending)
        };
        requests.map(ask).collect()
    }

    fn write_record(&self, phase: Phase) -> Result<(), UpError> {
        let launched = lock(self.launched);
        let record = SystemRecord {
            name: self.request.plan.system.clone(),
            phase,
            nameserver: self.nameserver.clone(),
            launched_nameserver: launched.nameserver.clone(),
            hosts: launched.hosts.clone(),
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

async fn until_running(
    agent: AgentName,
    limit: Millis,
    started: Pending<u32>,
    running: oneshot::Receiver<()>,
) -> Result<(AgentName, ()), UpError> {
    let (agent, _pid) = named(agent, Stage::Start, started.await)?;
    match tokio::time::timeout(limit.duration(), running).await {
        Ok(_) => Ok((agent, ())),
        Err(_) => Err(UpError::NotRunning {
            agent,
            limit,
            log: Vec::new(),
        }),
    }
}

/// Awaits all, in the order in which they end; the first failure is the result.
async fn gather<T: 'static>(
    mut asked: JoinSet<Result<(AgentName, T), UpError>>,
    progress: &mut dyn Progress,
) -> Result<Vec<(AgentName, T)>, UpError> {
    let mut answers = Vec::with_capacity(asked.len());
    while let Some(answer) = asked.join_next().await {
        let (agent, answer) = joined(answer)?;
        progress.advance(agent.as_str());
        answers.push((agent, answer));
    }
    Ok(answers)
}

fn joined<T>(answer: Result<Result<T, UpError>, tokio::task::JoinError>) -> Result<T, UpError> {
    answer.unwrap_or(Err(UpError::Proxy(ProxyError::Closed)))
}

fn named<T>(
    agent: AgentName,
    stage: Stage,
    answer: Result<T, ProxyError>,
) -> Result<(AgentName, T), UpError> {
    match answer {
        Ok(answer) => Ok((agent, answer)),
        Err(cause) => Err(UpError::Agent {
            agent,
            stage,
            cause: Box::new(cause),
            log: Vec::new(),
        }),
    }
}

/// Whether the error is that somebody was not there any more.
fn is_absence(error: &UpError) -> bool {
    let UpError::Agent { cause, .. } = error else {
        return false;
    };
    let ProxyError::Fault(fault) = cause.as_ref() else {
        return false;
    };
    matches!(
        fault,
        Fault::Gone { .. } | Fault::NotRunning { .. } | Fault::Unproven { .. }
    )
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

    fn end(&mut self) {
        self.progress.end();
    }
}

fn stage_of(stage: &Mutex<Stage>) -> Stage {
    *stage.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock(launched: &Shared) -> MutexGuard<'_, Launched> {
    launched.lock().unwrap_or_else(PoisonError::into_inner)
}
