//! Taking down a system whose record cannot be read: what works for it is found by its folder, and by the list of
//! agents that its daemons keep there.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::end::kill_leftovers;
use super::{DownReport, StoppedAgent};
use crate::model::timing::{DAEMON_END_TIMEOUT, STOP_GRACE, STOP_STAGES_TIMEOUT};
use crate::model::{AgentId, Grace};
use crate::process::{ProcessId, Working, wait_for_end, working_for};
use crate::state::{AgentRecord, NotedGroup, StateError, SystemDir};
use crate::wire::StopStage;

/// What `down` found instead of the record, and what it could not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Why the record could not be read.
    pub reason: String,
    /// Daemons that were found at work for the system.
    pub daemons: usize,
    /// Agents that its daemons had listed, and that lived.
    pub listed: usize,
    /// Agents that were found by where their output goes, and are in no list.
    pub unlisted: usize,
    /// Machines that the record speaks of; what is there was not ended.
    pub hosts: Vec<String>,
}

/// What was found of it.
struct Found {
    hosts: Vec<ProcessId>,
    nameservers: Vec<ProcessId>,
    listed: Vec<AgentRecord>,
    unlisted: Vec<ProcessId>,
}

/// Ends what can be found, agents by their daemons first; if any are given, only what is of these name servers. Gives
/// what is left in spite of all.
pub(super) fn end_damaged(
    dir: &SystemDir,
    why: &StateError,
    only: &[NotedGroup],
    grace: Grace,
) -> (DownReport, Vec<ProcessId>) {
    let is_meant = |agent: &AgentRecord| {
        let mut groups = only.iter();
        only.is_empty() || groups.any(|group| group.nameserver == agent.nameserver)
    };
    let mut found = Found::look(dir);
    found.listed.retain(is_meant);
    if !only.is_empty() {
        found.keep_daemons_of(only);
    }
    let damage = Damage {
        reason: why.to_string(),
        daemons: found.hosts.len() + found.nameservers.len(),
        listed: found.listed.len(),
        unlisted: found.unlisted.len(),
        hosts: dir.hosts_of_damaged(),
    };
    let timeout =
        grace.longest(dir.longest_stop()).max(STOP_GRACE.duration()) + STOP_STAGES_TIMEOUT;
    let mut killed_daemons = end(&found.hosts, timeout);
    let agents = found.agents();
    let orphans: Vec<&ProcessId> = agents.iter().filter(|it| it.kill_group()).collect();
    wait_for_end(&agents, DAEMON_END_TIMEOUT);
    let lives = dir.agents().into_iter().filter(is_meant);
    let leftovers = kill_leftovers(lives.collect());
    killed_daemons += end(&found.nameservers, DAEMON_END_TIMEOUT);
    let is_orphan = |agent: &&AgentRecord| orphans.contains(&&agent.process);
    let id = |agent: &AgentRecord| AgentId {
        name: agent.agent.clone(),
        nameserver: None,
    };
    let leftovers = leftovers.into_iter().map(|(agent, leftover)| StoppedAgent {
        agent: AgentId {
            name: agent,
            nameserver: None,
        },
        stage: StopStage::Already,
        unsent: BTreeMap::new(),
        killed: vec![leftover],
    });
    let report = DownReport {
        stopped: leftovers.collect(),
        orphans: found.listed.iter().filter(is_orphan).map(id).collect(),
        killed_daemons,
        damage: Some(damage),
        ..DownReport::default()
    };
    let all = found.hosts.into_iter().chain(found.nameservers);
    let left = all.chain(agents).filter(ProcessId::is_alive).collect();
    (report, left)
}

impl Found {
    fn look(dir: &SystemDir) -> Self {
        let mut listed = dir.agents();
        listed.retain(|agent| agent.process.is_alive());
        let mut found = Self {
            hosts: Vec::new(),
            nameservers: Vec::new(),
            listed,
            unlisted: Vec::new(),
        };
        for working in working_for(dir.path(), &dir.logs()) {
            match working {
                Working::Daemon {
                    process,
                    is_host: true,
                } => found.hosts.push(process),
                Working::Daemon { process, .. } => found.nameservers.push(process),
                Working::Agent(process) => found.take_agent(process),
            }
        }
        found
    }

    /// Agents that are in no list may be of any.
    fn keep_daemons_of(&mut self, groups: &[NotedGroup]) {
        let is_of = |process: &ProcessId| groups.iter().any(|it| it.daemons.contains(process));
        self.hosts.retain(is_of);
        self.nameservers.retain(is_of);
        self.unlisted.clear();
    }

    fn take_agent(&mut self, process: ProcessId) {
        if !self.listed.iter().any(|it| it.process == process) {
            self.unlisted.push(process);
        }
    }

    fn agents(&self) -> Vec<ProcessId> {
        let listed = self.listed.iter().map(|agent| agent.process.clone());
        listed.chain(self.unlisted.iter().cloned()).collect()
    }
}

/// Tells how many had to be killed.
fn end(daemons: &[ProcessId], timeout: Duration) -> usize {
    for daemon in daemons {
        daemon.terminate();
    }
    super::end::kill_after(daemons, timeout)
}
