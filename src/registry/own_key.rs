//! The name server's own key, when it becomes another: members are told by the connections that they have, and may dial
//! by the former key for a while.

use std::collections::HashSet;

use super::{Effect, Now, Registry, RoutingId, is_open};
use crate::access::{Asked, NotAdmitted};
use crate::model::{Access, PublicKey};
use crate::wire::{Envelope, Event, Fault, Happening, NameServerRequest, NameserverRotated, body};

/// So many connections are remembered as told; beyond, some are told again, which does no harm.
const MOST_TOLD: usize = 100_000;

/// Which of its keys the name server has now.
#[derive(Debug, Default)]
pub(super) struct OwnKey {
    /// Its keys are numbered, those of later times higher.
    number: u32,
    /// None: it has not been told yet.
    public: Option<PublicKey>,
    /// Until when members may dial by the former one, in seconds since 1970.
    former_until: Option<u64>,
    /// Connections that were made by a former key, and know of the present one.
    told: HashSet<RoutingId>,
}

/// The name server has another key: it is written down, and handshakes succeed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rotated {
    pub number: u32,
    pub key: PublicKey,
    pub former: PublicKey,
    /// Until when members may dial by the former one.
    pub until: u64,
}

impl Registry {
    /// The name server's key, as it begins.
    pub(crate) fn has_key(&mut self, number: u32, public: PublicKey, former_until: Option<u64>) {
        if let Some(keys) = &mut self.keys {
            keys.own = OwnKey {
                number,
                public: Some(public),
                former_until,
                told: HashSet::new(),
            };
        }
    }

    /// Whether members may still dial by the name server's key of that number.
    pub(crate) fn answers_to(&self, number: u32, now: Now) -> Result<(), NotAdmitted> {
        let Some(keys) = &self.keys else {
            return Ok(());
        };
        let is_former = number < keys.own.number;
        let is_over = |until: u64| until <= keys.began + now.as_secs();
        match is_former && keys.own.former_until.is_none_or(is_over) {
            true => Err(NotAdmitted::FormerKey),
            false => Ok(()),
        }
    }

    /// The name server is to have another key.
    pub(super) fn rotate_nameserver(
        &mut self,
        from: &RoutingId,
        level: Access,
        id: u64,
        grace: u64,
        now: Now,
    ) {
        let request = NameServerRequest::RotateNameserver { grace };
        let deed = self.deed(from, level, Ok(&request));
        let may = match self.keys {
            Some(_) => request.permitted_to(level),
            None => Err(is_open()),
        };
        let until = may.and_then(|()| self.end_of_former(grace, now));
        self.audit(deed, until.as_ref().err(), now);
        match until {
            Ok(until) => self.effects.push(Effect::Rotate {
                to: from.clone(),
                id,
                until,
            }),
            Err(fault) => self.reply(from, id, Err(fault)),
        }
    }

    /// Until when the present key is to be good as the former one. There is one former key: those who have that of now are
    /// not put out before its time, unless it is meant.
    fn end_of_former(&self, grace: u64, now: Now) -> Result<u64, Fault> {
        let keys = self.keys.as_ref().ok_or_else(is_open)?;
        let now = keys.began + now.as_secs();
        match keys.own.former_until {
            Some(until) if until > now && grace > 0 => Err(Fault::Refused {
                reason: format!(
                    "the key before this one is good for another {} s: members may not have moved over yet; --at-once does not wait for them",
                    until - now
                ),
            }),
            Some(_) | None => Ok(now.saturating_add(grace)),
        }
    }

    /// The name server has another key, as request `id` wanted, or cannot have one.
    pub(crate) fn on_rotated(&mut self, to: &RoutingId, id: u64, outcome: Result<Rotated, String>) {
        let Rotated {
            number,
            key,
            former,
            until,
        } = match outcome {
            Ok(rotated) => rotated,
            Err(reason) => return self.reply(to, id, Err(Fault::Refused { reason })),
        };
        self.has_key(number, key, Some(until));
        let mut members: HashSet<RoutingId> = self.routes.keys().cloned().collect();
        members.insert(to.clone());
        for member in members {
            self.tell_key(&member);
        }
        let who = self.who(to);
        let what = Happening::NameserverRotated { key, former, until };
        self.note_key(who, to.place, what);
        self.reply(to, id, Ok(body(&NameserverRotated { key, until })));
    }

