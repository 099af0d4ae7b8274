//! What happens to a message that has arrived: the actions of its socket, in order.
//!
//! A message is decoded by the first action that must know what is in it; to be discarded, echoed or
//! forwarded it need not be.

use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use serde_json::{Value, json};
use zmq::Message;

use super::calls::answer_wait;
use super::exchange::{Origin, Ticket};
use super::program::Payload;
use super::sockets::{Offer, Parcel, SlotId, publication};
use super::state::Agent;
use crate::model::{Action, Alias, Handlers, Kind, Serializer};
use crate::wire::{CodecError, decode, encode, split_topic, to_sync};

/// How many messages `collect` keeps; later ones are dropped, and counted.
const COLLECTED: usize = 100_000;
/// The attribute that `collect` appends to.
const RECEIVED: &str = "received";

/// A message that has arrived.
pub(crate) struct Incoming {
    pub at: SlotId,
    serializer: Serializer,
    /// SUB: where in the frame the topic is.
    topic: Option<Topic>,
    frame: Message,
    decoded: Option<Value>,
    /// A request: to be answered.
    pub ticket: Option<Ticket>,
    pub sort: Sort,
}

/// Where in its frame a publication has its parts. With `raw` the end of the topic is not known:
/// topic and body are then the same.
#[derive(Clone, Copy)]
struct Topic {
    start: usize,
    end: usize,
    body: usize,
}

/// What a message is to the agent that gets it.
pub(crate) enum Sort {
    /// Sent to it.
    Sent,
    /// An answer to a request of its own.
    Reply,
    /// Such a request has failed; why.
    Failure(Box<str>),
}

impl Incoming {
    pub(crate) fn new(
        at: SlotId,
        serializer: Serializer,
        frame: Message,
        ticket: Option<Ticket>,
    ) -> Self {
        Self {
            at,
            serializer,
            topic: None,
            frame,
            decoded: None,
            ticket,
            sort: Sort::Sent,
        }
    }

    /// The answer to a request.
    pub(crate) fn reply(at: SlotId, serializer: Serializer, frame: Message) -> Self {
        Self {
            sort: Sort::Reply,
            ..Self::new(at, serializer, frame, None)
        }
    }

    /// A request has failed: an answer that says why.
    pub(crate) fn failure(
        at: SlotId,
        serializer: Serializer,
        frame: Message,
        reason: String,
    ) -> Self {
        Self {
            sort: Sort::Failure(reason.into()),
            ..Self::new(at, serializer, frame, None)
        }
    }

    /// A publication: topic and body in one frame, after so many bytes.
    pub(crate) fn published(
        at: SlotId,
        serializer: Serializer,
        frame: Message,
        start: usize,
    ) -> Result<Self, CodecError> {
        let (topic, body) = split_topic(&frame[start..], serializer)?;
        let topic = Topic {
            start,
            end: start + topic.len(),
            body: frame.len() - body.len(),
        };
        let mut incoming = Self::new(at, serializer, frame, None);
        incoming.topic = Some(topic);
        Ok(incoming)
    }

    /// What topics are matched against.
    fn topic_bytes(&self) -> &[u8] {
        self.topic
            .map_or(&[][..], |topic| &self.frame[topic.start..topic.end])
    }

    /// The topic for people and programs. With `raw` its end is not known.
    pub(crate) fn topic(&self) -> Option<String> {
        self.topic.filter(|topic| topic.body > topic.start)?;
        Some(String::from_utf8_lossy(self.topic_bytes()).into_owned())
    }

    fn body(&self) -> &[u8] {
        &self.frame[self.topic.map_or(0, |topic| topic.body)..]
    }

    /// The message itself.
    pub(crate) fn message(&mut self) -> Result<&Value, CodecError> {
        let value = match self.decoded.take() {
            Some(value) => value,
            None => decode(self.body(), self.serializer)?,
        };
        Ok(self.decoded.insert(value))
    }

    /// The body for a socket that writes by `serializer`. Only the last action may take the bytes
    /// away; others copy them.
    fn body_for(&mut self, serializer: Serializer, last: bool) -> Result<Message, CodecError> {
        if serializer != self.serializer {
            return Ok(encode(self.message()?, serializer)?.into());
        }
        if last && self.topic.is_none() {
            return Ok(mem::replace(&mut self.frame, Message::new()));
        }
        Ok(Message::from(self.body()))
    }

