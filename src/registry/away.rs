//! Members that cannot be reached for a moment, and may be soon. One that lives dials anew when its connection was
//! lost: what is for it meanwhile is held until it is back. One that has ended may have answered before: that may
//! still be on its way, on a connection of its own, when its host has told of the end.

use std::collections::{HashMap, VecDeque};

use super::member::{Member, Standing};
use super::{Now, Registry, RoutingId, Undelivered};
use crate::model::timing::{LAST_WORDS_TIMEOUT, RECONNECT_TIMEOUT};
use crate::wire::{Change, Envelope, Fault, Incarnation, MessageKind, Peer};

/// How many messages are held for one member,
const MOST_MESSAGES: usize = 1_000;
/// and how many bytes.
const MOST_BYTES: usize = 8 << 20;

type Message = (Envelope, Vec<u8>);

#[derive(Default)]
pub(super) struct Away {
    held: HashMap<Peer, Held>,
    /// When each of them has to be back, the first first.
    returns: VecDeque<(Now, Peer)>,
    /// Until when those that have ended are listened to, the first first.
    ended: VecDeque<(Now, Peer, RoutingId)>,
}

/// What is for one member, in order.
struct Held {
    until: Now,
    messages: Vec<Message>,
    bytes: usize,
}

impl Away {
    /// Gives the message back if too much is held already.
    fn hold(
        &mut self,
        peer: &Peer,
        envelope: Envelope,
        body: Vec<u8>,
        now: Now,
    ) -> Result<(), Envelope> {
        let until = now + RECONNECT_TIMEOUT;
        let held = self.held.entry(peer.clone()).or_insert_with(|| {
            self.returns.push_back((until, peer.clone()));
            Held {
                until,
                messages: Vec::new(),
                bytes: 0,
            }
        });
        if held.messages.len() >= MOST_MESSAGES || held.bytes + body.len() > MOST_BYTES {
            return Err(envelope);
        }
        held.bytes += body.len();
        held.messages.push((envelope, body));
        Ok(())
    }

    fn take(&mut self, peer: &Peer) -> Vec<Message> {
        let held = self.held.remove(peer);
        held.map(|it| it.messages).unwrap_or_default()
    }

    fn listen(&mut self, peer: Peer, route: RoutingId, now: Now) {
        self.ended
            .push_back((now + LAST_WORDS_TIMEOUT, peer, route));
    }

    /// Whether that one has ended and is listened to.
    fn hears(&self, route: &RoutingId) -> bool {
        self.ended.iter().any(|(_, _, theirs)| theirs == route)
    }

    pub(super) fn next(&self) -> Option<Now> {
        let returns = self.returns.front().map(|(due, _)| *due);
        let ended = self.ended.front().map(|(due, ..)| *due);
        returns.into_iter().chain(ended).min()
    }

    /// One that has not come back in time, with what is held for it.
    fn lost(&mut self, now: Now) -> Option<(Peer, Vec<Message>)> {
        while self.returns.front().is_some_and(|(due, _)| *due <= now) {
            let (due, peer) = self.returns.pop_front()?;
            // It may have been back, and be away again.
            if self.held.get(&peer).is_some_and(|it| it.until == due) {
                let messages = self.take(&peer);
                return Some((peer, messages));
            }
        }
        None
    }

    /// One that has said by now what it had to say.
    fn silent(&mut self, now: Now) -> Option<(Peer, RoutingId)> {
        let is_due = self.ended.front().is_some_and(|(due, ..)| *due <= now);
        let (_, peer, route) = is_due.then(|| self.ended.pop_front()).flatten()?;
        Some((peer, route))
    }
}

impl Registry {
    /// A message to `to` could not be delivered; that is its body.
    pub(crate) fn on_undelivered(
        &mut self,
        to: &RoutingId,
        envelope: Envelope,
        body: Vec<u8>,
        why: Undelivered,
        now: Now,
    ) {
        self.watchers.remove(to);
        let Some(target) = self.routes.get(to).cloned() else {
            return;
        };
        let missed = envelope.kind == MessageKind::Event;
        let envelope = match (why, self.comes_back(&target, &envelope)) {
            (Undelivered::Gone, true) => self.away.hold(&target, envelope, body, now).err(),
            (Undelivered::Gone, false) | (Undelivered::Full, _) => Some(envelope),
        };
        if let Some(envelope) = envelope {
            self.give_up(&target, &envelope, why);
        }
        // A watcher that misses an event is forgotten: its next heartbeat finds it unregistered, and an
        // unregistered member that watches begins again with a snapshot.
        if matches!(target, Peer::Client(_)) && (why == Undelivered::Gone || missed) {
            self.forget(&target);
        }
    }

