//! What the program is handed to answer: messages at REP sockets, and calls of its methods. Each is
//! owed an answer until its deadline.

use serde_json::Value;

use super::Told;
use super::body::Body;
use super::feed::Call;
use super::words::{Heard, Outcome as Reply, ToProgram};
use crate::agent::exchange::PendingReply;
use crate::agent::handlers::{Incoming, Sort};
use crate::agent::requests::{Outcome, Request};
use crate::agent::sockets::SlotId;
use crate::agent::state::Agent;
use crate::model::timing::REQUEST_TIMEOUT;
use crate::model::{MethodName, Millis};
use crate::wire::{CodecError, Content, Fault};

impl Agent {
    /// Hands a message to the program, for one of its handlers or the one it finds itself. `last`: no other action
    /// needs it.
    pub(crate) fn hand_to_program(
        &mut self,
        incoming: &mut Incoming,
        handler: Option<&MethodName>,
        last: bool,
    ) -> Result<(), CodecError> {
        let topic = incoming.topic();
        let told = self.told(incoming, last)?;
        let ticket = incoming.ticket.take();
        let at = incoming.at;
        let Some(program) = self.program.as_mut().filter(|program| program.listens()) else {
            self.note_dropped(incoming.at, "the command does not read any more");
            if let Some(ticket) = ticket {
                self.answer_error(ticket, "the command does not read any more");
            }
            return Ok(());
        };
        let Some(slot) = self.sockets.get(at) else {
            return Ok(());
        };
        let id = ticket.map(|ticket| match slot.kind.is_channel() {
            true => self.exchange.defer(ticket),
            false => {
                let deadline = self.now + REQUEST_TIMEOUT;
                let answer = PendingReply::Answer(ticket);
                self.exchange.add_pending(deadline, answer)
            }
        });
        match &mut program.body {
            Body::Process(pipes) => {
                let reply = !matches!(incoming.sort, Sort::Sent);
                let failure = match &incoming.sort {
                    Sort::Failure(reason) => Some(reason.clone()),
                    Sort::Sent | Sort::Reply => None,
                };
                let mut told = told;
                let (outcome, frame) = match (&failure, &mut told) {
                    (Some(error), _) => (Reply::Error { error }, None),
                    (None, Some(told)) => told.parts(),
                    (None, None) => {
                        let message = incoming.message()?;
                        (Reply::Message { message }, None)
                    }
                };
                let word = ToProgram::Message {
                    alias: &slot.alias,
                    handler,
                    kind: slot.kind,
                    topic,
                    id,
                    reply,
                    outcome,
                };
                pipes.tell(&word, frame);
            }
            Body::Thread(guest) => {
                guest.tell_whence(&slot.alias, handler);
                let message = incoming.payload(last);
                guest.hand(Heard::Message { topic, id, message });
            }
        }
        self.forget_old_promises(at);
        Ok(())
    }

    /// The message, if its bytes go in a frame. One that cannot be read is an error, unless a thread reads it.
    fn told(&self, incoming: &mut Incoming, last: bool) -> Result<Option<Told>, CodecError> {
        match &self.program {
            Some(program) if program.reads_payloads() => return Ok(None),
            Some(program) if program.has_frames() && incoming.has_bytes() => {
                return incoming.payload(last).told().map(Some);
            }
            Some(_) | None => {}
        }
        incoming.message()?;
        Ok(None)
    }

    /// Requests by channels may be answered at any time, or never. The oldest of very many are not
    /// waited for any more: their requesters are told.
    fn forget_old_promises(&mut self, at: SlotId) {
        while let Some(ticket) = self.exchange.take_surplus() {
            self.note_dropped(
                at,
                "the command has not answered, and owes too many answers",
            );
            let reason = format!("{} owes too many answers, this one too", self.boot.name());
            self.answer_error(ticket, &reason);
        }
    }

    /// Hands a call to the program. None if there is no program to take it.
    pub(crate) fn call_program(
        &mut self,
        name: &str,
        params: &Value,
        request: &Request,
    ) -> Option<Outcome> {
        let refused = |reason: &str| {
            let reason = format!("cannot call {name}: {reason}");
            Some(Some(Err(Fault::Refused { reason })))
        };
        let now = self.now;
        if !self.has_words() {
            return None;
        }
        if self.awaits_program() {
            return refused("its command is not started yet");
        }
        if self.relaunching.core.is_under_way() {
            return refused("its command has ended, and is about to be started anew");
        }
        let program = self.program.as_mut().filter(|program| !program.ended)?;
        match &mut *program {
            program if !program.started => return refused("the system has not started yet"),
            program if !program.listens() => return refused("the command does not read any more"),
            program if !program.body.has_lane() => {
                return refused("too many calls wait until the command reads them");
            }
            program => {
                if let Some(reason) = program.body.late(request.until, now) {
                    return refused(&reason);
                }
            }
        }
        let call = PendingReply::Call {
            name: name.to_owned(),
            limit: request.limit,
            requester: request.requester.clone(),
        };
        let id = self.exchange.add_pending(request.until, call);
        let until = request.until;
        let word = ToProgram::Call { id, name, params };
        program.body.call(&word, Call { id, until });
        Some(None)
    }

    /// Calls that the program has not been told and will not read in time fail as soon as that is clear.
    pub(crate) fn see_to_late_calls(&mut self) {
        let program = self.program.as_mut().filter(|program| program.listens());
        let Some((late, why)) = program.and_then(|it| it.body.take_late(self.now)) else {
            return;
        };
        for id in late {
            if let Some(PendingReply::Call {
                requester, name, ..
            }) = self.exchange.take_reply(id)
            {
                let reason = format!("cannot call {name}: {why}");
                self.reply(requester, Err(Fault::Refused { reason }));
            }
        }
    }

    /// The program has given an answer, or will not.
    pub(super) fn settle_pending_reply(
        &mut self,
        reply: PendingReply,
        outcome: Result<Content, String>,
    ) {
        match (reply, outcome) {
            (PendingReply::Answer(ticket), Ok(value)) => self.answer_value(ticket, &value),
            (PendingReply::Answer(ticket), Err(reason)) => self.answer_error(ticket, &reason),
            (PendingReply::Call { requester, .. }, outcome) => {
                let outcome = outcome.map(Content::into_value);
                let outcome = outcome.map_err(|reason| Fault::Handler { reason });
                self.reply(requester, outcome);
            }
        }
    }

    pub(crate) fn expire_pending_replies(&mut self) {
        while let Some(reply) = self.exchange.expired_reply(self.now) {
            match reply {
                PendingReply::Call {
                    requester,
                    name,
                    limit,
                } => {
                    let what = format!("{}.{name}", self.boot.name());
                    let limit = Millis::from(limit);
                    self.reply(requester, Err(Fault::Deadline { what, limit }));
                }
                answer @ PendingReply::Answer(_) => {
                    let limit = Millis::from(REQUEST_TIMEOUT);
                    let reason = format!("{} gave no answer within {limit}", self.boot.name());
                    self.settle_pending_reply(answer, Err(reason));
                }
            }
        }
    }
}
