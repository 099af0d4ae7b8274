//! The keys that a name server admits.
//!
//! What changes comes out as a [`KeyChange`], to be written down; a ring is made again of them.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::model::{Access, Holder, HostId, KeyEntry, PublicKey, Term};

/// The number of a key at a name server. It is never another key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u32);

/// What happened to a ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyChange {
    Admit(Box<KeyEntry>),
    Drop(PublicKey),
}

/// Why a key is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    #[error("the key is unknown")]
    Unknown,
    #[error("the key, or the join file, has expired")]
    Expired,
    #[error("the key is a guest's: it is for data sockets only")]
    Guest,
    #[error("it was dialled by a former key of this name server, whose time is over")]
    FormerKey,
}

/// All keys that are admitted.
#[derive(Debug, Default)]
pub struct Keyring {
    by_key: HashMap<PublicKey, KeyId>,
    entries: HashMap<KeyId, KeyEntry>,
    /// When keys of members expire, the first first.
    ends: BTreeSet<(u64, KeyId)>,
    last: u32,
}

impl Keyring {
    /// As it became by these changes.
    pub fn recall(changes: impl IntoIterator<Item = KeyChange>) -> Self {
        let mut ring = Self::default();
        for change in changes {
            match change {
                KeyChange::Admit(entry) => drop(ring.admit(*entry)),
                KeyChange::Drop(key) => drop(ring.drop_key(&key)),
            }
        }
        ring
    }

    /// Whether `key` may shake hands; `now` in seconds since 1970.
    pub fn look_up(&self, key: &PublicKey, now: u64) -> Result<KeyId, NotAdmitted> {
        let id = self.by_key.get(key).ok_or(NotAdmitted::Unknown)?;
        let entry = self.entries.get(id).ok_or(NotAdmitted::Unknown)?;
        match entry.term.expires() {
            Some(until) if until <= now => Err(NotAdmitted::Expired),
            Some(_) | None => Ok(*id),
        }
    }

    /// None: it is not admitted any more.
    pub fn entry(&self, id: KeyId) -> Option<&KeyEntry> {
        self.entries.get(&id)
    }

