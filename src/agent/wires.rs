//! The wires that the agent keeps, each with what it is made of.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::core::{Stage, Wire, WireEffect};
use super::sockets::{LinkAt, SlotId};
use crate::model::{
    AgentName, Alias, ConnectionInfo, Handlers, Kind, Proof, Replies, Serializer, Target,
};
use crate::wire::{Fault, ProofToken};

/// The number of a wire, which no other wire of this agent ever has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WireId(u64);

/// The agent's wires.
#[derive(Default)]
pub(crate) struct Wires {
    last: u64,
    kept: BTreeMap<WireId, Kept>,
    by_ends: HashMap<(Alias, Target), WireId>,
    by_link: BTreeMap<LinkAt, WireId>,
}

/// What a wire is made from.
pub(crate) struct Declared {
    pub alias: Alias,
    pub to: Target,
    /// The client's kind, as far as that is known before the other socket is.
    pub kind: Option<Kind>,
    /// That of the other socket, likewise.
    pub serializer: Option<Serializer>,
    pub handlers: Option<Handlers>,
    pub replies: Replies,
}

/// A wire, and what it is made of.
pub(crate) struct Kept {
    pub wire: Wire,
    pub declared: Declared,
    pub link: Option<LinkAt>,
    /// How often that link had been proven when it was looked at last.
    pub times: u32,
    /// What the other end subscribes to, and this one, a publisher, is to see.
    pub awaited: Option<ProofToken>,
    /// Why it came to nothing last.
    pub fault: Option<Fault>,
    /// Since when it has been in its stage.
    pub since: Duration,
    /// The name server has said where the other end is, or that it does not know, since that was asked last.
    pub located: bool,
}

impl Wires {
    /// The wire of that socket to that target, which is there from now on.
    pub(crate) fn declare(&mut self, declared: Declared, now: Duration) -> WireId {
        let ends = (declared.alias.clone(), declared.to.clone());
        let there = self.by_ends.get(&ends).copied();
        if let Some((id, kept)) = there.and_then(|id| Some((id, self.kept.get_mut(&id)?))) {
            let kind = declared.kind.or(kept.declared.kind);
            kept.declared = Declared { kind, ..declared };
            kept.fault = None;
            return id;
        }
        self.last += 1;
        let id = WireId(self.last);
        self.by_ends.insert(ends, id);
        let kept = Kept {
            wire: Wire::new(),
            declared,
            link: None,
            times: 0,
            awaited: None,
            fault: None,
            since: now,
            located: false,
        };
        self.kept.insert(id, kept);
        id
    }

    pub(crate) fn get(&self, id: WireId) -> Option<&Kept> {
        self.kept.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: WireId) -> Option<&mut Kept> {
        self.kept.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (WireId, &Kept)> {
        self.kept.iter().map(|(id, kept)| (*id, kept))
    }

    /// Whether the name server has said where it leads, since it was declared last.
    pub(crate) fn is_located(&self, id: WireId) -> bool {
        self.kept.get(&id).is_some_and(|kept| kept.located)
    }

    /// The effects that were put off and are due now.
    pub(crate) fn due(&mut self, now: Duration) -> Vec<(WireId, WireEffect)> {
        let kept = self.kept.iter_mut();
        kept.filter_map(|(id, kept)| Some((*id, kept.wire.on_time(now)?)))
            .collect()
    }

    /// Those of a socket.
    pub(crate) fn of_alias(&self, alias: &Alias) -> Vec<WireId> {
        let own = self.kept.iter();
        let own = own.filter(|(_, kept)| kept.declared.alias == *alias);
        own.map(|(id, _)| *id).collect()
    }

    /// Those of the socket of that number that have a link.
    pub(crate) fn of_socket(&self, at: SlotId) -> Vec<WireId> {
        let links = self.by_link.range(LinkAt::all_of(at));
        links.map(|(_, id)| *id).collect()
    }

    pub(crate) fn to_agent(&self, agent: &AgentName) -> Vec<WireId> {
        let there = self.kept.iter();
        let there = there.filter(|(_, kept)| kept.declared.to.agent == *agent);
        there.map(|(id, _)| *id).collect()
    }

    pub(crate) fn forget(&mut self, id: WireId) {
        if let Some(kept) = self.kept.remove(&id) {
            self.by_ends
                .remove(&(kept.declared.alias, kept.declared.to));
            kept.link.map(|link| self.by_link.remove(&link));
        }
    }

    pub(crate) fn set_link(&mut self, id: WireId, link: LinkAt, times: u32) {
        if let Some(kept) = self.kept.get_mut(&id) {
            if let Some(former) = kept.link.replace(link) {
                self.by_link.remove(&former);
            }
            kept.times = times;
            self.by_link.insert(link, id);
        }
    }

    /// That wire, if it is kept.
    pub(crate) fn between(&self, alias: &Alias, to: &Target) -> Option<WireId> {
        self.by_ends.get(&(alias.clone(), to.clone())).copied()
    }

    /// A link has got another number.
    pub(crate) fn move_link(&mut self, from: LinkAt, to: LinkAt) {
        if let Some(id) = self.by_link.remove(&from) {
            self.by_link.insert(to, id);
            if let Some(kept) = self.kept.get_mut(&id) {
                kept.link = Some(to);
            }
        }
    }

    /// Whether it is kept although nothing has come of it yet.
    pub(crate) fn is_declared(&self, id: WireId) -> bool {
        let kept = self.kept.get(&id);
        kept.is_some_and(|kept| kept.declared.kind.is_some())
    }

    /// Its socket here, and the one at its other end.
    pub(crate) fn ends(&self, id: WireId) -> Option<(&Alias, &Target)> {
        let declared = &self.kept.get(&id)?.declared;
        Some((&declared.alias, &declared.to))
    }

    /// Where its link is, if it has one.
    pub(crate) fn link(&self, id: WireId) -> Option<LinkAt> {
        self.kept.get(&id)?.link
    }

    pub(crate) fn is_proven(&self, id: WireId) -> bool {
        let kept = self.kept.get(&id);
        kept.is_some_and(|kept| kept.located && kept.wire.stage() == Stage::Proven)
    }

    /// Why it has come to nothing.
    pub(crate) fn fault(&self, id: WireId) -> Option<&Fault> {
        self.kept.get(&id)?.fault.as_ref()
    }

    /// When the next of them has something to do.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        let kept = self.kept.values();
        kept.filter_map(|kept| kept.wire.wakes_at()).min()
    }