    /// Tells a member that has dialled by a former key of the present one, once.
    pub(super) fn tell_key(&mut self, member: &RoutingId) {
        let Some(own) = self.keys.as_mut().map(|keys| &mut keys.own) else {
            return;
        };
        let Some(key) = own.public.filter(|_| member.server_key < own.number) else {
            return;
        };
        if own.told.len() >= MOST_TOLD {
            own.told.clear();
        }
        if member.id.is_empty() || !own.told.insert(member.clone()) {
            return;
        }
        let content = body(&Event::NameserverKey { key });
        self.send(member, Envelope::event(), content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Keyring;
    use crate::model::{Holder, KeyEntry, OperatorAccess};
    use crate::wire::{MessageKind, Peer, read_body};
    use std::time::Duration;

    const DAY: u64 = 86_400;

    fn key(n: u8) -> PublicKey {
        PublicKey::of([n; 32])
    }

    /// The owner has key 1, ana key 2, to read. It is the second 1000.
    fn registry() -> Registry {
        let mut ring = Keyring::default();
        let accesses = [
            (1, "owner", OperatorAccess::Admin),
            (2, "ana", OperatorAccess::Read),
        ];
        for (n, name, access) in accesses {
            let name = name.parse().unwrap();
            ring.admit(KeyEntry::lasting(key(n), Holder::Operator { name, access }));
        }
        let mut registry = Registry::closed("tcp://ns".into(), ring, Duration::from_secs(1000));
        registry.has_key(1, key(101), None);
        registry
    }

    /// The holder of key `n`, by a connection by that key of the name server.
    fn at(registry: &Registry, n: u8, server_key: u32) -> RoutingId {
        RoutingId {
            id: Box::new([n, server_key as u8]),
            key: registry.look_up(&key(n), Now::ZERO).ok(),
            place: None,
            server_key,
        }
    }

    fn ask(registry: &mut Registry, from: &RoutingId, request: NameServerRequest) -> Vec<Effect> {
        let envelope = Envelope::request(7, 1000, Peer::NameServer);
        registry.on_message(from, envelope, body(&request), Now::ZERO);
        registry.effects().collect()
    }

    fn rotate(registry: &mut Registry, grace: u64) -> Vec<Effect> {
        let owner = at(registry, 1, 1);
        ask(
            registry,
            &owner,
            NameServerRequest::RotateNameserver { grace },
        )
    }

    /// As the driver does it, to the key `100 + number`.
    fn rotated(registry: &mut Registry, number: u32, until: u64) -> Vec<Effect> {
        let owner = at(registry, 1, 1);
        let outcome = Ok(Rotated {
            number,
            key: key(100 + number as u8),
            former: key(99 + number as u8),
            until,
        });
        registry.on_rotated(&owner, 7, outcome);
        registry.effects().collect()
    }

    /// Who was told of which key.
    fn told(effects: &[Effect]) -> Vec<(RoutingId, PublicKey)> {
        let told = effects.iter().filter_map(|effect| match effect {
            Effect::Send { to, envelope, body } if envelope.kind == MessageKind::Event => {
                match read_body(body).ok()? {
                    Event::NameserverKey { key } => Some((to.clone(), key)),
                    _ => None,
                }
            }
            _ => None,
        });
        told.collect()
    }

    #[test]
    fn both_keys_are_good_for_a_while_and_each_connection_by_the_former_is_told_once() {
        let mut registry = registry();
        let ana = at(&registry, 2, 1);
        ask(&mut registry, &ana, NameServerRequest::Watch {});
        assert!(told(&ask(&mut registry, &ana, NameServerRequest::Ping {})).is_empty());
        let effects = rotate(&mut registry, DAY);
        assert!(
            matches!(effects[..], [Effect::Rotate { until, .. }] if until == 1000 + DAY),
            "{effects:?}"
        );
        let effects = rotated(&mut registry, 2, 1000 + DAY);
        let owner = at(&registry, 1, 1);
        let mut those = told(&effects);
        those.sort_by_key(|(to, _)| to.key);
        assert_eq!(those, [(owner, key(102)), (ana.clone(), key(102))]);
        let noted = |it: &Effect| matches!(it, Effect::Note(note) if note.what.kind() == "nameserver_rotated");
        assert!(effects.iter().any(noted));
        assert!(told(&ask(&mut registry, &ana, NameServerRequest::Ping {})).is_empty());
        // Another connection by the former key, as of one who was away, and one by the present.
        let again = RoutingId {
            id: Box::new([9]),
            ..ana
        };
        let ping = NameServerRequest::Ping {};
        assert_eq!(told(&ask(&mut registry, &again, ping.clone())).len(), 1);
        let by_new = at(&registry, 2, 2);
        assert!(told(&ask(&mut registry, &by_new, ping)).is_empty());
        let over = Now::from_secs(DAY);
        assert_eq!(registry.answers_to(1, Now::ZERO), Ok(()));
        assert_eq!(registry.answers_to(1, over), Err(NotAdmitted::FormerKey));
        assert_eq!(registry.answers_to(2, over), Ok(()));
    }

    #[test]
    fn only_an_admin_rotates_and_not_while_the_former_key_is_good_unless_it_is_stolen() {
        let mut registry = registry();
        let ana = at(&registry, 2, 1);
        let refused = |effects: &[Effect]| matches!(effects.first(), Some(Effect::Send { envelope, .. }) if envelope.kind == MessageKind::Error);
        let wanted = NameServerRequest::RotateNameserver { grace: 1 };
        let effects = ask(&mut registry, &ana, wanted);
        let is_sent = |it: &Effect| matches!(it, Effect::Send { .. });
        let answers: Vec<Effect> = effects.into_iter().filter(is_sent).collect();
        assert!(refused(&answers), "{answers:?}");
        rotated(&mut registry, 2, 1000 + DAY);
        let effects = rotate(&mut registry, DAY);
        assert!(effects.iter().any(|it| refused(std::slice::from_ref(it))));
        let effects = rotate(&mut registry, 0);
        let at_once = |it: &Effect| matches!(it, Effect::Rotate { until: 1000, .. });
        assert!(effects.iter().any(at_once), "{effects:?}");
        rotated(&mut registry, 3, 1000);
        for number in [1, 2] {
            let late = registry.answers_to(number, Now::ZERO);
            assert_eq!(late, Err(NotAdmitted::FormerKey));
        }
    }

    /// Members can say what they like: an event goes one way only.
    #[test]
    fn nobody_but_the_name_server_tells_of_its_key() {
        let mut registry = registry();
        let ana = at(&registry, 2, 1);
        let forged = body(&Event::NameserverKey { key: key(66) });
        registry.on_message(&ana, Envelope::event(), forged, Now::ZERO);
        assert_eq!(registry.effects().count(), 0);
    }
}
