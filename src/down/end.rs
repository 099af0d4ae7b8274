//! Ending the processes of a system: daemons that can be reached get requests, other processes get signals.
//!
//! A daemon is asked only if the name server knows it by its name *and* its pid: on a name server
//! that several systems share, a name alone might be another system's.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::processes::{Ended, Processes};
use crate::model::timing::{
    DAEMON_END_TIMEOUT, DOWN_TIMEOUT, LATE_ANSWER_TIMEOUT, STOP_STAGES_TIMEOUT,
};
use crate::model::{AgentName, Grace, HostId, HostInfo, Leftover};
use crate::process::{
    ProcessId, end_of, kill_found, kill_groups, marked, remove_cgroup, wait_for_end,
};
use crate::proxy::{Link, Pending, ProxyError};
use crate::state::{AgentRecord, Daemon};
use crate::wire::{AgentRequest, HostRequest, NameServerRequest, Peer, StopStage, Stopped};

impl Processes<'_> {
    /// Ends all: agents, then their hosts, then the name server.
    pub(crate) async fn end(&self, link: Option<&Link>, grace: Grace) -> Ended {
        let mut alive = self.agents_alive();
        let mut ended = Ended::default();
        let mut silent: Vec<ProcessId> = self
            .group
            .hosts
            .iter()
            .map(|it| it.process.clone())
            .collect();
        let there = match link {
            Some(link) => self.there(link).await,
            None => None,
        };
        // A name server that does not answer is not asked again.
        let link = link.filter(|_| there.is_some());
        if let (Some(link), Some(there)) = (link, &there) {
            ended.stopped = self.end_in_turn(link, there, grace).await;
        }
        let ephemeral = self.ephemeral(link).await;
        let machines = self.machines(link, there.as_deref(), &ephemeral, grace);
        let known = there.as_deref().map(|there| self.known(there));
        if let (Some(link), Some(ours)) = (link, known) {
            self.quiesce(link);
            self.release(link, &mut ended).await;
            silent.retain(|it| !ours.iter().any(|daemon| daemon.process == *it));
            silent.extend(self.ask_hosts(link, &ours, grace, &mut ended.stopped).await);
        }
        machines.finish(self, &mut ended).await;
        if link.is_none() {
            ended.kept = self.group.attached.to_vec();
        }
        ended.killed_daemons += end_hosts(&self.group.hosts, &silent);
        // An agent that was not accounted for has ended with its daemon, or has outlived it.
        alive.extend(self.agents_alive());
        self.end_orphans(alive, &mut ended);
        self.end_leftovers(&mut ended);
        // Agents that others have started can be asked by it only, when they are back.
        let is_needed = ended.machines.iter().any(|it| it.attached);
        let nameserver = self.group.launched_nameserver.as_ref();
        if let Some(nameserver) = nameserver.filter(|_| !is_needed) {
            ended.killed_daemons += usize::from(end_nameserver(link, nameserver).await);
        }
        if let Some(far) = self.group.far_nameserver.as_ref().filter(|_| !is_needed) {
            let outcome = self.end_far(link, far).await;
            ended.machines.extend(outcome.err());
            ended.machines.dedup_by(|one, other| one.host == other.host);
        }
        ended.left = self.left(is_needed);
        ended
    }

    /// The daemons that the name server knows; None if it does not answer.
    async fn there(&self, link: &Link) -> Option<Vec<HostInfo>> {
        let hosts = link.ask(Peer::NameServer, &NameServerRequest::Hosts {}, DOWN_TIMEOUT);
        hosts.await.ok()
    }

    /// The agents of this system on this machine that the name server knows.
    pub(super) fn known(&self, hosts: &[HostInfo]) -> Vec<Daemon> {
        let knows = |daemon: &&Daemon| {
            let mut hosts = hosts.iter();
            let id = HostId::of(self.system, &daemon.host);
            hosts.any(|it| it.id() == id && it.pid == daemon.process.pid)
        };
        self.group.hosts.iter().filter(knows).cloned().collect()
    }

    /// No agent of this system begins to send any more, so that the last messages find their receivers alive.
    pub(crate) fn quiesce(&self, link: &Link) {
        let here = self.agents_alive().into_iter().map(|it| it.agent);
        let machines = self.group.machines.iter();
        let elsewhere = machines.flat_map(|machine| machine.agents.iter().cloned());
        let answer = self.turns.answerers();
        for agent in here.chain(elsewhere).filter(|it| !answer.contains(it)) {
            link.tell(Peer::Agent(agent), &AgentRequest::Quiet {});
        }
    }

    /// What others have started gives back what it got from this system. One that is not there any
    /// more has nothing to give back.
    async fn release(&self, link: &Link, ended: &mut Ended) {
        let system = self.system.clone();
        let request = AgentRequest::Release { system };
        let ask = |agent: &AgentName| {
            let peer = Peer::Agent(agent.clone());
            (
                agent.clone(),
                link.ask::<bool>(peer, &request, DOWN_TIMEOUT),
            )
        };
        let asked: Vec<_> = self.group.attached.iter().map(ask).collect();
        for (agent, answer) in asked {
            match answer.await {
                Ok(true) => ended.released.push(agent),
                Ok(false) => {}
                Err(error) if error.is_absence() => {}
                Err(_) => ended.kept.push(agent),
            }
        }
    }

    /// Gives those that have not answered.
    async fn ask_hosts(
        &self,
        link: &Link,
        daemons: &[Daemon],
        grace: Grace,
        stopped: &mut Vec<Stopped>,
    ) -> Vec<ProcessId> {
        let request = HostRequest::Shutdown { grace };
        let limit = self.limit(grace);
        let ask = |daemon: &Daemon| {
            let peer = Peer::Host(HostId::of(self.system, &daemon.host));
            link.ask::<Vec<Stopped>>(peer, &request, limit)
        };
        let asked: Vec<_> = daemons.iter().map(ask).collect();
        let mut silent = Vec::new();
        for (daemon, answer) in daemons.iter().zip(asked) {
            match while_alive(answer, &daemon.process, limit).await {
                Some(agents) => stopped.extend(agents),
                None => silent.push(daemon.process.clone()),
            }
        }
        silent
    }

    fn agents_alive(&self) -> Vec<AgentRecord> {
        let mut agents = self.agents();
        agents.retain(|agent| agent.process.is_alive());
        agents
    }

    /// Those that were ever started for this name server.
    fn agents(&self) -> Vec<AgentRecord> {
        let mut agents = self.dir.agents();
        agents.retain(|agent| agent.nameserver == self.group.nameserver);
        agents
    }

    /// Agents without a daemon are killed with all that they have started, and so is what agents
    /// left behind that ended while there was no daemon to see it.
    fn end_orphans(&self, agents: Vec<AgentRecord>, ended: &mut Ended) {
        for AgentRecord { agent, process, .. } in agents {
            if ended.stopped.iter().any(|it| it.agent == agent) || ended.orphans.contains(&agent) {
                continue;
            }
            if process.is_alive() {
                process.kill_group();
                ended.orphans.push(agent);
            } else {
                let stage = StopStage::Terminated;
                ended.stopped.push(Stopped::at(agent, stage));
            }
        }
        let all = self.agents();
        let groups: Vec<u32> = all.iter().map(|agent| agent.process.pid).collect();
        for host in &self.group.hosts {
            kill_groups(&host.process, &groups);
        }
        let all: Vec<ProcessId> = all.into_iter().map(|agent| agent.process).collect();
        wait_for_end(&all, DAEMON_END_TIMEOUT);
    }

    /// What programs have left running that no daemon has ended, because it was gone or has come in the place of
    /// another: found by the marks of all lives at once.
    fn end_leftovers(&self, ended: &mut Ended) {
        for (agent, leftover) in kill_leftovers(self.agents()) {
            match ended.stopped.iter_mut().find(|it| it.agent == agent) {
                Some(stopped) => stopped.killed.push(leftover),
                None => {
                    let mut stopped = Stopped::at(agent.clone(), StopStage::Already);
                    stopped.killed.push(leftover);
                    // One that had to be killed itself is told as such.
                    if ended.orphans.contains(&agent) {
                        ended.orphans.retain(|it| *it != agent);
                        stopped.stage = StopStage::Killed;
                    }
                    ended.stopped.push(stopped);
                }
            }
        }
    }

    fn left(&self, nameserver_stays: bool) -> Vec<ProcessId> {
        let agents = self.agents().into_iter().map(|agent| agent.process);
        let daemons = self.group.hosts.iter().map(|daemon| daemon.process.clone());
        let nameserver = self.group.launched_nameserver.as_ref();
        let nameserver = nameserver.filter(|_| !nameserver_stays);
        let all = agents.chain(daemons).chain(nameserver.cloned());
        all.filter(ProcessId::is_alive).collect()
    }
}

