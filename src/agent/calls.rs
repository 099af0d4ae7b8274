//! Sending of the agent's own accord, requests by REQ sockets, and answers to requests at REP
//! sockets.
//!
//! An error travels as an answer: `{"$error": "reason"}`, with the raw serializer the text
//! `error: reason`. specs/commands.md says the same.

use std::time::Duration;

use serde_json::{Value, json};
use zmq::Message;

use super::handlers::Incoming;
use super::sockets::{Offer, Parcel};
use super::state::{Agent, Origin, Request, Ticket};
use crate::model::{Kind, Millis, Serializer};
use crate::wire::{CodecError, Fault, decode, encode, join_topic};

/// How many requests may be under way at a time.
const UNDER_WAY: usize = 4096;
const ERROR_KEY: &str = "$error";
const RAW_ERROR: &str = "error: ";

impl Agent {
    /// A message as the frame that the socket sends.
    pub fn frame_for(
        &self,
        at: usize,
        message: &Value,
        topic: Option<&str>,
    ) -> Result<Message, CodecError> {
        let slot = self.sockets.at(at);
        let body = encode(message, slot.serializer)?;
        Ok(match slot.kind {
            Kind::Pub => join_topic(topic.unwrap_or_default(), &body, slot.serializer).into(),
            _ => body.into(),
        })
    }

    pub fn offer(&mut self, at: usize, parcel: Parcel) -> Offer {
        self.sockets.at_mut(at).offer(parcel, true)
    }

    /// Whether the socket, or its queue, can take another message.
    pub fn has_room_at(&self, at: usize) -> bool {
        let slot = self.sockets.at(at);
        slot.has_room() && (slot.kind != Kind::Req || self.requests.len() < UNDER_WAY)
    }

    /// Sends by any kind of socket; what is answered goes to its handlers. False if there is no
    /// room.
    pub fn send_frame(&mut self, at: usize, frame: Message) -> bool {
        if !self.has_room_at(at) {
            return false;
        }
        if self.sockets.at(at).kind == Kind::Req {
            self.request(at, frame, Origin::Handlers, super::state::DEFAULT_LIMIT);
            return true;
        }
        !matches!(self.offer(at, Parcel::plain(frame)), Offer::Full(_))
    }

    /// Sends a request, whose answer, or the lack of it, goes to its origin.
    pub fn request(&mut self, at: usize, body: Message, origin: Origin, limit: Duration) {
        let request = Request { at, origin, limit };
        if !self.has_room_at(at) {
            return self.resolve(request, Err("too many requests are under way".into()));
        }
        let id = self.requests.add(self.now + limit, request);
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

    /// An answer has arrived, or will not.
    pub fn resolve(&mut self, request: Request, outcome: Result<Message, String>) {
        let Request { at, origin, .. } = request;
        let serializer = self.sockets.at(at).serializer;
        match (origin, outcome) {
            (Origin::Handlers, Ok(frame)) => {
                self.handle(Incoming::new(at, serializer, frame, None));
            }
            (Origin::Handlers, Err(reason)) => self.note_dropped(at, &reason),
            (Origin::Proxy { asker, .. }, outcome) => {
                let outcome = outcome.and_then(|frame| read_answer(&frame, serializer));
                let outcome = outcome.map_err(|reason| Fault::Handler { reason });
                self.reply(Some(asker), outcome);
            }
            (Origin::Program(id), outcome) => {
                let outcome = outcome.and_then(|frame| read_answer(&frame, serializer));
                self.reply_to_program(&id, &outcome);
            }
            (Origin::Forward(ticket), Ok(frame)) => self.pass_back(ticket, frame, serializer),
            (Origin::Forward(ticket), Err(reason)) => self.answer_error(ticket, &reason),
        }
    }

    /// The time of requests is up.
    pub fn expire_requests(&mut self) {
        while let Some((id, request)) = self.requests.expired(self.now) {
            self.sockets.at_mut(request.at).outbox.withdraw(id);
            let patience = Millis::from(request.limit);
            let alias = self.sockets.at(request.at).alias.clone();
            match request.origin {
                Origin::Proxy { asker, limit } => {
                    let limit = Millis::from(limit);
                    let what = format!("the answer to a request of {}.{alias}", self.boot.name);
                    self.reply(Some(asker), Err(Fault::Deadline { what, limit }));
                }
                _ => self.resolve(
                    request,
                    Err(format!("{alias}: no answer within {patience}")),
                ),
            }
        }
    }

    fn pass_back(&mut self, ticket: Ticket, frame: Message, from: Serializer) {
        let to = self.sockets.at(ticket.at).serializer;
        if from == to {
            return self.answer_frame(ticket, frame);
        }
        match read_answer(&frame, from) {
            Ok(value) => self.answer_value(ticket, &value),
            Err(reason) => self.answer_error(ticket, &reason),
        }
    }

    pub fn answer_frame(&mut self, ticket: Ticket, body: Message) {
        self.sockets.at_mut(ticket.at).answer(ticket.path, body);
    }

    pub fn answer_value(&mut self, ticket: Ticket, answer: &Value) {
        match encode(answer, self.sockets.at(ticket.at).serializer) {
            Ok(body) => self.answer_frame(ticket, body.into()),
            Err(error) => self.answer_error(ticket, &error.to_string()),
        }
    }

    pub fn answer_error(&mut self, ticket: Ticket, reason: &str) {
        let body = match self.sockets.at(ticket.at).serializer {
            Serializer::Raw => format!("{RAW_ERROR}{reason}").into_bytes(),
            // A map with one text is written by every serializer.
            by => encode(&json!({ ERROR_KEY: reason }), by).unwrap_or_default(),
        };
        self.answer_frame(ticket, body.into());
    }
}

/// The answer in a frame, or the error that it stands for.
pub fn read_answer(frame: &[u8], by: Serializer) -> Result<Value, String> {
    let value = decode(frame, by).map_err(|error| format!("an answer that is {error}"))?;
    match &value {
        Value::String(text) if by == Serializer::Raw => match text.strip_prefix(RAW_ERROR) {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(value),
        },
        Value::Object(object) if object.len() == 1 => match object.get(ERROR_KEY) {
            Some(Value::String(reason)) => Err(reason.clone()),
            _ => Ok(value),
        },
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_from_answers() {
        let read = |bytes: &[u8], by| read_answer(bytes, by);
        assert_eq!(
            read(br#"{"$error":"no"}"#, Serializer::Json),
            Err("no".into())
        );
        assert_eq!(read(b"error: no", Serializer::Raw), Err("no".into()));
        assert_eq!(read(b"error", Serializer::Raw), Ok("error".into()));
        let both = br#"{"$error":"no","x":1}"#;
        assert_eq!(
            read(both, Serializer::Json),
            Ok(json!({"$error": "no", "x": 1}))
        );
        assert!(read(b"{", Serializer::Json).is_err());
    }
}
