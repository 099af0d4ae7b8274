//! What the name server knows and decides: who is a member, where agents' sockets are, who may
//! have a name, whose lease has run out, and where each request and each answer goes.
//!
//! A pure core: a message or the passing of time comes in, [`Effect`]s come out. It owns no
//! socket and reads no clock; `nameserver` does both for it. It decodes what is addressed to the
//! name server, and in closed systems the verb of other bodies, for the journal.

mod answer;
mod audit;
mod away;
mod events;
mod followers;
mod keys;
mod lease;
mod member;
mod own_key;
mod renewal;
mod successor;
mod switchboard;
mod unguarded;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::access::{Asked, KeyChange, KeyId, Keyring, quota};
use crate::events::Owners;
use crate::journal::core::Repeats;
use crate::model::{Access, AgentName, HostId, Quota, State};
use crate::wire::{
    Change, ClientId, Envelope, Event, EventOrigin, Fault, MessageKind, NameServerRequest, Note,
    Occurred, Peer, body, read_body,
};
use away::Away;
pub(crate) use events::may_know;
use followers::Followers;
use lease::Leases;
use member::{Facts, Member};
use own_key::OwnKey;
pub(crate) use own_key::Rotated;
use renewal::Renewals;
use switchboard::Switchboard;
use unguarded::Unguarded;

/// Time since the name server began, on the monotonic clock.
pub(crate) type Now = Duration;

/// A connection to the name server. How ZeroMQ names it says nothing about who is there; the key
/// does, and the same name with another key is another connection.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct RoutingId {
    pub id: Box<[u8]>,
    /// None where every peer is admitted.
    pub key: Option<KeyId>,
    /// Where it comes from, if that is known.
    pub place: Option<IpAddr>,
    /// The number of the name server's own key by which it was dialled; 0 where that has none.
    pub server_key: u32,
}

impl fmt::Debug for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.iter();
        bytes.try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    Send {
        to: RoutingId,
        envelope: Envelope,
        body: Vec<u8>,
    },
    /// Write it down: it is to be so again after a restart.
    Remember(KeyChange),
    /// End all connections of a key.
    HangUp(KeyId),
    /// The name server is to have another key; its former one is good until then. Then
    /// [`Registry::on_rotated`] is to be called with the rest.
    Rotate { to: RoutingId, id: u64, until: u64 },
    /// Write it in the journal.
    Note(Box<Note>),
    /// Say it in the name server's log.
    Warn(String),
    /// Answer with what the journal says behind that number.
    TellJournal { to: RoutingId, id: u64, after: u64 },
    /// It has happened: give it the next number, and tell those who wait for it.
    Occurred {
        what: Box<Occurred>,
        /// By the clock of its owner, in milliseconds since 1970. None: now.
        at: Option<u64>,
        by: Option<Box<EventOrigin>>,
    },
    /// Answer with the events behind that number, or wait so long for one.
    TellEvents {
        to: RoutingId,
        id: u64,
        after: Option<u64>,
        wait_ms: u32,
        /// Of whoever asks: not all is told to all.
        level: Access,
    },
    /// Deliver what is to be sent, then end.
    End,
}

/// Why a message could not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// The connection is gone.
    Gone,
    /// It takes no more: its member does not read.
    Full,
}

/// The registry of one name server.
pub(crate) struct Registry {
    /// Where the name server listens, as members dial it.
    address: String,
    members: HashMap<Peer, Member>,
    routes: HashMap<RoutingId, Peer>,
    watchers: HashSet<RoutingId>,
    followers: Followers,
    /// Agents that others start, and the hosts that may lead them: of several systems that want one, the agent itself takes
    /// the first.
    entrusted: HashMap<AgentName, BTreeSet<HostId>>,
    switchboard: Switchboard,
    away: Away,
    leases: Leases,
    unguarded: Unguarded,
    /// Whose events are there already.
    owners: Owners,
    next_client: u64,
    effects: Vec<Effect>,
    /// None: the system is open, and anyone who can reach the name server may do everything.
    keys: Option<Keys>,
}

/// Which keys are admitted.
struct Keys {
    ring: Keyring,
    /// When the name server began, in seconds since 1970: join files expire by the clock on the wall.
    began: u64,
    /// Who was refused a moment ago.
    refused: Repeats,
    used: quota::Used,
    /// Hosts that were told to get another key.
    renewals: Renewals,
    /// The name server's own.
    own: OwnKey,
}

