//! Agents that a daemon before this one has started: they are this one's from now on.

use super::restart::History;
use super::{Agent, Effect, Now, Phase, Supervision};
use crate::model::{AgentSpec, ExitReport, Millis};
use crate::wire::Incarnation;

/// What is known of such an agent, beside its spec.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TakenBack {
    pub incarnation: Incarnation,
    /// Its system is up: its policy holds.
    pub is_up: bool,
    /// It is to stay down.
    pub stopped: bool,
    /// How often its policy had started it again, within the window.
    pub restarts: u32,
    pub found: Condition,
}

/// How such an agent was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Alive,
    /// It has ended while there was no daemon, perhaps because a member had asked it to.
    Ended {
        exit: ExitReport,
        asked: bool,
    },
    /// It has ended before, and it was decided that it stays so.
    Stays {
        exit: ExitReport,
    },
    /// It has ended with its machine, and is to run again, whatever its policy.
    Again {
        exit: ExitReport,
    },
}

impl Supervision {
    /// An agent of a daemon before this one was found. What is found of one that this daemon has already is old.
    pub(crate) fn on_taken_back(&mut self, spec: &AgentSpec, known: TakenBack, now: Now) {
        let name = spec.name.name.clone();
        if self.agents.contains_key(&name) {
            return;
        }
        let mut history = History::of(spec);
        history.go_on(known.is_up, known.restarts, now);
        if known.stopped {
            history.hold();
        }
        let incarnation = known.incarnation;
        let phase = match &known.found {
            Condition::Alive | Condition::Ended { .. } => Phase::Running,
            Condition::Stays { exit } | Condition::Again { exit } => Phase::Ended {
                exit: exit.clone(),
                asked: known.stopped,
                settled: false,
            },
        };
        let then = history.then();
        let agent = Agent {
            incarnation,
            phase,
            history,
            stop_timeout: spec.stop_timeout,
        };
        self.agents.insert(name.clone(), agent);
        match known.found {
            Condition::Alive => {}
            Condition::Ended { exit, asked } => {
                self.on_exited(&name, exit, asked || known.stopped, now)
            }
            Condition::Again { exit } => self.wait_for_restart(&name, exit, Millis::new(0), now),
            Condition::Stays { exit } => self.effects.push(Effect::Report {
                agent: name,
                incarnation,
                exit,
                asked: known.stopped,
                then,
            }),
        }
    }
}
