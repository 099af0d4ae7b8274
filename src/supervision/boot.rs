//! Agents that a daemon finds in its folder when its machine has started again: each is started, whatever its policy, but
//! for those that were stopped.

use super::restart::History;
use super::{Agent, Effect, Now, Phase, Supervision};
use crate::model::{AfterEnd, AgentSpec, ExitReport, Millis};
use crate::wire::Incarnation;

/// An agent of a life that is over.
pub(crate) struct Found<'s> {
    pub spec: &'s AgentSpec,
    pub life: Incarnation,
    /// How it ended, as far as that was written down.
    pub exit: ExitReport,
    pub wanted: Wanted,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Runs,
    /// It was stopped, and stays down until a member starts it.
    StaysDown,
    /// It is a job that has been done, and is not to be done again.
    StaysDone,
}

impl Supervision {
    /// Its next life begins at once, or it is known from now on as one that stays down.
    pub(crate) fn on_found(&mut self, found: Found<'_>, now: Now) {
        let Found {
            spec,
            life,
            exit,
            wanted,
        } = found;
        let name = &spec.name.name;
        if self.agents.contains_key(name) {
            return;
        }
        let mut history = History::of(spec);
        match wanted {
            Wanted::Runs | Wanted::StaysDone => history.begin_anew(),
            Wanted::StaysDown => history.hold(),
        }
        let then = history.then();
        let agent = Agent {
            incarnation: life,
            phase: Phase::Ended {
                exit: exit.clone(),
                asked: then == AfterEnd::StaysDown,
                settled: false,
            },
            history,
        };
        self.agents.insert(name.clone(), agent);
        match wanted {
            Wanted::Runs => self.wait_for_restart(name, exit, Millis::new(0), now),
            Wanted::StaysDown | Wanted::StaysDone => self.effects.push(Effect::Report {
                agent: name.clone(),
                incarnation: life,
                exit,
                asked: then == AfterEnd::StaysDown,
                then,
            }),
        }
    }
}
