//! What the agent asks of other members on the way to what it was asked itself: where a socket is,
//! and whether a publisher has seen a subscription.

mod proof;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::control::Weight;
use super::requester::Requester;
use super::requests::Request;
use super::sockets::SlotId;
use super::state::{Agent, Waiting};
use super::wires::WireId;
use crate::model::{Millis, PublicKey, Target};
use crate::wire::{Arrived, Envelope, Fault, MessageKind, Peer, ProofToken, body, read_body};

/// Marks the numbers of lookups, so that no announcement has one of them.
const MARK: u64 = 1 << 63;

/// Whether an answer is that to a lookup.
pub fn is_lookup(id: u64) -> bool {
    id & MARK != 0
}

/// What was asked, and what is to be done with the answer.
pub enum Lookup {
    /// The name server: where the other socket of a wire is.
    Find(WireId),
    /// The name server: whose key it is by which somebody wants to come in.
    Whose(PublicKey),
    /// The same of somebody who was let in, or is dialled: whether it still is anybody's.
    Still(PublicKey),
    /// A writer: what has come by lines of the socket `at`.
    Confirm { at: SlotId, lines: Vec<Arrived> },
    /// A reader: what has come by these lines of the socket `at`.
    Arrived { at: SlotId, lines: Vec<Box<str>> },
    /// A subscriber that binds, at the other end of a wire: to subscribe to a token.
    ProbeWire { wire: WireId, token: ProofToken },
    /// A publisher at the other end of a wire: to have seen the token.
    ProveWire { wire: WireId, token: ProofToken },
    /// A publisher: to have seen the token that the socket `at` has subscribed to. Others follow.
    Prove {
        at: SlotId,
        publisher: Target,
        token: ProofToken,
        others: Vec<Target>,
        answer: Value,
    },
}

impl Lookup {
    /// The socket that it is about, if there is one yet.
    pub fn socket(&self) -> Option<SlotId> {
        match self {
            Lookup::Prove { at, .. } | Lookup::Confirm { at, .. } | Lookup::Arrived { at, .. } => {
                Some(*at)
            }
            Lookup::Find(_)
            | Lookup::ProbeWire { .. }
            | Lookup::ProveWire { .. }
            | Lookup::Whose(_)
            | Lookup::Still(_) => None,
        }
    }

    fn what(&self) -> String {
        match self {
            Lookup::Find(_) => "finding the other socket".to_owned(),
            Lookup::Whose(key) | Lookup::Still(key) => format!("finding out whose {key} is"),
            Lookup::Confirm { .. } | Lookup::Arrived { .. } => {
                "counting what has arrived".to_owned()
            }
            Lookup::ProbeWire { .. } => "preparing the subscriber for the proof".to_owned(),
            Lookup::ProveWire { .. } => "seeing the subscription".to_owned(),
            Lookup::Prove { publisher, .. } => {
                format!("seeing the subscription at {publisher}")
            }
        }
    }
}

impl Agent {
    pub(super) fn send_lookup(
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
        self.control.send(&envelope, body(question), Weight::Heavy);
    }

    /// Somebody has answered.
    pub fn on_lookup_answered(&mut self, envelope: &Envelope, content: &[u8]) {
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
            _ => read_body::<Value>(content),
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
            Lookup::Find(wire) => self.on_located(wire, Ok(answer)),
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
    pub fn answer_late_lookup(
        &mut self,
        requester: Option<Requester>,
        lookup: Lookup,
        limit: Duration,
    ) {
        let (what, limit) = (lookup.what(), Millis::from(limit));
        self.abandon(lookup, Fault::Deadline { what, limit }, requester);
    }

    /// Nothing came of it.
    fn abandon(&mut self, lookup: Lookup, fault: Fault, requester: Option<Requester>) {
        match lookup {
            Lookup::Find(wire) => self.on_located(wire, Err(fault)),
            Lookup::ProbeWire { wire, token } => self.on_wire_probed(wire, token, Err(fault)),
            Lookup::ProveWire { wire, token } => self.on_wire_proven(wire, &token, Err(fault)),
            Lookup::Confirm { at, lines } => self.on_confirmed(at, &lines, Err(&fault)),
            Lookup::Arrived { at, lines } => self.on_arrived(at, &lines, Err(&fault)),
            Lookup::Whose(key) => self.on_whose(&key, Err(&fault)),
            Lookup::Still(key) => self.on_still(&key, Err(&fault)),
            Lookup::Prove { at, token, .. } => {
                self.forget_token(at, &token);
                self.reply(requester, Err(fault));
            }
        }
    }
}
