//! How a host daemon looks after its agents: starting, noticing ends, starting again by policy, and the stages by
//! which they are stopped (ask, SIGTERM, SIGKILL).
//!
//! A pure core: inputs and the time go in, [`Effect`]s come out. It starts and signals nothing
//! itself; `host` does.

mod boots;
mod companions;
mod restart;
mod silent;
mod spawns;
mod start;
mod taken_back;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::timing::TERM_TIMEOUT;
use crate::model::{AfterEnd, AgentName, AgentSpec, ExitReport, Grace, Millis};
use crate::wire::{Fault, Incarnation, StopStage, Stopped};
pub(crate) use boots::{After, Boots, Led, Standing, Unready};
pub(crate) use companions::{Companions, With};
use restart::History;
use silent::Silent;
pub(crate) use spawns::{Spawned, Spawns};
pub(crate) use taken_back::{Condition, TakenBack};

/// Time since the daemon began, on the monotonic clock.
pub(crate) type Now = Duration;

/// A request of another member, as its driver counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub u64);

/// What the host daemon does upon an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// See to it that the agent will be let in. Report by [`Supervision::on_let_in`].
    LetIn {
        agent: AgentName,
        incarnation: Incarnation,
    },
    /// Start the agent's process. Report by [`Supervision::on_spawned`].
    Spawn {
        spec: Box<AgentSpec>,
        incarnation: Incarnation,
        /// None: no requester waits for it, because it is a restart.
        ticket: Option<Ticket>,
        /// How often its policy has started it again, within the window.
        restarts: u32,
    },
    /// Begin the next life of an agent by its spec, with [`Supervision::on_restart`].
    Restart { agent: AgentName },
    /// Ask the agent to shut down, through its proxy, within so long.
    Ask { agent: AgentName, grace: Millis },
    /// SIGTERM to the agent's process group.
    Terminate { agent: AgentName },
    /// SIGKILL to the agent's process group.
    Kill { agent: AgentName },
    /// See how far the agent's process has come. Report by [`Supervision::on_progress`].
    Look { agent: AgentName },
    /// SIGKILL to the process group of an agent that hangs; its end is because of that.
    KillHung { agent: AgentName },
    /// Tell the name server.
    Report {
        agent: AgentName,
        incarnation: Incarnation,
        exit: ExitReport,
        asked: bool,
        then: AfterEnd,
    },
    /// It has failed, and is not started again. Run what its spec says for that.
    Failed {
        agent: AgentName,
        exit: ExitReport,
        then: AfterEnd,
    },
    AnswerStart {
        ticket: Ticket,
        outcome: Result<u32, Fault>,
    },
    AnswerStop {
        ticket: Ticket,
        outcome: Result<Stopped, Fault>,
    },
    /// All agents have ended. Answer the requester, if there is one, and end the daemon.
    End {
        ticket: Option<Ticket>,
        stopped: Vec<Stopped>,
    },
}

/// The agents of one host daemon.
#[derive(Default)]
pub(crate) struct Supervision {
    agents: BTreeMap<AgentName, Agent>,
    /// When the next stage of those that are being stopped is due.
    due: BTreeSet<(Now, AgentName)>,
    /// Agents that the name server has not heard of for long.
    silent: BTreeMap<AgentName, Silent>,
    shutdown: Option<Shutdown>,
    effects: Vec<Effect>,
}

struct Agent {
    incarnation: Incarnation,
    phase: Phase,
    /// When it is started again.
    history: History,
    /// How long it gets to end by itself, if its spec says so.
    stop_timeout: Option<Millis>,
}

enum Phase {
    /// It is not let in yet, and has no process.
    Starting {
        spec: Box<AgentSpec>,
        /// None: it is a restart.
        ticket: Option<Ticket>,
        /// How it ended before, if it did.
        before: Option<Box<Agent>>,
    },
    Running,
    /// It has ended, and is started again at that time.
    Waiting {
        exit: ExitReport,
        at: Now,
    },
    /// Being stopped: the stage reached, when the next one is due, and which requests to answer.
    Stopping {
        stage: StopStage,
        next: Now,
        tickets: Vec<Ticket>,
        /// It is started again then: another that it goes with was.
        again: bool,
    },
    Ended {
        exit: ExitReport,
        asked: bool,
        /// The member that stopped it knows; a later name server need not be told.
        settled: bool,
    },
}

