//! What happens to a message that has arrived: the actions of its socket, in order.
//!
//! A message is decoded by the first action that must know what is in it; to be discarded, echoed or
//! forwarded it need not be.

use std::mem;
use std::rc::Rc;

use serde_json::Value;
use zmq::Message;

use super::sockets::{Offer, Parcel};
use super::state::{Agent, DEFAULT_LIMIT, Origin, Ticket};
use crate::model::{Action, Alias, Handlers, Kind, Serializer};
use crate::wire::{CodecError, decode, encode, join_topic, split_topic};

/// How many messages `collect` keeps; later ones are dropped, and counted.
const COLLECTED: usize = 100_000;
/// The attribute that `collect` appends to.
const RECEIVED: &str = "received";

/// A message that has arrived.
pub struct Incoming {
    pub at: usize,
    serializer: Serializer,
    /// SUB: how long the topic is, and where the body begins.
    topic: Option<(usize, usize)>,
    frame: Message,
    decoded: Option<Value>,
    /// REP: to be answered.
    pub ticket: Option<Ticket>,
}

impl Incoming {
    pub fn new(at: usize, serializer: Serializer, frame: Message, ticket: Option<Ticket>) -> Self {
        Self {
            at,
            serializer,
            topic: None,
            frame,
            decoded: None,
            ticket,
        }
    }

    /// A publication: topic and body in one frame.
    pub fn published(
        at: usize,
        serializer: Serializer,
        frame: Message,
    ) -> Result<Self, CodecError> {
        let (topic, body) = split_topic(&frame, serializer)?;
        let topic = (topic.len(), frame.len() - body.len());
        let mut incoming = Self::new(at, serializer, frame, None);
        incoming.topic = Some(topic);
        Ok(incoming)
    }

    /// What topics are matched against.
    fn topic_bytes(&self) -> &[u8] {
        &self.frame[..self.topic.map_or(0, |(length, _)| length)]
    }

    /// The topic for people and programs. With `raw` nobody knows where it ends.
    pub fn topic(&self) -> Option<String> {
        let (length, body) = self.topic.filter(|(_, body)| *body > 0)?;
        debug_assert!(length < body);
        Some(String::from_utf8_lossy(&self.frame[..length]).into_owned())
    }

    fn body(&self) -> &[u8] {
        &self.frame[self.topic.map_or(0, |(_, body)| body)..]
    }

    /// The message itself.
    pub fn message(&mut self) -> Result<&Value, CodecError> {
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

    /// The frame for a publisher that writes by `serializer`.
    fn publication_for(&mut self, serializer: Serializer) -> Result<Message, CodecError> {
        if serializer == self.serializer && self.topic.is_some() {
            return Ok(Message::from(&self.frame[..]));
        }
        let body = self.body_for(serializer, false)?;
        let topic = self.topic().unwrap_or_default();
        Ok(join_topic(&topic, &body, serializer).into())
    }
}

impl Agent {
    /// Carries out all actions for a message, and sees to it that a request is answered.
    pub fn handle(&mut self, mut incoming: Incoming) {
        let handlers = Rc::clone(&self.sockets.at(incoming.at).handlers);
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
                Action::Command => self.hand_to_program(incoming, None)?,
                Action::Call(handler) => self.hand_to_program(incoming, Some(handler))?,
            }
        }
        Ok(())
    }

    fn log_message(&mut self, incoming: &mut Incoming) -> Result<(), CodecError> {
        let topic = match incoming.topic() {
            Some(topic) if !topic.is_empty() => format!(" [{topic}]"),
            _ => String::new(),
        };
        let alias = &self.sockets.at(incoming.at).alias;
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
        let target = self.sockets.find(alias.as_str());
        let Some(to) = target.filter(|to| self.sockets.at(*to).kind.sends()) else {
            let reason = format!("there is no socket {alias} to forward to");
            self.note_dropped(incoming.at, &reason);
            if let Some(ticket) = incoming.ticket.take() {
                self.answer_error(ticket, &reason);
            }
            return Ok(());
        };
        let slot = self.sockets.at(to);
        let (kind, serializer) = (slot.kind, slot.serializer);
        let body = match kind {
            Kind::Pub => incoming.publication_for(serializer)?,
            _ => incoming.body_for(serializer, last)?,
        };
        match (kind, incoming.ticket.take()) {
            (Kind::Req, Some(ticket)) => {
                self.request(to, body, Origin::Forward(ticket), DEFAULT_LIMIT);
            }
            (Kind::Req, None) => self.request(to, body, Origin::Handlers, DEFAULT_LIMIT),
            (_, ticket) => {
                incoming.ticket = ticket;
                if let Offer::Full(_) = self.offer(to, Parcel::plain(body)) {
                    self.note_dropped(to, "the queue is full");
                }
            }
        }
        Ok(())
    }

    /// Whether everything that messages of this socket lead to can take another one.
    pub fn has_room_after(&self, at: usize) -> bool {
        let handlers = &self.sockets.at(at).handlers;
        handlers.actions().all(|action| match action {
            Action::Forward(alias) => match self.sockets.find(alias.as_str()) {
                Some(to) => self.has_room_at(to),
                None => true,
            },
            Action::Command | Action::Call(_) => self.program_has_room(),
            _ => true,
        })
    }
}
