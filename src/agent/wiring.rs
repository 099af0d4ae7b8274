//! Each wire that the agent keeps is resolved, dialled and proven, and again when its peer has moved or is another
//! life of itself. `core::Wire` decides; this carries it out, and answers requesters that wait for it.

use std::time::Duration;

use serde_json::Value;

use super::core::{Stage, Wire, WireEffect, WireEvent};
use super::lookups::Lookup;
use super::requests::{Outcome, Request};
use super::sockets::SlotId;
use super::state::Agent;
use super::waiting::{Awaited, Waiting};
use super::wires::{Declared, Kept, WireId};
use crate::model::timing::{PROOF_TIMEOUT, RESOLVE_TIMEOUT};
use crate::model::{Address, Alias, Kind, Millis, Role, Target, WireSpec};
use crate::wire::{
    AgentRequest, ConnectRequest, ConnectToRequest, Fault, NameServerRequest, Peer, Presence,
    ProofToken,
};

impl Agent {
    /// Declares wires of the spec: those of these aliases, or all. The answer comes when all are proven, or one cannot
    /// be.
    pub(super) fn wire(&mut self, aliases: Option<&[Alias]>, request: Request) -> Outcome {
        let given = self.given.wires.iter();
        let asked = |wire: &&WireSpec| aliases.is_none_or(|all| all.contains(&wire.alias));
        let wires: Vec<WireSpec> = given.filter(asked).cloned().collect();
        let unknown = |alias: &&Alias| wires.iter().all(|wire| wire.alias != **alias);
        if let Some(alias) = aliases.into_iter().flatten().find(unknown) {
            let known = self.given.wires.iter().map(|wire| wire.alias.clone());
            return Some(Err(Fault::UnknownAlias {
                agent: self.boot.name().clone(),
                alias: alias.clone(),
                known: known.collect(),
            }));
        }
        let declare = |wire: WireSpec| {
            let declared = Declared {
                alias: wire.alias,
                to: Target {
                    agent: wire.to.agent.name,
                    alias: wire.to.alias,
                },
                kind: Some(wire.kind),
                serializer: wire.serializer,
                handlers: Some(wire.handlers),
                replies: wire.replies,
            };
            let id = self.wires.declare(declared, self.now);
            self.locate(id);
            Awaited::Wire(id)
        };
        let awaited = wires.into_iter().map(declare).collect();
        let until = request.until.min(self.now + self.given.timeout.duration());
        let limit = until.saturating_sub(self.now);
        self.await_proof(Waiting::Wire {
            requester: request.requester,
            awaited,
            one: false,
            made: None,
            until,
            limit,
        });
        None
    }

    /// Connects to another agent's socket, wherever it is, and proves the connection. If that comes to nothing,
    /// the wire is not kept.
    pub(crate) fn connect_to(&mut self, connect: ConnectToRequest, request: Request) -> Outcome {
        let ConnectToRequest {
            alias,
            to,
            handlers,
            replies,
        } = connect;
        let made = self.not_there(&alias);
        let declared = Declared {
            alias,
            to,
            kind: None,
            serializer: None,
            handlers,
            replies,
        };
        let id = self.wires.declare(declared, self.now);
        self.locate(id);
        self.await_proof(Waiting::Wire {
            requester: request.requester,
            awaited: vec![Awaited::Wire(id)],
            one: true,
            made,
            until: request.until,
            limit: request.limit,
        });
        None
    }

    /// Asks the name server where the other socket is.
    fn locate(&mut self, id: WireId) {
        let Some(kept) = self.wires.get_mut(id) else {
            return;
        };
        kept.located = false;
        let question = NameServerRequest::Addr {
            agent: kept.declared.to.agent.clone(),
            alias: kept.declared.to.alias.clone(),
        };
        let request = Request::new(None, RESOLVE_TIMEOUT, self.now);
        self.send_lookup(Peer::NameServer, &question, Lookup::Find(id), request);
    }

    /// The name server has answered, or did not.
    pub(super) fn on_located(&mut self, id: WireId, answer: Result<Value, Fault>) {
        let Some(kept) = self.wires.get_mut(id) else {
            return;
        };
        kept.located = true;
        let to = &kept.declared.to;
        let is_another = |address: &Address| is_other(&kept.declared, address);
        match answer.and_then(|answer| server_of(to, answer)) {
            // It is about to be another socket, of that name: the name server will tell.
            Ok(address) if is_another(&address) => self.announce(),
            Ok(address) => self.found(id, address, None),
            // The one that declares a wire waits until the other one is there: the name server hears of it at once, for
            // it will tell.
            Err(fault) if is_absence(&fault) && kept.declared.kind.is_some() => self.announce(),
            Err(fault) => kept.fault = Some(fault),
        }
        self.settle_proofs();
    }

