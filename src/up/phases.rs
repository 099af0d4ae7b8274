//! The phases, one after the other, while agents are watched.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use tokio::sync::watch;

use super::ask::{is_absence, look_through};
use super::attached::entrust;
use super::contents::begun_with;
use super::error::{Stage, UpError};
use super::files::Bundles;
use super::hosts::name_servers;
use super::launch::Launched;
use super::launches::Known;
use super::missing::Missing;
use super::observe::{Death, Observer};
use super::state::{ExpectedHost, Group, Hosts, Shared, Up, lock};
use super::told::Tellings;
use super::{Outcome, Progress, UpReport, UpRequest, mend};
use crate::model::timing::{CONTROL_TIMEOUT, DEATH_REPORT_TIMEOUT};
use crate::model::{AgentId, AgentName, AgentSpec, HostName, NameServerEntry, NameServerName};
use crate::plan::{LaunchPlan, Plan};
use crate::proxy::{Link, ProxyError, Watch};
use crate::ssh::Sent;
use crate::state::{GroupRecord, Past, Phase, SystemRecord};
use crate::wire::{HostRequest, Peer};

/// Brings up everything that was requested, or says what failed first.
pub(crate) async fn run(
    request: &UpRequest,
    launched: &Shared,
    progress: &mut dyn Progress,
) -> Result<UpReport, UpError> {
    // First: if a file cannot be read, nothing has begun that would have to be taken back.
    let bundle = Bundles::gather(request, progress).await?;
    name_servers(request, launched, progress).await?;
    let without_memory = mend::name_servers(request, launched, progress).await?;
    let groups = groups(request, launched)?;
    let mut missing =
        mend::what_is_missing(request, launched, &groups, &without_memory, progress).await?;
    missing.and_anew(&request.change);
    let outcome = Outcome::of(request, &missing, without_memory);
    if request.bring_up.is_empty() && missing.mend.is_empty() && request.change.is_empty() {
        for group in &groups {
            // A name server that has come back has forgotten it.
            entrust(&request.plan, group).await?;
        }
        let report = report(request, &groups, outcome, &missing).await?;
        lock(launched).write_unchanged(request)?;
        lock(launched).release_tethers();
        return Ok(report);
    }
    let part = |agent: &AgentId| {
        let whole = request.bring_up.contains(request.plan.nameserver_of(agent));
        whole || missing.has(agent)
    };
    let up = Up {
        ends: watch::Sender::default(),
        former_ended: Arc::default(),
        successors: Mutex::default(),
        bundle,
        request,
        part: request.plan.part(part),
        launched,
        groups,
        missing,
    };
    up.begin_change()?;
    up.renew_files(progress).await?;
    up.make_room().await?;
    up.launch_hosts(progress).await?;
    up.launch_missing_hosts(progress).await?;
    let mut observers = up.observers();
    let hosts = up.expect_hosts(&mut observers);
    let tellings = up.expect_agents(&mut observers);
    let stage = Mutex::new(Stage::Hosts);
    let deaths = up.watch(observers, &stage);
    up.guarded(deaths, &stage, progress, hosts, &tellings)
        .await?;

    let mut report = report(request, &up.groups, outcome, &up.missing).await?;
    report.undrained = std::mem::take(&mut lock(launched).undrained);
    up.let_go().await?;
    Ok(report)
}

async fn report(
    request: &UpRequest,
    groups: &[Group],
    outcome: Outcome,
    missing: &Missing,
) -> Result<UpReport, UpError> {
    let (mut agents, mut hosts, mut nameservers) = (Vec::new(), Vec::new(), Vec::new());
    for Group { name, link } in groups {
        let (there, at) = look_through(link).await?;
        let address = link.address().to_owned();
        nameservers.push((name.clone(), address));
        let there = there.into_iter();
        agents.extend(there.map(|info| (request.plan.id(name, info.name.clone()), info)));
        hosts.extend(at);
    }
    Ok(UpReport {
        plan: request.plan.clone(),
        nameservers,
        agents,
        hosts,
        outcome,
        undrained: Vec::new(),
        out_of_reach: missing.out_of_reach.clone(),
    })
}

impl Group {
    pub(super) fn dial(record: &GroupRecord) -> Result<Self, UpError> {
        let (link, _no_requests) = Link::open(&record.dial()?)?;
        Ok(Self {
            name: record.name.clone(),
            link: Arc::new(link),
        })
    }
}

