//! Who is connected to whom. An agent says in each announcement whom it is connected to, or wants to be; it is
//! told how those stand, and where their sockets are when that is not where it believes them to be. The host that has
//! started an agent, or that it was entrusted to, is told where that one's sockets are; and a host is told how agents stand that
//! agents of its own go with.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::member::{Facts, Member, Standing};
use super::{Now, Registry};
use crate::model::{Address, AgentName, Alias, ConnectionInfo, HostId, Role};
use crate::wire::{Envelope, Event, Peer, Presence, body};

/// Those that are connected to an agent, or follow it, by that agent's name.
#[derive(Debug, Default)]
pub(crate) struct Followers {
    of: HashMap<AgentName, BTreeSet<Peer>>,
    /// Whom hosts follow, for agents of theirs that go with these.
    by_hosts: HashMap<Peer, BTreeSet<AgentName>>,
}

impl Followers {
    /// `follower` had these connections, and has those now.
    pub(crate) fn replace(
        &mut self,
        follower: &Peer,
        former: &[ConnectionInfo],
        now: &[ConnectionInfo],
    ) {
        let (former, now) = (targets(former), targets(now));
        self.change(follower, &former, &now);
    }

    /// `host` follows these agents, and no others.
    pub(crate) fn replace_of_host(&mut self, host: &Peer, agents: BTreeSet<AgentName>) {
        let former = self.by_hosts.remove(host).unwrap_or_default();
        self.change(host, &former.iter().collect(), &agents.iter().collect());
        if !agents.is_empty() {
            self.by_hosts.insert(host.clone(), agents);
        }
    }

    fn change(
        &mut self,
        follower: &Peer,
        former: &BTreeSet<&AgentName>,
        now: &BTreeSet<&AgentName>,
    ) {
        for gone in former.difference(now) {
            if let Some(followers) = self.of.get_mut(*gone) {
                followers.remove(follower);
                if followers.is_empty() {
                    self.of.remove(*gone);
                }
            }
        }
        for new in now.difference(former) {
            let followers = self.of.entry((*new).clone()).or_default();
            followers.insert(follower.clone());
        }
    }

    /// Those that are connected to that agent.
    pub(crate) fn of(&self, agent: &AgentName) -> impl Iterator<Item = &Peer> {
        self.of.get(agent).into_iter().flatten()
    }
}

/// The agents of this name server that the connections lead to.
fn targets(connections: &[ConnectionInfo]) -> BTreeSet<&AgentName> {
    let target = |it: &'_ ConnectionInfo| it.to.as_ref().is_some_and(|to| to.agent.is_at_home());
    let connections = connections.iter().filter(|it| target(it));
    let targets = connections.filter_map(|it| it.to.as_ref());
    targets.map(|to| &to.agent.name).collect()
}

impl Registry {
    /// Notes which agents an agent is connected to, and tells it of those who are not where it says.
    pub(super) fn note_connections(&mut self, peer: &Peer, former: &[ConnectionInfo], now: Now) {
        let Some(Facts::Agent { connections, .. }) = self.members.get(peer).map(|it| &it.facts)
        else {
            return;
        };
        self.followers.replace(peer, former, connections);
        let mut elsewhere: BTreeMap<&AgentName, Presence> = BTreeMap::new();
        for connection in connections {
            let Some(to) = connection.to.as_ref().filter(|to| to.agent.is_at_home()) else {
                continue;
            };
            let name = &to.agent.name;
            if elsewhere.contains_key(name) {
                continue;
            }
            let there = self.server(name, &to.alias);
            if there.is_some_and(|it| connection.address.as_ref() != Some(&it.address)) {
                elsewhere.extend(self.presence(name, now).map(|it| (name, it)));
            }
        }
        let events: Vec<Presence> = elsewhere.into_values().collect();
        for presence in events {
            self.tell_of(&presence, peer);
        }
    }