    /// Whether there may be bytes in it, which a program takes that takes frames.
    pub(crate) fn has_bytes(&self) -> bool {
        self.serializer != Serializer::Json && !matches!(self.sort, Sort::Failure(_))
    }

    /// The message as it is, for a thread, or to be divided into line and frame. Only the last action may take the bytes away; others copy them.
    pub(crate) fn payload(&mut self, last: bool) -> Payload {
        if let Sort::Failure(reason) = &self.sort {
            // As an error travels.
            return Payload::Value(json!({ "$error": reason }));
        }
        let by = self.serializer;
        if !last {
            let frame = Message::from(self.body());
            return Payload::Frame {
                frame,
                start: 0,
                by,
            };
        }
        let start = self.topic.map_or(0, |topic| topic.body);
        let frame = mem::replace(&mut self.frame, Message::new());
        self.topic = None;
        Payload::Frame { frame, start, by }
    }

    /// The frame for a publisher of that kind that writes by `serializer`.
    fn publication_for(
        &mut self,
        kind: Kind,
        serializer: Serializer,
    ) -> Result<Message, CodecError> {
        if let Some(topic) = self.topic.filter(|_| serializer == self.serializer) {
            let plain = &self.frame[topic.start..];
            return Ok(match kind.answers_beside() {
                true => to_sync(plain).into(),
                false => Message::from(plain),
            });
        }
        let body = self.body_for(serializer, false)?;
        // It ended before the byte that no topic has.
        let topic = self.topic().and_then(|topic| topic.parse().ok());
        Ok(publication(kind, topic.as_ref(), &body, serializer))
    }
}

/// Where messages of a socket lead to: looked up once for a batch of them. Sockets are added and
/// removed between batches only.
#[derive(Default)]
pub(crate) struct After {
    sockets: Vec<SlotId>,
    program: bool,
}

impl Agent {
    /// Carries out all actions for a message, and makes sure that a request is answered.
    pub(crate) fn handle(&mut self, mut incoming: Incoming) {
        let Some(slot) = self.sockets.get(incoming.at) else {
            return;
        };
        let handlers = Rc::clone(&slot.handlers);
        let outcome = match &*handlers {
            Handlers::All(actions) => self.perform(&mut incoming, actions.iter()),
            Handlers::ByTopic(topics) => {
                let topic = incoming.topic_bytes();
                let begins = |prefix: &String| topic.starts_with(prefix.as_bytes());
                let matching: Vec<&Vec<Action>> = topics
                    .iter()
                    .filter(|(prefix, _)| begins(prefix))
                    .map(|(_, actions)| actions)
                    .collect();
                self.perform(&mut incoming, matching.into_iter().flatten())
            }
        };
        self.conclude(incoming, outcome);
    }

    /// Carries out these actions for a message, instead of those of its socket.
    pub(crate) fn handle_by(&mut self, mut incoming: Incoming, actions: &[Action]) {
        let outcome = self.perform(&mut incoming, actions.iter());
        self.conclude(incoming, outcome);
    }

    fn conclude(&mut self, mut incoming: Incoming, outcome: Result<(), CodecError>) {
        if let Err(error) = &outcome {
            self.note_garbled(incoming.at, &error.to_string());
        }
        if let Some(ticket) = incoming.ticket.take() {
            match outcome {
                Ok(()) => self.answer_value(ticket, &Value::Null),
                Err(error) => self.answer_error(ticket, &error.to_string()),
            }
        }
    }

