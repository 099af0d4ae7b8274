//! Lookups are sent, and go on when they are answered or their time is up.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Lookup, MARK};
use crate::agent::control::Weight;
use crate::agent::requester::Requester;
use crate::agent::requests::Request;
use crate::agent::state::Agent;
use crate::agent::waiting::Waiting;
use crate::model::Millis;
use crate::wire::{Envelope, Fault, MessageKind, Peer, body, read_body};

impl Agent {
    pub(in crate::agent) fn send_lookup(
        &mut self,
        peer: Peer,
        question: &impl Serialize,
        lookup: Lookup,
        request: Request,
    ) {
        let Request {
            requester,
            limit,
            until,
        } = request;
        let left = until.saturating_sub(self.now).as_millis();
        let id = self.waiting.add(
            until,
            Waiting::Lookup {
                requester,
                lookup: Box::new(lookup),
                until,
                limit,
            },
        );
        let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        let envelope = Envelope::request(MARK | id, left, peer);
        self.membership
            .send(&envelope, body(question), Weight::Heavy);
    }

    /// The answer has arrived.
    pub(crate) fn on_lookup_answered(&mut self, envelope: &Envelope, content: &[u8]) {
        let Some(Waiting::Lookup {
            requester,
            lookup,
            until,
            limit,
        }) = self.waiting.take(envelope.id & !MARK)
        else {
            return;
        };
        let request = Request {
            requester,
            limit,
            until,
        };
        let answer = match envelope.kind {
            MessageKind::Error => Err(read_body::<Fault>(content).unwrap_or_else(|fault| fault)),
            MessageKind::Reply
            | MessageKind::Request
            | MessageKind::Oneway
            | MessageKind::Event => read_body::<Value>(content),
        };
        match answer {
            Ok(answer) => self.go_on(*lookup, answer, request),
            Err(fault) => self.abandon(*lookup, fault, request.requester),
        }
    }

    fn go_on(&mut self, lookup: Lookup, answer: Value, request: Request) {
        match lookup {
            Lookup::Whose(key) => self.on_whose(&key, Ok(answer)),
            Lookup::Still(key) => self.on_still(&key, Ok(answer)),
            Lookup::Confirm { at, lines } => self.on_confirmed(at, &lines, Ok(answer)),
            Lookup::Arrived { at, lines } => self.on_arrived(at, &lines, Ok(answer)),
            Lookup::LeaveOut { at, lines } => self.on_left_out(at, &lines, Ok(answer)),
            Lookup::Relaunch => self.on_relaunch_answered(Ok(answer)),
            Lookup::Find(wire) => self.on_located(wire, Ok(answer)),
            Lookup::Agents => {
                let standing = self.standing_of(answer);
                self.reply(request.requester, standing);
            }
            Lookup::Addresses => {
                let addresses = self.addresses_in(answer);
                self.reply(request.requester, addresses);
            }
            Lookup::Passed(_) => self.reply(request.requester, Ok(answer)),
            Lookup::Done(_) => self.reply(request.requester, Ok(Value::Null)),
            Lookup::Other(new) => self.on_other_found(new, answer, request),
            Lookup::ProbeWire { wire, token } => self.on_wire_probed(wire, token, Ok(())),
            Lookup::ProveWire { wire, token } => self.on_wire_proven(wire, &token, Ok(())),
            Lookup::Prove {
                at,
                token,
                mut others,
                answer,
                ..
            } => match others.pop() {
                Some(next) => self.ask_publisher(at, next, token, others, answer, request),
                None => {
                    self.forget_token(at, &token);
                    self.reply(request.requester, Ok(answer));
                }
            },
        }
    }

    /// The time is up.
    pub(crate) fn answer_late_lookup(
        &mut self,
        requester: Option<Requester>,
        lookup: Lookup,
        limit: Duration,
    ) {
        let (what, limit) = (lookup.what(), Millis::from(limit));
        self.abandon(lookup, Fault::Deadline { what, limit }, requester);
    }

    /// It has failed.
    fn abandon(&mut self, lookup: Lookup, fault: Fault, requester: Option<Requester>) {
        match lookup {
            Lookup::LeaveOut { at, lines } => self.on_left_out(at, &lines, Err(fault)),
            Lookup::Relaunch => self.on_relaunch_answered(Err(fault)),
            Lookup::Find(wire) => self.on_located(wire, Err(fault)),
            Lookup::ProbeWire { wire, token } => self.on_wire_probed(wire, token, Err(fault)),
            Lookup::ProveWire { wire, token } => self.on_wire_proven(wire, &token, Err(fault)),
            Lookup::Confirm { at, lines } => self.on_confirmed(at, &lines, Err(&fault)),
            Lookup::Arrived { at, lines } => self.on_arrived(at, &lines, Err(&fault)),
            Lookup::Whose(key) => self.on_whose(&key, Err(&fault)),
            Lookup::Still(key) => self.on_still(&key, Err(&fault)),
            Lookup::Agents
            | Lookup::Addresses
            | Lookup::Passed(_)
            | Lookup::Done(_)
            | Lookup::Other(_) => self.reply(requester, Err(fault)),
            Lookup::Prove { at, token, .. } => {
                self.forget_token(at, &token);
                self.reply(requester, Err(fault));
            }
        }
    }
}
