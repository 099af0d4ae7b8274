//! Requests about connections and their proof.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::{Outcome, Request, done, value};
use crate::agent::handlers::expect_to_collect;
use crate::agent::requester::Requester;
use crate::agent::sockets::{Link, LinkAt, Slot, SlotId};
use crate::agent::state::Agent;
use crate::agent::waiting::{Awaited, Waiting};
use crate::model::{Action, Alias, Handlers, Kind, Millis, Replies};
use crate::wire::{ConnectRequest, Fault, ProofToken};

impl Agent {
    /// Connects to an address. The answer comes when the connection is proven, or cannot be.
    pub(super) fn connect(&mut self, connection: ConnectRequest, request: Request) -> Outcome {
        let until = request.until.min(self.now + connection.timeout.duration());
        let made = self.not_there(&connection.alias);
        let link = match self.connect_one(connection) {
            Ok(link) => link,
            Err(fault) => return Some(Err(fault)),
        };
        let limit = until.saturating_sub(self.now);
        self.await_proof(Waiting::Wire {
            requester: request.requester,
            awaited: vec![Awaited::Link(link)],
            one: true,
            made,
            until,
            limit,
        });
        None
    }

    /// An alias that no socket has yet.
    pub(crate) fn not_there(&self, alias: &Alias) -> Option<Alias> {
        let there = self.sockets.find(alias.as_str()).is_some();
        (!there).then(|| alias.clone())
    }

    /// Closes a socket that was made for a connection which came to nothing.
    fn take_back(&mut self, made: Option<Alias>) {
        if let Some(alias) = made {
            self.close(vec![alias], Some(Millis::new(0)), None);
        }
    }

    /// Waits until connections are proven, or one cannot be.
    pub(crate) fn await_proof(&mut self, waiting: Waiting) {
        if let Waiting::Wire { until, .. } = waiting {
            self.waiting.add(until, waiting);
            self.settle_proofs();
        }
    }

    /// Begins to connect. Tells the numbers of the socket and of its link.
    pub(crate) fn connect_one(&mut self, request: ConnectRequest) -> Result<LinkAt, Fault> {
        self.check_actions(request.replies.actions())?;
        let socket = self.socket_for(&request)?;
        let ConnectRequest {
            alias,
            server,
            to,
            token,
            replies,
            ..
        } = request;
        let Some(slot) = self.sockets.get_mut(socket) else {
            return Err(self.closed(&alias));
        };
        let actions = slot.handlers.actions().chain(replies.actions());
        expect_to_collect(&mut self.attributes, actions);
        if slot.kind.subscribes() {
            slot.subscribe_to_handlers();
            if let Some(token) = token {
                slot.subscribe(&token.subscription());
            }
        }
        let address = server.address.clone();
        let before = slot.only_address();
        self.membership.note_change();
        let link = slot.connect(&self.context, server, to, self.now);
        let link = link.map_err(|reason| Fault::Connect {
            alias,
            address,
            reason,
        })?;
        let moved =
            before.is_some_and(|before| slot.only_address().is_some_and(|now| now != before));
        if moved && slot.kind.asks() {
            self.give_up_requests(socket, self.sent_requests(socket));
        }
        Ok(LinkAt { socket, link })
    }

