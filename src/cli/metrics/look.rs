//! What is known, asked for once a second as long as somebody scrapes, and told from memory.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::OnceCell;

use crate::cli::session::{Group, Session};
use crate::metrics::{AgentSeen, Known, NameServerSeen};
use crate::model::timing::LIST_TIMEOUT;
use crate::model::{AgentInfo, HostInfo, NameServerName};
use crate::proxy::Pending;
use crate::render::Listed;
use crate::wire::{AgentRequest, AgentStatus, NameServerRequest};

/// How often it is asked,
const INTERVAL: Duration = Duration::from_secs(1);
/// as long as the last one who scraped did so since.
const INTEREST: Duration = Duration::from_secs(60);
/// How long an agent may take to answer. One that takes longer is left out of this look.
const PATIENCE: Duration = Duration::from_millis(800);

/// Of one system.
#[derive(Clone)]
pub(super) struct Look {
    session: &'static Session,
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    last: RefCell<Option<(Known, Instant)>>,
    scraped: RefCell<Option<Instant>>,
    /// The first look is made once, however many wait for it.
    first: RefCell<Rc<OnceCell<()>>>,
}

impl Look {
    pub(super) fn new(session: &'static Session) -> Self {
        Self {
            session,
            shared: Rc::default(),
        }
    }

    /// What is known, not older than about a second.
    pub(super) async fn scrape(&self) -> Known {
        let former = self.shared.scraped.replace(Some(Instant::now()));
        let is_watched = former.is_some_and(|it| it.elapsed() < INTEREST);
        if !is_watched {
            *self.shared.first.borrow_mut() = Rc::default();
        }
        let first = Rc::clone(&self.shared.first.borrow());
        first
            .get_or_init(|| async {
                self.take().await;
                tokio::task::spawn_local(self.clone().go_on(Rc::clone(&first)));
            })
            .await;
        let last = self.shared.last.borrow();
        let last = last.as_ref().map(|(known, at)| Known {
            age: at.elapsed(),
            ..known.clone()
        });
        last.unwrap_or_default()
    }

    /// Again and again after that first look, until nobody has scraped for a while, or there was another first one since.
    async fn go_on(self, first: Rc<OnceCell<()>>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let scraped = *self.shared.scraped.borrow();
            let is_last = Rc::ptr_eq(&first, &self.shared.first.borrow());
            if !is_last || scraped.is_none_or(|it| it.elapsed() >= INTEREST) {
                return;
            }
            self.take().await;
        }
    }

    async fn take(&self) {
        let at = Instant::now();
        let known = self.now().await;
        self.shared.last.replace(Some((known, at)));
    }

    /// Asks all name servers and agents at once. The name server tells no watcher of an agent that it forgets, so it is asked for
    /// all that it knows.
    pub(super) async fn now(&self) -> Known {
        let (mut nameservers, mut hosts, mut agents) = (Vec::new(), Vec::new(), Vec::new());
        let asked: Vec<_> = self.session.groups().iter().map(ask).collect();
        for (group, its_agents, its_hosts) in asked {
            let (its_agents, its_hosts) = (its_agents.await, its_hosts.await);
            nameservers.push(NameServerSeen {
                name: group.name.clone(),
                is_up: its_agents.is_ok(),
            });
            hosts.extend(its_hosts.unwrap_or_default());
            let name = self.session.has_several().then(|| group.name.clone());
            let its_agents = its_agents.unwrap_or_default().into_iter();
            agents.extend(its_agents.map(|it| (name.clone(), it)));
        }
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        Known {
            age: Duration::ZERO,
            at: at.map_or(0.0, |it| it.as_secs_f64()),
            nameservers,
            hosts,
            agents: self.agents(agents).await,
        }
    }

    async fn agents(&self, agents: Vec<(Option<NameServerName>, AgentInfo)>) -> Vec<AgentSeen> {
        let listed = Listed::all(agents);
        let asked: Vec<_> = listed
            .into_iter()
            .map(|agent| {
                let status = self.status(&agent);
                (agent, status)
            })
            .collect();
        let mut seen = Vec::with_capacity(asked.len());
        for (agent, status) in asked {
            let status = match status {
                Some(status) => status.await.ok(),
                None => None,
            };
            seen.push(AgentSeen {
                id: agent.id,
                info: agent.info,
                status,
            });
        }
        seen
    }

    fn status(&self, agent: &Listed) -> Option<Pending<AgentStatus>> {
        if agent.info.state.ended() {
            return None;
        }
        let proxy = self.session.proxy_of(agent, PATIENCE).ok()?;
        Some(proxy.ask(&AgentRequest::Status {}))
    }
}

type Listing<T> = Pending<Vec<T>>;

fn ask(group: &Group) -> (&Group, Listing<AgentInfo>, Listing<HostInfo>) {
    let agents = NameServerRequest::Agents { name: None };
    let ask = &group.nameserver;
    (
        group,
        ask.ask_within(&agents, LIST_TIMEOUT),
        ask.ask_within(&NameServerRequest::Hosts {}, LIST_TIMEOUT),
    )
}
