//! What the agent asks of other members on the way to what it was asked itself: where a socket is,
//! and whether a publisher has seen a subscription.

mod connect;
mod proof;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::asker::Asker;
use super::control::Weight;
use super::requests::Request;
use super::state::{Agent, Further, Waiting};
use crate::model::{Millis, PublicKey, Target};
use crate::wire::{
    Arrived, ConnectRequest, ConnectToRequest, Envelope, Fault, MessageKind, Peer, ProofToken,
    body, read_body,
};

/// Marks the numbers of errands, so that no announcement has one of them.
const MARK: u64 = 1 << 63;

/// Whether an answer is that to an errand.
pub fn is_errand(id: u64) -> bool {
    id & MARK != 0
}

/// What was asked, and what is to be done with the answer.
pub enum Errand {
    /// The name server: where the other socket is.
    Find(ConnectToRequest),
    /// The name server: whose key it is by which somebody wants to come in.
    Whose(PublicKey),
    /// The same of somebody who was let in, or is dialled: whether it still is anybody's.
    Still(PublicKey),
    /// A writer: what has come by lines of the socket `at`.
    Confirm { at: usize, lines: Vec<Arrived> },
    /// A reader: what has come by these lines of the socket `at`.
    Arrived { at: usize, lines: Vec<Box<str>> },
    /// A subscriber that binds: to subscribe to a token, before anybody publishes to it.
    Probe {
        connect: Box<ConnectRequest>,
        subscriber: Target,
        token: ProofToken,
    },
    /// A publisher: to have seen the token that the socket `at` has subscribed to. Others follow.
    Prove {
        at: usize,
        publisher: Target,
        token: ProofToken,
        others: Vec<Target>,
        answer: Value,
    },
}

impl Errand {
    /// The socket that it is about, if there is one yet.
    pub fn socket(&self) -> Option<usize> {
        match self {
            Errand::Prove { at, .. } | Errand::Confirm { at, .. } | Errand::Arrived { at, .. } => {
                Some(*at)
            }
            Errand::Find(_) | Errand::Probe { .. } | Errand::Whose(_) | Errand::Still(_) => None,
        }
    }

    fn what(&self) -> String {
        match self {
            Errand::Find(connect) => format!("finding {}", connect.to),
            Errand::Whose(key) | Errand::Still(key) => format!("finding out whose {key} is"),
            Errand::Confirm { .. } | Errand::Arrived { .. } => {
                "counting what has arrived".to_owned()
            }
            Errand::Probe { subscriber, .. } => format!("preparing {subscriber} for the proof"),
            Errand::Prove { publisher, .. } => {
                format!("seeing the subscription at {publisher}")
            }
        }
    }
}

impl Agent {
    pub(super) fn send_errand(
        &mut self,
        peer: Peer,
        question: &impl Serialize,
        errand: Errand,
        request: Request,
    ) {
        let Request {
            asker,
            limit,
            until,
        } = request;
        let left = until.saturating_sub(self.now).as_millis();
        let id = self.waiting.add(
            until,
            Waiting::Errand {
                asker,
                errand: Box::new(errand),
                until,
                limit,
            },
        );
        let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        let envelope = Envelope::request(MARK | id, left, peer);
        self.control.send(&envelope, body(question), Weight::Heavy);
    }

    /// Somebody has answered.
    pub fn on_errand_answered(&mut self, envelope: &Envelope, content: &[u8]) {
        let Some(Waiting::Errand {
            asker,
            errand,
            until,
            limit,
        }) = self.waiting.take(envelope.id & !MARK)
        else {
            return;
        };
        let request = Request {
            asker,
            limit,
            until,
        };
        let answer = match envelope.kind {
            MessageKind::Error => Err(read_body::<Fault>(content).unwrap_or_else(|fault| fault)),
            _ => read_body::<Value>(content),
        };
        match answer {
            Ok(answer) => self.go_on(*errand, answer, request),
            Err(fault) => {
                match &*errand {
                    Errand::Whose(key) => return self.on_whose(key, Err(&fault)),
                    Errand::Still(key) => return self.on_still(key, Err(&fault)),
                    Errand::Confirm { at, lines } => {
                        return self.on_confirmed(*at, lines, Err(&fault));
                    }
                    Errand::Arrived { at, lines } => {
                        return self.on_arrived(*at, lines, Err(&fault));
                    }
                    _ => {}
                }
                self.abandon(&errand);
                self.reply(request.asker, Err(fault));
            }
        }
    }

    fn go_on(&mut self, errand: Errand, answer: Value, request: Request) {
        match errand {
            Errand::Whose(key) => self.on_whose(&key, Ok(answer)),
            Errand::Still(key) => self.on_still(&key, Ok(answer)),
            Errand::Confirm { at, lines } => self.on_confirmed(at, &lines, Ok(answer)),
            Errand::Arrived { at, lines } => self.on_arrived(at, &lines, Ok(answer)),
            Errand::Find(connect) => match self.reachable(&connect.to, answer) {
                Ok(server) => self.connect_found(connect, server, request),
                Err(fault) => self.reply(request.asker, Err(fault)),
            },
            Errand::Probe {
                connect,
                subscriber,
                token,
            } => {
                let further = |at| Further::ProvenHere {
                    at,
                    subscriber: subscriber.clone(),
                    token: token.clone(),
                };
                if !self.connect_and(*connect, further, request) {
                    self.unprobe_at(&subscriber, &token);
                }
            }
            Errand::Prove {
                at,
                token,
                mut others,
                answer,
                ..
            } => match others.pop() {
                Some(next) => self.ask_publisher(at, next, token, others, answer, request),
                None => {
                    self.sockets.at_mut(at).unsubscribe(&token.subscription());
                    self.reply(request.asker, Ok(answer));
                }
            },
        }
    }

    /// The time is up.
    pub fn answer_late_errand(&mut self, asker: Option<Asker>, errand: &Errand, limit: Duration) {
        self.abandon(errand);
        let (what, limit) = (errand.what(), Millis::from(limit));
        self.reply(asker, Err(Fault::Deadline { what, limit }));
    }

    fn abandon(&mut self, errand: &Errand) {
        match errand {
            Errand::Find(_) | Errand::Still(_) => {}
            Errand::Confirm { .. } | Errand::Arrived { .. } => self.on_account_late(errand),
            Errand::Whose(key) => self.on_untold(key),
            Errand::Probe {
                subscriber, token, ..
            } => self.unprobe_at(subscriber, token),
            Errand::Prove { at, token, .. } => {
                self.sockets.at_mut(*at).unsubscribe(&token.subscription());
            }
        }
    }
}
