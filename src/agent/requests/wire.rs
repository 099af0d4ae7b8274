//! Requests about connections and their proof.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::{Outcome, Request, done, value};
use crate::agent::asker::Asker;
use crate::agent::sockets::{Link, Slot};
use crate::agent::state::{Agent, Further, Waiting};
use crate::model::{Alias, Handlers, Kind, Millis};
use crate::wire::{ConnectRequest, Fault, ProofToken};

impl Agent {
    /// Begins all connections at once. The answer comes when all are proven, or one cannot be.
    pub(super) fn wire(
        &mut self,
        connections: Vec<ConnectRequest>,
        one: bool,
        request: Request,
    ) -> Outcome {
        let mut links = Vec::with_capacity(connections.len());
        let mut until = request.until;
        for connection in connections {
            until = until.min(self.now + connection.timeout.duration());
            match self.connect_one(connection) {
                Ok(link) => links.push(link),
                Err(fault) => return Some(Err(fault)),
            }
        }
        let limit = until.saturating_sub(self.now);
        self.await_proof(Waiting::Wire {
            asker: request.asker,
            links,
            one,
            further: Further::Nothing,
            until,
            limit,
        });
        None
    }

    /// Waits until connections are proven, or one cannot be.
    pub fn await_proof(&mut self, waiting: Waiting) {
        if let Waiting::Wire { until, .. } = waiting {
            self.waiting.add(until, waiting);
            self.settle_proofs();
        }
    }

    /// Begins to connect. Tells the numbers of the socket and of its link.
    pub fn connect_one(&mut self, request: ConnectRequest) -> Result<(usize, usize), Fault> {
        let at = self.socket_for(&request)?;
        let ConnectRequest {
            alias,
            server,
            to,
            token,
            ..
        } = request;
        let now = self.now;
        let slot = self.sockets.at_mut(at);
        if slot.kind == Kind::Sub {
            for prefix in slot.handlers.clone().subscriptions() {
                slot.subscribe(prefix.as_bytes());
            }
            if let Some(token) = token {
                slot.subscribe(&token.subscription());
            }
        }
        let address = server.address.clone();
        self.unannounced = true;
        let link = slot.connect(&self.context, server, to, now);
        let link = link.map_err(|reason| Fault::Connect {
            alias,
            address,
            reason,
        })?;
        Ok((at, link))
    }

    /// The socket of that alias, made if there is none yet: one socket may have many connections.
    fn socket_for(&mut self, request: &ConnectRequest) -> Result<usize, Fault> {
        let kind = request.server.kind.twin();
        let Some(at) = self.sockets.find(request.alias.as_str()) else {
            let alias = request.alias.clone();
            let handlers = self.handlers_for(&alias, kind, request.handlers.clone())?;
            let serializer = request.server.serializer;
            let slot = Slot::new(&self.context, alias, kind, serializer, handlers);
            let slot = slot.map_err(|error| Fault::Connect {
                alias: request.alias.clone(),
                address: request.server.address.clone(),
                reason: error.message().to_lowercase(),
            })?;
            return Ok(self.sockets.add(slot));
        };
        let slot = self.sockets.at_mut(at);
        if slot.kind != kind || slot.serializer != request.server.serializer {
            let (agent, alias) = (self.boot.name.clone(), request.alias.clone());
            return Err(Fault::AliasTaken { agent, alias });
        }
        let Some(asked) = &request.handlers else {
            return Ok(at);
        };
        let Some(handlers) = joined(&slot.handlers, asked) else {
            let reason = format!(
                "{}.{} has other handlers already; one socket handles all its messages alike",
                self.boot.name, request.alias
            );
            return Err(Fault::Refused { reason });
        };
        slot.handlers = Rc::new(handlers);
        self.check_handlers(kind, asked)?;
        Ok(at)
    }

    pub(super) fn probe(&mut self, alias: &Alias, token: &ProofToken) -> Result<Value, Fault> {
        let at = self.find_kind(alias, Kind::Sub, "subscribe")?;
        self.sockets.at_mut(at).subscribe(&token.subscription());
        Ok(Value::Null)
    }

    pub(super) fn unprobe(&mut self, alias: &Alias, token: &ProofToken) -> Result<Value, Fault> {
        let at = self.find_kind(alias, Kind::Sub, "unsubscribe")?;
        self.sockets.at_mut(at).unsubscribe(&token.subscription());
        Ok(Value::Null)
    }