    /// The socket of that alias, made if there is none yet: one socket may have many connections.
    fn socket_for(&mut self, request: &ConnectRequest) -> Result<SlotId, Fault> {
        let kind = request.server.kind.twin();
        if !request.replies.is_empty() && !kind.asks() {
            let a_kind = kind.with_article();
            let reason = format!("nothing is asked by {a_kind} socket: there will be no reply");
            return Err(Fault::Refused { reason });
        }
        let Some(at) = self.sockets.find(request.alias.as_str()) else {
            let alias = request.alias.clone();
            let handlers = self.handlers_for(&alias, kind, request.handlers.clone())?;
            let serializer = request.server.serializer;
            let slot = Slot::new(
                &self.context,
                alias,
                kind,
                serializer,
                handlers,
                self.own_keys(),
            );
            let mut slot = slot.map_err(|error| Fault::Connect {
                alias: request.alias.clone(),
                address: request.server.address.clone(),
                reason: error.message().to_lowercase(),
            })?;
            slot.replies = Rc::new(self.replies_at(kind, request));
            return Ok(self.sockets.add(slot));
        };
        let replies = self.replies_at(kind, request);
        let Some(slot) = self.sockets.get_mut(at) else {
            return Err(self.closed(&request.alias));
        };
        if slot.kind != kind || slot.serializer != request.server.serializer {
            let (agent, alias) = (self.boot.name().clone(), request.alias.clone());
            return Err(Fault::AliasTaken { agent, alias });
        }
        if !request.replies.is_empty() && *slot.replies != replies {
            let reason = format!(
                "{}.{} has other handlers of replies already",
                self.boot.name(),
                request.alias
            );
            return Err(Fault::Refused { reason });
        }
        let Some(asked) = &request.handlers else {
            return Ok(at);
        };
        let Some(handlers) = joined(&slot.handlers, asked) else {
            let reason = format!(
                "{}.{} has other handlers already; one socket handles all its messages alike",
                self.boot.name(),
                request.alias
            );
            return Err(Fault::Refused { reason });
        };
        slot.handlers = Rc::new(handlers);
        self.check_handlers(kind, asked)?;
        Ok(at)
    }

    /// How a socket handles answers. Those of a SYNC_SUB have a handler of their own, for what else
    /// arrives are publications.
    fn replies_at(&self, kind: Kind, request: &ConnectRequest) -> Replies {
        let by_default = match self.program {
            Some(_) => Action::Command,
            None => Action::Log,
        };
        let mut replies = request.replies.clone();
        if kind.asks_beside() {
            replies.on_reply.get_or_insert(vec![by_default]);
        }
        replies
    }

    pub(super) fn probe(&mut self, alias: &Alias, token: &ProofToken) -> Result<Value, Fault> {
        let (_, slot) = self.find_for_mut(alias, Kind::subscribes, "subscribe")?;
        slot.subscribe(&token.subscription());
        Ok(Value::Null)
    }

    pub(super) fn unprobe(&mut self, alias: &Alias, token: &ProofToken) -> Result<Value, Fault> {
        let (_, slot) = self.find_for_mut(alias, Kind::subscribes, "unsubscribe")?;
        slot.unsubscribe(&token.subscription());
        Ok(Value::Null)
    }

    pub(super) fn prove(
        &mut self,
        alias: &Alias,
        tokens: Vec<ProofToken>,
        request: Request,
    ) -> Outcome {
        let (at, slot) = match self.find_for(alias, Kind::publishes, "see subscriptions") {
            Ok(found) => found,
            Err(fault) => return Some(Err(fault)),
        };
        if slot.has_seen(&tokens) {
            return done();
        }
        let waiting = Waiting::Prove {
            requester: request.requester,
            at,
            tokens,
            limit: request.limit,
        };
        self.waiting.add(request.until, waiting);
        None
    }

    /// The socket of that alias, which has to be of a kind that can do it.
    pub(in crate::agent) fn find_for(
        &self,
        alias: &Alias,
        can: impl Fn(Kind) -> bool,
        verb: &str,
    ) -> Result<(SlotId, &Slot), Fault> {
        let (at, slot) = self.find(alias)?;
        match slot.kind {
            found if can(found) => Ok((at, slot)),
            found => Err(Fault::WrongKind {
                alias: alias.clone(),
                kind: found,
                verb: verb.to_owned(),
            }),
        }
    }

    /// The same, to change it.
    pub(in crate::agent) fn find_for_mut(
        &mut self,
        alias: &Alias,
        can: impl Fn(Kind) -> bool,
        verb: &str,
    ) -> Result<(SlotId, &mut Slot), Fault> {
        let (at, _) = self.find_for(alias, can, verb)?;
        let closed = || Fault::Closed {
            agent: self.boot.name().clone(),
            alias: alias.clone(),
        };
        let slot = self.sockets.get_mut(at);
        slot.map(|slot| (at, slot)).ok_or_else(closed)
    }

