//! Proofs of subscriptions, seen by the publisher at the other end or at this one. specs/protocol.md
//! says how a token works.

use serde_json::Value;

use super::Lookup;
use crate::agent::control::Weight;
use crate::agent::requests::Request;
use crate::agent::state::Agent;
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

    pub fn unprobe_at(&mut self, subscriber: &Target, token: &ProofToken) {
        let question = AgentRequest::Unprobe {
            alias: subscriber.alias.clone(),
            token: token.clone(),
        };
        let envelope = Envelope::oneway(Peer::Agent(subscriber.agent.clone()));
        self.control.send(&envelope, body(&question), Weight::Light);
    }

    /// A token that nobody else has.
    pub fn new_token(&mut self, alias: &Alias, other: &Target) -> ProofToken {
        self.last_token += 1;
        let (agent, number) = (&self.boot.name, self.last_token);
        let life = self.boot.incarnation.0;
        ProofToken(format!("{agent}.{alias}>{other}/{life:x}/{number}"))
    }
}
