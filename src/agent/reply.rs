//! How each requester is answered.

use serde_json::Value;

use super::control::Weight;
use super::requester::Requester;
use super::state::Agent;
use crate::wire::{Envelope, Fault, LARGEST_BODY, Peer, body};

impl Agent {
    /// Answers, if there is a requester.
    pub(crate) fn reply(&mut self, requester: Option<Requester>, outcome: Result<Value, Fault>) {
        match requester {
            None => {}
            Some(Requester::Member { peer, id }) => self.reply_to_member(peer, id, outcome),
            Some(Requester::Program(Some(id))) => {
                let outcome = outcome.map_err(|fault| fault.to_string());
                self.reply_to_program(&id, &outcome);
            }
            Some(Requester::Program(None)) => {
                if let Err(fault) = outcome {
                    self.note_garbage(&fault.to_string());
                }
            }
            Some(Requester::Itself) => self.on_wired(outcome.err()),
            Some(Requester::Timer { id, alias }) => self.end_call(id, &alias, outcome),
            Some(Requester::Health { number }) => self.on_called(number, outcome),
        }
    }

    fn reply_to_member(&mut self, peer: Peer, id: u64, outcome: Result<Value, Fault>) {
        let answer = match &outcome {
            Ok(value) => body(value),
            Err(fault) => body(fault),
        };
        if answer.len() > LARGEST_BODY {
            let reason = format!(
                "the answer has {} bytes; {LARGEST_BODY} can be sent",
                answer.len()
            );
            return self.reply_to_member(peer, id, Err(Fault::Refused { reason }));
        }
        let envelope = Envelope::answer(&outcome, id, peer);
        self.membership.send(&envelope, answer, Weight::Heavy);
    }
}