    /// A monitor has something to tell.
    pub(crate) fn drain_monitor(&mut self, at: SlotId) {
        let Some(slot) = self.sockets.get_mut(at) else {
            return;
        };
        let news = slot.read_monitor(self.now);
        if news.changed {
            self.membership.note_change();
        }
        if news.lost && slot.kind.asks() {
            self.give_up_requests(at, self.sent_requests(at));
        }
        self.follow_links(at);
        self.settle_proofs();
    }

    /// The same of the connections by which a SYNC_SUB sends requests. When one is lost, answers to
    /// what went by it may still come, for they come by another; when it is there again, they have.
    pub(crate) fn drain_request_monitor(&mut self, at: SlotId) {
        let Some(slot) = self.sockets.get_mut(at) else {
            return;
        };
        let news = slot.read_request_monitor(self.now);
        if news.changed {
            self.membership.note_change();
        }
        let sent = self.sent_requests(at);
        let slot = self.sockets.get_mut(at);
        if let Some(request_socket) = slot.and_then(|slot| slot.request_socket.as_mut()) {
            if news.lost {
                request_socket.strand(sent);
            }
            if news.again {
                let stranded = request_socket.take_stranded();
                self.give_up_requests(at, stranded);
            }
        }
        self.follow_links(at);
        self.settle_proofs();
    }

