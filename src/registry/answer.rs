//! What the name server answers when it is asked itself.

use std::collections::BTreeMap;

use super::member::{Facts, How, Member, Standing};
use super::{Effect, Now, Registry, RoutingId};
use crate::access::Asked;
use crate::model::{
    Access, Address, AfterEnd, AgentId, AgentInfo, AgentName, Alias, ExitReport, Holder, HostId,
    HostInfo, SocketId,
};
use crate::wire::{
    Announcement, Change, End, Event, Fault, Incarnation, NameServerRequest, Peer, Reached,
    Snapshot, body,
};

/// The end of an agent, as its host has seen it.
struct Seen {
    exit: ExitReport,
    asked: bool,
    then: AfterEnd,
}

/// The body of an answer that carries nothing, or a fault.
pub(crate) fn outcome_body(outcome: &Result<(), Fault>) -> Vec<u8> {
    match outcome {
        Ok(()) => body(&()),
        Err(fault) => body(fault),
    }
}

impl Registry {
    /// The same, if someone of that level may ask for it.
    pub(super) fn answer_to(
        &mut self,
        from: &RoutingId,
        level: Access,
        request: NameServerRequest,
        now: Now,
    ) -> Result<Vec<u8>, Fault> {
        if self.keys.is_some() {
            request.permitted_to(level)?;
        }
        self.answer(from, request, now)
    }

    /// The body of the reply, or the fault.
    pub(super) fn answer(
        &mut self,
        from: &RoutingId,
        request: NameServerRequest,
        now: Now,
    ) -> Result<Vec<u8>, Fault> {
        match request {
            NameServerRequest::Addr { agent, alias } => self.addr(agent, alias).map(body),
            NameServerRequest::Announce(announcement) => {
                self.announce(from, announcement, now).map(|()| body(&()))
            }
            NameServerRequest::Agents { name } => self.agents(name, now).map(|list| body(&list)),
            NameServerRequest::Hosts {} => Ok(body(&self.hosts(now))),
            NameServerRequest::Watch {} => Ok(body(&self.watch(from, now))),
            NameServerRequest::Leave { end } => {
                self.leave(from, end, now);
                Ok(body(&()))
            }
            NameServerRequest::Exited {
                agent,
                incarnation,
                exit,
                asked,
                then,
            } => {
                let host = self.host_at(from)?;
                let seen = Seen { exit, asked, then };
                self.exited(host, agent, incarnation, seen, now)?;
                Ok(body(&()))
            }
            NameServerRequest::Entrust { agents, to } => {
                self.entrust(agents, &to, now);
                Ok(body(&()))
            }
            NameServerRequest::Follow { agents } => {
                self.follow(Peer::Host(self.host_at(from)?), agents, now);
                Ok(body(&()))
            }
            NameServerRequest::Forget { agents } => {
                self.forget_agents(from, agents);
                Ok(body(&()))
            }
            NameServerRequest::Successors {} => Ok(body(&self.successors(now))),
            NameServerRequest::TakeOver { agent, incarnation } => {
                self.take_over(&agent, incarnation, now).map(|()| body(&()))
            }
            NameServerRequest::Admit(entry) => self.admit(from, entry, now).map(|()| body(&())),
            NameServerRequest::Join { key } => self.replace_key(from, key, now).map(|()| body(&())),
            NameServerRequest::Whose { key } => self.whose(&key, now).map(|holder| body(&holder)),
            NameServerRequest::Keys {} => Ok(body(&self.ring()?.entries())),
            NameServerRequest::Revoke(meant) => {
                self.revoke(from, &meant, now).map(|out| body(&out))
            }
            NameServerRequest::Renew { key } => self.renew(from, key).map(|()| body(&())),
            NameServerRequest::Expiring {} => Ok(body(&self.expiring(now))),
            NameServerRequest::Happened { life, kept, events } => self
                .happened(from, life, kept, events)
                .map(|upto| body(&upto)),
            // They are answered later, to those who wait for it.
            NameServerRequest::Journal { .. }
            | NameServerRequest::Events { .. }
            | NameServerRequest::Rotate { .. }
            | NameServerRequest::RotateNameserver { .. } => Ok(body(&())),
            NameServerRequest::Heartbeat {} => Ok(body(&())),
            NameServerRequest::Ping {} => Ok(body(env!("CARGO_PKG_VERSION"))),
            NameServerRequest::Shutdown {} => {
                self.effects.push(Effect::End);
                Ok(body(&()))
            }
        }
    }

