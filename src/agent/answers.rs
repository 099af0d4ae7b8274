//! Answers: what becomes of those to the agent's own requests, and how it gives those that others
//! wait for.
//!
//! An error travels as an answer: `{"$error": "reason"}`, with the raw serializer the text
//! `error: reason`. specs/commands.md says the same.

use std::rc::Rc;

use serde_json::{Value, json};
use zmq::Message;

use super::exchange::{Origin, SentRequest, Ticket};
use super::handlers::Incoming;
use super::program::Payload;
use super::sockets::SlotId;
use super::state::Agent;
use crate::model::{Replies, Serializer};
use crate::wire::{Encode, Fault, decode, encode};

const ERROR_KEY: &str = "$error";
const RAW_ERROR: &str = "error: ";

/// An answer as it has arrived.
pub(crate) struct ReplyFrame {
    pub frame: Message,
    pub serializer: Serializer,
}

impl ReplyFrame {
    fn read(&self) -> Result<Value, String> {
        read_answer(&self.frame, self.serializer)
    }

    /// As it is, unless it is an error.
    fn payload(self) -> Result<Payload, String> {
        let Self { frame, serializer } = self;
        if looks_like_an_error(&frame, serializer) {
            return read_answer(&frame, serializer).map(Payload::Value);
        }
        Ok(Payload::Frame {
            frame,
            start: 0,
            by: serializer,
        })
    }
}

impl Agent {
    /// An answer has arrived, or will not.
    pub(crate) fn resolve(&mut self, request: SentRequest, outcome: Result<ReplyFrame, String>) {
        let SentRequest { at, origin, .. } = request;
        match (origin, outcome) {
            (Origin::Handlers, outcome) => {
                let slot = self.sockets.get(at);
                if let Some(replies) = slot.map(|slot| Rc::clone(&slot.replies)) {
                    self.handle_reply(at, &replies, outcome);
                }
            }
            (Origin::Given(replies), outcome) => self.handle_reply(at, &replies, outcome),
            (Origin::Proxy { requester, .. }, outcome) => {
                let outcome = outcome.and_then(|reply| reply.read());
                let outcome = outcome.map_err(|reason| Fault::Handler { reason });
                self.reply(Some(requester), outcome);
            }
            (Origin::Program(id), outcome) => {
                if self.program_reads_payloads() {
                    self.hand_reply(id, outcome.and_then(ReplyFrame::payload));
                } else if self.program_has_frames() {
                    self.frame_reply(&id, outcome.and_then(ReplyFrame::payload));
                } else {
                    self.reply_to_program(&id, &outcome.and_then(|reply| reply.read()));
                }
            }
            (Origin::Forward(ticket), Ok(reply)) => self.pass_back(ticket, reply),
            (Origin::Forward(ticket), Err(reason)) => self.answer_error(ticket, &reason),
        }
    }

    /// An answer for handlers. An error is one for the handlers of errors, also if it came as an
    /// answer.
    fn handle_reply(&mut self, at: SlotId, replies: &Replies, outcome: Result<ReplyFrame, String>) {
        let Some(serializer) = self.sockets.serializer(at) else {
            return;
        };
        let outcome =
            outcome.and_then(
                |reply| match looks_like_an_error(&reply.frame, serializer) {
                    true => reply.read().map(|_| reply.frame),
                    false => Ok(reply.frame),
                },
            );
        match (outcome, &replies.on_reply, &replies.on_error) {
            (Ok(frame), None, _) => self.handle(Incoming::reply(at, serializer, frame)),
            (Ok(frame), Some(actions), _) => {
                self.handle_by(Incoming::reply(at, serializer, frame), actions);
            }
            (Err(reason), _, Some(actions)) => {
                let frame = error_answer(&reason, serializer).into();
                let failure = Incoming::failure(at, serializer, frame, reason);
                self.handle_by(failure, actions);
            }
            (Err(reason), _, None) => self.note_unanswered(at, &reason),
        }
    }

