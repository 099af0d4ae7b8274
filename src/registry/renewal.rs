//! Keys whose time is over, and hosts that get another key: the host is told, tells its new key, comes by it, and only
//! then is the former one revoked.

use std::collections::HashMap;

use super::audit::revoked;
use super::{Effect, Now, Registry, RoutingId, is_open};
use crate::access::{Asked, KeyId};
use crate::model::timing::EXPIRY_WARNING;
use crate::model::{Access, HostName, PublicKey, Term};
use crate::wire::{Envelope, Event, Expiring, Fault, Happening, NameServerRequest, Peer, body};

/// Those that are under way, by the keys that are to be replaced.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    of: HashMap<KeyId, Renewal>,
}

#[derive(Debug)]
struct Renewal {
    /// For how long the new key is to be admitted.
    term: Term,
    /// Who has asked for it, and waits until it is done.
    asked: (RoutingId, u64),
}

impl Registry {
    /// When the next key expires.
    pub(super) fn next_expiry(&self) -> Option<Now> {
        let keys = self.keys.as_ref()?;
        let left = keys.ring.next_end()?.saturating_sub(keys.began);
        Some(Now::from_secs(left))
    }

    pub(super) fn expire_keys(&mut self, now: Now) {
        let Some(keys) = &mut self.keys else {
            return;
        };
        let out = keys.ring.expire(keys.began + now.as_secs());
        let gone: Vec<PublicKey> = out.iter().map(|(_, entry, _)| entry.key).collect();
        for (id, entry, change) in out {
            self.effects.push(Effect::Remember(change));
            self.put_out(id, now);
            let (key, holder) = (entry.key, entry.holder);
            self.note_key(None, None, Happening::Expired { key, holder });
        }
        self.tell_agents_of(gone);
    }

    /// The keys of members that are about to expire, the first first.
    pub(super) fn expiring(&self, now: Now) -> Vec<Expiring> {
        let Some(keys) = &self.keys else {
            return Vec::new();
        };
        let soon = keys.began + now.as_secs() + EXPIRY_WARNING.as_secs();
        let entries = keys.ring.entries().into_iter();
        let soon = entries.filter_map(|entry| match entry.term {
            Term::Until(until) if until <= soon => Some(Expiring {
                holder: entry.holder,
                until,
            }),
            Term::Until(_) | Term::Lasting | Term::Run | Term::Join { .. } => None,
        });
        let mut soon: Vec<Expiring> = soon.collect();
        soon.sort_by_key(|it| it.until);
        soon
    }

    /// A host is to get another key.
    pub(super) fn rotate(
        &mut self,
        from: &RoutingId,
        level: Access,
        id: u64,
        (host, until): (HostName, Option<u64>),
        now: Now,
    ) {
        let term = until.map_or(Term::Lasting, Term::Until);
        let request = NameServerRequest::Rotate {
            host: host.clone(),
            until,
        };
        let deed = self.deed(from, level, Ok(&request));
        let may = match self.keys {
            Some(_) => request.permitted_to(level),
            None => Err(is_open()),
        };
        let found = may.and_then(|()| self.renewable(&host));
        self.audit(deed, found.as_ref().err(), now);
        match found {
            Ok((key, route)) => {
                let asked = (from.clone(), id);
                if let Some(keys) = &mut self.keys {
                    keys.renewals.of.insert(key, Renewal { term, asked });
                }
                self.send(&route, Envelope::event(), body(&Event::Renew {}));
            }
            Err(fault) => self.reply(from, id, Err(fault)),
        }
    }

    /// The key of a host of that name that has joined, and where it is.
    fn renewable(&self, host: &HostName) -> Result<(KeyId, RoutingId), Fault> {
        let mut members = self.members.iter();
        let is_it =
            |peer: &Peer| matches!(peer, Peer::Host(id) if id.name == *host && id.system.is_none());
        let member = members.find(|(peer, member)| is_it(peer) && !member.has_ended());
        let refused = |reason| Err(Fault::Refused { reason });
        let Some((_, member)) = member else {
            let reason = format!(
                "no host {host} is there that others have started: the keys of those that `up` starts are new with each run"
            );
            return refused(reason);
        };
        let route = member.route.clone();
        match (route.key, self.entry(&route).map(|entry| entry.term)) {
            (Some(key), Some(Term::Lasting | Term::Until(_))) => Ok((key, route)),
            _ => refused(format!("the key of host {host} ends with the run")),
        }
    }

    /// A host that was told to has drawn another key.
    pub(super) fn renew(&mut self, from: &RoutingId, key: PublicKey) -> Result<(), Fault> {
        let who = self.who(from);
        let refused = |reason: &str| Fault::Refused {
            reason: reason.to_owned(),
        };
        let keys = self.keys.as_mut().ok_or_else(is_open)?;
        let asked = from
            .key
            .and_then(|id| Some((id, keys.renewals.of.get(&id)?)));
        let (id, renewal) = asked.ok_or_else(|| refused("nobody has asked for another key"))?;
        let term = renewal.term;
        let change = keys.ring.succeed(id, key, term);
        let change = change.ok_or_else(|| refused("this key is admitted already"))?;
        self.effects.push(Effect::Remember(change));
        if let Some(who) = who {
            let what = Happening::Rotated {
                key,
                holder: who.holder.clone(),
                term,
                former: who.key,
            };
            self.note_key(Some(who), from.place, what);
        }
        Ok(())
    }