    fn addr(&self, agent: AgentName, alias: Alias) -> Result<&Address, Fault> {
        let peer = Peer::Agent(agent.clone());
        let Some(member) = self.members.get(&peer) else {
            return Err(Fault::UnknownAgent { name: agent });
        };
        let Facts::Agent { addresses, .. } = &member.facts else {
            return Err(Fault::UnknownAgent { name: agent });
        };
        let state = member.state();
        if state.ended() {
            return Err(Fault::NotRunning { agent, state });
        }
        addresses.get(&alias).ok_or_else(|| Fault::UnknownAlias {
            agent,
            alias,
            known: addresses.keys().cloned().collect(),
        })
    }

    fn announce(
        &mut self,
        from: &RoutingId,
        announcement: Announcement,
        now: Now,
    ) -> Result<(), Fault> {
        self.is_its_own(from, &announcement)?;
        let peer = self.announced_as(from, &announcement)?;
        let succeeded = announcement.succeeded();
        match self.routes.get(from).cloned() {
            Some(client @ Peer::Client(_)) => self.forget(&client),
            Some(other) if other != peer => {
                let reason = format!("this connection belongs to {other}");
                return Err(Fault::Refused { reason });
            }
            _ => {}
        }
        let incarnation = match &announcement {
            Announcement::Agent { incarnation, .. } | Announcement::Host { incarnation, .. } => {
                Some(*incarnation)
            }
        };
        let mut member = Member::announced(from.clone(), announcement, now);
        member.key = self.entry(from).map(|entry| entry.key);
        let (mut connections, mut moved, mut relaunched) = (Vec::new(), false, false);
        let mut has_come_further = false;
        let change = match self.members.remove(&peer) {
            None => Change::Registered,
            Some(mut old) if old.incarnation == incarnation && !old.has_ended() => {
                self.unroute(&old.route, from);
                moved = old.addresses() != member.addresses();
                relaunched = old.relaunches() != member.relaunches();
                has_come_further = member.is_ready() && !old.is_ready()
                    || member.fault().is_some() && member.fault() != old.fault();
                connections = old.take_connections();
                member.follows(&old);
                if old.state() == member.state() {
                    Change::Sockets
                } else {
                    Change::State
                }
            }
            // It was sent before its process ended, and overtaken by the news of that.
            Some(old) if old.incarnation == incarnation => {
                self.members.insert(peer.clone(), old);
                let reason = format!("{peer} has ended");
                return Err(Fault::Refused { reason });
            }
            Some(mut old)
                if old.may_be_replaced() || succeeded.is_some_and(|pid| old.has_pid(pid)) =>
            {
                self.unroute(&old.route, from);
                connections = old.take_connections();
                member.succeeds(&old);
                self.release_requesters(&peer);
                Change::Registered
            }
            Some(old) => {
                let pid = old.pid;
                self.members.insert(peer.clone(), old);
                return Err(Fault::NameTaken { peer, pid });
            }
        };
        self.members.insert(peer.clone(), member);
        self.routes.insert(from.clone(), peer.clone());
        self.leases.start(peer.clone(), now);
        self.send_held(&peer, from);
        self.note_connections(&peer, &connections, now);
        if (moved || relaunched) && change == Change::Sockets {
            self.tell_followers(&peer, now);
        } else if has_come_further && change == Change::Sockets {
            self.tell_following_hosts(&peer, now);
        }
        if moved || relaunched || change == Change::Registered {
            self.tell_host(&peer, now);
        }
        if change == Change::Registered {
            self.unguarded.registered(&peer);
        }
        self.tell(&peer, change, now);
        self.retire_former(from);
        Ok(())
    }

    /// Nobody is at `old` any more, unless it is where the member speaks from now.
    pub(super) fn unroute(&mut self, old: &RoutingId, from: &RoutingId) {
        self.routes.remove(old);
        if old != from {
            self.watchers.remove(old);
        }
    }

    fn leave(&mut self, from: &RoutingId, end: Option<End>, now: Now) {
        let Some(peer) = self.routes.get(from).cloned() else {
            return;
        };
        self.seen_leaving(&peer, end.as_ref().and_then(|end| end.exit.status));
        match &peer {
            // Its host was faster.
            Peer::Agent(_) if self.hears(from) => self.stop_listening(&peer, from),
            Peer::Agent(_) => {
                let how = |it: &End| How::of(&it.exit, it.asked);
                let ended = Standing::Ended {
                    how: end.as_ref().map_or(How::Unknown, how),
                    exit: None,
                    said: end.map(|it| it.exit),
                    then: AfterEnd::Stays,
                };
                self.end(&peer, ended, now);
            }
            Peer::Host(host) => {
                self.entrusted.retain(|_, to| {
                    to.remove(host);
                    !to.is_empty()
                });
                self.forget_ended(host);
                self.forget(&peer);
            }
            Peer::Successor(name) => match end {
                Some(end) => self.end_successor(name.clone(), end.exit, now),
                None => self.forget(&peer),
            },
            Peer::Client(_) | Peer::NameServer => self.forget(&peer),
        }
    }

