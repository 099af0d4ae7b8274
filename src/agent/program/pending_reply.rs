//! What the program is handed to answer: messages at REP sockets, and calls of its methods. Each is
//! owed an answer until its deadline.

use serde_json::Value;

use super::body::Body;
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
        let program = self.program.as_ref();
        if program.is_none_or(|program| !program.reads_payloads()) {
            incoming.message()?;
        }
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
                pipes.tell(&ToProgram::Message {
                    alias: &slot.alias,
                    handler,
                    kind: slot.kind,
                    topic,
                    id,
                    reply,
                    outcome: match &failure {
                        Some(reason) => Reply::Error(reason),
                        None => Reply::Message(incoming.message()?),
                    },
                });
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
        match program {
            program if !program.started => return refused("the system has not started yet"),
            program if !program.listens() => return refused("the command does not read any more"),
            program if !program.body.has_room() => {
                return refused("the command is behind with reading");
            }
            _ => {}
        }
        let call = PendingReply::Call {
            name: name.to_owned(),
            limit: request.limit,
            requester: request.requester.clone(),
        };
        let id = self.exchange.add_pending(request.until, call);
        program.tell(&ToProgram::Call { id, name, params });
        Some(None)
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
