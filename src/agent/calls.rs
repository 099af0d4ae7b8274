//! Sending of the agent's own accord, and requests: sent, answered in time or not.

use std::time::Duration;

use serde_json::Value;
use zmq::Message;

use super::handlers::publication;
use super::sockets::{Offer, Parcel};
use super::state::{Agent, DEFAULT_LIMIT, Origin, Request};
use crate::model::{Millis, Topic};
use crate::wire::{CodecError, Fault, encode};

/// How many requests may be under way at a time.
const UNDER_WAY: usize = 4096;
/// How long a channel waits for an answer that says nothing of it.
const FOR_EVER: Duration = Duration::MAX;

impl Agent {
    /// A message as the frame that the socket sends.
    pub fn frame_for(
        &self,
        at: usize,
        message: &Value,
        topic: Option<&Topic>,
    ) -> Result<Message, CodecError> {
        let slot = self.sockets.at(at);
        let body = encode(message, slot.serializer)?;
        Ok(match slot.kind {
            kind if kind.publishes() => publication(kind, topic, &body, slot.serializer),
            _ => body.into(),
        })
    }

    pub fn offer(&mut self, at: usize, parcel: Parcel) -> Offer {
        self.sockets.at_mut(at).offer(parcel, true)
    }

    /// Whether the socket, or its queue, can take another message.
    pub fn has_room_at(&self, at: usize) -> bool {
        let slot = self.sockets.at(at);
        slot.has_room() && (!slot.kind.asks() || self.requests.len() < UNDER_WAY)
    }

    /// Sends by any kind of socket; what is answered goes to its handlers. False if there is no
    /// room.
    pub fn send_frame(&mut self, at: usize, frame: Message) -> bool {
        if !self.has_room_at(at) {
            return false;
        }
        if self.sockets.at(at).kind.asks() {
            self.request(at, frame, Origin::Handlers, self.wait_at(at));
            return true;
        }
        !matches!(self.offer(at, Parcel::plain(frame)), Offer::Full(_))
    }

    /// How long an answer is waited for at this socket.
    pub fn wait_at(&self, at: usize) -> Duration {
        let slot = self.sockets.at(at);
        match slot.replies.wait {
            Some(wait) => wait.duration(),
            None if slot.kind.is_channel() => FOR_EVER,
            None => DEFAULT_LIMIT,
        }
    }

    /// Sends a request, whose answer, or the lack of it, goes to its origin.
    pub fn request(&mut self, at: usize, body: Message, origin: Origin, limit: Duration) {
        let request = Request { at, origin, limit };
        if !self.has_room_at(at) {
            return self.resolve(request, Err("too many requests are under way".into()));
        }
        let id = self.requests.add(self.now.saturating_add(limit), request);
        let parcel = Parcel {
            request: Some(id),
            body,
        };
        if let Offer::Full(_) = self.offer(at, parcel)
            && let Some(request) = self.requests.take(id)
        {
            self.resolve(request, Err("its queue is full".into()));
        }
    }

    /// The time of requests is up.
    pub fn expire_requests(&mut self) {
        while let Some((id, request)) = self.requests.expired(self.now) {
            self.sockets.at_mut(request.at).outbox.withdraw(id);
            let patience = Millis::from(request.limit);
            let alias = self.sockets.at(request.at).alias.clone();
            match request.origin {
                Origin::Proxy { requester, limit } => {
                    let limit = Millis::from(limit);
                    let what = format!("the answer to a request of {}.{alias}", self.boot.name);
                    self.reply(Some(requester), Err(Fault::Deadline { what, limit }));
                }
                _ => self.fail(request, &format!("no answer within {patience}")),
            }
        }
    }

    /// There will be no answer. Handlers know by which socket they asked; others are told.
    fn fail(&mut self, request: Request, reason: &str) {
        let alias = &self.sockets.at(request.at).alias;
        let reason = match request.origin {
            Origin::Handlers | Origin::Given(_) => reason.to_owned(),
            _ => format!("{alias}: {reason}"),
        };
        self.resolve(request, Err(reason));
    }

    /// The requests of a socket that have left and are not answered.
    pub fn sent_requests(&self, at: usize) -> Vec<u64> {
        let sent = |(id, request): (u64, &Request)| {
            let slot = self.sockets.at(request.at);
            (request.at == at && !slot.outbox.holds(id)).then_some(id)
        };
        self.requests.iter().filter_map(sent).collect()
    }

    /// The connection is lost by which these requests of a socket left, or their answers would have
    /// come: there will be none, for who was asked knows nobody by that connection any more. What
    /// has been answered counts.
    pub fn give_up_requests(&mut self, at: usize, requests: Vec<u64>) {
        self.drain_to_the_end(at);
        for id in requests {
            if let Some(request) = self.requests.take(id) {
                self.fail(request, "the other side went away before it answered");
            }
        }
    }
}
