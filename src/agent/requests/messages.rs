//! Requests that send messages, and those whose time is up.

use std::time::Duration;

use serde_json::Value;
use zmq::Message;

use super::{Outcome, Request, done};
use crate::agent::calls::answer_wait;
use crate::agent::exchange::Origin;
use crate::agent::sockets::{Offer, Parcel, Slot, SlotId};
use crate::agent::state::Agent;
use crate::agent::waiting::Waiting;
use crate::model::{Alias, Kind, Millis, Replies, Topic};
use crate::wire::Fault;

impl Agent {
    pub(super) fn send(
        &mut self,
        alias: &Alias,
        message: &Value,
        topic: Option<&Topic>,
        request: Request,
    ) -> Outcome {
        let (at, slot) = match self.sender(alias, topic) {
            Ok(found) => found,
            Err(fault) => return Some(Err(fault)),
        };
        let frame = match slot.frame(message, topic) {
            Ok(frame) => frame,
            Err(error) => return Some(Err(not_sent(alias, error.to_string()))),
        };
        if slot.kind.asks() {
            let wait = answer_wait(slot);
            return Some(self.ask_by(alias, at, frame, Origin::Handlers, wait));
        }
        let Some(slot) = self.sockets.get_mut(at) else {
            return Some(Err(self.closed(alias)));
        };
        match slot.offer(Parcel::plain(frame), false) {
            Offer::Taken | Offer::Queued => done(),
            Offer::Full(parcel) => {
                let waiting = Waiting::Send {
                    requester: request.requester,
                    at,
                    alias: alias.clone(),
                    message: parcel.body,
                    limit: request.limit,
                };
                self.waiting.add(request.until, waiting);
                None
            }
        }
    }

    pub(super) fn send_recv(
        &mut self,
        alias: &Alias,
        message: &Value,
        request: Request,
    ) -> Outcome {
        let (at, _, frame) = match self.question(alias, message) {
            Ok(question) => question,
            Err(fault) => return Some(Err(fault)),
        };
        let patience = request.until - self.now;
        let origin = match request.requester {
            Some(requester) => Origin::Proxy {
                requester,
                limit: request.limit,
            },
            None => Origin::Handlers,
        };
        self.request(at, frame, origin, patience);
        None
    }

    /// Sends a request whose answer goes to handlers of its own.
    pub(super) fn ask(
        &mut self,
        alias: &Alias,
        message: &Value,
        replies: Replies,
    ) -> Result<Value, Fault> {
        self.check_actions(replies.actions())?;
        let (at, slot, frame) = self.question(alias, message)?;
        let replies = replies.or(&slot.replies);
        let wait = replies.wait.map(Millis::duration);
        let wait = wait.unwrap_or_else(|| answer_wait(slot));
        self.ask_by(alias, at, frame, Origin::Given(replies), wait)
    }

    fn ask_by(
        &mut self,
        alias: &Alias,
        at: SlotId,
        frame: Message,
        origin: Origin,
        wait: Duration,
    ) -> Result<Value, Fault> {
        if !self.has_room_at(at) {
            let reason = "too many requests are under way".into();
            return Err(not_sent(alias, reason));
        }
        self.request(at, frame, origin, wait);
        Ok(Value::Null)
    }

    /// How long the connection waits for answers, if it says so.
    pub(super) fn wait_by(&self, alias: &Alias) -> Result<Value, Fault> {
        let (_, slot) = self.find_for(alias, Kind::asks, "ask")?;
        Ok(super::value(&slot.replies.wait))
    }

    /// A request as a frame, and the socket that is to send it.
    fn question(&self, alias: &Alias, message: &Value) -> Result<(SlotId, &Slot, Message), Fault> {
        let (at, slot) = self.find_for(alias, Kind::asks, "ask")?;
        let frame = slot.frame(message, None);
        let frame = frame.map_err(|error| not_sent(alias, error.to_string()))?;
        Ok((at, slot, frame))
    }

