//! What a program says is done.

use serde_json::Value;

use super::ask::{Asked, request_of};
use super::words::{FromProgram, OwnWord, ProgramRequest};
use super::{Program, ProgramId};
use crate::agent::exchange::{Origin, PendingReply};
use crate::agent::requester::Requester;
use crate::agent::requests::Request;
use crate::agent::sockets::{Slot, SlotId};
use crate::agent::state::Agent;
use crate::model::timing::REQUEST_TIMEOUT;
use crate::model::{Alias, Level, Millis, Step, Topic};
use crate::wire::{Content, Fault};

impl Agent {
    /// Does it, or gives the word back if its time has not come.
    pub(super) fn execute(&mut self, word: FromProgram) -> Option<FromProgram> {
        match word {
            FromProgram::Asks(request) => self.execute_request(request).map(FromProgram::from),
            FromProgram::AsksOthers(word) => self.ask_others(word).map(FromProgram::from),
            FromProgram::Says(word) => self.execute_word(word).map(FromProgram::from),
        }
    }

    fn execute_request(&mut self, asked: ProgramRequest) -> Option<ProgramRequest> {
        let id = asked.id().cloned();
        if id.is_some() && self.program_is_behind() {
            return Some(asked);
        }
        let requester = Some(Requester::Program(id));
        match request_of(asked, self.boot.keys.is_some()) {
            Ok(Asked { request, timeout }) => {
                self.note_made_by_program(&request);
                let limit = timeout.map_or(REQUEST_TIMEOUT, Millis::duration);
                self.serve(request, Request::new(requester, limit, self.now));
            }
            Err(reason) => self.reply(requester, Err(Fault::Refused { reason })),
        }
        None
    }

    fn execute_word(&mut self, word: OwnWord) -> Option<OwnWord> {
        match word {
            OwnWord::Prepared { go } => {
                self.introduce();
                if go {
                    self.lead(Step::Go);
                }
            }
            // That it says anything at all is the news, otherwise.
            OwnWord::Ready { pings: false } => {}
            OwnWord::Ready { pings: true } => self.on_willing(),
            OwnWord::Frames => {
                if let Some(program) = &mut self.program {
                    program.body.begin_frames();
                }
            }
            OwnWord::Pong { busy } => self.on_pong(busy),
            OwnWord::Send {
                alias,
                message,
                topic,
                id,
            } => return self.send_for_program(alias, message, topic, id),
            OwnWord::Request {
                alias,
                message,
                id,
                timeout,
            } => return self.request_for_program(alias, message, id, timeout),
            OwnWord::Get { name, id } => return self.get_for_program(name, id),
            OwnWord::Reply { id, message, error } => {
                self.take_reply(id, error.map_or(Ok(message), Err));
            }
            OwnWord::NoMethod { id, known } => self.take_no_method(id, known),
            OwnWord::Garbled { alias, id, reason } => self.take_garbled(&alias, id, &reason),
            OwnWord::Log { level, text } => {
                self.log.line(level.unwrap_or(Level::Info), &text);
            }
            OwnWord::Set { attributes } => self.keep_attributes(attributes),
            OwnWord::Stop => self.end(0),
        }
        None
    }

    fn program_is_behind(&self) -> bool {
        self.program.as_ref().is_some_and(Program::is_behind)
    }

    fn send_for_program(
        &mut self,
        alias: Alias,
        message: Content,
        topic: Option<Topic>,
        id: Option<ProgramId>,
    ) -> Option<OwnWord> {
        let sender = self.sender_for_program(&alias, topic.is_some());
        let full = |(at, _): &(SlotId, &Slot)| !self.has_room_at(*at);
        if !self.may_send() || sender.as_ref().is_ok_and(full) {
            return Some(OwnWord::Send {
                alias,
                message,
                topic,
                id,
            });
        }
        let framed = sender.and_then(|(at, slot)| {
            let frame = slot.frame_of(message, topic.as_ref());
            let frame = frame.map_err(|error| format!("cannot send by {alias}: {error}"))?;
            Ok((at, frame))
        });
        let sent = framed.map(|(at, frame)| {
            self.send_frame(at, frame);
            Value::Null
        });
        match (id, sent) {
            (Some(id), sent) => self.reply_to_program(&id, &sent),
            (None, Ok(_)) => {}
            (None, Err(reason)) => self.note_garbage(&reason),
        }
        None
    }

