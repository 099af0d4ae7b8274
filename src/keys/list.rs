//! The keys of a name server that does not run: its list is held, so that it does not begin meanwhile, and what is done
//! to it goes into the journal, as it would if the name server ran.

use super::KeysError;
use crate::access::Keyring;
use crate::journal::{Journal, events_behind};
use crate::model::{KeyEntry, KeysOf};
use crate::state::{KeyDir, KeyLog, StateError};
use crate::wire::{Happening, Note, Record, Who};

pub(crate) struct List {
    ring: Keyring,
    log: KeyLog,
    dir: KeyDir,
}

impl List {
    pub(super) fn open(dir: &KeyDir) -> Result<Self, StateError> {
        let (log, changes) = dir.log()?;
        Ok(Self {
            ring: Keyring::recall(changes),
            log,
            dir: dir.clone(),
        })
    }

    pub(super) fn entries(&self) -> Vec<KeyEntry> {
        self.ring.entries()
    }

    pub(super) fn events_behind(&self, after: u64) -> Result<Vec<Record>, KeysError> {
        events_behind(&self.dir.journal()?, after).map_err(KeysError::Journal)
    }

    pub(super) fn admit(&mut self, entry: KeyEntry) -> Result<(), KeysError> {
        let who = self.owner()?;
        let entry = KeyEntry {
            admitted_by: Some(who.holder.clone()),
            ..entry
        };
        let what = Happening::Admitted {
            key: entry.key,
            holder: entry.holder.clone(),
            term: entry.term,
        };
        self.log.write(&self.ring.admit(entry))?;
        self.note(who, [what])
    }

    pub(super) fn revoke(&mut self, meant: &KeysOf) -> Result<Vec<KeyEntry>, KeysError> {
        let who = self.owner()?;
        let out = self.ring.revoke(|entry| meant.means(entry));
        let mut entries = Vec::new();
        for (_, entry, change) in out {
            self.log.write(&change)?;
            entries.push(entry);
        }
        let revoked = entries.iter().map(|entry| Happening::Revoked {
            key: entry.key,
            holder: entry.holder.clone(),
        });
        self.note(who, revoked)?;
        Ok(entries)
    }

    /// The user that has the keys here.
    fn owner(&self) -> Result<Who, KeysError> {
        let owner = self.dir.operator()?;
        Ok(Who {
            key: owner.own.public,
            level: owner.holder.access(),
            holder: owner.holder,
        })
    }

    fn note(&self, who: Who, what: impl IntoIterator<Item = Happening>) -> Result<(), KeysError> {
        let opened = Journal::open(self.dir.journal()?);
        let mut journal = opened.map_err(KeysError::Journal)?;
        for what in what {
            let who = Some(who.clone());
            let from = None;
            let written = journal.write(Note { who, from, what });
            written.map_err(KeysError::Journal)?;
        }
        Ok(())
    }
}
