//! Watching the agents while they are brought up: which run, and which have ended.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{oneshot, watch};

use super::told::{Telling, Told};
use crate::model::{AgentInfo, AgentName, ExitReport, HostId, HostInfo, State};
use crate::proxy::{Notice, Watch};
use crate::wire::{Event, Reached};

/// What is waited for, told apart from what is seen. Pure, but for the channels.
#[derive(Default)]
pub(crate) struct Observer {
    ours: HashSet<AgentName>,
    /// Those of ours that others start.
    attached: HashSet<AgentName>,
    /// What ours tell, once they run.
    told: HashMap<AgentName, watch::Sender<Option<Told>>>,
    /// Those that have had a life before, of whose end there may still be talk: how often they had been
    /// started again by then.
    former: HashMap<AgentName, u32>,
    /// Those that have a life still, which is ended first.
    ending: HashSet<AgentName>,
    /// Those lives have ended.
    ended: Arc<AtomicBool>,
    /// Daemons by name, and by pid unless others start them: a former one may have had the same name.
    hosts: HashMap<(HostId, Option<u32>), oneshot::Sender<()>>,
}

/// An agent of ours that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Death {
    Ended {
        agent: AgentName,
        exit: ExitReport,
    },
    /// An agent that was started elsewhere: no daemon reports how it ended.
    Lost {
        agent: AgentName,
        state: State,
    },
}

impl Death {
    pub(crate) fn agent(&self) -> &AgentName {
        match self {
            Death::Ended { agent, .. } | Death::Lost { agent, .. } => agent,
        }
    }

    /// Whether it ended as it should.
    pub(crate) fn is_good(&self) -> bool {
        match self {
            Death::Ended { exit, .. } => exit.status == Some(0),
            Death::Lost { state, .. } => *state == State::Stopped,
        }
    }
}

impl Observer {
    /// What the agent tells, from when it runs. From now on its end counts as a death.
    pub(super) fn expect_agent(&mut self, agent: &AgentName) -> Telling {
        let (teller, telling) = watch::channel(None);
        self.ours.insert(agent.clone());
        self.told.insert(agent.clone(), teller);
        telling
    }

    /// The same for an agent that has ended before: its end counts from its next life on.
    pub(super) fn expect_again(&mut self, agent: &AgentName, restarts: u32) -> Telling {
        self.former.insert(agent.clone(), restarts);
        self.expect_agent(agent)
    }

    /// The same for an agent that lives, and is ended first: as long as that has not come about (`ended`), nothing counts.
    pub(super) fn expect_anew(&mut self, agent: &AgentName, ended: &Arc<AtomicBool>) -> Telling {
        self.ended = ended.clone();
        self.ending.insert(agent.clone());
        self.expect_agent(agent)
    }

    /// What an agent tells that others start. Its end counts as a death once it has run.
    pub(super) fn expect_attached(&mut self, agent: &AgentName) -> Telling {
        self.attached.insert(agent.clone());
        self.expect_agent(agent)
    }

