//! The system that is looked at: its name servers tell what happens, and are asked whether they are there; its agents are asked
//! how they are.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};

use crate::cli::Session;
use crate::model::AgentId;
use crate::proxy::{NameServer, Notice, Proxy, ProxyError};
use crate::top::{Group, Input, Known};
use crate::wire::{AgentRequest, AgentStatus, Event, NameServerRequest};

/// How long a name server may take to say that it is there.
const PATIENCE: Duration = Duration::from_millis(2500);
/// How long an agent may take to say how it is.
const AGENTS_PATIENCE: Duration = Duration::from_secs(3);
/// A name server tells nobody of an agent that it forgets: so often, in seconds, it is asked for all that it knows.
const LISTED_EVERY: u32 = 30;

pub(super) struct Attached {
    /// It is given back to a thread that may wait for its connections to end.
    session: Option<Session>,
    at: BTreeMap<Group, NameServer>,
    tell: mpsc::UnboundedSender<Input>,
    told: mpsc::UnboundedReceiver<Input>,
    /// Those who watch, and questions under way. They end with this.
    tasks: JoinSet<()>,
    asked: Rc<RefCell<BTreeSet<AgentId>>>,
    looked: Rc<RefCell<BTreeSet<Group>>>,
    looks: u32,
}

impl Attached {
    /// From now on all is told that happens there. None: no system is chosen yet. In a local set.
    pub(super) fn to(session: Option<Session>) -> Self {
        let at = session.iter().flat_map(|session| {
            let groups = session.groups().iter();
            groups.map(|it| (session.told_apart(it), it.nameserver.clone()))
        });
        let (tell, told) = mpsc::unbounded_channel();
        let mut attached = Self {
            at: at.collect(),
            session,
            tell,
            told,
            tasks: JoinSet::new(),
            asked: Rc::default(),
            looked: Rc::default(),
            looks: 0,
        };
        for (group, nameserver) in attached.at.clone() {
            let watching = watch(group, nameserver, attached.tell.clone());
            attached.tasks.spawn_local(watching);
        }
        attached
    }

    pub(super) fn title(&self) -> String {
        let system = self.session.as_ref().and_then(|it| it.system.as_ref());
        match (system, self.at.values().next()) {
            (Some(system), _) => system.to_string(),
            (None, Some(first)) => first.link().address().replace("tcp://", ""),
            (None, None) => String::new(),
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = Group> {
        self.at.keys().cloned()
    }

    /// The next that is told. It never ends.
    pub(super) async fn next(&mut self) -> Input {
        match self.told.recv().await {
            Some(input) => input,
            None => std::future::pending().await,
        }
    }

    /// What is told by now.
    pub(super) fn now(&mut self) -> Option<Input> {
        self.told.try_recv().ok()
    }

    pub(super) fn proxy(&self, agent: &AgentId, limit: Duration) -> Option<Proxy> {
        let nameserver = self.at.get(&agent.nameserver)?;
        let proxy = nameserver.proxy(agent.name.as_str()).ok()?;
        Some(proxy.with_timeout(limit))
    }

    /// Asks them all at once, but for those that have not answered yet.
    pub(super) fn ask(&mut self, agents: Vec<AgentId>) {
        while self.tasks.try_join_next().is_some() {}
        for agent in agents {
            let Some(proxy) = self.proxy(&agent, AGENTS_PATIENCE) else {
                continue;
            };
            if !self.asked.borrow_mut().insert(agent.clone()) {
                continue;
            }
            let answer = proxy.ask::<AgentStatus>(&AgentRequest::Status {});
            let (tell, asked) = (self.tell.clone(), Rc::clone(&self.asked));
            self.tasks.spawn_local(async move {
                let told = answer.await;
                asked.borrow_mut().remove(&agent);
                let told = told.map(Box::new).map_err(|it| it.to_string());
                // Nobody listens any more: another system is looked at.
                let _ = tell.send(Input::Status { agent, told });
            });
        }
    }

    /// Asks the name servers whether they are there.
    pub(super) fn look(&mut self) {
        self.looks = self.looks.wrapping_add(1);
        for (group, nameserver) in self.at.clone() {
            if !self.looked.borrow_mut().insert(group.clone()) {
                continue;
            }
            let (tell, looked) = (self.tell.clone(), Rc::clone(&self.looked));
            let all = self.looks.is_multiple_of(LISTED_EVERY);
            // At first the handshake may be under way.
            let is_gone = self.looks > 1 && !nameserver.link().is_in();
            self.tasks.spawn_local(async move {
                let told = match is_gone {
                    true => Err(GONE.to_owned()),
                    false => look(&nameserver, all).await,
                };
                looked.borrow_mut().remove(&group);
                let told = told.map(|agents| {
                    let group = group.clone();
                    let listing = agents.map(|agents| Input::Snapshot {
                        group,
                        agents,
                        hosts: None,
                    });
                    listing.into_iter().for_each(|it| drop(tell.send(it)));
                });
                let _ = tell.send(Input::Answer { group, told });
            });
        }
    }

    /// Whether a name server is missing.
    pub(super) fn is_incomplete(&self, known: &Known) -> bool {
        let session = self.session.as_ref();
        let is_absent = session.is_some_and(|it| it.missing().next().is_some());
        is_absent || known.groups.values().any(|it| it.away.is_some())
    }

    /// Whether that leads to name servers that are not looked at. One that is only missing there is still waited for.
    pub(super) fn is_elsewhere(&self, session: &Session) -> bool {
        let addresses = |it: &Session| -> BTreeSet<String> {
            let groups = it.groups().iter();
            let address = groups.map(|it| it.nameserver.link().address().to_owned());
            address.collect()
        };
        self.session
            .as_ref()
            .is_none_or(|it| !addresses(session).is_subset(&addresses(it)))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.at.clear();
        let session = self.session.take();
        // Its connections may take a moment to end.
        spawn_blocking(move || drop(session));
    }
}

type Agents = Vec<crate::model::AgentInfo>;

async fn look(nameserver: &NameServer, all: bool) -> Result<Option<Agents>, String> {
    let asked = match all {
        true => {
            let request = NameServerRequest::Agents { name: None };
            let agents = nameserver.ask_within::<Agents>(&request, PATIENCE).await;
            agents.map(Some)
        }
        false => {
            let ping = nameserver.ask_within::<String>(&NameServerRequest::Ping {}, PATIENCE);
            ping.await.map(|_version| None)
        }
    };
    asked.map_err(|error| why(&error))
}

const GONE: &str = "is gone";

/// Behind "the name server".
fn why(error: &ProxyError) -> String {
    match error {
        ProxyError::NotLetIn { .. } => "does not let this key in".to_owned(),
        ProxyError::Closed => GONE.to_owned(),
        _ => "does not answer".to_owned(),
    }
}

/// Passes on what a name server tells. A name server that has come back tells all anew.
async fn watch(group: Group, nameserver: NameServer, tell: mpsc::UnboundedSender<Input>) {
    let mut watch = nameserver.watch();
    while let Some(notice) = watch.next().await {
        let group = group.clone();
        let input = match notice {
            Notice::Snapshot(snapshot) => Input::Snapshot {
                group,
                agents: snapshot.agents,
                hosts: Some(snapshot.hosts),
            },
            Notice::Event(Event::Agent { agent, .. }) => Input::Agent { group, agent },
            Notice::Event(Event::Host { host, .. }) => Input::Host { group, host },
            Notice::Event(_) => continue,
        };
        if tell.send(input).is_err() {
            return;
        }
    }
    let told = Err(why(watch.end()));
    let _ = tell.send(Input::Answer { group, told });
}