/// Those that are brought up, and those that stand, in the order of the topology.
fn groups(request: &UpRequest, launched: &Shared) -> Result<Vec<Group>, UpError> {
    let launched = lock(launched);
    let mut groups = Vec::new();
    for NameServerEntry { name, .. } in &request.plan.nameservers {
        let new = launched.groups.iter().find(|it| it.record.name == *name);
        let standing = launched.standing.iter().flat_map(|it| &it.groups);
        if let Some(link) = new.and_then(|it| it.link.clone()) {
            let name = name.clone();
            groups.push(Group { name, link });
        } else if let Some(record) = standing.into_iter().find(|it| it.name == *name) {
            groups.push(Group::dial(record)?);
        }
    }
    Ok(groups)
}

impl Up<'_> {
    fn observers(&self) -> Vec<Observer> {
        self.groups.iter().map(|_| Observer::default()).collect()
    }

    fn place(&self, name: &NameServerName) -> usize {
        let mut names = self.groups.iter();
        names.position(|group| group.name == *name).unwrap_or(0)
    }

    fn expect_hosts(&self, observers: &mut [Observer]) -> Hosts {
        let launched = lock(self.launched);
        let mut hosts = Vec::new();
        for group in &launched.groups {
            let observer = &mut observers[self.place(&group.record.name)];
            for daemon in &group.record.hosts {
                hosts.push(ExpectedHost {
                    host: daemon.host.clone(),
                    attach: false,
                    there: observer
                        .expect_host(self.part.host_id(&daemon.host), Some(daemon.process.pid)),
                });
            }
            for machine in &group.record.machines {
                let pid = machine.ours.as_ref().map(|launch| launch.pid);
                hosts.push(ExpectedHost {
                    host: machine.host.clone(),
                    attach: pid.is_none(),
                    there: observer.expect_host(self.part.host_id(&machine.host), pid),
                });
            }
        }
        for (nameserver, host) in &self.missing.mend.hosts {
            let group = launched.standing_group(nameserver);
            let mut daemons = group.into_iter().flat_map(|it| &it.hosts);
            let daemon = daemons.find(|it| it.host == *host);
            let pid = daemon.map(|it| it.process.pid);
            hosts.push(ExpectedHost {
                host: host.clone(),
                attach: false,
                there: observers[self.place(nameserver)].expect_host(self.part.host_id(host), pid),
            });
        }
        hosts
    }

    fn expect_agents(&self, observers: &mut [Observer]) -> Tellings {
        let expect = |agent: &AgentSpec| {
            let observer = &mut observers[self.place(self.part.nameserver_of(&agent.name))];
            let telling = match agent.attach {
                true => observer.expect_attached(&agent.name.name),
                false if self.ends_first(&agent.name) => {
                    observer.expect_anew(&agent.name.name, &self.former_ended)
                }
                false => match self.missing.restarts(&agent.name) {
                    Some(restarts) => observer.expect_again(&agent.name.name, restarts),
                    None => observer.expect_agent(&agent.name.name),
                },
            };
            (agent.name.clone(), telling)
        };
        let mut tellings: Tellings = self.part.agents.iter().map(expect).collect();
        let altered = self.request.change.in_place().map(|it| it.to.name.clone());
        let parted = self.partings().into_iter().map(|(it, _)| it.name.clone());
        let altered: BTreeSet<AgentId> = altered.chain(parted).collect();
        for agent in altered {
            let observer = &mut observers[self.place(self.part.nameserver_of(&agent))];
            let telling = observer.expect_attached(&agent.name);
            tellings.insert(agent, telling);
        }
        tellings
    }

    /// Whether the agent has a life that is to end before the next one begins.
    fn ends_first(&self, agent: &AgentId) -> bool {
        let mut anew = self.request.change.anew();
        anew.any(|it| it.to.name == *agent && !it.from.attach)
    }

    /// Watches until an agent dies, other than by being done. Nothing, if a name server is lost.
    async fn watch(
        &self,
        observers: Vec<Observer>,
        stage: &Mutex<Stage>,
    ) -> Option<(AgentId, Death)> {
        let watch = |(group, observer): (&Group, Observer)| {
            let notices = Watch::begin(&group.link);
            let name = group.name.clone();
            Box::pin(async move {
                let is_done = |death: &Death| self.note_done(&name, death, stage_of(stage));
                let death = observer.watch(notices, is_done).await?;
                Some((self.part.id(&name, death.agent().clone()), death))
            })
        };
        let mut watches: Vec<_> = self.groups.iter().zip(observers).map(watch).collect();
        poll_fn(|context| {
            let ready = watches
                .iter_mut()
                .find_map(|watch| match watch.as_mut().poll(context) {
                    Poll::Ready(death) => Some(death),
                    Poll::Pending => None,
                });
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl Up<'_> {
    /// Whether an agent has ended as it should: then that is noted.
    fn note_done(&self, group: &NameServerName, death: &Death, stage: Stage) -> bool {
        let done = stage >= Stage::Settle && death.is_good();
        if done {
            let agent = self.part.id(group, death.agent().clone());
            self.ends.send_if_modified(|ends| ends.insert(agent));
        }
        done
    }

    /// The phases that an agent's death ends.
    async fn guarded(
        &self,
        deaths: impl Future<Output = Option<(AgentId, Death)>>,
        stage: &Mutex<Stage>,
        progress: &mut dyn Progress,
        hosts: Hosts,
        tellings: &Tellings,
    ) -> Result<(), UpError> {
        let mut progress = Staged { progress, stage };
        tokio::pin!(deaths);
        let outcome = tokio::select! {
            biased;
            death = &mut deaths => return Err(self.death_report(death, stage_of(stage))),
            outcome = self.phases(&mut progress, hosts, tellings) => outcome,
        };
        match outcome {
            // The peer that went away is the cause; its host is about to say why.
            Err(error) if is_absence(&error) => {
                match tokio::time::timeout(DEATH_REPORT_TIMEOUT, deaths).await {
                    Ok(Some(death)) => Err(self.death_report(Some(death), stage_of(stage))),
                    _ => Err(error),
                }
            }
            outcome => outcome,
        }
    }

    fn death_report(&self, death: Option<(AgentId, Death)>, stage: Stage) -> UpError {
        match death {
            Some((agent, Death::Ended { exit, .. })) => UpError::Ended { agent, stage, exit },
            Some((agent, Death::Lost { state, .. })) => UpError::Lost {
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
        hosts: Hosts,
        tellings: &Tellings,
    ) -> Result<(), UpError> {
        let ends = self.daemons_end();
        tokio::pin!(ends);
        let outcome = tokio::select! {
            biased;
            error = &mut ends => return Err(error),
            outcome = self.on_hosts(progress, hosts, tellings) => outcome,
        };
        match outcome {
            // The name server that went away is the cause; it is about to be known why.
            Err(error) if is_cut_off(&error) => {
                Err(tokio::time::timeout(DEATH_REPORT_TIMEOUT, ends)
                    .await
                    .unwrap_or(error))
            }
            outcome => outcome,
        }
    }

    async fn on_hosts(
        &self,
        progress: &mut dyn Progress,
        hosts: Hosts,
        tellings: &Tellings,
    ) -> Result<(), UpError> {
        self.hosts(progress, hosts).await?;
        self.start_successors(progress).await?;
        self.part_from_former(progress, tellings).await?;
        self.end_former().await?;
        self.former_ended.store(true, Ordering::Relaxed);
        let attaching = self.start(progress, tellings).await?;
        let altered = self.alter().await?;
        let addresses = self.configure(progress, tellings, attaching).await?;
        self.wire(progress, tellings, &addresses).await?;
        self.until_altered(tellings, altered).await?;
        let ((prompt, rest), mut known) = (self.part.turns(), Known::new());
        let all = (tellings, &addresses);
        self.settle(progress, all, &prompt, &mut known).await?;
        self.go(progress, tellings, &rest).await?;
        self.launch(progress, all, &rest, &mut known).await?;
        // Those that go are admitted until they have finished, and what they send by is open.
        self.drain_removed(progress).await?;
        self.end_removed().await?;
        let altered = self.alter_to_the_end().await?;
        self.until_altered(tellings, altered).await
    }

    pub(super) fn write_record(&self, phase: Phase) -> Result<(), UpError> {
        let launched = lock(self.launched);
        let new = launched.groups.iter().map(|group| &group.record);
        let standing = launched.standing.iter().flat_map(|it| &it.groups);
        let group = |entry: &NameServerEntry| {
            let mut new = new.clone().map(|it| GroupRecord {
                phase,
                ..it.clone()
            });
            let mut standing = standing.clone().cloned();
            new.find(|it| it.name == entry.name)
                .or_else(|| standing.find(|it| it.name == entry.name))
        };
        let plan = &self.request.plan;
        // A change may have brought some, and taken others away.
        let with_agents = |mut group: GroupRecord| {
            for machine in &mut group.machines {
                let there = plan.agents_on(&machine.host, &group.name);
                machine.agents = there.map(|agent| agent.name.name.clone()).collect();
            }
            group
        };
        let groups = plan.nameservers.iter().filter_map(group);
        let record = SystemRecord {
            name: plan.system.clone(),
            groups: groups.map(with_agents).collect(),
            unprotected: plan.is_unprotected(),
            changing: None,
            contents: begun_with(
                self.request,
                launched.standing.as_ref(),
                &self.bundle,
                |agent| self.part.agents.iter().any(|it| it.name == *agent),
            ),
            topology: self.request.fingerprint.clone(),
            file: self.request.file.clone(),
            sources: self.request.sources.clone(),
            overrides: self.request.overrides.clone(),
        };
        Ok(launched.dir.write_record(&record)?)
    }

    /// Everything stands: it is written down, and what was launched lives on its own.
    async fn let_go(&self) -> Result<(), UpError> {
        // First: if this fails, all is put back.
        self.keep_files().await?;
        lock(self.launched).forget_mending();
        lock(self.launched).note_agents(&self.request.plan);
        self.write_record(Phase::Up)?;
        self.forget_removed().await;
        lock(self.launched).note_past(self.request)?;
        self.keep().await?;
        lock(self.launched).release_tethers();
        self.release_machines().await
    }
}

impl Up<'_> {
    /// From now on the hosts start agents again by the policies of their specs. One that is out of reach has been told
    /// before.
    async fn keep(&self) -> Result<(), UpError> {
        let plan = &self.request.plan;
        let mut asked = Vec::new();
        for group in &self.groups {
            let hosts = plan.hosts_at(&group.name);
            for host in hosts.filter(|it| !self.missing.is_out_of_reach(&it.name, &group.name)) {
                let agents = plan.agents_on(&host.name, &group.name);
                let keep = HostRequest::Keep {
                    agents: agents.map(|agent| agent.name.name.clone()).collect(),
                };
                let peer = Peer::Host(plan.host_id(&host.name));
                asked.push(group.link.ask::<()>(peer, &keep, CONTROL_TIMEOUT));
            }
        }
        for kept in asked {
            match kept.await {
                // It has ended since, and `ls` says so.
                Err(error) if error.is_absence() => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }
}

impl Launched {
    /// Another text of the same system: it is noted.
    fn write_unchanged(&mut self, request: &UpRequest) -> Result<(), UpError> {
        let Some(standing) = &mut self.standing else {
            return Ok(());
        };
        let contents = begun_with(request, Some(standing), &Bundles::default(), |_| false);
        let is_same = standing.topology == request.fingerprint;
        if is_same
            && standing.contents == contents
            && (&standing.sources, &standing.overrides) == (&request.sources, &request.overrides)
        {
            return Ok(());
        }
        standing.contents = contents;
        standing.topology = request.fingerprint.clone();
        standing.file = request.file.clone();
        standing.sources = request.sources.clone();
        standing.overrides = request.overrides.clone();
        self.write_standing()?;
        match is_same {
            true => Ok(()),
            false => self.note_past(request),
        }
    }

    /// Which agents are on which machines that stand, and which others have started: all may be otherwise.
    fn note_agents(&mut self, plan: &Plan) {
        for group in self.standing.iter_mut().flat_map(|it| &mut it.groups) {
            let name = group.name.clone();
            for machine in &mut group.machines {
                let agents = plan.agents_on(&machine.host, &name);
                machine.agents = agents.map(|agent| agent.name.name.clone()).collect();
            }
            let is_attached = |agent: &AgentName| {
                let mut agents = plan.agents_at(&name);
                agents.any(|it| it.attach && it.name.name == *agent)
            };
            group.attached.retain(is_attached);
        }
    }

    /// What the system is meant to be from now on.
    fn note_past(&self, request: &UpRequest) -> Result<(), UpError> {
        if request.on_the_way {
            return Ok(());
        }
        let past = Past {
            sources: request.sources.clone(),
            overrides: request.overrides.clone(),
            ..Past::from_now(request.file.clone(), request.fingerprint.clone())
        };
        Ok(self.dir.note_past(&past)?)
    }

    /// What was launched lives on its own.
    pub(super) fn release_tethers(&mut self) {
        for tether in self.tethers.drain(..) {
            // If its other end is gone already, `ls` says so.
            let _ = tether.release();
        }
    }
}

/// Whether the error is that the connection to the name server was lost.
fn is_cut_off(error: &UpError) -> bool {
    let cause = match error {
        UpError::Agent { cause, .. } => cause,
        UpError::Proxy(cause) => cause,
        _ => return false,
    };
    matches!(cause, ProxyError::Closed)
}

/// Passes progress on and remembers the stage, for agents that end in it.
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

    fn copy(&mut self, host: &HostName, sent: Sent) {
        self.progress.copy(host, sent);
    }

    fn await_others(&mut self, missing: &[String]) {
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
