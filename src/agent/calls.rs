//! Sending of the agent's own accord, and requests: sent, answered in time or not.

use std::time::Duration;

use zmq::Message;

use super::exchange::{Origin, SentRequest};
use super::sockets::{Offer, Parcel, Slot, SlotId};
use super::state::Agent;
use crate::model::Millis;
use crate::model::timing::REQUEST_TIMEOUT;
use crate::wire::Fault;

/// How long a channel waits for an answer that says nothing of it.
const FOR_EVER: Duration = Duration::MAX;

impl Agent {
    /// Sends, or queues if there is room. There is none at a socket that is closed.
    pub(crate) fn offer(&mut self, at: SlotId, parcel: Parcel) -> Offer {
        match self.sockets.get_mut(at) {
            Some(slot) => slot.offer(parcel, true),
            None => Offer::Full(parcel),
        }
    }

    /// Whether the socket, or its queue, can take another message.
    pub(crate) fn has_room_at(&self, at: SlotId) -> bool {
        self.sockets.get(at).is_some_and(|slot| self.has_room(slot))
    }

    fn has_room(&self, slot: &Slot) -> bool {
        slot.has_room() && (!slot.kind.asks() || self.exchange.has_room())
    }

    /// Sends by any kind of socket; what is answered goes to its handlers. False if there is no
    /// room.
    pub(crate) fn send_frame(&mut self, at: SlotId, frame: Message) -> bool {
        let Some(slot) = self.sockets.get(at).filter(|slot| self.has_room(slot)) else {
            return false;
        };
        if slot.kind.asks() {
            let wait = answer_wait(slot);
            self.request(at, frame, Origin::Handlers, wait);
            return true;
        }
        !matches!(self.offer(at, Parcel::plain(frame)), Offer::Full(_))
    }

    /// Sends a request, whose answer, or the lack of it, goes to its origin.
    pub(crate) fn request(&mut self, at: SlotId, body: Message, origin: Origin, limit: Duration) {
        let request = SentRequest { at, origin, limit };
        match self.sockets.get(at) {
            Some(slot) if self.has_room(slot) => {}
            Some(_) => {
                return self.resolve(request, Err("too many requests are under way".into()));
            }
            None => return self.resolve(request, Err("its socket was closed".into())),
        }
        let id = self.exchange.begin(self.now.saturating_add(limit), request);
        let parcel = Parcel {
            request: Some(id),
            body,
        };
        if let Offer::Full(_) = self.offer(at, parcel)
            && let Some(request) = self.exchange.take(id)
        {
            self.resolve(request, Err("its queue is full".into()));
        }
    }

    /// The time of requests is up.
    pub(crate) fn expire_requests(&mut self) {
        while let Some((id, request)) = self.exchange.expired(self.now) {
            if let Some(slot) = self.sockets.get_mut(request.at) {
                slot.outbox.withdraw(id);
            }
            let patience = Millis::from(request.limit);
            let alias = self.sockets.name(request.at);
            match request.origin {
                Origin::Proxy { requester, limit } => {
                    let limit = Millis::from(limit);
                    let what = format!("the answer to a request of {}.{alias}", self.boot.name());
                    self.reply(Some(requester), Err(Fault::Deadline { what, limit }));
                }
                Origin::Handlers | Origin::Given(_) | Origin::Program(_) | Origin::Forward(_) => {
                    self.fail(request, &format!("no answer within {patience}"));
                }
            }
        }
    }

    /// There will be no answer. Handlers know by which socket they asked; others are told.
    fn fail(&mut self, request: SentRequest, reason: &str) {
        let alias = self.sockets.name(request.at);
        let reason = match request.origin {
            Origin::Handlers | Origin::Given(_) => reason.to_owned(),
            Origin::Proxy { .. } | Origin::Program(_) | Origin::Forward(_) => {
                format!("{alias}: {reason}")
            }
        };
        self.resolve(request, Err(reason));
    }

    /// The requests of a socket that have left and are not answered.
    pub(crate) fn sent_requests(&self, at: SlotId) -> Vec<u64> {
        let Some(slot) = self.sockets.get(at) else {
            return Vec::new();
        };
        let sent = self.exchange.sent_by(at);
        sent.filter(|id| !slot.outbox.holds(*id)).collect()
    }

    /// The connection is lost by which these requests of a socket left, or their answers would have
    /// come: there will be none, because the peer no longer knows the requester by that connection. What
    /// has been answered counts.
    pub(crate) fn give_up_requests(&mut self, at: SlotId, requests: Vec<u64>) {
        self.drain_to_the_end(at);
        for id in requests {
            if let Some(request) = self.exchange.take(id) {
                self.fail(request, "the other side went away before it answered");
            }
        }
    }
}

/// How long an answer is waited for at a socket.
pub(crate) fn answer_wait(slot: &Slot) -> Duration {
    match slot.replies.wait {
        Some(wait) => wait.duration(),
        None if slot.kind.is_channel() => FOR_EVER,
        None => REQUEST_TIMEOUT,
    }
}
