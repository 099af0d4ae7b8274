//! Agents that have ended by themselves are started again, by the policies of their specs: from when their system is up
//! on, and until they are stopped.

use std::collections::VecDeque;

use super::{Agent, Effect, Now, Phase, Supervision};
use crate::model::{
    AfterEnd, AgentName, AgentSpec, ExitReport, Grace, Millis, Restart, RestartPolicy,
};
use crate::wire::{Fault, Incarnation};

/// How often an agent was started again, and how it is to be.
pub(super) struct History {
    restart: Restart,
    is_job: bool,
    /// Its system is up: from now on the policy holds.
    is_kept: bool,
    /// When it was started again, within the window; the latest last.
    restarts: VecDeque<Now>,
    /// What becomes of it when it has ended and its policy says nothing.
    then: AfterEnd,
}

impl History {
    /// Of an agent that is started for the first time, or by hand.
    pub(super) fn of(spec: &AgentSpec) -> Self {
        Self {
            restart: spec.restart,
            is_job: spec.is_job(),
            is_kept: false,
            restarts: VecDeque::new(),
            then: AfterEnd::Stays,
        }
    }

    /// It has ended by itself.
    pub(super) fn on_end(&mut self, exit: &ExitReport, now: Now) -> AfterEnd {
        if !self.is_kept || !self.restart.policy.wants(exit, self.is_job) {
            return AfterEnd::Stays;
        }
        self.next(now)
    }

    /// Whether it is started again when it has failed.
    pub(super) fn applies(&self) -> bool {
        self.is_kept && self.restart.policy != RestartPolicy::Never
    }

    /// As a daemon before this one has left it.
    pub(super) fn go_on(&mut self, is_up: bool, restarts: u32, now: Now) {
        self.is_kept = is_up;
        self.restarts = (0..restarts).map(|_| now).collect();
    }

    /// How often it was started again within the window.
    pub(super) fn restarts(&self) -> u32 {
        u32::try_from(self.restarts.len()).unwrap_or(u32::MAX)
    }

    /// From now on its policy holds, and nothing has been before.
    fn begin_anew(&mut self) {
        self.is_kept = true;
        self.restarts.clear();
        self.then = AfterEnd::Stays;
    }

    fn next(&mut self, now: Now) -> AfterEnd {
        let within = self.restart.within;
        let is_over = |at: &Now| *at + within.duration() <= now;
        while self.restarts.front().is_some_and(is_over) {
            self.restarts.pop_front();
        }
        let before = self.restarts();
        match self.restart.wait(before, chance(now)) {
            Some(wait) => {
                self.restarts.push_back(now + wait);
                let wait = Millis::from(wait);
                AfterEnd::Again { wait }
            }
            None => {
                self.then = AfterEnd::GivenUp {
                    restarts: before,
                    within,
                };
                self.then
            }
        }
    }

    /// It is to stay down.
    pub(super) fn hold(&mut self) {
        self.then = AfterEnd::StaysDown;
    }

    pub(super) fn is_held(&self) -> bool {
        self.then == AfterEnd::StaysDown
    }

    /// What becomes of it, now that its policy does not start it again.
    pub(super) fn then(&self) -> AfterEnd {
        self.then
    }
}

/// From 0 to 1000, from the digits of the clock that nothing depends on: a core draws no random numbers, and moments of
/// ends are as good.
fn chance(now: Now) -> u32 {
    let scrambled = (now.subsec_nanos() ^ now.as_secs() as u32).wrapping_mul(2_654_435_761);
    (scrambled >> 8) % 1001
}

