//! Proofs of subscriptions, seen by the publisher at the other end or at this one. specs/protocol.md
//! says how a token works.

use std::time::Duration;

use serde_json::Value;

use super::Lookup;
use crate::agent::control::Weight;
use crate::agent::requester::Requester;
use crate::agent::requests::Request;
use crate::agent::state::{Agent, Further};
use crate::model::{Alias, Target};
use crate::wire::{AgentRequest, Envelope, Peer, ProofToken, body};

impl Agent {
    /// Answers when all publishers have seen what the subscriber `at` subscribes to.
    pub fn prove_subscription(
        &mut self,
        at: usize,
        mut publishers: Vec<Target>,
        answer: Value,
        request: Request,
    ) {
        let Some(publisher) = publishers.pop() else {
            return self.reply(request.requester, Ok(answer));
        };
        let token = self.new_token(&self.sockets.at(at).alias.clone(), &publisher);
        self.sockets.at_mut(at).subscribe(&token.subscription());
        self.ask_publisher(at, publisher, token, publishers, answer, request);
    }

    pub(super) fn ask_publisher(
        &mut self,
        at: usize,
        publisher: Target,
        token: ProofToken,
        others: Vec<Target>,
        answer: Value,
        request: Request,
    ) {
        let peer = Peer::Agent(publisher.agent.clone());
        let question = AgentRequest::Prove {
            alias: publisher.alias.clone(),
            tokens: vec![token.clone()],
        };
        let lookup = Lookup::Prove {
            at,
            publisher,
            token,
            others,
            answer,
        };
        self.send_lookup(peer, &question, lookup, request);
    }

    /// The handshakes were seen: what else is to be?
    pub fn see_further(
        &mut self,
        requester: Option<Requester>,
        wired: Value,
        further: Further,
        (until, limit): (Duration, Duration),
    ) {
        match further {
            Further::ProvenThere {
                at,
                publisher,
                token,
            } => {
                let request = Request {
                    requester,
                    limit,
                    until,
                };
                self.ask_publisher(at, publisher, token, Vec::new(), wired, request);
            }
            done => {
                self.give_up(&done);
                self.reply(requester, Ok(wired));
            }
        }
    }

    /// Whether what is to be seen at this end has been.
    pub fn is_seen_here(&self, further: &Further) -> bool {
        match further {
            Further::ProvenHere { at, token, .. } => {
                self.sockets.at(*at).has_seen(std::slice::from_ref(token))
            }
            Further::Nothing | Further::ProvenThere { .. } => true,
        }
    }

    /// The token is of no use any more.
    pub fn give_up(&mut self, further: &Further) {
        match further {
            Further::Nothing => {}
            Further::ProvenHere {
                subscriber, token, ..
            } => self.unprobe_at(subscriber, token),
            Further::ProvenThere { at, token, .. } => {
                self.sockets.at_mut(*at).unsubscribe(&token.subscription());
            }
        }
    }

    pub(super) fn unprobe_at(&mut self, subscriber: &Target, token: &ProofToken) {
        let question = AgentRequest::Unprobe {
            alias: subscriber.alias.clone(),
            token: token.clone(),
        };
        let envelope = Envelope::oneway(Peer::Agent(subscriber.agent.clone()));
        self.control.send(&envelope, body(&question), Weight::Light);
    }

    /// A token that nobody else has.
    pub(super) fn new_token(&mut self, alias: &Alias, other: &Target) -> ProofToken {
        self.last_token += 1;
        let (agent, number) = (&self.boot.name, self.last_token);
        let life = self.boot.incarnation.0;
        ProofToken(format!("{agent}.{alias}>{other}/{life:x}/{number}"))
    }
}