    /// Whether who is not there may dial anew, and then wants that message. Answers find their way by the connection:
    /// who has lost it does not wait for them any more.
    fn comes_back(&self, target: &Peer, envelope: &Envelope) -> bool {
        let lives = self.members.get(target).is_some_and(|it| !it.has_ended());
        match (target, envelope.kind) {
            (Peer::Client(_) | Peer::NameServer, _) => false,
            (_, MessageKind::Reply | MessageKind::Error) => false,
            (
                Peer::Agent(_) | Peer::Host(_) | Peer::Successor(_),
                MessageKind::Request | MessageKind::Oneway | MessageKind::Event,
            ) => lives,
        }
    }

    /// It will not be delivered. Who waits for an answer is told.
    fn give_up(&mut self, target: &Peer, envelope: &Envelope, why: Undelivered) {
        let peer = target.clone();
        let key = (peer.clone(), envelope.peer.clone(), envelope.id);
        if envelope.kind == MessageKind::Request && self.switchboard.close(&key) {
            let fault = match why {
                Undelivered::Gone => Fault::Gone { peer },
                Undelivered::Full => Fault::Refused {
                    reason: format!("{target} does not read its control messages"),
                },
            };
            self.fail(&envelope.peer, envelope.id, target, fault);
        }
    }

    /// A member is back: it gets what was held for it, but for what is not waited for any more.
    pub(super) fn send_held(&mut self, peer: &Peer, route: &RoutingId) {
        for (envelope, body) in self.away.take(peer) {
            let key = (peer.clone(), envelope.peer.clone(), envelope.id);
            if envelope.kind != MessageKind::Request || self.switchboard.is_open(&key) {
                self.send(route, envelope, body);
            }
        }
    }

    /// Nothing is for that member any more.
    pub(super) fn drop_held(&mut self, peer: &Peer) {
        self.away.held.remove(peer);
    }

    /// A member has ended before an answer came that is waited for: what it has said may still arrive.
    pub(super) fn end_unheard(&mut self, peer: &Peer, standing: Standing, now: Now) {
        if let Some(member) = self.members.get_mut(peer) {
            member.stand(standing, now);
            self.watchers.remove(&member.route);
            self.away.listen(peer.clone(), member.route.clone(), now);
        }
        self.tell(peer, Change::State, now);
    }

    /// Whether that connection's member has ended, and is listened to.
    pub(super) fn hears(&self, route: &RoutingId) -> bool {
        self.away.hears(route)
    }

    /// Nothing comes any more from a member that has ended.
    pub(super) fn stop_listening(&mut self, peer: &Peer, route: &RoutingId) {
        if self.routes.get(route) == Some(peer) && self.hears(route) {
            self.away.ended.retain(|(_, _, theirs)| theirs != route);
            self.close_ended(peer, route);
        }
    }

    /// There is news of a later life of an agent that has ended.
    pub(super) fn stop_listening_to_former(&mut self, peer: &Peer, incarnation: Incarnation) {
        let former = self.members.get(peer).filter(|it| it.has_ended());
        let former = former.filter(|it| it.incarnation != Some(incarnation));
        if let Some(route) = former.map(|it| it.route.clone()) {
            self.stop_listening(peer, &route);
        }
    }

    fn close_ended(&mut self, peer: &Peer, route: &RoutingId) {
        let is_it = |it: &&Member| it.route == *route && it.has_ended();
        let Some(member) = self.members.get(peer).filter(is_it) else {
            return;
        };
        let (host, key) = (member.host().cloned(), member.key);
        self.routes.remove(route);
        self.watchers.remove(route);
        self.release_requesters(peer);
        if let (Peer::Agent(agent), Some(host), Some(key)) = (peer, host, key) {
            self.forget_keys_of(agent, &host, |it| it.key == key);
        }
    }

    pub(super) fn on_away(&mut self, now: Now) {
        while let Some((peer, messages)) = self.away.lost(now) {
            for (envelope, _) in messages {
                self.give_up(&peer, &envelope, Undelivered::Gone);
            }
        }
        while let Some((peer, route)) = self.away.silent(now) {
            self.close_ended(&peer, &route);
        }
    }
}
