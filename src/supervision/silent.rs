//! Agents that have been silent for so long that the name server does not wait for them. Perhaps they are only cut off from
//! it, and work on; so they are looked at where they run. One that has not moved between two looks hangs: it is killed, and its
//! policy applies.

use super::{Effect, Now, Phase, Supervision};
use crate::model::timing::HUNG_LOOK_INTERVAL;
use crate::model::{AgentName, State};
use crate::wire::Incarnation;

/// An agent that is silent.
pub(super) struct Silent {
    life: Incarnation,
    /// How far it had come when it was looked at.
    progress: Option<u64>,
    /// When it is looked at again.
    at: Now,
}

impl Supervision {
    /// The name server says how an agent stands.
    pub(crate) fn on_presence(
        &mut self,
        name: &AgentName,
        life: Incarnation,
        state: State,
        now: Now,
    ) {
        if state != State::Unreachable || !self.may_be_killed(name, life) {
            self.silent.remove(name);
            return;
        }
        let silent = Silent {
            life,
            progress: None,
            at: now,
        };
        self.silent.entry(name.clone()).or_insert(silent);
    }

    /// How far its process has come: another number, if it has done anything since. None: that cannot be told.
    pub(crate) fn on_progress(&mut self, name: &AgentName, progress: Option<u64>, now: Now) {
        let Some(silent) = self.silent.get_mut(name) else {
            return;
        };
        let Some(progress) = progress else {
            self.silent.remove(name);
            return;
        };
        if silent.progress.replace(progress) == Some(progress) {
            self.silent.remove(name);
            self.effects.push(Effect::KillHung {
                agent: name.clone(),
            });
            return;
        }
        silent.at = now + HUNG_LOOK_INTERVAL;
    }

    /// When the next one is to be looked at.
    pub(super) fn next_look(&self) -> Option<Now> {
        self.silent.values().map(|silent| silent.at).min()
    }

    /// Looks at those whose time has come.
    pub(super) fn look_at_silent(&mut self, now: Now) {
        let lives: Vec<(AgentName, Incarnation)> = self
            .silent
            .iter()
            .map(|(name, silent)| (name.clone(), silent.life))
            .collect();
        for (name, life) in lives {
            if !self.may_be_killed(&name, life) {
                self.silent.remove(&name);
            }
        }
        for (name, silent) in &mut self.silent {
            if silent.at <= now {
                silent.at = now + HUNG_LOOK_INTERVAL;
                let agent = name.clone();
                self.effects.push(Effect::Look { agent });
            }
        }
    }

    /// Whether it runs, is the one that is meant, and would be started again.
    fn may_be_killed(&self, name: &AgentName, life: Incarnation) -> bool {
        self.agents.get(name).is_some_and(|agent| {
            agent.incarnation == life
                && matches!(agent.phase, Phase::Running)
                && agent.history.applies()
        })
    }
}