    /// A host wants to know how these agents stand: now, and from now on.
    pub(super) fn follow(&mut self, host: Peer, agents: BTreeSet<AgentName>, now: Now) {
        let there = agents.iter().filter_map(|it| self.presence(it, now));
        let there: Vec<Presence> = there.collect();
        self.followers.replace_of_host(&host, agents);
        for presence in there {
            self.tell_of(&presence, &host);
        }
    }

    /// Tells those who are connected to an agent how it stands now, and the hosts that follow it.
    pub(super) fn tell_followers(&mut self, peer: &Peer, now: Now) {
        self.tell_some(peer, |_| true, now);
    }

    /// Tells the hosts that follow it.
    pub(super) fn tell_following_hosts(&mut self, peer: &Peer, now: Now) {
        self.tell_some(peer, |it| matches!(it, Peer::Host(_)), now);
    }

    fn tell_some(&mut self, peer: &Peer, who: impl Fn(&Peer) -> bool, now: Now) {
        let Peer::Agent(name) = peer else {
            return;
        };
        let followers = self.followers.of(name).filter(|it| who(it));
        let followers: Vec<Peer> = followers.cloned().collect();
        if followers.is_empty() {
            return;
        }
        if let Some(presence) = self.presence(name, now) {
            for follower in followers {
                self.tell_of(&presence, &follower);
            }
        }
    }

    /// Tells the host that has started an agent, or that it was entrusted to, where its sockets are.
    pub(super) fn tell_host(&mut self, peer: &Peer, now: Now) {
        let Peer::Agent(name) = peer else {
            return;
        };
        let member = self.members.get(peer).filter(|it| !it.has_ended());
        let hosts: Vec<HostId> = match member.and_then(Member::host) {
            Some(host) => vec![host.clone()],
            None => self
                .entrusted
                .get(name)
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
        };
        if hosts.is_empty() {
            return;
        }
        if let Some(presence) = self.presence(name, now) {
            for host in hosts {
                self.tell_of(&presence, &Peer::Host(host));
            }
        }
    }

    /// Tells the host that has started an agent how that stands; unless the host is silent, too: then both are cut off.
    pub(super) fn tell_host_that_is_heard(&mut self, peer: &Peer, now: Now) {
        let host = self.members.get(peer).and_then(Member::host);
        let host = host.and_then(|host| self.members.get(&Peer::Host(host.clone())));
        if host.is_some_and(|host| *host.standing() == Standing::Present) {
            self.tell_host(peer, now);
        }
    }

    fn tell_of(&mut self, presence: &Presence, to: &Peer) {
        let Some(member) = self.members.get(to).filter(|it| !it.has_ended()) else {
            return;
        };
        let to = member.route.clone();
        let event = Event::Presence(presence.clone());
        self.send(&to, Envelope::event(), body(&event));
    }

    /// Where that socket of an agent is, if it is there and others can connect to it.
    fn server(&self, agent: &AgentName, alias: &Alias) -> Option<&Address> {
        let member = self.members.get(&Peer::Agent(agent.clone()))?;
        let address = member.addresses()?.get(alias)?;
        (!member.has_ended() && address.role == Role::Server).then_some(address)
    }

    fn presence(&self, name: &AgentName, now: Now) -> Option<Presence> {
        let member = self.members.get(&Peer::Agent(name.clone()))?;
        let Facts::Agent {
            addresses,
            spec_version,
            ..
        } = &member.facts
        else {
            return None;
        };
        let servers = addresses.iter().filter(|(_, at)| at.role == Role::Server);
        Some(Presence {
            agent: name.clone(),
            incarnation: member.incarnation?,
            state: member.state(),
            uptime_ms: member.uptime_ms(now),
            relaunches: member.relaunches(),
            ready: member.is_ready(),
            fault: member.fault().cloned().map(Box::new),
            addresses: servers
                .map(|(alias, at)| (alias.clone(), at.clone()))
                .collect(),
            spec_version: *spec_version,
        })
    }
}
