//! Proofs of subscriptions, seen by the publisher at the other end or at this one. specs/protocol.md
//! says how a token works.

use serde_json::Value;

use super::Lookup;
use crate::agent::control::Weight;
use crate::agent::requests::Request;
use crate::agent::sockets::SlotId;
use crate::agent::state::Agent;
use crate::model::Target;
use crate::wire::{AgentRequest, Envelope, Peer, ProofToken, body};

impl Agent {
    /// Answers when all publishers have seen what the subscriber `at` subscribes to.
    pub(crate) fn prove_subscription(
        &mut self,
        at: SlotId,
        mut publishers: Vec<Target>,
        answer: Value,
        request: Request,
    ) {
        let Some(publisher) = publishers.pop() else {
            return self.reply(request.requester, Ok(answer));
        };
        let alias = self.sockets.name(at).to_owned();
        let token = self.new_token(&alias, &publisher);
        if let Some(slot) = self.sockets.get_mut(at) {
            slot.subscribe(&token.subscription());
        }
        self.ask_publisher(at, publisher, token, publishers, answer, request);
    }

    pub(super) fn ask_publisher(
        &mut self,
        at: SlotId,
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

    /// The proof by this token is over, at its subscriber.
    pub(crate) fn forget_token(&mut self, at: SlotId, token: &ProofToken) {
        if let Some(slot) = self.sockets.get_mut(at) {
            slot.unsubscribe(&token.subscription());
        }
    }

    pub(crate) fn unprobe_at(&mut self, subscriber: &Target, token: &ProofToken) {
        let question = AgentRequest::Unprobe {
            alias: subscriber.alias.clone(),
            token: token.clone(),
        };
        let envelope = Envelope::oneway(Peer::Agent(subscriber.agent.clone()));
        self.membership
            .send(&envelope, body(&question), Weight::Light);
    }

    /// A token that no other wire has.
    pub(crate) fn new_token(&mut self, alias: &str, other: &Target) -> ProofToken {
        self.last_token += 1;
        let (agent, number) = (self.boot.name(), self.last_token);
        let life = self.boot.incarnation.0;
        ProofToken(format!("{agent}.{alias}>{other}/{life:x}/{number}"))
    }
}