    /// What ends when the host daemon with this pid is there; with any, if others start it.
    pub(super) fn expect_host(&mut self, host: HostId, pid: Option<u32>) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.hosts.insert((host, pid), sender);
        receiver
    }

    /// Watches until an agent of ours dies, other than by being done.
    pub(crate) async fn watch(
        mut self,
        mut watch: Watch,
        is_done: impl Fn(&Death) -> bool,
    ) -> Option<Death> {
        while let Some(notice) = watch.next().await {
            if let Some(death) = self.on_notice(notice).filter(|it| !is_done(it)) {
                return Some(death);
            }
        }
        None
    }

    fn on_notice(&mut self, notice: Notice) -> Option<Death> {
        match notice {
            Notice::Event(Event::Agent { agent, reached, .. }) => self.on_agent(*agent, reached),
            Notice::Event(Event::Host { host, .. }) => {
                self.on_host(host);
                None
            }
            Notice::Event(
                Event::Successor { .. }
                | Event::TookOver {}
                | Event::NameserverKey { .. }
                | Event::Renew {}
                | Event::Unregistered {}
                | Event::Unguarded { .. }
                | Event::Revoked { .. }
                | Event::Presence(_),
            ) => None,
            Notice::Snapshot(snapshot) => {
                let mut reached = snapshot.reached;
                let agents = snapshot.agents.into_iter().map(|agent| {
                    let reached = reached.remove(&agent.name);
                    (agent, reached.unwrap_or_default())
                });
                let mut deaths = agents.filter_map(|(agent, it)| self.on_agent(agent, it));
                let death = deaths.next();
                deaths.for_each(drop);
                snapshot.hosts.into_iter().for_each(|it| self.on_host(it));
                death
            }
        }
    }

    fn on_host(&mut self, host: HostInfo) {
        if host.state != State::Running {
            return;
        }
        let (ours, others) = ((host.id(), Some(host.pid)), (host.id(), None));
        let waiting = self.hosts.remove(&ours);
        if let Some(waiting) = waiting.or_else(|| self.hosts.remove(&others)) {
            let _ = waiting.send(());
        }
    }

    fn on_agent(&mut self, agent: AgentInfo, reached: Reached) -> Option<Death> {
        if self.attached.contains(&agent.name) {
            return self.on_attached(agent, reached);
        }
        // Before its host is there, an agent of this name is of a former life.
        if !self.ours.contains(&agent.name) || !self.hosts.is_empty() {
            return None;
        }
        if self.ending.contains(&agent.name) && !self.ended.load(Ordering::Relaxed) {
            self.former.insert(agent.name, agent.restarts);
            return None;
        }
        let former = self.former.get(&agent.name);
        if former.is_some_and(|restarts| agent.restarts <= *restarts) {
            return None;
        }
        let (name, ended) = (agent.name.clone(), agent.state.ended());
        let exit = agent.exit.clone();
        self.note(&name, Told::by(agent, reached));
        // An agent that leaves is soon reported by its host, with how it ended: wait for that.
        let exit = exit.filter(|_| ended)?;
        Some(Death::Ended { agent: name, exit })
    }

    fn on_attached(&mut self, agent: AgentInfo, reached: Reached) -> Option<Death> {
        let (name, state) = (agent.name.clone(), agent.state);
        let has_run = self.note(&name, Told::by(agent, reached));
        let gone = state.ended() || state == State::Unreachable;
        (gone && has_run).then_some(Death::Lost { agent: name, state })
    }

    /// Passes on what an agent has told, if it runs or has run. Tells whether it has run before.
    fn note(&self, agent: &AgentName, told: Told) -> bool {
        let Some(teller) = self.told.get(agent) else {
            return false;
        };
        let has_run = teller.borrow().is_some();
        if has_run || matches!(told.state, State::Running | State::Unhealthy) {
            teller.send_replace(Some(told));
        }
        has_run
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Change;

    fn notice(name: &str, state: State, exit: Option<ExitReport>) -> Notice {
        Notice::Event(Event::Agent {
            change: Change::State,
            agent: Box::new(AgentInfo {
                name: name.parse().unwrap(),
                host: None,
                system: None,
                nameserver: String::new(),
                state,
                why: None,
                busy_ms: None,
                pid: None,
                uptime_s: 0.0,
                state_ms: 0,
                restarts: 0,
                addresses: Default::default(),
                connections: Vec::new(),
                exit,
                key: None,
                incarnation: None,
                within: None,
                spec_version: None,
                then: crate::model::AfterEnd::Stays,
                last_end: None,
                lacks: Vec::new(),
            }),
            reached: Reached::default(),
        })
    }

    fn has_run(telling: &Telling) -> bool {
        telling.borrow().is_some()
    }

    #[test]
    fn those_who_wait_are_told_and_deaths_are_seen() {
        let mut observer = Observer::default();
        let alice = observer.expect_agent(&"Alice".parse().unwrap());
        assert_eq!(
            observer.on_notice(notice("Alice", State::Starting, None)),
            None
        );
        assert!(!has_run(&alice));
        assert_eq!(
            observer.on_notice(notice("Alice", State::Running, None)),
            None
        );
        assert!(has_run(&alice));
        let exit = ExitReport {
            status: Some(1),
            signal: None,
            log: vec![],
            cause: None,
        };
        let death = observer.on_notice(notice("Alice", State::Failed, Some(exit.clone())));
        assert_eq!(
            death,
            Some(Death::Ended {
                agent: "Alice".parse().unwrap(),
                exit: exit.clone()
            })
        );
        assert_eq!(
            observer.on_notice(notice("Mallory", State::Failed, Some(exit))),
            None
        );
    }

    #[test]
    fn who_is_started_elsewhere_may_come_late_and_may_not_go() {
        let mut observer = Observer::default();
        let bob = observer.expect_attached(&"Bob".parse().unwrap());
        observer.expect_host("local".parse().unwrap(), Some(7));
        let former = notice("Bob", State::Stopped, None);
        assert_eq!(observer.on_notice(former), None);
        assert!(!has_run(&bob));
        // It does not matter to it whether a host daemon is there.
        assert_eq!(
            observer.on_notice(notice("Bob", State::Running, None)),
            None
        );
        assert!(has_run(&bob));
        let suspect = notice("Bob", State::Suspect, None);
        assert_eq!(observer.on_notice(suspect), None);
        for state in [State::Unreachable, State::Stopped] {
            let agent = "Bob".parse().unwrap();
            let death = observer.on_notice(notice("Bob", state, None));
            assert_eq!(death, Some(Death::Lost { agent, state }));
        }
    }

    #[test]
    fn the_end_of_a_former_life_is_no_death() {
        let lived = |state, exit, restarts| {
            let Notice::Event(Event::Agent {
                change,
                agent,
                reached,
            }) = notice("Alice", state, exit)
            else {
                unreachable!()
            };
            let agent = Box::new(AgentInfo { restarts, ..*agent });
            Notice::Event(Event::Agent {
                change,
                agent,
                reached,
            })
        };
        let exit = || {
            Some(ExitReport {
                status: Some(7),
                signal: None,
                log: vec![],
                cause: None,
            })
        };
        let mut observer = Observer::default();
        let alice = observer.expect_again(&"Alice".parse().unwrap(), 1);
        for state in [State::Running, State::Failed] {
            assert_eq!(observer.on_notice(lived(state, exit(), 1)), None);
        }
        assert!(!has_run(&alice));
        observer.on_notice(lived(State::Running, None, 2));
        assert!(has_run(&alice));
        let death = observer.on_notice(lived(State::Failed, exit(), 2));
        assert!(matches!(death, Some(Death::Ended { .. })));
    }

    fn host(pid: u32) -> Notice {
        Notice::Event(Event::Host {
            change: Change::Registered,
            host: HostInfo {
                name: "local".parse().unwrap(),
                system: None,
                address: None,
                state: State::Running,
                pid,
                former_pids: Vec::new(),
                version: String::new(),
                uptime_s: 0.0,
                agents: 0,
            },
        })
    }

    #[test]
    fn what_is_not_of_this_system_is_not_taken_for_it() {
        let mut observer = Observer::default();
        let mut local = observer.expect_host("local".parse().unwrap(), Some(7));
        let alice = observer.expect_agent(&"Alice".parse().unwrap());
        let former = notice("Alice", State::Running, None);
        assert_eq!(observer.on_notice(former), None);
        let exit = ExitReport {
            status: Some(0),
            signal: None,
            log: vec![],
            cause: None,
        };
        let former = notice("Alice", State::Stopped, Some(exit));
        assert_eq!(observer.on_notice(former), None);
        observer.on_notice(host(6));
        assert!(local.try_recv().is_err() && !has_run(&alice));
        observer.on_notice(host(7));
        assert!(local.try_recv().is_ok());
    }
}