impl Registry {
    /// `address` is what members dial, as it is shown to people.
    pub(crate) fn new(address: String) -> Self {
        Self {
            keys: None,
            address,
            members: HashMap::new(),
            routes: HashMap::new(),
            watchers: HashSet::new(),
            followers: Followers::default(),
            entrusted: HashMap::new(),
            switchboard: Switchboard::default(),
            away: Away::default(),
            leases: Leases::default(),
            unguarded: Unguarded::default(),
            owners: Owners::default(),
            next_client: 1,
            effects: Vec::new(),
        }
    }

    /// Events of members that were kept before this name server began: they are not taken again.
    pub(crate) fn recall_events<'a>(&mut self, kept: impl Iterator<Item = &'a EventOrigin>) {
        self.owners = Owners::recall(kept);
    }

    /// Takes what is to be done since the last time.
    pub(crate) fn effects(&mut self) -> impl Iterator<Item = Effect> {
        self.effects.drain(..)
    }

    /// When [`Registry::on_time`] wants to be called, if at all.
    pub(crate) fn next_deadline(&self) -> Option<Now> {
        let refused = self.keys.as_ref().and_then(|keys| keys.refused.next());
        let others = [self.leases.next(), self.switchboard.next_deadline()];
        let ends = [refused, self.next_expiry(), self.away.next()];
        others.into_iter().chain(ends).flatten().min()
    }

    /// A well-formed message arrived on the connection `from`.
    pub(crate) fn on_message(
        &mut self,
        from: &RoutingId,
        envelope: Envelope,
        body: Vec<u8>,
        now: Now,
    ) {
        let Some(level) = self.level(from) else {
            return self.effects.extend(from.key.map(Effect::HangUp));
        };
        self.tell_key(from);
        self.sign_of_life(from, now);
        if asks(envelope.kind) && !self.takes(from, level, Quota::Requests, now) {
            return self.refuse(from, &envelope, quota::over(Quota::Requests, level), now);
        }
        match (envelope.kind, &envelope.peer) {
            (MessageKind::Request, Peer::NameServer) => {
                self.on_request(from, level, envelope.id, &body, now);
            }
            (MessageKind::Oneway, Peer::NameServer) => {
                if let Ok(request) = read_body(&body) {
                    self.on_oneway(from, level, request, now);
                }
            }
            (MessageKind::Request | MessageKind::Oneway, _) => {
                self.route_request(from, level, envelope, body, now)
            }
            (MessageKind::Reply | MessageKind::Error, _) => self.route_answer(from, envelope, body),
            // Events go one way only.
            (MessageKind::Event, _) => {}
        }
        self.tell_unguarded(now);
    }

    /// Time passed: leases run out, requests come to their deadlines.
    pub(crate) fn on_time(&mut self, now: Now) {
        self.tell_repeats(now);
        self.expire_keys(now);
        self.on_away(now);
        while let Some(peer) = self.leases.due(now) {
            self.on_lease(peer, now);
        }
        for request in self.switchboard.expired(now) {
            let limit = request.limit;
            let what = format!("{}'s answer", request.target);
            self.fail(
                &request.requester,
                request.id,
                &request.target,
                Fault::Deadline { what, limit },
            );
        }
    }

    fn on_request(&mut self, from: &RoutingId, level: Access, id: u64, body: &[u8], now: Now) {
        let request = read_body(body);
        if let Ok(NameServerRequest::Journal { after }) = request {
            return self.tell_journal(from, level, id, after, now);
        }
        if let Ok(NameServerRequest::Events { after, wait_ms }) = request {
            return self.tell_events(from, level, id, (after, wait_ms), now);
        }
        if let Ok(NameServerRequest::Rotate { host, until }) = request {
            return self.rotate(from, level, id, (host, until), now);
        }
        if let Ok(NameServerRequest::RotateNameserver { grace }) = request {
            return self.rotate_nameserver(from, level, id, grace, now);
        }
        let outcome = self.carry_out(from, level, request, body, now);
        self.reply(from, id, outcome);
    }

    /// Carries out what the name server itself was asked for, if the one who asks may have it.
    fn carry_out(
        &mut self,
        from: &RoutingId,
        level: Access,
        request: Result<NameServerRequest, Fault>,
        body: &[u8],
        now: Now,
    ) -> Result<Vec<u8>, Fault> {
        let deed = self.deed(from, level, request.as_ref().map_err(|_| body));
        let outcome = request.and_then(|request| self.answer_to(from, level, request, now));
        self.audit(deed, outcome.as_ref().err(), now);
        outcome
    }

    fn on_oneway(&mut self, from: &RoutingId, level: Access, request: NameServerRequest, now: Now) {
        let permitted = self.keys.is_none() || request.permitted_to(level).is_ok();
        match request {
            NameServerRequest::Heartbeat {} if permitted => {
                if !self.routes.contains_key(from) {
                    self.send(from, Envelope::event(), body(&Event::Unregistered {}));
                }
            }
            // Whatever else may be asked may be asked without wanting the answer.
            other => drop(self.carry_out(from, level, Ok(other), &[], now)),
        }
    }

    fn route_request(
        &mut self,
        from: &RoutingId,
        level: Access,
        envelope: Envelope,
        body: Vec<u8>,
        now: Now,
    ) {
        let requester = self.peer_of(from, now);
        let Envelope {
            kind,
            id,
            deadline_ms,
            peer: target,
            ..
        } = envelope;
        let wants_answer = kind == MessageKind::Request;
        let reaches = self.reaches(from, level, &target);
        let waits = match wants_answer {
            true => self.may_wait(&requester, level),
            false => Ok(()),
        };
        let reaches = reaches.and(waits);
        self.audit_routed(from, level, &target, &body, reaches.as_ref().err(), now);
        match reaches.and_then(|()| self.route_to(&target, wants_answer, now)) {
            Ok(route) => {
                if wants_answer {
                    self.switchboard
                        .open(target, requester.clone(), id, deadline_ms, now);
                }
                let envelope = Envelope {
                    kind,
                    id,
                    deadline_ms,
                    level: Some(level),
                    peer: requester,
                };
                self.send(&route, envelope, body);
            }
            Err(fault) if wants_answer => self.fail(&requester, id, &target, fault),
            Err(_) => {}
        }
    }

    /// An answer goes to its requester, and only if it was asked for.
    fn route_answer(&mut self, from: &RoutingId, envelope: Envelope, body: Vec<u8>) {
        let Some(target) = self.routes.get(from).cloned() else {
            return;
        };
        let key = (target.clone(), envelope.peer.clone(), envelope.id);
        if !self.switchboard.close(&key) {
            return;
        }
        if let Some(requester) = self.members.get(&envelope.peer) {
            let route = requester.route.clone();
            self.send(
                &route,
                Envelope {
                    peer: target,
                    ..envelope
                },
                body,
            );
        }
    }

    /// What wants no answer is sent to an unreachable agent too: it may come back and read it. Who wants one is told
    /// at once instead.
    fn route_to(&self, target: &Peer, wants_answer: bool, now: Now) -> Result<RoutingId, Fault> {
        let member = self.members.get(target).ok_or_else(|| unknown(target))?;
        match (target, member.state()) {
            (Peer::Agent(agent), State::Unreachable) if wants_answer => Err(Fault::Unreachable {
                agent: agent.clone(),
                silent: member.silent_for(now),
            }),
            (Peer::Agent(agent), state) if state.ended() => Err(Fault::NotRunning {
                agent: agent.clone(),
                state,
            }),
            _ => Ok(member.route.clone()),
        }
    }

    /// Who is at `from`. One that is unregistered and has something to ask becomes a client.
    fn peer_of(&mut self, from: &RoutingId, now: Now) -> Peer {
        if let Some(peer) = self.routes.get(from) {
            return peer.clone();
        }
        let peer = Peer::Client(ClientId(self.next_client));
        self.next_client += 1;
        let member = Member::client(from.clone(), now);
        self.routes.insert(from.clone(), peer.clone());
        self.members.insert(peer.clone(), member);
        self.leases.start(peer.clone(), now);
        peer
    }

    fn sign_of_life(&mut self, from: &RoutingId, now: Now) {
        let Some(peer) = self.routes.get(from) else {
            return;
        };
        let Some(member) = self.members.get_mut(peer) else {
            return;
        };
        let silent = member.silent_for(now);
        if member.sign_of_life(now) {
            let (peer, is_outdated) = (peer.clone(), member.is_outdated());
            self.seen_in_state(&peer, Some(format!("heard again after {silent}")));
            if let (Peer::Agent(_), true) = (&peer, is_outdated) {
                self.send(from, Envelope::event(), body(&Event::Unregistered {}));
            }
            self.leases.start(peer.clone(), now);
            self.tell(&peer, Change::State, now);
            self.tell_host_that_is_heard(&peer, now);
        }
    }

    fn on_lease(&mut self, peer: Peer, now: Now) {
        let Some(member) = self.members.get_mut(&peer) else {
            return;
        };
        let changed = member.on_lease(now);
        if let Some(due) = member.lease_ends() {
            self.leases.renew(peer.clone(), due);
        } else if matches!(member.facts, Facts::Client) {
            self.forget(&peer);
            return;
        }
        let silent = member.silent_for(now);
        let given_up = changed && member.state() == State::Unreachable;
        if changed {
            self.seen_silent(&peer, now);
            self.tell(&peer, Change::State, now);
        }
        if let (true, Peer::Agent(agent)) = (given_up, &peer) {
            let agent = agent.clone();
            self.tell_host_that_is_heard(&peer, now);
            self.fail_all(&peer, &Fault::Unreachable { agent, silent });
        }
    }

    /// Removes a member and answers those who wait for it.
    fn forget(&mut self, peer: &Peer) {
        if let Some(member) = self.members.remove(peer) {
            self.routes.remove(&member.route);
            self.watchers.remove(&member.route);
            self.owners.forget(peer);
            if let Facts::Agent { connections, .. } = &member.facts {
                self.followers.replace(peer, connections, &[]);
            }
            self.followers.replace_of_host(peer, BTreeSet::new());
        }
        self.release_requesters(peer);
    }

    fn release_requesters(&mut self, target: &Peer) {
        let peer = target.clone();
        self.fail_all(target, &Fault::Gone { peer });
    }

    /// Those who wait for `target` will not be answered by it.
    fn fail_all(&mut self, target: &Peer, fault: &Fault) {
        self.drop_held(target);
        for request in self.switchboard.abandon(target) {
            self.fail(&request.requester, request.id, target, fault.clone());
        }
    }

    /// Answers `requester` with a fault in the name of `target`.
    fn fail(&mut self, requester: &Peer, id: u64, target: &Peer, fault: Fault) {
        let Some(member) = self.members.get(requester) else {
            return;
        };
        let route = member.route.clone();
        let outcome: Result<(), Fault> = Err(fault);
        let envelope = Envelope::answer(&outcome, id, target.clone());
        self.send(&route, envelope, answer::outcome_body(&outcome));
    }

    /// A request goes nowhere. It is answered, if it wants an answer.
    fn refuse(&mut self, from: &RoutingId, request: &Envelope, fault: Fault, now: Now) {
        self.audit_over(from, &fault, now);
        if request.kind != MessageKind::Request {
            return;
        }
        let outcome: Result<(), Fault> = Err(fault);
        let envelope = Envelope::answer(&outcome, request.id, request.peer.clone());
        self.send(from, envelope, answer::outcome_body(&outcome));
    }

    fn reply(&mut self, to: &RoutingId, id: u64, outcome: Result<Vec<u8>, Fault>) {
        let envelope = Envelope::answer(&outcome, id, Peer::NameServer);
        let content = outcome.unwrap_or_else(|fault| body(&fault));
        self.send(to, envelope, content);
    }

    /// Tells those who watch of a change, and those who are connected to an agent of what concerns them.
    fn tell(&mut self, peer: &Peer, change: Change, now: Now) {
        match change {
            Change::Registered | Change::State => self.tell_followers(peer, now),
            Change::Sockets => {}
        }
        self.tell_watchers(peer, change, now);
    }

    fn tell_watchers(&mut self, peer: &Peer, change: Change, now: Now) {
        if self.watchers.is_empty() {
            return;
        }
        let Some(event) = self.event(peer, change, now) else {
            return;
        };
        let content = body(&event);
        for to in self.watchers.clone() {
            self.send(&to, Envelope::event(), content.clone());
        }
    }

    fn send(&mut self, to: &RoutingId, envelope: Envelope, body: Vec<u8>) {
        self.effects.push(Effect::Send {
            to: to.clone(),
            envelope,
            body,
        });
    }
}

/// Whether it is a request, of the kinds that there are.
fn asks(kind: MessageKind) -> bool {
    match kind {
        MessageKind::Request | MessageKind::Oneway => true,
        MessageKind::Reply | MessageKind::Error | MessageKind::Event => false,
    }
}

fn is_open() -> Fault {
    Fault::Refused {
        reason: "this system is open: it has no keys".to_owned(),
    }
}

fn unknown(target: &Peer) -> Fault {
    match target {
        Peer::Agent(name) => Fault::UnknownAgent { name: name.clone() },
        other => Fault::UnknownMember {
            peer: other.clone(),
        },
    }
}

#[cfg(test)]
mod tests;