    pub(super) fn prove(
        &mut self,
        alias: &Alias,
        tokens: Vec<ProofToken>,
        request: Request,
    ) -> Outcome {
        let at = match self.find_kind(alias, Kind::Pub, "see subscriptions") {
            Ok(at) => at,
            Err(fault) => return Some(Err(fault)),
        };
        if self.sockets.at(at).has_seen(&tokens) {
            return done();
        }
        let waiting = Waiting::Prove {
            asker: request.asker,
            at,
            tokens,
            limit: request.limit,
        };
        self.waiting.add(request.until, waiting);
        None
    }

    pub(super) fn find_kind(&self, alias: &Alias, kind: Kind, verb: &str) -> Result<usize, Fault> {
        let at = self.find(alias)?;
        match self.sockets.at(at).kind {
            found if found == kind => Ok(at),
            found => Err(Fault::WrongKind {
                alias: alias.clone(),
                kind: found,
                verb: verb.to_owned(),
            }),
        }
    }

    /// A monitor has something to tell.
    pub fn drain_monitor(&mut self, at: usize) {
        let now = self.now;
        self.unannounced |= self.sockets.at_mut(at).read_monitor(now);
        self.settle_proofs();
    }

    /// Answers those whose proof is there, or can never be.
    pub fn settle_proofs(&mut self) {
        let settled: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| self.is_settled(waiting))
            .map(|(id, _)| id)
            .collect();
        for id in settled {
            match self.waiting.take(id) {
                Some(Waiting::Wire {
                    asker,
                    links,
                    one,
                    further,
                    until,
                    limit,
                }) => match self.wired(&links, one) {
                    Ok(wired) => self.see_further(asker, wired, further, (until, limit)),
                    Err(fault) => {
                        self.give_up(&further);
                        self.reply(asker, Err(fault));
                    }
                },
                Some(Waiting::Prove { asker, .. }) => self.reply(asker, Ok(Value::Null)),
                _ => {}
            }
        }
    }

    fn is_settled(&self, waiting: &Waiting) -> bool {
        match waiting {
            Waiting::Wire { links, further, .. } => {
                let mut each = links.iter().map(|link| self.link(*link));
                let proven = || self.is_seen_here(further) && each.clone().all(Link::proven);
                proven() || each.any(|link| link.failure().is_some())
            }
            Waiting::Prove { at, tokens, .. } => self.sockets.at(*at).has_seen(tokens),
            _ => false,
        }
    }

    fn link(&self, (at, link): (usize, usize)) -> &Link {
        &self.sockets.at(at).links[link]
    }

    /// What is answered about connections that are settled.
    fn wired(&mut self, links: &[(usize, usize)], one: bool) -> Result<Value, Fault> {
        self.announce_changes();
        let failed = links
            .iter()
            .find_map(|at| Some(self.unproven(*at, self.link(*at).failure()?)));
        if let Some(fault) = failed {
            return Err(fault);
        }
        let info = |at: &(usize, usize)| self.link(*at).info(&self.sockets.at(at.0).alias);
        let infos: Vec<_> = links.iter().map(info).collect();
        Ok(match infos.as_slice() {
            [info] if one => value(info),
            all => value(&all),
        })
    }

    /// The time for a proof is up.
    pub(super) fn answer_late_wire(
        &mut self,
        asker: Option<Asker>,
        links: &[(usize, usize)],
        further: &Further,
        limit: Duration,
    ) {
        self.announce_changes();
        self.give_up(further);
        let limit = Millis::from(limit);
        let late = links.iter().find(|at| !self.link(**at).proven());
        let fault = match (late, links) {
            (Some(at), _) => self.unproven(*at, self.link(*at).excuse(limit)),
            (None, [at, ..]) => {
                let reason = format!("no subscription was seen within {limit}");
                self.unproven(*at, reason)
            }
            (None, []) => return self.reply(asker, Ok(Value::Array(Vec::new()))),
        };
        self.reply(asker, Err(fault));
    }

    fn unproven(&self, at: (usize, usize), reason: String) -> Fault {
        let link = self.link(at);
        Fault::Unproven {
            alias: self.sockets.at(at.0).alias.clone(),
            to: link.to.clone(),
            address: link.server.address.clone(),
            reason,
        }
    }
}

/// The handlers of a socket that gets another connection; None if they contradict each other.
fn joined(there: &Handlers, asked: &Handlers) -> Option<Handlers> {
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