    /// The socket by which that is to be sent.
    pub(crate) fn sender(
        &self,
        alias: &Alias,
        topic: Option<&Topic>,
    ) -> Result<(SlotId, &Slot), Fault> {
        let (at, slot) = self.find(alias)?;
        let kind = slot.kind;
        let wrong = |verb: &str| Fault::WrongKind {
            alias: alias.clone(),
            kind,
            verb: verb.to_owned(),
        };
        match kind {
            kind if !kind.sends() => Err(wrong("send")),
            kind if kind.publishes() => Ok((at, slot)),
            _ if topic.is_some() => Err(wrong("have topics")),
            _ => Ok((at, slot)),
        }
    }

    /// The socket can send again: first what was queued, then what requesters wait to have sent.
    pub(crate) fn flush(&mut self, at: SlotId) {
        if let Some(slot) = self.sockets.get_mut(at) {
            slot.flush();
        }
        while let Some(id) = self.next_to_leave(at) {
            if let Some(Waiting::Send {
                requester, message, ..
            }) = self.waiting.take(id)
            {
                if let Some(slot) = self.sockets.get_mut(at) {
                    // It is writable: it takes this one.
                    slot.offer(Parcel::plain(message), false);
                }
                self.reply(requester, Ok(Value::Null));
            }
        }
    }

    /// Sends what requesters wait to have sent, if the socket takes it now.
    fn next_to_leave(&self, at: SlotId) -> Option<u64> {
        let slot = self.sockets.get(at).filter(|slot| slot.outbox.is_empty())?;
        self.next_sender(at).filter(|_| slot.writable())
    }

    fn next_sender(&self, at: SlotId) -> Option<u64> {
        let waits =
            |waiting: &Waiting| matches!(waiting, Waiting::Send { at: here, .. } if *here == at);
        self.waiting
            .iter()
            .find(|(_, waiting)| waits(waiting))
            .map(|(id, _)| id)
    }

    /// Whether a requester waits until this socket can send.
    pub(crate) fn is_awaited(&self, at: SlotId) -> bool {
        let slot = self.sockets.get(at);
        slot.is_some_and(|slot| !slot.outbox.is_empty()) || self.next_sender(at).is_some()
    }

    /// The time of the requesters that wait is up.
    pub(crate) fn expire_waiting(&mut self) {
        while let Some((_, waiting)) = self.waiting.expired(self.now) {
            match waiting {
                Waiting::Wire {
                    requester,
                    awaited,
                    made,
                    limit,
                    ..
                } => self.answer_late_wire(requester, &awaited, made, limit),
                Waiting::Lookup {
                    requester,
                    lookup,
                    limit,
                    ..
                } => self.answer_late_lookup(requester, *lookup, limit),
                Waiting::Left {
                    requester,
                    at,
                    limit,
                    ..
                } => {
                    let alias = self.sockets.name(at);
                    let what = format!("taking in the rest at {}.{alias}", self.boot.name());
                    let limit = Millis::from(limit);
                    self.reply(requester, Err(Fault::Deadline { what, limit }));
                }
                Waiting::Drain { requester, limit } => {
                    let fault = self.answer_late_drain(Millis::from(limit));
                    self.reply(requester, Err(fault));
                }
                Waiting::Prove {
                    requester,
                    at,
                    limit,
                    ..
                } => {
                    let alias = self.sockets.name(at);
                    let what = format!("seeing all subscriptions at {}.{alias}", self.boot.name());
                    let limit = Millis::from(limit);
                    self.reply(requester, Err(Fault::Deadline { what, limit }));
                }
                Waiting::Send {
                    requester,
                    alias,
                    limit,
                    ..
                } => {
                    let limit = Millis::from(limit);
                    let reason = format!("nobody took the message within {limit}");
                    self.reply(requester, Err(not_sent(&alias, reason)));
                }
            }
        }
    }
}

fn not_sent(alias: &Alias, reason: String) -> Fault {
    Fault::NotSent {
        alias: alias.clone(),
        reason,
    }
}