    fn entrust(&mut self, agents: Vec<AgentName>, to: &HostId, now: Now) {
        for agent in agents {
            let entrusted = self.entrusted.entry(agent.clone()).or_default();
            entrusted.insert(to.clone());
            self.tell_host(&Peer::Agent(agent), now);
        }
    }

    /// Those who might ask how the agents of a host ended have asked before they let it go.
    fn forget_ended(&mut self, host: &HostId) {
        let ended = |(peer, member): (&Peer, &Member)| match &member.facts {
            Facts::Agent {
                host: Some(theirs), ..
            } if theirs == host && member.state().ended() => Some(peer.clone()),
            _ => None,
        };
        let agents: Vec<Peer> = self.members.iter().filter_map(ended).collect();
        for agent in agents {
            self.forget(&agent);
        }
    }

    /// A host has its own agents forgotten, and no others.
    fn forget_agents(&mut self, from: &RoutingId, agents: Vec<AgentName>) {
        // Its key says who it is, whether it has announced itself or not.
        let asker = match self.entry(from).map(|it| &it.holder) {
            Some(Holder::Host(host)) => Some(host.clone()),
            _ => self.host_at(from).ok(),
        };
        for agent in agents {
            let peer = Peer::Agent(agent);
            let member = self.members.get(&peer);
            let may = |member: &Member| asker.is_none() || member.host() == asker.as_ref();
            if !member.is_none_or(may) {
                continue;
            }
            if member.is_some_and(|it| it.state().ended()) {
                self.forget(&peer);
            }
            if let (Peer::Agent(agent), None) = (&peer, &asker) {
                self.entrusted.remove(agent);
            }
        }
    }

    fn host_at(&self, from: &RoutingId) -> Result<HostId, Fault> {
        match self.routes.get(from) {
            Some(Peer::Host(host)) => Ok(host.clone()),
            _ => Err(Fault::Refused {
                reason: "that is for host daemons, of their agents".to_owned(),
            }),
        }
    }

    fn exited(
        &mut self,
        host: HostId,
        agent: AgentName,
        incarnation: Incarnation,
        Seen { exit, asked, then }: Seen,
        now: Now,
    ) -> Result<(), Fault> {
        let peer = Peer::Agent(agent.clone());
        if self.is_end_of_successor(&agent, &host, incarnation, now) {
            self.end_successor(agent, exit, now);
            return Ok(());
        }
        self.stop_listening_to_former(&peer, incarnation);
        let member = self
            .members
            .entry(peer.clone())
            .or_insert_with(|| Member::stillborn(host.clone(), incarnation, now));
        match &member.facts {
            Facts::Agent {
                host: Some(theirs), ..
            } if *theirs == host => {}
            _ => {
                let reason = format!("{agent} was not started by {host}");
                return Err(Fault::Refused { reason });
            }
        }
        self.end_within(incarnation, &exit, now);
        let member = self
            .members
            .entry(peer.clone())
            .or_insert_with(|| Member::stillborn(host.clone(), incarnation, now));
        if member.incarnation != Some(incarnation) {
            // The report of a life that another has replaced comes too late to matter.
            if member.incarnation.is_some() && !member.state().ended() {
                return Ok(());
            }
            // It ended before it could say anything; what it said may still be on its way.
            let restarts = match member.incarnation {
                Some(_) => member.restarts() + 1,
                None => 0,
            };
            *member = Member::stillborn(host.clone(), incarnation, now);
            member.keep_restarts(restarts);
        }
        let (seen, route) = (How::of(&exit, asked), member.route.clone());
        let has_left = member.has_ended();
        // What the agent has said of its end is more than nothing.
        let ended = match member.standing() {
            Standing::Ended {
                how,
                said: Some(said),
                ..
            } if seen == How::Unknown => Standing::Ended {
                how: *how,
                exit: Some(said.clone()),
                said: None,
                then,
            },
            _ => Standing::Ended {
                how: seen,
                exit: Some(exit),
                said: None,
                then,
            },
        };
        let may_answer = !has_left && self.routes.contains_key(&route);
        if may_answer && self.switchboard.waits_for(&peer) {
            self.end_unheard(&peer, ended, now);
        } else {
            self.forget_keys(&agent, &host);
            self.end(&peer, ended, now);
        }
        Ok(())
    }

