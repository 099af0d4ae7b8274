//! What is known of agents that have ended: their attributes, for requesters; and of ends that no daemon has
//! seen, for the name server of one that comes in the place of another.

use serde_json::Value;

use super::Host;
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{AfterEnd, AgentInfo, AgentName, ExitReport};
use crate::state::{AgentRecord, EndRecord};
use crate::wire::{Fault, NameServerRequest, Peer};

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

    /// Writes down how an agent has ended, for the daemon that may come in the place of this one. A full disk
    /// does not keep the daemon from going on.
    pub(super) fn note_end(&self, agent: &AgentName, exit: &ExitReport) {
        if let Some(incarnation) = self.supervision.incarnation(agent) {
            let record = EndRecord {
                agent: agent.clone(),
                incarnation,
                status: exit.status,
                signal: exit.signal,
            };
            let _ = record.append(&self.options.dir.ends_path());
        }
    }

    /// Agents that have ended since the daemon before this one did. Of their ends there is, at best, what
    /// was written down.
    pub(super) fn report_unseen_ends(&self) {
        for exited in self.unseen_ends() {
            self.link.tell(Peer::NameServer, &exited);
        }
    }

    /// The same of one that others have started again, when it is registered for the first time: of those that the name
    /// server takes for alive, for what its folder knows may be long ago.
    pub(super) fn report_ends_once(&mut self) {
        let unseen = std::mem::take(&mut self.unseen);
        if unseen.is_empty() {
            return;
        }
        let (link, host) = (self.link.clone(), self.options.name.clone());
        tokio::spawn(async move {
            let request = NameServerRequest::Agents { name: None };
            let known = link.ask::<Vec<AgentInfo>>(Peer::NameServer, &request, CONTROL_TIMEOUT);
            let mut known = known.await.unwrap_or_default();
            known.retain(|it| it.host_id().as_ref() == Some(&host) && !it.state.ended());
            let is_known = |name: &AgentName| known.iter().any(|it| it.name == *name);
            for exited in unseen {
                if matches!(&exited, NameServerRequest::Exited { agent, .. } if is_known(agent)) {
                    link.tell(Peer::NameServer, &exited);
                }
            }
        });
    }

    /// Agents of this folder that have ended, as the name server is told it.
    pub(super) fn unseen_ends(&self) -> Vec<NameServerRequest> {
        let dir = &self.options.dir;
        let ends = dir.ends();
        let exited = |record: AgentRecord| {
            let ended = !record.process.is_alive();
            let incarnation = record.incarnation.filter(|_| ended)?;
            let of_it = ends.iter().find(|it| it.incarnation == incarnation);
            let kept = self.specs.get(&self.spawner.id(&record.agent));
            let stopped = kept.is_some_and(|it| it.stopped);
            Some(NameServerRequest::Exited {
                exit: ExitReport {
                    status: of_it.and_then(|it| it.status),
                    signal: of_it.and_then(|it| it.signal),
                    log: Vec::new(),
                    cause: None,
                },
                agent: record.agent,
                incarnation,
                asked: stopped,
                then: match stopped {
                    true => AfterEnd::StaysDown,
                    false => AfterEnd::Stays,
                },
            })
        };
        let all = dir.latest_agents(self.link.address()).into_iter();
        all.filter_map(exited).collect()
    }
}