    fn perform<'a>(
        &mut self,
        incoming: &mut Incoming,
        actions: impl Iterator<Item = &'a Action>,
    ) -> Result<(), CodecError> {
        let mut actions = actions.peekable();
        while let Some(action) = actions.next() {
            let last = actions.peek().is_none();
            match action {
                Action::Discard => {}
                Action::Log => self.log_message(incoming)?,
                Action::Collect => self.collect(incoming)?,
                Action::Echo => self.echo(incoming, last)?,
                Action::Forward(alias) => self.forward(incoming, alias, last)?,
                Action::Command => self.hand_to_program(incoming, None, last)?,
                Action::Call(handler) => self.hand_to_program(incoming, Some(handler), last)?,
            }
        }
        Ok(())
    }

    fn log_message(&mut self, incoming: &mut Incoming) -> Result<(), CodecError> {
        let topic = match incoming.topic() {
            Some(topic) if !topic.is_empty() => format!(" [{topic}]"),
            _ => String::new(),
        };
        let alias = self.sockets.name(incoming.at);
        if let Sort::Failure(reason) = &incoming.sort {
            self.log.warn(&format!("{alias}: {reason}"));
            return Ok(());
        }
        let line = match incoming.message()? {
            Value::String(text) => format!("{alias}{topic}: {text}"),
            other => format!("{alias}{topic}: {other}"),
        };
        self.log.info(&line);
        Ok(())
    }

    fn collect(&mut self, incoming: &mut Incoming) -> Result<(), CodecError> {
        let message = incoming.message()?.clone();
        if !matches!(self.attributes.get(RECEIVED), Some(Value::Array(_))) {
            let empty = Value::Array(Vec::new());
            self.attributes.insert(RECEIVED.to_owned(), empty);
        }
        let list = self
            .attributes
            .get_mut(RECEIVED)
            .and_then(Value::as_array_mut);
        match list {
            Some(list) if list.len() < COLLECTED => list.push(message),
            _ => self.note_dropped(incoming.at, "the attribute `received` is full"),
        }
        Ok(())
    }

    fn echo(&mut self, incoming: &mut Incoming, last: bool) -> Result<(), CodecError> {
        if let Some(ticket) = incoming.ticket.take() {
            let body = incoming.body_for(incoming.serializer, last)?;
            self.answer_frame(ticket, body);
        }
        Ok(())
    }

    fn forward(
        &mut self,
        incoming: &mut Incoming,
        alias: &Alias,
        last: bool,
    ) -> Result<(), CodecError> {
        let target = self.sockets.named(alias.as_str());
        let Some((to, slot)) = target.filter(|(_, slot)| slot.kind.sends()) else {
            let reason = format!("there is no socket {alias} to forward to");
            self.note_dropped(incoming.at, &reason);
            if let Some(ticket) = incoming.ticket.take() {
                self.answer_error(ticket, &reason);
            }
            return Ok(());
        };
        let (kind, serializer) = (slot.kind, slot.serializer);
        let wait = answer_wait(slot);
        let body = match kind.publishes() {
            true => incoming.publication_for(kind, serializer)?,
            false => incoming.body_for(serializer, last)?,
        };
        match (kind.asks(), incoming.ticket.take()) {
            (true, ticket) => {
                let origin = ticket.map_or(Origin::Handlers, Origin::Forward);
                self.request(to, body, origin, wait);
            }
            (false, ticket) => {
                incoming.ticket = ticket;
                if let Offer::Full(_) = self.offer(to, Parcel::plain(body)) {
                    self.note_dropped(to, "the queue is full");
                }
            }
        }
        Ok(())
    }

    /// Where messages of this socket lead to.
    pub(crate) fn after(&self, at: SlotId) -> After {
        let mut after = After::default();
        let Some(slot) = self.sockets.get(at) else {
            return after;
        };
        for action in slot.handlers.actions().chain(slot.replies.actions()) {
            match action {
                Action::Forward(alias) => after.sockets.extend(self.sockets.find(alias.as_str())),
                Action::Command | Action::Call(_) => after.program = true,
                Action::Log | Action::Echo | Action::Collect | Action::Discard => {}
            }
        }
        after
    }

    /// Whether everything there can take another message.
    pub(crate) fn has_room_after(&self, after: &After) -> bool {
        after.sockets.iter().all(|to| self.has_room_at(*to))
            && (!after.program || self.program_has_room())
    }
}

/// What is collected is an empty list among the attributes until something comes.
pub(crate) fn expect_to_collect<'a>(
    attributes: &mut BTreeMap<String, Value>,
    mut actions: impl Iterator<Item = &'a Action>,
) {
    if actions.any(|action| *action == Action::Collect) {
        let received = attributes.entry(RECEIVED.to_owned());
        received.or_insert_with(|| Value::Array(Vec::new()));
    }
}