    /// What the holder of a key may do.
    pub fn access(&self, id: KeyId) -> Option<Access> {
        self.entry(id).map(KeyEntry::access)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All of them, in order of their holders.
    pub fn entries(&self) -> Vec<KeyEntry> {
        let mut entries: Vec<_> = self.entries.values().cloned().collect();
        entries.sort_by(|a, b| (&a.holder, a.key).cmp(&(&b.holder, b.key)));
        entries
    }

    /// Lets a key in, or makes it another's.
    pub fn admit(&mut self, entry: KeyEntry) -> KeyChange {
        self.drop_key(&entry.key);
        self.last += 1;
        let id = KeyId(self.last);
        self.by_key.insert(entry.key, id);
        if let Term::Until(until) = entry.term {
            self.ends.insert((until, id));
        }
        self.entries.insert(id, entry.clone());
        KeyChange::Admit(Box::new(entry))
    }

    /// When the next key of a member expires, in seconds since 1970.
    pub fn next_end(&self) -> Option<u64> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// Revokes the keys that have expired by now.
    pub fn expire(&mut self, now: u64) -> Vec<(KeyId, KeyEntry, KeyChange)> {
        let over = self.ends.iter().take_while(|(until, _)| *until <= now);
        let over: BTreeSet<PublicKey> = over
            .filter_map(|(_, id)| self.entries.get(id))
            .map(|entry| entry.key)
            .collect();
        match over.is_empty() {
            true => Vec::new(),
            false => self.revoke(|entry| over.contains(&entry.key)),
        }
    }

    /// The holder of `former` has `key` too, for that term.
    pub fn succeed(&mut self, former: KeyId, key: PublicKey, term: Term) -> Option<KeyChange> {
        let entry = self.entries.get(&former)?.clone();
        if self.by_key.contains_key(&key) {
            return None;
        }
        let former = Some(entry.key);
        Some(self.admit(KeyEntry {
            key,
            term,
            former,
            ..entry
        }))
    }

    /// The holder has connected with the key `id`: its former key is not admitted any more. Keys of others stay.
    pub fn retire_former(&mut self, id: KeyId) -> Option<(KeyId, KeyEntry, KeyChange)> {
        let former = self.entries.get(&id)?.former?;
        let entry = self.entries.get(self.by_key.get(&former)?)?.clone();
        let (id, change) = self.drop_key(&former)?;
        Some((id, entry, change))
    }

    /// The one that has come in by `id` is known by `key` from now on, and a join file is used up.
    pub fn replace(&mut self, id: KeyId, key: PublicKey, now: u64) -> Option<[KeyChange; 2]> {
        let old = self.entries.get(&id)?.clone();
        if self.by_key.contains_key(&key) {
            return None;
        }
        let term = match old.term {
            Term::Join { lasts, .. } => match lasts {
                Some(lasts) => Term::Until(now.saturating_add(lasts)),
                None => Term::Lasting,
            },
            term => term,
        };
        let gone = self.drop_key(&old.key)?.1;
        let come = self.admit(KeyEntry { key, term, ..old });
        Some([gone, come])
    }

    /// Puts out all keys that are `meant`, and those that a host among them has answered for.
    pub fn revoke(
        &mut self,
        meant: impl Fn(&KeyEntry) -> bool,
    ) -> Vec<(KeyId, KeyEntry, KeyChange)> {
        let entries = || self.entries.values();
        let out: Vec<&KeyEntry> = entries().filter(|entry| meant(entry)).collect();
        let hosts: Vec<&HostId> = out
            .iter()
            .filter_map(|entry| match (&entry.holder, entry.term) {
                // A join file has not registered a host yet.
                (_, Term::Join { .. }) => None,
                (Holder::Host(name), _) => Some(name),
                (Holder::Operator { .. } | Holder::Agent(_) | Holder::Guest(_), _) => None,
            })
            .collect();
        let answered_for = |it: &KeyEntry| it.by.as_ref().is_some_and(|by| hosts.contains(&by));
        let goes = entries().filter(|it| meant(it) || answered_for(it));
        let keys: Vec<PublicKey> = goes.map(|entry| entry.key).collect();
        let drop = |key: &PublicKey| {
            let entry = self.entries.get(self.by_key.get(key)?)?.clone();
            let (id, change) = self.drop_key(key)?;
            Some((id, entry, change))
        };
        keys.iter().filter_map(drop).collect()
    }

    fn drop_key(&mut self, key: &PublicKey) -> Option<(KeyId, KeyChange)> {
        let id = self.by_key.remove(key)?;
        if let Some(Term::Until(until)) = self.entries.remove(&id).map(|entry| entry.term) {
            self.ends.remove(&(until, id));
        }
        Some((id, KeyChange::Drop(*key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(n: u8) -> PublicKey {
        PublicKey::of([n; 32])
    }

    fn join(until: u64) -> Term {
        let lasts = None;
        Term::Join { until, lasts }
    }

    fn host(n: u8, name: &str, term: Term) -> KeyEntry {
        KeyEntry::new(key(n), Holder::Host(name.parse().unwrap()), term)
    }

    #[test]
    fn nobody_is_let_in_by_default() {
        let ring = Keyring::default();
        assert_eq!(ring.look_up(&key(1), 0), Err(NotAdmitted::Unknown));
    }

    #[test]
    fn a_join_file_is_good_once_and_not_for_ever() {
        let mut ring = Keyring::default();
        ring.admit(host(1, "lab1", join(100)));
        assert_eq!(ring.look_up(&key(1), 100), Err(NotAdmitted::Expired));
        let joining = ring.look_up(&key(1), 99).unwrap();
        assert_eq!(ring.access(joining), Some(Access::Join));
        assert!(ring.replace(joining, key(2), 99).is_some());
        assert_eq!(ring.look_up(&key(1), 99), Err(NotAdmitted::Unknown));
        let joined = ring.look_up(&key(2), 1000).unwrap();
        assert_eq!(ring.access(joined), Some(Access::Host));
        // The connection that came by the join file is worth nothing more.
        assert_eq!(ring.access(joining), None);
        assert!(ring.replace(joining, key(3), 99).is_none());
    }

    #[test]
    fn with_a_host_go_the_agents_that_it_answered_for() {
        let mut ring = Keyring::default();
        ring.admit(host(1, "lab1", Term::Lasting));
        ring.admit(host(2, "lab2", Term::Lasting));
        for (n, by) in [(3, "lab1"), (4, "lab2")] {
            let holder = Holder::Agent(format!("A{n}").parse().unwrap());
            let by = by.parse().ok();
            ring.admit(KeyEntry {
                by,
                ..KeyEntry::new(key(n), holder, Term::Run)
            });
        }
        let lab1 = Holder::Host("lab1".parse().unwrap());
        let out = ring.revoke(|entry| entry.holder == lab1);
        let mut keys: Vec<_> = out.iter().map(|(_, entry, _)| entry.key).collect();
        keys.sort();
        assert_eq!(keys, [key(1), key(3)]);
        assert_eq!(ring.entries().len(), 2);
    }

    #[test]
    fn with_a_join_file_that_nobody_has_used_goes_nobody_else() {
        let mut ring = Keyring::default();
        ring.admit(host(1, "lab1", Term::Lasting));
        ring.admit(host(2, "lab1", join(100)));
        let agent = Holder::Agent("A".parse().unwrap());
        ring.admit(KeyEntry {
            by: "lab1".parse().ok(),
            ..KeyEntry::new(key(3), agent, Term::Run)
        });
        assert_eq!(ring.revoke(|entry| entry.key == key(2)).len(), 1);
        assert_eq!(ring.entries().len(), 2);
    }

    #[test]
    fn a_key_expires_by_itself_and_with_a_host_go_its_agents() {
        let mut ring = Keyring::default();
        ring.admit(host(1, "lab1", Term::Until(100)));
        ring.admit(host(2, "lab2", Term::Until(200)));
        let agent = Holder::Agent("A".parse().unwrap());
        ring.admit(KeyEntry {
            by: "lab1".parse().ok(),
            ..KeyEntry::new(key(3), agent, Term::Run)
        });
        assert_eq!(ring.next_end(), Some(100));
        assert!(ring.expire(99).is_empty());
        assert_eq!(ring.look_up(&key(1), 100), Err(NotAdmitted::Expired));
        assert_eq!(ring.expire(100).len(), 2);
        assert_eq!(ring.next_end(), Some(200));
        ring.revoke(|entry| entry.key == key(2));
        assert_eq!(ring.next_end(), None);
        // A join file may say how long the key is good that comes in its place.
        let lasts = Some(50);
        ring.admit(host(4, "lab4", Term::Join { until: 100, lasts }));
        let joining = ring.look_up(&key(4), 60).unwrap();
        ring.replace(joining, key(5), 60).unwrap();
        assert_eq!(ring.next_end(), Some(110));
    }

    #[test]
    fn two_keys_of_a_holder_are_good_until_he_comes_by_the_new_one() {
        let mut ring = Keyring::default();
        ring.admit(host(1, "lab1", Term::Lasting));
        let old = ring.look_up(&key(1), 0).unwrap();
        ring.succeed(old, key(2), Term::Until(500)).unwrap();
        let new = ring.look_up(&key(2), 0).unwrap();
        assert_eq!(ring.look_up(&key(1), 0), Ok(old));
        assert!(ring.retire_former(old).is_none());
        let (id, entry, _) = ring.retire_former(new).unwrap();
        assert_eq!((id, entry.key), (old, key(1)));
        assert_eq!(ring.look_up(&key(1), 0), Err(NotAdmitted::Unknown));
        assert!(ring.retire_former(new).is_none());
        assert!(ring.succeed(old, key(3), Term::Lasting).is_none());
    }

    proptest! {
        /// What is written down makes the same ring again, and no number is ever given twice.
        #[test]
        fn a_ring_is_recalled(steps in prop::collection::vec((0u8..3, 0u8..6, 0u8..6), 0..40)) {
            let mut ring = Keyring::default();
            let (mut changes, mut given) = (Vec::new(), Vec::new());
            for (what, n, other) in steps {
                match what {
                    0 => {
                        changes.push(ring.admit(host(n, &format!("h{other}"), Term::Lasting)));
                        given.push(ring.look_up(&key(n), 0).unwrap());
                    }
                    1 => if let Ok(id) = ring.look_up(&key(n), 0) {
                        changes.extend(ring.replace(id, key(other), 0).into_iter().flatten());
                    },
                    _ => changes.extend(ring.revoke(|it| it.key == key(n)).into_iter().map(|it| it.2)),
                }
            }
            prop_assert_eq!(Keyring::recall(changes).entries(), ring.entries());
            given.dedup();
            let count = given.len();
            given.sort();
            given.dedup();
            prop_assert_eq!(given.len(), count);
        }
    }
}