    /// The name server tells how an agent stands that this one is connected to.
    pub(super) fn on_presence(&mut self, presence: Presence) {
        if presence.state.ended() {
            return;
        }
        let uptime = Some(Duration::from_millis(presence.uptime_ms));
        for id in self.wires.to_agent(&presence.agent) {
            let kept = self.wires.get(id);
            let address = kept.and_then(|kept| {
                let address = presence.addresses.get(&kept.declared.to.alias)?;
                (!is_other(&kept.declared, address)).then_some(address)
            });
            if let Some(address) = address {
                self.found(id, address.clone(), uptime);
            }
        }
        self.settle_proofs();
    }

    fn found(&mut self, id: WireId, address: Address, uptime: Option<Duration>) {
        let link = self.wires.link(id).and_then(|at| self.sockets.link(at));
        let failed = link.is_some_and(|link| link.failure().is_some());
        if let Some(kept) = self.wires.get_mut(id)
            && (failed || kept.link.is_none())
        {
            kept.wire = Wire::new();
        }
        let there = address.clone();
        match self.on_wire(id, WireEvent::Found { address, uptime }) {
            // A request that comes again may have other handlers.
            None if uptime.is_none() => self.dial(id, there),
            effect => self.carry_out_for(id, effect),
        }
    }

    fn on_wire(&mut self, id: WireId, event: WireEvent) -> Option<WireEffect> {
        let now = self.now;
        let kept = self.wires.get_mut(id)?;
        let before = kept.wire.stage();
        let effect = kept.wire.on(event, now);
        if kept.wire.stage() != before {
            kept.since = now;
            self.membership.note_change();
        }
        if kept.wire.stage() == Stage::Proven {
            kept.fault = None;
        }
        effect
    }

    fn carry_out_for(&mut self, id: WireId, effect: Option<WireEffect>) {
        match effect {
            None => {}
            Some(WireEffect::Dial(address)) => self.dial(id, address),
            Some(WireEffect::Redial) => self.redial(id),
            Some(WireEffect::Prove) => self.prove_wire(id),
        }
    }

    fn dial(&mut self, id: WireId, server: Address) {
        let Some(kept) = self.wires.get_mut(id) else {
            return;
        };
        kept.fault = None;
        let connect = ConnectRequest {
            alias: kept.declared.alias.clone(),
            server,
            to: Some(kept.declared.to.clone().into()),
            handlers: kept.declared.handlers.clone(),
            replies: kept.declared.replies.clone(),
            token: None,
            timeout: Millis::from(PROOF_TIMEOUT),
        };
        match self.connect_one(connect) {
            Ok(at) => {
                if let Some(link) = self.sockets.link(at) {
                    let times = link.times() - u32::from(link.proven());
                    self.wires.set_link(id, at, times);
                }
                self.follow_link(id);
            }
            Err(fault) => self.note_fault(id, fault),
        }
    }

    /// Its connection is stale: the process at its other end is another.
    pub(super) fn redial(&mut self, id: WireId) {
        let Some(at) = self.wires.link(id) else {
            return;
        };
        let now = self.now;
        let Some(slot) = self.sockets.get_mut(at.socket) else {
            return;
        };
        let (asks, outcome) = (slot.kind.asks(), slot.redial(at.link, now));
        let Some(link) = slot.link(at.link) else {
            return;
        };
        let fault = outcome.err().map(|reason| Fault::Connect {
            alias: slot.alias.clone(),
            address: link.server.address.clone(),
            reason,
        });
        self.wires.set_link(id, at, link.times());
        self.membership.note_change();
        if asks {
            self.give_up_requests(at.socket, self.sent_requests(at.socket));
        }
        if let Some(fault) = fault {
            self.note_fault(id, fault);
        }
    }

    /// Tells a requester that waits for it; if there is none, the log says it.
    fn note_fault(&mut self, id: WireId, fault: Fault) {
        let awaited = |(_, waiting): (u64, &Waiting)| waiting.awaits(id);
        let awaited = self.waiting.iter().any(awaited);
        let Some(kept) = self.wires.get_mut(id) else {
            return;
        };
        // What is tried again each second is told once.
        if !awaited && kept.fault.is_none() {
            let Declared { alias, to, .. } = &kept.declared;
            self.log
                .warn(&format!("the wire of {alias} to {to}: {fault}"));
        }
        kept.fault = Some(fault);
    }

    /// What has been seen of the connections of a socket: their wires go on.
    pub(super) fn follow_links(&mut self, at: SlotId) {
        for id in self.wires.of_socket(at) {
            self.follow_link(id);
        }
    }

    fn follow_link(&mut self, id: WireId) {
        let link = self.wires.link(id).and_then(|at| self.sockets.link(at));
        let Some((proven, times)) = link.map(|link| (link.proven(), link.times())) else {
            return;
        };
        let Some(kept) = self.wires.get_mut(id) else {
            return;
        };
        let again = std::mem::replace(&mut kept.times, times) != times;
        if kept.wire.is_connected() && (again || !proven) {
            kept.awaited = None;
            self.on_wire(id, WireEvent::Lost);
        }
        if proven {
            let effect = self.on_wire(id, WireEvent::Connected);
            self.carry_out_for(id, effect);
        }
    }

