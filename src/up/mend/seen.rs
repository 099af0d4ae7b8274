//! What name servers tell, until it is what one waits for.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::{Instant, timeout_at};

use super::super::ask::look_through;
use super::super::error::UpError;
use crate::model::timing::RETURN_TIMEOUT;
use crate::model::{AgentInfo, AgentName, HostId, HostInfo};
use crate::proxy::{Link, Notice, Watch};
use crate::wire::Event;

/// What the name server knows of agents, as soon as it knows of all that live, or time is over.
pub(super) async fn agents_with(
    link: &Link,
    alive: &BTreeSet<AgentName>,
) -> Result<Vec<AgentInfo>, UpError> {
    let mut seen = Seen::new(link);
    let deadline = Instant::now() + RETURN_TIMEOUT;
    seen.until(deadline, |seen| seen.has_agents(alive)).await;
    Ok(look_through(link).await?.0)
}

/// What a name server has told so far.
pub(super) struct Seen {
    watch: Watch,
    pub hosts: BTreeMap<HostId, HostInfo>,
    agents: BTreeMap<AgentName, AgentInfo>,
    /// It has told what was so at first.
    begun: bool,
}

impl Seen {
    pub(super) fn new(link: &Link) -> Self {
        Self {
            watch: Watch::begin(link),
            hosts: BTreeMap::new(),
            agents: BTreeMap::new(),
            begun: false,
        }
    }

    pub(super) fn has_hosts(&self, wanted: &[(HostId, Option<u32>)]) -> bool {
        let has = |(name, pid): &(HostId, Option<u32>)| {
            let there = self.hosts.get(name);
            there.is_some_and(|it| pid.is_none_or(|pid| it.has_pid(pid)))
        };
        wanted.iter().all(has)
    }

    pub(super) fn has_agents(&self, wanted: &BTreeSet<AgentName>) -> bool {
        wanted.iter().all(|name| self.agents.contains_key(name))
    }

    /// Takes in what is told, until it is as wanted, or time is over.
    pub(super) async fn until(&mut self, deadline: Instant, wanted: impl Fn(&Self) -> bool) {
        while !(self.begun && wanted(self)) {
            let Ok(Some(notice)) = timeout_at(deadline, self.watch.next()).await else {
                return;
            };
            self.take(notice);
        }
    }

    fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Snapshot(snapshot) => {
                self.begun = true;
                let hosts = snapshot.hosts.into_iter();
                self.hosts = hosts.map(|it| (it.id(), it)).collect();
                let agents = snapshot.agents.into_iter();
                self.agents = agents.map(|it| (it.name.clone(), it)).collect();
            }
            Notice::Event(Event::Host { host, .. }) => {
                self.hosts.insert(host.id(), host);
            }
            Notice::Event(Event::Agent { agent, .. }) => {
                self.agents.insert(agent.name.clone(), *agent);
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
            ) => {}
        }
    }
}