/// Kills what bears the mark of one of these lives. Tells whose it was.
pub(super) fn kill_leftovers(agents: Vec<AgentRecord>) -> Vec<(AgentName, Leftover)> {
    let cgroups = agents.iter().filter_map(|it| it.cgroup.clone());
    let cgroups: Vec<PathBuf> = cgroups.collect();
    let lives = agents
        .into_iter()
        .filter_map(|it| Some((it.incarnation?.run(), it.agent)));
    let lives: HashMap<String, AgentName> = lives.collect();
    let runs = lives.keys().cloned().collect();
    let killed = kill_found(|| marked(&runs)).into_iter();
    cgroups.iter().for_each(|it| remove_cgroup(it));
    let named = killed.filter_map(|it| {
        let agent = lives.get(it.run.as_ref()?)?;
        Some((agent.clone(), Leftover::from(it)))
    });
    named.collect()
}

/// The answer of a process; none is waited for that has ended, but for what may still be on its way.
/// An answer that can come no more, because the name server is gone, says nothing of the process: it may do what it was
/// asked for, and has `limit` for it.
async fn while_alive<T: DeserializeOwned>(
    answer: Pending<T>,
    process: &ProcessId,
    limit: Duration,
) -> Option<T> {
    let ended = async {
        if let Some(Ok(end)) = process.open().map(end_of) {
            end.await;
        }
        tokio::time::sleep(LATE_ANSWER_TIMEOUT).await;
    };
    tokio::pin!(ended);
    let answer = tokio::select! {
        biased;
        answer = answer => answer,
        () = &mut ended => return None,
    };
    if matches!(answer, Err(ProxyError::Closed)) {
        let _ = timeout(limit, ended).await;
    }
    answer.ok()
}