    fn sender_for_program(
        &self,
        alias: &Alias,
        has_topic: bool,
    ) -> Result<(SlotId, &Slot), String> {
        let Some((at, slot)) = self.sockets.named(alias.as_str()) else {
            return Err(format!("cannot send: there is no socket {alias}"));
        };
        match slot.kind {
            kind if !kind.sends() => Err(format!(
                "cannot send by {alias}: it is {} socket",
                kind.with_article()
            )),
            kind if kind.publishes() => Ok((at, slot)),
            kind if has_topic => Err(format!(
                "{alias} is {} socket: only publishers have topics",
                kind.with_article()
            )),
            _ => Ok((at, slot)),
        }
    }

    fn request_for_program(
        &mut self,
        alias: Alias,
        message: Content,
        id: ProgramId,
        timeout: Option<Millis>,
    ) -> Option<OwnWord> {
        let word = |alias, message, id| OwnWord::Request {
            alias,
            message,
            id,
            timeout,
        };
        if !self.may_send() {
            return Some(word(alias, message, id));
        }
        let slot = self.sockets.named(alias.as_str());
        let Some((at, slot)) = slot.filter(|(_, slot)| slot.kind.asks()) else {
            let reason = format!("cannot ask: there is no socket {alias} that asks");
            self.reply_to_program(&id, &Err(reason.clone()));
            return self.refuse(&reason);
        };
        if !self.has_room_at(at) || !self.program_has_room() {
            return Some(word(alias, message, id));
        }
        let limit = timeout.or(slot.replies.wait);
        let limit = limit.map_or(REQUEST_TIMEOUT, Millis::duration);
        match slot.frame_of(message, None) {
            Ok(frame) => self.request(at, frame, Origin::Program(id), limit),
            Err(error) => self.reply_to_program(&id, &Err(error.to_string())),
        }
        None
    }

    fn get_for_program(&mut self, name: String, id: ProgramId) -> Option<OwnWord> {
        if self.program_is_behind() {
            return Some(OwnWord::Get { name, id });
        }
        let outcome = match self.attributes.get(&name) {
            Some(value) => Ok(value.clone()),
            None => Err(format!("there is no attribute {name:?}")),
        };
        self.reply_to_program(&id, &outcome);
        None
    }

    fn take_reply(&mut self, id: u64, outcome: Result<Content, String>) {
        match self.exchange.take_reply(id) {
            Some(reply) => self.settle_pending_reply(reply, outcome),
            None => {
                self.refuse(&format!("a reply to {id}, which nobody waits for"));
            }
        }
    }

    fn take_no_method(&mut self, id: u64, known: Vec<String>) {
        match self.exchange.take_reply(id) {
            Some(PendingReply::Call {
                requester, name, ..
            }) => {
                let agent = self.boot.name().clone();
                let method = name;
                let fault = Fault::UnknownMethod {
                    agent,
                    method,
                    known,
                };
                self.reply(requester, Err(fault));
            }
            Some(PendingReply::Answer(ticket)) => self.answer_error(ticket, "there is no handler"),
            // Its time was up.
            None => {}
        }
    }

    /// A message is counted as if the agent had read it itself.
    fn take_garbled(&mut self, alias: &Alias, id: Option<u64>, reason: &str) {
        if let Some(at) = self.sockets.find(alias.as_str()) {
            self.note_garbled(at, reason);
        }
        if let Some(reply) = id.and_then(|id| self.exchange.take_reply(id)) {
            self.settle_pending_reply(reply, Err(reason.to_owned()));
        }
    }

    fn refuse(&mut self, reason: &str) -> Option<OwnWord> {
        self.note_garbage(reason);
        None
    }
}