impl Supervision {
    /// An agent goes by another spec, with a policy of its own.
    pub(crate) fn on_alter(&mut self, agent: &AgentName, spec: &AgentSpec) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.history.restart = spec.restart;
            agent.history.is_job = spec.is_job();
            agent.stop_timeout = spec.stop_timeout;
        }
    }

    /// These agents are nothing to it any more. One that has not ended is not let go: tells which.
    pub(crate) fn on_forget(&mut self, agents: &[AgentName]) -> Result<(), AgentName> {
        let lives = |name: &&AgentName| {
            let agent = self.agents.get(*name);
            agent.is_some_and(|it| !matches!(it.phase, Phase::Ended { .. }))
        };
        if let Some(name) = agents.iter().find(lives) {
            return Err(name.clone());
        }
        for name in agents {
            self.agents.remove(name);
            self.silent.remove(name);
        }
        Ok(())
    }

    /// Their system is up: from now on the policies of these agents hold, as if nothing had been before. They hold also for
    /// one that has ended by itself while this was on its way.
    pub(crate) fn on_keep(&mut self, agents: &[AgentName], now: Now) {
        for name in agents {
            let Some(agent) = self.agents.get_mut(name) else {
                continue;
            };
            if agent.history.is_held() {
                continue;
            }
            agent.history.begin_anew();
            let exit = match &agent.phase {
                Phase::Ended {
                    exit,
                    asked: false,
                    settled: false,
                } if self.shutdown.is_none() => exit.clone(),
                Phase::Starting { .. }
                | Phase::Running
                | Phase::Waiting { .. }
                | Phase::Stopping { .. }
                | Phase::Ended { .. } => continue,
            };
            if let AfterEnd::Again { wait } = agent.history.on_end(&exit, now) {
                self.wait_for_restart(name, exit, wait, now);
            }
        }
    }

    /// A member wants this agent to stay down, and is about to stop it. Tells whether it does: a job that is done stays done.
    pub(crate) fn on_hold(&mut self, name: &AgentName) -> bool {
        let Some(agent) = self.agents.get_mut(name) else {
            return true;
        };
        let is_done = matches!(&agent.phase, Phase::Ended { exit, asked: false, .. } if exit.status == Some(0));
        if is_done && agent.history.is_job {
            return false;
        }
        agent.history.hold();
        if let Phase::Starting {
            before: Some(before),
            ..
        } = &mut agent.phase
        {
            before.history.hold();
        }
        true
    }

    /// A member wants the next life of an agent that has ended, or that waits for it: now, as if it had never been restarted.
    pub(crate) fn on_restart_by_hand(&mut self, name: &AgentName, now: Now) -> Result<(), Fault> {
        self.may_start(name)?;
        let unknown = || Fault::UnknownAgent { name: name.clone() };
        let agent = self.agents.get_mut(name).ok_or_else(unknown)?;
        let exit = match &agent.phase {
            Phase::Ended { exit, .. } => exit.clone(),
            Phase::Waiting { exit, at } => {
                self.due.remove(&(*at, name.clone()));
                exit.clone()
            }
            // It may not be started: see above.
            Phase::Starting { .. } | Phase::Running | Phase::Stopping { .. } => return Ok(()),
        };
        agent.history.begin_anew();
        agent.phase = Phase::Waiting { exit, at: now };
        self.effects.push(Effect::Restart {
            agent: name.clone(),
        });
        Ok(())
    }

    /// The program of an agent has ended, in that life of the agent, which is whole. Tells what becomes of it: if it is not started
    /// anew, the agent ends, too.
    pub(crate) fn on_program_ended(
        &mut self,
        name: &AgentName,
        life: Incarnation,
        exit: &ExitReport,
        now: Now,
    ) -> AfterEnd {
        let is_free = self.shutdown.is_none();
        let agent = self.agents.get_mut(name);
        let runs = |it: &&mut Agent| it.incarnation == life && matches!(it.phase, Phase::Running);
        match agent.filter(|it| is_free && runs(it)) {
            Some(agent) => agent.history.on_end(exit, now),
            None => AfterEnd::Stays,
        }
    }

    /// Another that it goes with was restarted, or is elsewhere: it ends, and begins its next life. One that does not run is
    /// let be. Tells whether it ends.
    pub(crate) fn on_restart_along(&mut self, name: &AgentName, grace: Grace, now: Now) -> bool {
        let Some(agent) = self.agents.get(name) else {
            return false;
        };
        let is_kept = agent.history.is_kept && !agent.history.is_held();
        if !is_kept || self.shutdown.is_some() || !matches!(agent.phase, Phase::Running) {
            return false;
        }
        self.ask(name, grace, (Vec::new(), true), now);
        true
    }

    /// The next life of an agent that waits for it.
    pub(crate) fn on_restart(&mut self, spec: Box<AgentSpec>, incarnation: Incarnation) {
        let name = spec.name.name.clone();
        let agent = self.agents.get_mut(&name);
        let Some(agent) = agent.filter(|it| matches!(it.phase, Phase::Waiting { .. })) else {
            return;
        };
        let history = std::mem::replace(&mut agent.history, History::of(&spec));
        self.begin(spec, incarnation, None, history);
    }

    /// It has ended, and its policy wants it to be started again.
    pub(super) fn wait_for_restart(
        &mut self,
        name: &AgentName,
        exit: ExitReport,
        wait: Millis,
        now: Now,
    ) {
        let Some(agent) = self.agents.get_mut(name) else {
            return;
        };
        let at = now + wait.duration();
        agent.phase = Phase::Waiting {
            exit: exit.clone(),
            at,
        };
        self.effects.push(Effect::Report {
            agent: name.clone(),
            incarnation: agent.incarnation,
            exit,
            asked: false,
            then: AfterEnd::Again { wait },
        });
        match wait.get() == 0 {
            true => self.effects.push(Effect::Restart {
                agent: name.clone(),
            }),
            false => drop(self.due.insert((at, name.clone()))),
        }
    }

    /// It has ended by itself, and is not started again.
    pub(super) fn note_failure(&mut self, name: &AgentName, exit: ExitReport, then: AfterEnd) {
        let is_kept = |agent: &Agent| agent.history.is_kept;
        if exit.status != Some(0) && self.agents.get(name).is_some_and(is_kept) {
            self.effects.push(Effect::Failed {
                agent: name.clone(),
                exit,
                then,
            });
        }
    }

    /// Its process could not be started again: that counts as an end.
    pub(super) fn restart_has_failed(&mut self, name: &AgentName, now: Now) {
        let Some(agent) = self.agents.get_mut(name) else {
            return;
        };
        let exit = match &agent.phase {
            Phase::Waiting { exit, .. } | Phase::Ended { exit, .. } => exit.clone(),
            Phase::Starting { .. } | Phase::Running | Phase::Stopping { .. } => ExitReport {
                status: Some(ExitReport::NOT_STARTED.into()),
                signal: None,
                log: Vec::new(),
                cause: None,
            },
        };
        let then = match self.shutdown {
            Some(_) => AfterEnd::Stays,
            None => agent.history.next(now),
        };
        match then {
            AfterEnd::Again { wait } => self.wait_for_restart(name, exit, wait, now),
            AfterEnd::Stays | AfterEnd::StaysDown | AfterEnd::GivenUp { .. } => {
                self.end_waiting(name, exit.clone(), then);
                if self.shutdown.is_none() {
                    self.note_failure(name, exit, then);
                }
            }
        }
        self.count_left();
        self.end_if_done();
    }

    /// It is not started again: that was asked for.
    pub(super) fn stop_waiting(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.get(name) else {
            return;
        };
        if let Phase::Waiting { exit, at } = &agent.phase {
            self.due.remove(&(*at, name.clone()));
            let (exit, then) = (exit.clone(), agent.history.then());
            self.end_waiting(name, exit, then);
        }
    }

    pub(super) fn stop_all_waiting(&mut self) {
        let names: Vec<AgentName> = self.agents.keys().cloned().collect();
        names.iter().for_each(|name| self.stop_waiting(name));
    }

    fn end_waiting(&mut self, name: &AgentName, exit: ExitReport, then: AfterEnd) {
        let Some(agent) = self.agents.get_mut(name) else {
            return;
        };
        agent.phase = Phase::Ended {
            exit: exit.clone(),
            asked: false,
            settled: false,
        };
        self.effects.push(Effect::Report {
            agent: name.clone(),
            incarnation: agent.incarnation,
            exit,
            asked: false,
            then,
        });
    }
}