/// Daemons that could not be asked are told by a signal, and that there is no use in asking the
/// agents either. Tells how many had to be killed.
fn end_hosts(hosts: &[Daemon], silent: &[ProcessId]) -> usize {
    let all: Vec<ProcessId> = hosts.iter().map(|it| it.process.clone()).collect();
    for daemon in silent {
        daemon.hurry();
    }
    let patience = match silent {
        [] => DAEMON_END_TIMEOUT,
        _ => STOP_STAGES_TIMEOUT,
    };
    kill_after(&all, patience)
}

/// Tells whether it had to be killed.
async fn end_nameserver(link: Option<&Link>, process: &ProcessId) -> bool {
    let asked = match link {
        Some(link) if process.is_alive() => {
            let request = NameServerRequest::Shutdown {};
            let answer = link.ask::<()>(Peer::NameServer, &request, DOWN_TIMEOUT);
            answer.await.is_ok()
        }
        _ => false,
    };
    if !asked {
        process.terminate();
    }
    kill_after(std::slice::from_ref(process), DAEMON_END_TIMEOUT) > 0
}

pub(super) fn kill_after(processes: &[ProcessId], patience: Duration) -> usize {
    if wait_for_end(processes, patience) {
        return 0;
    }
    let killed = processes.iter().filter(|it| it.kill_group()).count();
    wait_for_end(processes, DAEMON_END_TIMEOUT);
    killed
}