    /// A member has announced itself by a new key: the one before it is admitted no more.
    pub(super) fn retire_former(&mut self, from: &RoutingId) {
        let (Some(keys), Some(id)) = (&mut self.keys, from.key) else {
            return;
        };
        let Some((former, entry, change)) = keys.ring.retire_former(id) else {
            return;
        };
        let renewal = keys.renewals.of.remove(&former);
        self.effects.push(Effect::Remember(change));
        self.effects.push(Effect::HangUp(former));
        let who = self.who(from);
        self.note_key(who, from.place, revoked(&entry));
        if let Some(Renewal {
            asked: (to, id), ..
        }) = renewal
        {
            self.reply(&to, id, Ok(body(&())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Keyring;
    use crate::model::{Holder, KeyEntry, OperatorAccess};
    use crate::wire::{MessageKind, read_body};
    use std::time::Duration;

    fn key(n: u8) -> PublicKey {
        PublicKey::of([n; 32])
    }

    fn holder(name: &str, access: OperatorAccess) -> Holder {
        let name = name.parse().unwrap();
        Holder::Operator { name, access }
    }

    /// The owner has key 1, the host lab1 key 2, and ana key 3, for a month. It is the second 1000.
    fn registry() -> Registry {
        let mut ring = Keyring::default();
        let lab1 = Holder::Host("lab1".parse().unwrap());
        ring.admit(KeyEntry::lasting(
            key(1),
            holder("owner", OperatorAccess::Admin),
        ));
        ring.admit(KeyEntry::lasting(key(2), lab1));
        let ana = holder("ana", OperatorAccess::Read);
        ring.admit(KeyEntry::new(key(3), ana, Term::Until(1000 + 30 * 86_400)));
        Registry::closed("tcp://ns".into(), ring, Duration::from_secs(1000))
    }

    fn at(registry: &Registry, n: u8) -> RoutingId {
        RoutingId {
            id: Box::new([n]),
            key: registry.look_up(&key(n), Now::ZERO).ok(),
            place: None,
            server_key: 0,
        }
    }

    fn ask(registry: &mut Registry, n: u8, request: NameServerRequest, now: Now) -> Vec<Effect> {
        let from = at(registry, n);
        let envelope = Envelope::request(7, 1000, Peer::NameServer);
        registry.on_message(&from, envelope, body(&request), now);
        registry.effects().collect()
    }

    /// The kinds of what is sent, to whom.
    fn sent(effects: &[Effect]) -> Vec<(u8, MessageKind)> {
        let sent = effects.iter().filter_map(|effect| match effect {
            Effect::Send { to, envelope, .. } => Some((to.id[0], envelope.kind)),
            _ => None,
        });
        sent.collect()
    }

    fn announced() -> NameServerRequest {
        let host = serde_json::json!({"role":"host","name":"lab1","incarnation":1,"pid":1,
            "version":"0","uptime_ms":0});
        NameServerRequest::Announce(serde_json::from_value(host).unwrap())
    }

    #[test]
    fn a_host_moves_over_to_another_key_and_only_then_is_the_former_revoked() {
        let mut registry = registry();
        let now = Now::ZERO;
        let rotate = || NameServerRequest::Rotate {
            host: "lab1".parse().unwrap(),
            until: Some(5000),
        };
        let renew = || NameServerRequest::Renew { key: key(9) };
        let refused = ask(&mut registry, 1, rotate(), now);
        assert_eq!(sent(&refused), [(1, MessageKind::Error)], "it is not there");
        ask(&mut registry, 2, announced(), now);
        let refused = ask(&mut registry, 2, renew(), now);
        assert_eq!(
            sent(&refused),
            [(2, MessageKind::Error)],
            "nobody has asked"
        );
        let told = ask(&mut registry, 1, rotate(), now);
        assert_eq!(sent(&told), [(2, MessageKind::Event)]);
        let renewed = ask(&mut registry, 2, renew(), now);
        assert_eq!(sent(&renewed), [(2, MessageKind::Reply)]);
        // Both are good.
        assert!(registry.look_up(&key(2), now).is_ok());
        let moved = ask(&mut registry, 9, announced(), now);
        assert_eq!(
            sent(&moved),
            [(1, MessageKind::Reply), (9, MessageKind::Reply)]
        );
        assert!(moved.iter().any(|it| matches!(it, Effect::HangUp(_))));
        assert!(registry.look_up(&key(2), now).is_err());
        let (new, until) = (key(9), Term::Until(5000));
        let entries = registry.ring().unwrap().entries();
        assert!(entries.iter().any(|it| it.key == new && it.term == until));
        let again = ask(&mut registry, 9, renew(), now);
        assert_eq!(sent(&again), [(9, MessageKind::Error)]);
    }

    #[test]
    fn keys_are_warned_of_and_expire() {
        let mut registry = registry();
        let day = |n: u64| Now::from_secs(n * 86_400);
        let expiring = |registry: &mut Registry, now| {
            let effects = ask(registry, 1, NameServerRequest::Expiring {}, now);
            let bodies = effects.into_iter().filter_map(|effect| match effect {
                Effect::Send { body, .. } => Some(body),
                _ => None,
            });
            let body = bodies.collect::<Vec<_>>().pop().unwrap();
            read_body::<Vec<Expiring>>(&body).unwrap().len()
        };
        assert_eq!(expiring(&mut registry, day(15)), 0);
        assert_eq!(expiring(&mut registry, day(16)), 1);
        assert_eq!(registry.next_expiry(), Some(day(30)));
        registry.on_time(day(30));
        let out: Vec<Effect> = registry.effects().collect();
        assert!(out.iter().any(|it| matches!(it, Effect::HangUp(_))));
        assert!(registry.look_up(&key(3), Now::ZERO).is_err());
        assert_eq!(registry.next_expiry(), None);
    }
}
