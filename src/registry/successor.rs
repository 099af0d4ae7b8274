//! Processes that are to take the place of an agent: each is a member that only control reaches, until it takes over in
//! one step.

use super::member::Member;
use super::{Now, Registry, RoutingId};
use crate::model::{AgentInfo, AgentName, ExitReport, HostId, State};
use crate::wire::{Announcement, Change, Envelope, Event, Fault, Incarnation, Peer, body};

impl Registry {
    /// As which member a process is announced. A successor that has taken over, and has not heard of that yet, is the
    /// agent already.
    pub(super) fn announced_as(
        &self,
        from: &RoutingId,
        announcement: &Announcement,
    ) -> Result<Peer, Fault> {
        let Announcement::Agent {
            name,
            incarnation,
            successor_of: Some(former),
            ..
        } = announcement
        else {
            return Ok(announcement.peer());
        };
        let agent = Peer::Agent(name.clone());
        let known = self.members.get(&agent).and_then(|it| it.incarnation);
        if known == Some(*incarnation) && self.routes.get(from) == Some(&agent) {
            return Ok(agent);
        }
        match known {
            Some(known) if known == *former => Ok(announcement.peer()),
            Some(_) | None => Err(Fault::Refused {
                reason: format!("{name} is not the one any more whose place this is to take"),
            }),
        }
    }

    pub(super) fn successors(&self, now: Now) -> Vec<AgentInfo> {
        let members = self.members.iter();
        let successors = members.filter_map(|(peer, member)| match peer {
            Peer::Successor(name) => self.agent_info(name, member, now),
            Peer::NameServer | Peer::Agent(_) | Peer::Host(_) | Peer::Client(_) => None,
        });
        let mut successors: Vec<AgentInfo> = successors.collect();
        successors.sort_by(|a, b| a.name.cmp(&b.name));
        successors
    }

    /// The successor has the name from now on. The former process is no member any more.
    pub(super) fn take_over(
        &mut self,
        name: &AgentName,
        incarnation: Incarnation,
        now: Now,
    ) -> Result<(), Fault> {
        let (agent, successor) = (Peer::Agent(name.clone()), Peer::Successor(name.clone()));
        let ready = |member: &Member| {
            let is_it = member.incarnation == Some(incarnation);
            let is_well = member.reached().is_some_and(|it| it.fault.is_none());
            is_it && member.state() == State::Running && is_well
        };
        if !self.members.get(&successor).is_some_and(ready) {
            let reason =
                format!("{name} has no such successor that runs and is what its spec says");
            return Err(Fault::Refused { reason });
        }
        self.release_requesters(&successor);
        self.release_requesters(&agent);
        let Some(mut member) = self.members.remove(&successor) else {
            return Ok(());
        };
        if let Some(host) = member.host().cloned() {
            self.end_trust(name, &host);
        }
        let (own, mut former) = (member.connections().to_vec(), Vec::new());
        if let Some(mut old) = self.members.remove(&agent) {
            self.unroute(&old.route, &member.route);
            former = old.take_connections();
            member.keep_restarts(old.restarts() + 1);
        }
        let route = member.route.clone();
        self.routes.insert(route.clone(), agent.clone());
        self.members.insert(agent.clone(), member);
        self.leases.start(agent.clone(), now);
        self.followers.replace(&successor, &own, &[]);
        self.note_connections(&agent, &former, now);
        self.send(&route, Envelope::event(), body(&Event::TookOver {}));
        self.tell_host(&agent, now);
        self.tell(&agent, Change::Registered, now);
        Ok(())
    }

    /// The host that an agent was entrusted to for a successor has it now, or has none.
    fn end_trust(&mut self, agent: &AgentName, host: &HostId) {
        if let Some(to) = self.entrusted.get_mut(agent) {
            to.remove(host);
            if to.is_empty() {
                self.entrusted.remove(agent);
            }
        }
    }

    /// A successor has ended before it has taken over: those that watch are told how.
    pub(super) fn end_successor(&mut self, name: AgentName, exit: ExitReport, now: Now) {
        let successor = Peer::Successor(name.clone());
        let host = self.members.get(&successor).and_then(Member::host).cloned();
        if let Some(host) = host {
            self.end_trust(&name, &host);
        }
        let event = self.event(&successor, Change::State, now);
        self.forget(&successor);
        let Some(Event::Successor { mut agent, reached }) = event else {
            return;
        };
        agent.state = match exit.status {
            Some(0) => State::Stopped,
            _ => State::Failed,
        };
        agent.exit = Some(exit);
        let content = body(&Event::Successor { agent, reached });
        for to in self.watchers.clone() {
            self.send(&to, Envelope::event(), content.clone());
        }
    }

    /// Whether a host tells of the end of a successor, and not of the agent's. One that has ended before it could say anything is
    /// known by that the agent was entrusted to its host.
    pub(super) fn is_end_of_successor(
        &mut self,
        agent: &AgentName,
        host: &HostId,
        incarnation: Incarnation,
        now: Now,
    ) -> bool {
        let peer = Peer::Successor(agent.clone());
        if let Some(successor) = self.members.get(&peer) {
            return successor.host() == Some(host) && successor.incarnation == Some(incarnation);
        }
        let there = self.members.get(&Peer::Agent(agent.clone()));
        let is_anothers = there.is_some_and(|it| it.host().is_some_and(|it| it != host));
        let is_end = is_anothers && self.is_entrusted(agent, host);
        if is_end {
            let stillborn = Member::stillborn(host.clone(), incarnation, now);
            self.members.insert(peer, stillborn);
        }
        is_end
    }
}
