//! Ends that only the keeper sees: of the daemon, and of agents that have outlived the daemon which started them. An
//! agent's end is written down before it is waited for, so that it is known or can still be found out.

use std::collections::HashMap;
use std::fs::File;

use super::core::Ending;
use super::fork;
use crate::process::{Ended, ProcessId, ended_child, reap};
use crate::state::{AgentRecord, EndRecord, SystemDir};

pub(super) struct Witness {
    dir: SystemDir,
    /// Agents by their pids, as far as they were read.
    agents: HashMap<u32, AgentRecord>,
    ends: Option<File>,
}

/// What has ended since the last look.
#[derive(Default)]
pub(super) struct Ends {
    pub of_daemon: Option<Ending>,
    pub of_agents: bool,
}

impl Witness {
    pub(super) fn new(dir: SystemDir) -> Self {
        Self {
            dir,
            agents: HashMap::new(),
            ends: None,
        }
    }

    /// Sees what has ended by now, and waits for it. `daemon` is the daemon's pid.
    pub(super) fn see(&mut self, daemon: u32) -> Ends {
        let mut ends = Ends::default();
        while let Some(ended) = ended_child() {
            if ended.pid == daemon {
                ends.of_daemon = Some(ending(&ended));
                // Those that it has started since the last look are this process's from now on.
                self.agents.clear();
            } else {
                ends.of_agents |= self.note(&ended);
            }
            reap(ended.pid);
        }
        if ends.of_agents
            && let Some(file) = &self.ends
        {
            // For a power cut: one for all that have ended together.
            let _ = file.sync_data();
        }
        ends
    }

    /// Writes down how an agent has ended. Tells whether it was one.
    fn note(&mut self, ended: &Ended) -> bool {
        let Some(agent) = self.agent(ended.pid) else {
            return false;
        };
        let Some(incarnation) = agent.incarnation else {
            return false;
        };
        let record = EndRecord {
            agent: agent.agent,
            incarnation,
            status: ended.status,
            signal: ended.signal,
            stays: false,
        };
        if self.ends.is_none() {
            self.ends = self.dir.ends_log().ok();
        }
        // A full disk does not keep the keeper from going on: the end is then known to have come, and not how.
        let _ = self.ends.as_mut().map(|file| record.append(file));
        if ended.status != Some(0) {
            // What it has left in its group: as long as it was not waited for, the number is that of no other.
            fork::kill_group(ended.pid);
        }
        true
    }

    /// The agent that has this pid, if it is one. Which agents there are is read when the daemon has died that started
    /// them: the one that runs sees the ends of its own.
    fn agent(&mut self, pid: u32) -> Option<AgentRecord> {
        let process = ProcessId::of_child(pid).ok()?;
        let is_it = |it: &&AgentRecord| it.process == process;
        if self.agents.is_empty() {
            let all = self.dir.agents().into_iter();
            self.agents = all.map(|it| (it.process.pid, it)).collect();
        }
        self.agents.get(&pid).filter(is_it).cloned()
    }
}

fn ending(ended: &Ended) -> Ending {
    match (ended.status, ended.signal) {
        (_, Some(signal)) => Ending::Signal(signal),
        (status, None) => Ending::Status(status.unwrap_or(1)),
    }
}
