//! What a daemon runs because an agent has failed for good, by the `on_failed` of its spec. What it prints is in the daemon's own
//! log. Nothing waits for it, and it has a limit of time.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Host, Input};
use crate::model::timing::ON_FAILED_TIMEOUT;
use crate::model::{AfterEnd, AgentName, ExitReport, Millis, OnFailed, harmless};
use crate::process::{RUN, limit_descriptors, not_started};

impl Host {
    /// An agent has failed, and is not started again.
    pub(super) fn on_failed(&mut self, agent: &AgentName, exit: &ExitReport, then: AfterEnd) {
        let kept = self.specs.get(&self.spawner.id(agent));
        let Some(run) = kept.and_then(|kept| kept.spec.on_failed.clone()) else {
            return;
        };
        let reason = match then {
            AfterEnd::GivenUp { restarts, within } => {
                format!("{exit}; given up after {restarts} restarts within {within}")
            }
            AfterEnd::Stays | AfterEnd::StaysDown | AfterEnd::Again { .. } => exit.to_string(),
        };
        match self.start_command(&run, agent, &reason) {
            Ok(pid) => {
                self.commands.insert(pid, agent.clone());
                let inputs = self.inputs.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(ON_FAILED_TIMEOUT).await;
                    let _ = inputs.send(Input::CommandLate(pid));
                });
            }
            Err(reason) => say(agent, &format!("is not run: {reason}")),
        }
    }

    fn start_command(
        &self,
        run: &OnFailed,
        agent: &AgentName,
        reason: &str,
    ) -> Result<u32, String> {
        let [program, arguments @ ..] = run.argv.as_slice() else {
            return Err("it has no words".to_owned());
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("OSB_AGENT", agent.as_str())
            .env("OSB_REASON", reason)
            .env("OSB_NAMESERVER", self.link.address())
            .env_remove(RUN)
            .stdin(Stdio::null())
            .process_group(0);
        // Another machine may not have the topology's folder.
        if run.cwd.is_dir() {
            command.current_dir(&run.cwd);
        }
        limit_descriptors(&mut command);
        let started = command.spawn();
        started
            .map(|child| child.id())
            .map_err(|error| not_started(program, &run.cwd, &error))
    }

    /// It has ended, if it is one of these.
    pub(super) fn note_end_of_command(&mut self, pid: u32) {
        self.commands.remove(&pid);
    }

    /// Its time is up. It was not waited for, so its pid is its own.
    pub(super) fn end_command(&mut self, pid: u32) {
        if let Some(agent) = self.commands.get(&pid) {
            let limit = Millis::from(ON_FAILED_TIMEOUT);
            say(
                agent,
                &format!("has not ended within {limit}, and is killed"),
            );
            kill_group(pid);
        }
    }

    /// The daemon ends.
    pub(super) fn end_commands(&mut self) {
        for (pid, _) in self.commands.drain() {
            kill_group(pid);
        }
    }
}

fn kill_group(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended a moment ago.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

fn say(agent: &AgentName, what: &str) {
    let line = format!("on_failed of {agent} {what}");
    let _ = writeln!(std::io::stderr(), "{}", harmless(&line));
}