    /// A link as it is told of: whether a subscription is proven, only its wire knows.
    pub(crate) fn seen(&self, info: ConnectionInfo, link: LinkAt, now: Duration) -> ConnectionInfo {
        let own = self.by_link.get(&link).and_then(|id| self.kept.get(id));
        match own {
            Some(kept) if kept.wire.stage() == Stage::Proving => ConnectionInfo {
                proof: Proof::Connecting,
                proof_ms: milliseconds(now.saturating_sub(kept.since)),
                ..info
            },
            _ => info,
        }
    }

    /// Connections that lead nowhere yet.
    pub(crate) fn unresolved(&self, now: Duration) -> impl Iterator<Item = ConnectionInfo> + '_ {
        let nowhere = self.kept.values().filter(|kept| kept.link.is_none());
        nowhere.filter_map(move |kept| {
            Some(ConnectionInfo {
                alias: kept.declared.alias.clone(),
                kind: kept.declared.kind?,
                to: Some(kept.declared.to.clone().into()),
                address: None,
                proof: Proof::Resolving,
                proof_ms: milliseconds(now.saturating_sub(kept.since)),
                times: 0,
            })
        })
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(alias: &str, to: &str) -> Declared {
        Declared {
            alias: alias.parse().unwrap(),
            to: to.parse().unwrap(),
            kind: None,
            serializer: None,
            handlers: None,
            replies: Replies::default(),
        }
    }

    #[test]
    fn a_wire_is_there_once_however_often_it_is_declared() {
        let mut wires = Wires::default();
        let wire = wires.declare(declared("out", "Bob.in"), Duration::ZERO);
        assert!(!wires.is_declared(wire), "its kind is not known");
        let asked = Declared {
            kind: Some(Kind::Push),
            ..declared("out", "Bob.in")
        };
        assert_eq!(wires.declare(asked, Duration::ZERO), wire);
        assert!(wires.is_declared(wire), "and now it is");
        let other = wires.declare(declared("out", "Eve.in"), Duration::ZERO);
        assert!(other != wire);
        assert_eq!(wires.of_alias(&"out".parse().unwrap()), [wire, other]);
        assert_eq!(wires.to_agent(&"Eve".parse().unwrap()), [other]);
    }

    #[test]
    fn wires_are_found_by_their_sockets_links_until_they_are_forgotten() {
        let [a, b] = SlotId::two();
        let mut wires = Wires::default();
        let ids = ["Bob.in", "Eve.in", "Joe.in"]
            .map(|to| wires.declare(declared("out", to), Duration::ZERO));
        wires.set_link(ids[0], LinkAt::nth(a, 0), 0);
        wires.set_link(ids[1], LinkAt::nth(a, 7), 0);
        wires.set_link(ids[2], LinkAt::nth(b, 0), 0);
        assert_eq!(wires.of_socket(a), [ids[0], ids[1]]);
        wires.set_link(ids[1], LinkAt::nth(b, 1), 0);
        assert_eq!(wires.of_socket(b), [ids[2], ids[1]]);
        wires.forget(ids[0]);
        assert!(wires.of_socket(a).is_empty() && wires.get(ids[0]).is_none());
    }
}
