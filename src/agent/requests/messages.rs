//! Requests that send messages, and those whose time is up.

use serde_json::Value;

use super::{Outcome, Request, done};
use crate::agent::sockets::{Offer, Parcel};
use crate::agent::state::{Agent, Origin, Waiting};
use crate::model::{Alias, Kind, Millis};
use crate::wire::Fault;

impl Agent {
    pub(super) fn send(
        &mut self,
        alias: &Alias,
        message: &Value,
        topic: Option<&str>,
        request: Request,
    ) -> Outcome {
        let at = match self.sender(alias, topic) {
            Ok(at) => at,
            Err(fault) => return Some(Err(fault)),
        };
        let frame = match self.frame_for(at, message, topic) {
            Ok(frame) => frame,
            Err(error) => return Some(Err(not_sent(alias, error.to_string()))),
        };
        if self.sockets.at(at).kind == Kind::Req {
            if !self.has_room_at(at) {
                return Some(Err(not_sent(
                    alias,
                    "too many requests are under way".into(),
                )));
            }
            self.request(at, frame, Origin::Handlers, request.limit);
            return done();
        }
        match self.sockets.at_mut(at).offer(Parcel::plain(frame), false) {
            Offer::Taken | Offer::Queued => done(),
            Offer::Full(parcel) => {
                let waiting = Waiting::Send {
                    asker: request.asker,
                    at,
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
        let at = match self.find_kind(alias, Kind::Req, "ask") {
            Ok(at) => at,
            Err(fault) => return Some(Err(fault)),
        };
        let frame = match self.frame_for(at, message, None) {
            Ok(frame) => frame,
            Err(error) => return Some(Err(not_sent(alias, error.to_string()))),
        };
        let patience = request.until - self.now;
        let origin = match request.asker {
            Some(asker) => Origin::Proxy {
                asker,
                limit: request.limit,
            },
            None => Origin::Handlers,
        };
        self.request(at, frame, origin, patience);
        None
    }

    /// The socket by which that is to be sent.
    pub fn sender(&self, alias: &Alias, topic: Option<&str>) -> Result<usize, Fault> {
        let at = self.find(alias)?;
        let kind = self.sockets.at(at).kind;
        let wrong = |verb: &str| Fault::WrongKind {
            alias: alias.clone(),
            kind,
            verb: verb.to_owned(),
        };
        match kind {
            kind if !kind.sends() => Err(wrong("send")),
            Kind::Pub => Ok(at),
            _ if topic.is_some() => Err(wrong("have topics")),
            _ => Ok(at),
        }
    }

    /// The socket can send again: first what was queued, then what somebody waits to have sent.
    pub fn flush(&mut self, at: usize) {
        self.sockets.at_mut(at).flush();
        while self.sockets.at(at).outbox.is_empty() {
            let Some(id) = self
                .next_sender(at)
                .filter(|_| self.sockets.at(at).writable())
            else {
                return;
            };
            if let Some(Waiting::Send { asker, message, .. }) = self.waiting.take(id) {
                // It is writable: it takes this one.
                self.sockets.at_mut(at).offer(Parcel::plain(message), false);
                self.reply(asker, Ok(Value::Null));
            }
        }
    }

    fn next_sender(&self, at: usize) -> Option<u64> {
        let waits =
            |waiting: &Waiting| matches!(waiting, Waiting::Send { at: here, .. } if *here == at);
        self.waiting
            .iter()
            .find(|(_, waiting)| waits(waiting))
            .map(|(id, _)| id)
    }

    /// Whether somebody waits until this socket can send.
    pub fn is_awaited(&self, at: usize) -> bool {
        !self.sockets.at(at).outbox.is_empty() || self.next_sender(at).is_some()
    }

    /// The time of those who wait is up.
    pub fn expire_waiting(&mut self) {
        while let Some((_, waiting)) = self.waiting.expired(self.now) {
            match waiting {
                Waiting::Wire {
                    asker,
                    links,
                    further,
                    limit,
                    ..
                } => self.answer_late_wire(asker, &links, &further, limit),
                Waiting::Errand {
                    asker,
                    errand,
                    limit,
                    ..
                } => self.answer_late_errand(asker, &errand, limit),
                Waiting::Prove {
                    asker, at, limit, ..
                } => {
                    let alias = &self.sockets.at(at).alias;
                    let what = format!("seeing all subscriptions at {}.{alias}", self.boot.name);
                    let limit = Millis::from(limit);
                    self.reply(asker, Err(Fault::Deadline { what, limit }));
                }
                Waiting::Send {
                    asker, at, limit, ..
                } => {
                    let limit = Millis::from(limit);
                    let reason = format!("nobody took the message within {limit}");
                    let fault = not_sent(&self.sockets.at(at).alias, reason);
                    self.reply(asker, Err(fault));
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