    /// The process of an agent has ended, and so have those that it had made in it and that could not say so. Nothing is kept of
    /// them: no host starts them again.
    fn end_within(&mut self, process: Incarnation, exit: &ExitReport, now: Now) {
        let is_in = |(peer, member): (&Peer, &Member)| {
            let is_in = member.within == Some(process) && !member.has_ended();
            is_in.then(|| peer.clone())
        };
        let gone: Vec<Peer> = self.members.iter().filter_map(is_in).collect();
        for peer in gone {
            let standing = Standing::Ended {
                how: How::of(exit, false),
                exit: Some(exit.clone()),
                said: None,
                then: AfterEnd::Stays,
            };
            self.end(&peer, standing, now);
            self.forget(&peer);
        }
    }

    pub(super) fn end(&mut self, peer: &Peer, standing: Standing, now: Now) {
        if let Some(member) = self.members.get_mut(peer) {
            member.stand(standing, now);
            self.routes.remove(&member.route);
            self.watchers.remove(&member.route);
        }
        self.release_requesters(peer);
        self.tell(peer, Change::State, now);
    }

    fn agents(&self, name: Option<AgentName>, now: Now) -> Result<Vec<AgentInfo>, Fault> {
        let info = |name: &AgentName, member: &Member| self.agent_info(name, member, now);
        if let Some(name) = name {
            let member = self.members.get(&Peer::Agent(name.clone()));
            return match member.and_then(|member| info(&name, member)) {
                Some(agent) => Ok(vec![agent]),
                None => Err(Fault::UnknownAgent { name }),
            };
        }
        let mut agents: Vec<_> = self
            .members
            .iter()
            .filter_map(|(peer, member)| match peer {
                Peer::Agent(name) => info(name, member),
                _ => None,
            })
            .collect();
        agents.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(agents)
    }

    pub(super) fn agent_info(
        &self,
        name: &AgentName,
        member: &Member,
        now: Now,
    ) -> Option<AgentInfo> {
        let end = |socket: &SocketId| match &socket.agent {
            // Another name server has it.
            AgentId {
                nameserver: Some(_),
                ..
            } => None,
            id => {
                let member = self.members.get(&Peer::Agent(id.name.clone()))?;
                Some(member.as_end(now))
            }
        };
        let host = member.host().map(|host| Peer::Host(host.clone()));
        let host = host.and_then(|host| self.members.get(&host));
        let watched = host.is_some_and(|host| *host.standing() == Standing::Present);
        member.agent_info(name, &self.address, (end, watched), now)
    }

    fn hosts(&self, now: Now) -> Vec<HostInfo> {
        let mut hosts: Vec<_> = self
            .members
            .iter()
            .filter_map(|(peer, member)| match peer {
                Peer::Host(name) => member.host_info(name, self.agents_on(name), now),
                _ => None,
            })
            .collect();
        hosts.sort_by(|a, b| (&a.name, &a.system).cmp(&(&b.name, &b.system)));
        hosts
    }

    fn agents_on(&self, name: &HostId) -> usize {
        let on_it = |member: &&Member| match &member.facts {
            Facts::Agent { host, .. } => host.as_ref() == Some(name) && !member.state().ended(),
            _ => false,
        };
        self.members.values().filter(on_it).count()
    }

    fn watch(&mut self, from: &RoutingId, now: Now) -> Snapshot {
        self.peer_of(from, now);
        self.watchers.insert(from.clone());
        Snapshot {
            agents: self.agents(None, now).unwrap_or_default(),
            hosts: self.hosts(now),
            reached: self.reached(),
        }
    }

    fn reached(&self) -> BTreeMap<AgentName, Reached> {
        let members = self.members.iter();
        let reached = members.filter_map(|(peer, member)| match peer {
            Peer::Agent(name) => Some((name.clone(), member.reached()?.clone())),
            Peer::NameServer | Peer::Successor(_) | Peer::Host(_) | Peer::Client(_) => None,
        });
        reached.filter(|(_, it)| !it.is_none()).collect()
    }

    /// The event that tells of `peer`; None for members nobody watches.
    pub(super) fn event(&self, peer: &Peer, change: Change, now: Now) -> Option<Event> {
        let member = self.members.get(peer)?;
        match peer {
            Peer::Agent(name) => {
                let agent = self.agent_info(name, member, now)?;
                Some(Event::Agent {
                    change,
                    agent: Box::new(agent),
                    reached: member.reached().cloned().unwrap_or_default(),
                })
            }
            Peer::Successor(name) => {
                let agent = Box::new(self.agent_info(name, member, now)?);
                let reached = member.reached().cloned().unwrap_or_default();
                Some(Event::Successor { agent, reached })
            }
            Peer::Host(name) => {
                let host = member.host_info(name, self.agents_on(name), now)?;
                Some(Event::Host { change, host })
            }
            _ => None,
        }
    }
}