    fn pass_back(&mut self, ticket: Ticket, reply: ReplyFrame) {
        if self.sockets.serializer(ticket.at) == Some(reply.serializer) {
            return self.answer_frame(ticket, reply.frame);
        }
        match reply.read() {
            Ok(value) => self.answer_value(ticket, &value),
            Err(reason) => self.answer_error(ticket, &reason),
        }
    }

    /// Requesters of a socket that is closed were told so when it was closed.
    pub(crate) fn answer_frame(&mut self, ticket: Ticket, body: Message) {
        if let Some(slot) = self.sockets.get_mut(ticket.at) {
            slot.answer(ticket.path, body);
        }
    }

    pub(crate) fn answer_value(&mut self, ticket: Ticket, answer: &impl Encode) {
        let Some(serializer) = self.sockets.serializer(ticket.at) else {
            return;
        };
        match answer.encode(serializer) {
            Ok(body) => self.answer_frame(ticket, body.into()),
            Err(error) => self.answer_error(ticket, &error.to_string()),
        }
    }

    pub(crate) fn answer_error(&mut self, ticket: Ticket, reason: &str) {
        if let Some(serializer) = self.sockets.serializer(ticket.at) {
            self.answer_frame(ticket, error_answer(reason, serializer).into());
        }
    }
}

/// An error as an answer.
fn error_answer(reason: &str, by: Serializer) -> Vec<u8> {
    match by {
        // No pickle begins so.
        Serializer::Raw | Serializer::Pickle => format!("{RAW_ERROR}{reason}").into_bytes(),
        // A map with one text is written by every serializer.
        Serializer::Json | Serializer::Msgpack => {
            encode(&json!({ ERROR_KEY: reason }), by).unwrap_or_default()
        }
    }
}

/// Whether a frame may be an error. It looks at the beginning only: most answers are none, and are
/// not to be decoded for it.
fn looks_like_an_error(frame: &[u8], by: Serializer) -> bool {
    let key = ERROR_KEY.as_bytes();
    match by {
        Serializer::Raw | Serializer::Pickle => frame.starts_with(RAW_ERROR.as_bytes()),
        Serializer::Json => {
            let inside = frame.trim_ascii_start().strip_prefix(b"{");
            let name = inside.and_then(|inside| inside.trim_ascii_start().strip_prefix(b"\""));
            name.is_some_and(|name| name.starts_with(key))
        }
        // A map's first entry may be of several forms, all of them short.
        Serializer::Msgpack => frame[..frame.len().min(16)]
            .windows(key.len())
            .any(|window| window == key),
    }
}

/// The answer in a frame, or the error that it stands for.
pub(crate) fn read_answer(frame: &[u8], by: Serializer) -> Result<Value, String> {
    if by == Serializer::Pickle && looks_like_an_error(frame, by) {
        return Err(String::from_utf8_lossy(&frame[RAW_ERROR.len()..]).into_owned());
    }
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
        assert_eq!(read(b"error: no", Serializer::Pickle), Err("no".into()));
        assert_eq!(
            read(b"\x80\x05N.", Serializer::Pickle),
            Ok(json!({ "$base64": "gAVOLg==" }))
        );
        assert_eq!(read(b"error", Serializer::Raw), Ok("error".into()));
        let both = br#"{"$error":"no","x":1}"#;
        assert_eq!(
            read(both, Serializer::Json),
            Ok(json!({"$error": "no", "x": 1}))
        );
        assert!(read(b"{", Serializer::Json).is_err());
    }

    #[test]
    fn every_error_looks_like_one_and_few_others_do() {
        for by in Serializer::UNDERSTOOD {
            assert!(looks_like_an_error(&error_answer("no", *by), *by), "{by}");
            assert!(!looks_like_an_error(b"", *by));
            assert!(!looks_like_an_error(b"\"$error\"", Serializer::Json));
        }
        assert!(looks_like_an_error(
            b" {\n \"$error\": \"no\"}",
            Serializer::Json
        ));
        assert!(!looks_like_an_error(b"an error: no", Serializer::Raw));
    }
}
