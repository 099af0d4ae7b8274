//! What is known of agents that have ended: their attributes, for requesters; and how they have ended, for a daemon that
//! comes in the place of this one.

use serde_json::Value;

use super::Host;
use crate::model::{AfterEnd, AgentName, ExitReport, RestartPolicy};
use crate::process::Ended;
use crate::state::EndRecord;
use crate::wire::{Fault, Incarnation};

impl Host {
    /// What an agent that has ended has left.
    pub(super) fn left(&self, agent: AgentName, name: Option<String>) -> Result<Value, Fault> {
        let dir = &self.options.dir;
        let mut lives = dir.latest_agents(self.link.address()).into_iter();
        let last = lives.find(|it| it.agent == agent);
        let left = last.and_then(|it| dir.left(it.incarnation?));
        let Some(mut left) = left else {
            return Err(Fault::UnknownAgent { name: agent });
        };
        let Some(attribute) = name else {
            return Ok(Value::Object(left.into_iter().collect()));
        };
        left.remove(&attribute)
            .ok_or_else(|| Fault::UnknownAttribute {
                agent,
                attribute,
                known: left.into_keys().collect(),
            })
    }

    /// Writes down how an agent has ended, before it is waited for: a daemon that comes in the place of this one is to
    /// know. A full disk does not keep the daemon from going on.
    pub(super) fn note_end(&mut self, agent: &AgentName, ended: &Ended) {
        if let Some(incarnation) = self.supervision.incarnation(agent) {
            self.append_end(&EndRecord {
                agent: agent.clone(),
                incarnation,
                status: ended.status,
                signal: ended.signal,
                stays: false,
            });
        }
    }

    /// The same once it is decided that an agent stays as it is, where its policy might have decided otherwise.
    pub(super) fn note_that_it_stays(
        &mut self,
        agent: &AgentName,
        incarnation: Incarnation,
        exit: &ExitReport,
        then: AfterEnd,
    ) {
        let kept = self.specs.get(&self.spawner.id(agent));
        let has_policy = kept.is_some_and(|it| it.spec.restart.policy != RestartPolicy::Never);
        let stays = match then {
            AfterEnd::Again { .. } => false,
            AfterEnd::Stays | AfterEnd::StaysDown | AfterEnd::GivenUp { .. } => true,
        };
        if stays && has_policy && !self.supervision.is_ending() {
            self.append_end(&EndRecord {
                agent: agent.clone(),
                incarnation,
                status: exit.status,
                signal: exit.signal,
                stays: true,
            });
        }
    }

    fn append_end(&mut self, record: &EndRecord) {
        if self.ends.is_none() {
            self.ends = self.options.dir.ends_log().ok();
        }
        if let Some(ends) = &mut self.ends {
            let _ = record.append(ends);
        }
    }

    /// Has the disk take what was noted: once for all that have ended together, and beside what else is to be done.
    pub(super) fn sync_ends(&self) {
        let file = self.ends.as_ref().and_then(|ends| ends.try_clone().ok());
        if let Some(file) = file.filter(|_| !self.supervision.is_ending()) {
            tokio::task::spawn_blocking(move || file.sync_data());
        }
    }
}
