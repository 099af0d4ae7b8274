//! Watching over the agents while they are brought up: who runs, and who has died.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

use crate::model::{AgentInfo, AgentName, ExitReport, HostName, State};
use crate::proxy::{Notice, Watch};
use crate::wire::Event;

/// What is waited for, told apart from what is seen. Pure, but for the channels.
#[derive(Default)]
pub struct Observer {
    ours: HashSet<AgentName>,
    running: HashMap<AgentName, oneshot::Sender<()>>,
    hosts: HashMap<HostName, oneshot::Sender<()>>,
}

/// An agent of ours that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Death {
    pub agent: AgentName,
    pub exit: ExitReport,
}

impl Observer {
    /// What ends when the agent runs. From now on its end counts as a death.
    pub fn expect_agent(&mut self, agent: &AgentName) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.ours.insert(agent.clone());
        self.running.insert(agent.clone(), sender);
        receiver
    }

    /// What ends when the host daemon is there.
    pub fn expect_host(&mut self, host: &HostName) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.hosts.insert(host.clone(), sender);
        receiver
    }

    /// Watches until an agent of ours dies.
    pub async fn watch(mut self, mut watch: Watch) -> Option<Death> {
        while let Some(notice) = watch.next().await {
            if let Some(death) = self.on_notice(notice) {
                return Some(death);
            }
        }
        None
    }

    fn on_notice(&mut self, notice: Notice) -> Option<Death> {
        match notice {
            Notice::Event(Event::Agent { agent, .. }) => self.on_agent(agent),
            Notice::Event(Event::Host { host, .. }) => {
                self.on_host(&host.name, host.state);
                None
            }
            Notice::Event(Event::Stranger {}) => None,
            Notice::Snapshot(snapshot) => {
                for host in snapshot.hosts {
                    self.on_host(&host.name, host.state);
                }
                snapshot
                    .agents
                    .into_iter()
                    .find_map(|agent| self.on_agent(agent))
            }
        }
    }

    fn on_host(&mut self, host: &HostName, state: State) {
        if state == State::Running
            && let Some(waiting) = self.hosts.remove(host)
        {
            let _ = waiting.send(());
        }
    }

    fn on_agent(&mut self, agent: AgentInfo) -> Option<Death> {
        if !self.ours.contains(&agent.name) {
            return None;
        }
        if agent.state == State::Running
            && let Some(waiting) = self.running.remove(&agent.name)
        {
            let _ = waiting.send(());
        }
        // An agent that leaves is soon reported by its host, with how it ended: wait for that.
        let exit = agent.exit.filter(|_| agent.state.ended())?;
        Some(Death {
            agent: agent.name,
            exit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Change;

    fn notice(name: &str, state: State, exit: Option<ExitReport>) -> Notice {
        Notice::Event(Event::Agent {
            change: Change::State,
            agent: AgentInfo {
                name: name.parse().unwrap(),
                host: None,
                nameserver: String::new(),
                state,
                pid: None,
                uptime_s: 0.0,
                restarts: 0,
                addresses: Default::default(),
                connections: Vec::new(),
                exit,
            },
        })
    }

    #[test]
    fn those_who_wait_are_told_and_deaths_are_seen() {
        let mut observer = Observer::default();
        let mut alice = observer.expect_agent(&"Alice".parse().unwrap());
        assert_eq!(
            observer.on_notice(notice("Alice", State::Starting, None)),
            None
        );
        assert!(alice.try_recv().is_err());
        assert_eq!(
            observer.on_notice(notice("Alice", State::Running, None)),
            None
        );
        assert!(alice.try_recv().is_ok());
        let exit = ExitReport {
            status: Some(1),
            signal: None,
            log: vec![],
        };
        let death = observer.on_notice(notice("Alice", State::Failed, Some(exit.clone())));
        assert_eq!(
            death,
            Some(Death {
                agent: "Alice".parse().unwrap(),
                exit: exit.clone()
            })
        );
        assert_eq!(
            observer.on_notice(notice("Mallory", State::Failed, Some(exit))),
            None
        );
    }
}