    /// The subscriptions of a socket are others than before: its publishers are to say that they see them.
    pub(super) fn prove_again(&mut self, at: SlotId) {
        for id in self.wires.of_socket(at) {
            let is_connected = |kept: &Kept| kept.wire.is_connected();
            if self.wires.get(id).is_some_and(is_connected) {
                self.on_wire(id, WireEvent::Lost);
                self.follow_link(id);
            }
        }
    }

    /// Proofs that are due again.
    pub(super) fn see_to_wires(&mut self) {
        for (id, effect) in self.wires.due(self.now) {
            self.carry_out_for(id, Some(effect));
        }
    }

    /// Has the publisher's end say that it sees the subscription.
    fn prove_wire(&mut self, id: WireId) {
        let Some((kept, at)) = self.wires.get(id).zip(self.wires.link(id)) else {
            return;
        };
        let (alias, to) = (kept.declared.alias.clone(), kept.declared.to.clone());
        let token = self.new_token(alias.as_str(), &to);
        let peer = Peer::Agent(to.agent.clone());
        let request = Request::new(None, PROOF_TIMEOUT, self.now);
        let Some(slot) = self.sockets.get_mut(at.socket) else {
            return;
        };
        if slot.kind.subscribes() {
            slot.subscribe(&token.subscription());
            let prove = AgentRequest::Prove {
                alias: to.alias,
                tokens: vec![token.clone()],
            };
            self.send_lookup(peer, &prove, Lookup::ProveWire { wire: id, token }, request);
        } else {
            let probe = AgentRequest::Probe {
                alias: to.alias,
                token: token.clone(),
            };
            self.send_lookup(peer, &probe, Lookup::ProbeWire { wire: id, token }, request);
        }
    }

    /// The publisher has said that it sees the subscription, or why not.
    pub(super) fn on_wire_proven(
        &mut self,
        id: WireId,
        token: &ProofToken,
        answer: Result<(), Fault>,
    ) {
        let Some(at) = self.wires.link(id) else {
            return;
        };
        self.forget_token(at.socket, token);
        match answer {
            Ok(()) => drop(self.on_wire(id, WireEvent::Seen)),
            Err(fault) => self.on_unseen(id, fault),
        }
        self.settle_proofs();
    }

    /// The subscriber at the other end has subscribed to the token, or says why not.
    pub(super) fn on_wire_probed(
        &mut self,
        id: WireId,
        token: ProofToken,
        answer: Result<(), Fault>,
    ) {
        match answer {
            Ok(()) => {
                if let Some(kept) = self.wires.get_mut(id) {
                    kept.awaited = Some(token);
                }
            }
            Err(fault) => self.on_unseen(id, fault),
        }
        self.settle_proofs();
    }

    fn on_unseen(&mut self, id: WireId, fault: Fault) {
        let connected = self
            .wires
            .get(id)
            .is_some_and(|kept| kept.wire.is_connected());
        if connected {
            self.on_wire(id, WireEvent::Unseen);
            self.note_fault(id, fault);
        }
    }

    /// A publisher that has connected: what it has seen of what its subscribers subscribe to.
    pub(super) fn see_tokens(&mut self) {
        let seen = |(id, kept): (WireId, &Kept)| {
            let (token, link) = (kept.awaited.as_ref()?, kept.link?);
            let slot = self.sockets.get(link.socket)?;
            let seen = slot.has_seen(std::slice::from_ref(token));
            seen.then(|| (id, kept.declared.to.clone(), token.clone()))
        };
        let seen: Vec<_> = self.wires.iter().filter_map(seen).collect();
        for (id, subscriber, token) in seen {
            self.unprobe_at(&subscriber, &token);
            if let Some(kept) = self.wires.get_mut(id) {
                kept.awaited = None;
            }
            self.on_wire(id, WireEvent::Seen);
        }
    }
}

/// The address that the name server has told, if it is one to connect to.
fn server_of(to: &Target, answer: Value) -> Result<Address, Fault> {
    let read = serde_json::from_value::<Address>(answer);
    let address = read.map_err(|error| Fault::BadRequest {
        reason: format!("an address that is {error}"),
    })?;
    match address.role {
        Role::Server => Ok(address),
        Role::Client => Err(Fault::Refused {
            reason: format!("{to} connects: it has no address to connect to"),
        }),
    }
}

/// Whether a socket is of another kind than the one that the wire is to lead to, or has another serializer.
fn is_other(declared: &Declared, address: &Address) -> bool {
    let is_other_kind = |kind: Kind| address.kind.twin() != kind;
    let is_other_serializer = |serializer| address.serializer != serializer;
    declared.kind.is_some_and(is_other_kind) || declared.serializer.is_some_and(is_other_serializer)
}

/// Whether the other socket is not there, and may come.
fn is_absence(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::UnknownAgent { .. }
            | Fault::UnknownAlias { .. }
            | Fault::NotRunning { .. }
            | Fault::Deadline { .. }
    )
}
