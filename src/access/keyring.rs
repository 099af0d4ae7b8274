//! The keys that a name server admits.
//!
//! What changes comes out as a [`KeyChange`], to be written down; a ring is made again of them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::model::{Access, Holder, HostId, KeyEntry, PublicKey, Term};

/// The number of a key at a name server. It is never another key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u32);

/// What happened to a ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyChange {
    Admit(KeyEntry),
    Drop(PublicKey),
}

/// Why a key is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    #[error("the key is unknown")]
    Unknown,
    #[error("the join file has expired")]
    Expired,
}

/// All keys that are admitted.
#[derive(Debug, Default)]
pub struct Keyring {
    by_key: HashMap<PublicKey, KeyId>,
    entries: HashMap<KeyId, KeyEntry>,
    last: u32,
}

impl Keyring {
    /// As it became by these changes.
    pub fn recall(changes: impl IntoIterator<Item = KeyChange>) -> Self {
        let mut ring = Self::default();
        for change in changes {
            match change {
                KeyChange::Admit(entry) => drop(ring.admit(entry)),
                KeyChange::Drop(key) => drop(ring.drop_key(&key)),
            }
        }
        ring
    }

    /// Whether `key` may shake hands; `now` in seconds since 1970.
    pub fn look_up(&self, key: &PublicKey, now: u64) -> Result<KeyId, NotAdmitted> {
        let id = self.by_key.get(key).ok_or(NotAdmitted::Unknown)?;
        match self.entries.get(id).map(|entry| entry.term) {
            Some(Term::Join { until }) if until <= now => Err(NotAdmitted::Expired),
            Some(_) => Ok(*id),
            None => Err(NotAdmitted::Unknown),
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
        self.entries.insert(id, entry.clone());
        KeyChange::Admit(entry)
    }

    /// The one that has come in by `id` is known by `key` from now on, and a join file is used up.
    pub fn replace(&mut self, id: KeyId, key: PublicKey) -> Option<[KeyChange; 2]> {
        let old = self.entries.get(&id)?.clone();
        if self.by_key.contains_key(&key) {
            return None;
        }
        let term = match old.term {
            Term::Join { .. } => Term::Lasting,
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
                _ => None,
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
        self.entries.remove(&id);
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
        ring.admit(host(1, "lab1", Term::Join { until: 100 }));
        assert_eq!(ring.look_up(&key(1), 100), Err(NotAdmitted::Expired));
        let joining = ring.look_up(&key(1), 99).unwrap();
        assert_eq!(ring.access(joining), Some(Access::Join));
        assert!(ring.replace(joining, key(2)).is_some());
        assert_eq!(ring.look_up(&key(1), 99), Err(NotAdmitted::Unknown));
        let joined = ring.look_up(&key(2), 1000).unwrap();
        assert_eq!(ring.access(joined), Some(Access::Host));
        // The connection that came by the join file is worth nothing more.
        assert_eq!(ring.access(joining), None);
        assert!(ring.replace(joining, key(3)).is_none());
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
        ring.admit(host(2, "lab1", Term::Join { until: 100 }));
        let agent = Holder::Agent("A".parse().unwrap());
        ring.admit(KeyEntry {
            by: "lab1".parse().ok(),
            ..KeyEntry::new(key(3), agent, Term::Run)
        });
        assert_eq!(ring.revoke(|entry| entry.key == key(2)).len(), 1);
        assert_eq!(ring.entries().len(), 2);
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
                        changes.extend(ring.replace(id, key(other)).into_iter().flatten());
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