struct Shutdown {
    ticket: Option<Ticket>,
    /// How many agents have not ended yet. None begins any more.
    left: usize,
    stopped: Vec<Stopped>,
}

impl Supervision {
    /// Takes the effects since the last time.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Which life of an agent this is, or was.
    pub(crate) fn incarnation(&self, agent: &AgentName) -> Option<Incarnation> {
        self.agents.get(agent).map(|agent| agent.incarnation)
    }

    /// How often the agent's policy has started it, or its program, again within the window.
    pub(crate) fn restarts(&self, agent: &AgentName) -> u32 {
        let agent = self.agents.get(agent);
        agent.map_or(0, |agent| agent.history.restarts())
    }

    /// Whether it has started that agent, which may have ended since.
    pub(crate) fn has(&self, agent: &AgentName) -> bool {
        self.agents.contains_key(agent)
    }

    /// Whether all is to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.shutdown.is_some()
    }

    /// The agents that have not ended.
    pub(crate) fn alive(&self) -> impl Iterator<Item = &AgentName> {
        let alive = |(_, agent): &(&AgentName, &Agent)| match agent.phase {
            Phase::Starting { .. } | Phase::Running | Phase::Stopping { .. } => true,
            Phase::Waiting { .. } | Phase::Ended { .. } => false,
        };
        self.agents.iter().filter(alive).map(|(name, _)| name)
    }

    /// A member asks for an agent to be stopped. It is asked, terminated after `grace`, and then killed.
    pub(crate) fn on_stop(&mut self, agent: &AgentName, grace: Grace, ticket: Ticket, now: Now) {
        if self.call_off(agent, start::fault(agent, "it was stopped before it began")) {
            self.stop_waiting(agent);
            return self.stop_ended(agent, ticket);
        }
        self.stop_waiting(agent);
        match self.agents.get_mut(agent).map(|it| &mut it.phase) {
            // Called off, above: there is none any more.
            None | Some(Phase::Starting { .. } | Phase::Waiting { .. }) => {
                let fault = Fault::UnknownAgent {
                    name: agent.clone(),
                };
                self.effects.push(Effect::AnswerStop {
                    ticket,
                    outcome: Err(fault),
                });
            }
            Some(Phase::Ended { .. }) => self.stop_ended(agent, ticket),
            Some(Phase::Stopping { tickets, again, .. }) => {
                *again = false;
                tickets.push(ticket);
                self.hasten(agent, grace, now);
            }
            Some(Phase::Running) => self.ask(agent, grace, (vec![ticket], false), now),
        }
    }

    /// It runs, and is to end: the first of the stages begins. `tickets` are answered then; or it begins `again`.
    fn ask(
        &mut self,
        name: &AgentName,
        grace: Grace,
        (tickets, again): (Vec<Ticket>, bool),
        now: Now,
    ) {
        let Some(agent) = self.agents.get_mut(name) else {
            return;
        };
        let grace = grace.of(agent.stop_timeout);
        let next = now + grace.duration();
        agent.phase = Phase::Stopping {
            stage: StopStage::Asked,
            next,
            tickets,
            again,
        };
        self.due.insert((next, name.clone()));
        let agent = name.clone();
        self.effects.push(Effect::Ask { agent, grace });
    }

    /// It has been asked before; who asks now may be less patient.
    fn hasten(&mut self, name: &AgentName, grace: Grace, now: Now) {
        let Some(agent) = self.agents.get_mut(name) else {
            return;
        };
        let by = now + grace.of(agent.stop_timeout).duration();
        if let Phase::Stopping {
            stage: StopStage::Asked,
            next,
            ..
        } = &mut agent.phase
            && by < *next
        {
            self.due.remove(&(*next, name.clone()));
            *next = by;
            self.due.insert((by, name.clone()));
        }
    }

    /// It has ended before. That it is to stay so from now on is told.
    fn stop_ended(&mut self, name: &AgentName, ticket: Ticket) {
        if let Some(Agent {
            incarnation,
            phase:
                Phase::Ended {
                    exit,
                    asked,
                    settled,
                },
            history,
            stop_timeout: _,
        }) = self.agents.get_mut(name)
        {
            let is_held = history.is_held();
            *settled = !is_held;
            if is_held {
                *asked = true;
                self.effects.push(Effect::Report {
                    agent: name.clone(),
                    incarnation: *incarnation,
                    exit: exit.clone(),
                    asked: true,
                    then: AfterEnd::StaysDown,
                });
            }
        }
        let stopped = Stopped::at(name.clone(), StopStage::Already);
        self.effects.push(Effect::AnswerStop {
            ticket,
            outcome: Ok(stopped),
        });
    }

    /// Everything is to end. A second call means: at once.
    pub(crate) fn on_shutdown(&mut self, grace: Grace, ticket: Option<Ticket>, now: Now) {
        let again = self.shutdown.is_some();
        match &mut self.shutdown {
            Some(shutdown) => shutdown.ticket = ticket.or(shutdown.ticket),
            None => {
                self.shutdown = Some(Shutdown {
                    ticket,
                    left: 0,
                    stopped: Vec::new(),
                })
            }
        }
        self.call_all_off();
        self.stop_all_waiting();
        let names: Vec<AgentName> = self.agents.keys().cloned().collect();
        for name in names {
            match self.agents.get_mut(&name).map(|it| &mut it.phase) {
                Some(Phase::Running) => self.ask(&name, grace, (Vec::new(), false), now),
                Some(Phase::Stopping {
                    next,
                    again: and_start,
                    ..
                }) if again => {
                    *and_start = false;
                    self.due.remove(&(*next, name.clone()));
                    *next = now;
                    self.due.insert((now, name.clone()));
                }
                Some(Phase::Stopping { .. }) => self.hasten(&name, grace, now),
                Some(Phase::Starting { .. } | Phase::Waiting { .. } | Phase::Ended { .. })
                | None => {}
            }
        }
        self.count_left();
        self.end_if_done();
    }

    /// The agent could not be asked: there is no point in waiting.
    pub(crate) fn on_not_asked(&mut self, agent: &AgentName, now: Now) {
        if let Some(Agent {
            phase:
                Phase::Stopping {
                    stage: StopStage::Asked,
                    next,
                    ..
                },
            ..
        }) = self.agents.get_mut(agent)
        {
            self.due.remove(&(*next, agent.clone()));
            *next = now;
            self.due.insert((now, agent.clone()));
        }
    }

    /// The agent's process has ended; perhaps because a member had asked the agent itself to.
    pub(crate) fn on_exited(
        &mut self,
        name: &AgentName,
        exit: ExitReport,
        asked_itself: bool,
        now: Now,
    ) {
        let shutting_down = self.shutdown.is_some();
        let Some(agent) = self.agents.get_mut(name) else {
            return;
        };
        let incarnation = agent.incarnation;
        if let Phase::Stopping {
            again: true, next, ..
        } = &agent.phase
            && !shutting_down
        {
            self.due.remove(&(*next, name.clone()));
            return self.wait_for_restart(name, exit, Millis::new(0), now);
        }
        let is_free = matches!(agent.phase, Phase::Running) && !shutting_down && !asked_itself;
        let then = match is_free {
            true => agent.history.on_end(&exit, now),
            false => agent.history.then(),
        };
        if let AfterEnd::Again { wait } = then {
            return self.wait_for_restart(name, exit, wait, now);
        }
        let (asked, settled) = match &agent.phase {
            // Of one that is to stay down a later name server is told, too.
            Phase::Stopping { tickets, .. } => {
                (true, !tickets.is_empty() && !agent.history.is_held())
            }
            _ => (asked_itself, false),
        };
        let ended = Phase::Ended {
            exit: exit.clone(),
            asked,
            settled,
        };
        let before = std::mem::replace(&mut agent.phase, ended);
        if !matches!(before, Phase::Ended { .. })
            && let Some(shutdown) = &mut self.shutdown
        {
            shutdown.left = shutdown.left.saturating_sub(1);
        }
        let stage_of_exit = stop_stage_of(&exit);
        let end = is_free.then(|| exit.clone());
        // Who is answered finds it told.
        self.effects.push(Effect::Report {
            agent: name.clone(),
            incarnation,
            exit,
            asked,
            then,
        });
        if let Some(exit) = end {
            self.note_failure(name, exit, then);
        }
        if let Phase::Stopping {
            stage,
            tickets,
            next,
            again: _,
        } = before
        {
            self.due.remove(&(next, name.clone()));
            let stopped = Stopped::at(name.clone(), stage.max(stage_of_exit));
            for ticket in tickets {
                let outcome = Ok(stopped.clone());
                self.effects.push(Effect::AnswerStop { ticket, outcome });
            }
            if let Some(shutdown) = &mut self.shutdown {
                shutdown.stopped.push(stopped);
            }
        }
        self.end_if_done();
    }

    /// The name server has come back without its memory: what only this host knows is told again.
    /// Agents that live speak for themselves.
    pub(crate) fn on_forgotten(&mut self, now: Now) {
        for (name, agent) in &self.agents {
            let (exit, asked, then) = match &agent.phase {
                Phase::Ended {
                    exit,
                    asked,
                    settled: false,
                } => (exit, *asked, agent.history.then()),
                Phase::Waiting { exit, at } => {
                    let wait = at.saturating_sub(now).into();
                    (exit, false, AfterEnd::Again { wait })
                }
                Phase::Starting { .. }
                | Phase::Running
                | Phase::Stopping { .. }
                | Phase::Ended { settled: true, .. } => continue,
            };
            self.effects.push(Effect::Report {
                agent: name.clone(),
                incarnation: agent.incarnation,
                exit: exit.clone(),
                asked,
                then,
            });
        }
    }

    /// When [`Supervision::on_time`] wants to be called, if at all.
    pub(crate) fn next_deadline(&self) -> Option<Now> {
        let stage = self.next_stage();
        stage.into_iter().chain(self.next_look()).min()
    }

    fn next_stage(&self) -> Option<Now> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Time passed: the next stop stages, and looks at those that are silent.
    pub(crate) fn on_time(&mut self, now: Now) {
        self.look_at_silent(now);
        while self.next_stage().is_some_and(|due| due <= now) {
            let Some((_, name)) = self.due.pop_first() else {
                return;
            };
            let phase = self.agents.get_mut(&name).map(|it| &mut it.phase);
            if let Some(Phase::Waiting { .. }) = phase {
                self.effects.push(Effect::Restart { agent: name });
            } else if let Some(Phase::Stopping { stage, next, .. }) = phase {
                match stage {
                    StopStage::Asked => {
                        *stage = StopStage::Terminated;
                        *next = now + TERM_TIMEOUT;
                        self.due.insert((*next, name.clone()));
                        self.effects.push(Effect::Terminate { agent: name });
                    }
                    StopStage::Terminated => {
                        *stage = StopStage::Killed;
                        self.effects.push(Effect::Kill { agent: name });
                    }
                    StopStage::Already | StopStage::Killed => {}
                }
            }
        }
    }

    fn count_left(&mut self) {
        let left = self.alive().count();
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.left = left;
        }
    }

    fn end_if_done(&mut self) {
        if let Some(shutdown) = self.shutdown.as_mut().filter(|it| it.left == 0) {
            let stopped = std::mem::take(&mut shutdown.stopped);
            self.effects.push(Effect::End {
                ticket: shutdown.ticket.take(),
                stopped,
            });
        }
    }
}

/// What it took by the exit's own account: an agent may have had to kill its program, and tells so.
fn stop_stage_of(exit: &ExitReport) -> StopStage {
    match exit.ended_by() {
        Some(9) => StopStage::Killed,
        Some(15) => StopStage::Terminated,
        _ => StopStage::Asked,
    }
}

#[cfg(test)]
mod tests;