    /// Answers those whose proof is there, or can never be.
    pub(crate) fn settle_proofs(&mut self) {
        self.see_tokens();
        let settled: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| self.is_settled(waiting))
            .map(|(id, _)| id)
            .collect();
        for id in settled {
            match self.waiting.take(id) {
                Some(Waiting::Wire {
                    requester,
                    awaited,
                    one,
                    made,
                    ..
                }) => {
                    if !one {
                        self.steps.on_wires_seen_to();
                    }
                    match self.wired(&awaited, one) {
                        Ok(wired) => self.reply(requester, Ok(wired)),
                        Err(fault) => self.refuse_wire(requester, &awaited, made, fault),
                    }
                }
                Some(Waiting::Prove { requester, .. }) => self.reply(requester, Ok(Value::Null)),
                Some(
                    Waiting::Send { .. }
                    | Waiting::Drain { .. }
                    | Waiting::Left { .. }
                    | Waiting::Lookup { .. },
                )
                | None => {}
            }
        }
    }

    /// It has failed. One connection that was asked for is not kept.
    fn refuse_wire(
        &mut self,
        requester: Option<Requester>,
        awaited: &[Awaited],
        made: Option<Alias>,
        fault: Fault,
    ) {
        if let [Awaited::Wire(wire)] = awaited
            && !self.wires.is_declared(*wire)
        {
            self.wires.forget(*wire);
        }
        self.reply(requester, Err(fault));
        self.take_back(made);
    }

    fn is_settled(&self, waiting: &Waiting) -> bool {
        match waiting {
            Waiting::Wire { awaited, .. } => {
                awaited.iter().all(|it| self.is_proven(*it))
                    || awaited.iter().any(|it| self.has_failed(*it))
            }
            Waiting::Prove { at, tokens, .. } => {
                let slot = self.sockets.get(*at);
                slot.is_some_and(|slot| slot.has_seen(tokens))
            }
            Waiting::Send { .. }
            | Waiting::Drain { .. }
            | Waiting::Left { .. }
            | Waiting::Lookup { .. } => false,
        }
    }

    fn is_proven(&self, awaited: Awaited) -> bool {
        match awaited {
            Awaited::Link(at) => self.sockets.link(at).is_some_and(Link::proven),
            Awaited::Wire(wire) => self.wires.is_proven(wire),
        }
    }

    /// The numbers of its link, if there is one.
    fn link_of(&self, awaited: Awaited) -> Option<LinkAt> {
        match awaited {
            Awaited::Link(at) => Some(at),
            Awaited::Wire(wire) => self.wires.link(wire),
        }
    }

    fn fault_of(&self, awaited: Awaited) -> Option<&Fault> {
        match awaited {
            Awaited::Link(_) => None,
            Awaited::Wire(wire) => self.wires.fault(wire),
        }
    }

    fn has_failed(&self, awaited: Awaited) -> bool {
        if let Awaited::Wire(wire) = awaited
            && self.wires.fault(wire).is_none()
            && !self.wires.is_located(wire)
        {
            // What was seen of it is from before it was asked for: it is dialled anew when it is found.
            return false;
        }
        let link = self.link_of(awaited).and_then(|at| self.sockets.link(at));
        self.fault_of(awaited).is_some() || link.is_some_and(Link::has_failed)
    }

    /// What is answered about connections that are settled.
    fn wired(&mut self, awaited: &[Awaited], one: bool) -> Result<Value, Fault> {
        self.announce_changes();
        let failed = |it: &Awaited| {
            let reason = || {
                let link = self.sockets.link(self.link_of(*it)?)?;
                Some(self.unproven(*it, link.failure()?))
            };
            self.fault_of(*it).cloned().or_else(reason)
        };
        if let Some(fault) = awaited.iter().find_map(failed) {
            return Err(fault);
        }
        let info = |it: &Awaited| {
            let at = self.link_of(*it)?;
            let slot = self.sockets.get(at.socket)?;
            let info = slot.link(at.link)?.info(&slot.alias, self.now);
            Some(self.wires.seen(info, at, self.now))
        };
        let infos: Vec<_> = awaited.iter().filter_map(info).collect();
        Ok(match infos.as_slice() {
            [info] if one => value(info),
            all => value(&all),
        })
    }

    /// The time for a proof is up.
    pub(super) fn answer_late_wire(
        &mut self,
        requester: Option<Requester>,
        awaited: &[Awaited],
        made: Option<Alias>,
        limit: Duration,
    ) {
        self.announce_changes();
        let limit = Millis::from(limit);
        let Some(late) = awaited.iter().find(|it| !self.is_proven(**it)) else {
            return self.reply(requester, Ok(Value::Array(Vec::new())));
        };
        let link = self.link_of(*late).and_then(|at| self.sockets.link(at));
        let fault = match link {
            None => self.unfound(*late, limit),
            Some(link) if link.proven() => {
                self.unproven(*late, format!("no subscription was seen within {limit}"))
            }
            Some(link) => self.unproven(*late, link.excuse(limit)),
        };
        self.refuse_wire(requester, awaited, made, fault);
    }

    fn unfound(&self, awaited: Awaited, limit: Millis) -> Fault {
        let to = match awaited {
            Awaited::Wire(wire) => self.wires.ends(wire).map(|(_, to)| to.to_string()),
            Awaited::Link(_) => None,
        };
        let what = format!("finding {}", to.as_deref().unwrap_or("the other socket"));
        Fault::Deadline { what, limit }
    }

    fn unproven(&self, awaited: Awaited, reason: String) -> Fault {
        let found = self.link_of(awaited).and_then(|at| {
            let slot = self.sockets.get(at.socket)?;
            Some((slot, slot.link(at.link)?))
        });
        let Some((slot, link)) = found else {
            return Fault::Refused { reason };
        };
        Fault::Unproven {
            alias: slot.alias.clone(),
            to: link.to.clone().map(Box::new),
            address: link.server.address.clone(),
            reason,
        }
    }
}

/// The handlers of a socket that gets another connection; None if they contradict each other.
pub(super) fn joined(there: &Handlers, asked: &Handlers) -> Option<Handlers> {
    match (there, asked) {
        _ if there == asked => Some(there.clone()),
        (_, Handlers::All(none)) if none.is_empty() => Some(there.clone()),
        (Handlers::ByTopic(there), Handlers::ByTopic(asked)) => {
            let agree = |(topic, actions)| there.get(topic).is_none_or(|here| here == actions);
            let agree = asked.iter().all(agree);
            let both = || there.clone().into_iter().chain(asked.clone());
            agree.then(|| Handlers::ByTopic(both().collect::<BTreeMap<_, _>>()))
        }
        _ => None,
    }
}
