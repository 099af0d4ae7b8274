//! The journal of this name server: written as things happen, and told to those who may read it.

use std::io::Write;
use std::path::PathBuf;

use crate::journal::Journal;
use crate::state::{KeyDir, StateError};
use crate::wire::{Envelope, Fault, Happening, Note, Peer, body};

/// The journal of a closed name server.
pub(super) struct Audit {
    journal: Journal,
    dir: PathBuf,
    /// That it cannot be written is said once, until it can.
    fails: bool,
}

impl Audit {
    /// Begins with the event that the name server has begun.
    pub(super) fn begin(keys: &KeyDir) -> Result<Self, StateError> {
        let dir = keys.journal_path();
        let journal = Journal::open(keys.journal()?).map_err(|source| StateError::Io {
            verb: "open",
            path: dir.clone(),
            source,
        })?;
        let mut audit = Self {
            journal,
            dir,
            fails: false,
        };
        audit.write(Note {
            who: None,
            from: None,
            what: Happening::Began {
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
        });
        Ok(audit)
    }

    /// What happens goes on, whether or not it can be written down.
    pub(super) fn write(&mut self, note: Note) {
        let written = self.journal.write(note);
        let failed = std::mem::replace(&mut self.fails, written.is_err());
        match written {
            Err(error) if !failed => {
                let dir = self.dir.display();
                let _ = writeln!(
                    std::io::stderr(),
                    "error: cannot write the journal in {dir}: {error}; numbers are missing in it until there is room again"
                );
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// The answer to request `id`: the next events behind that number.
pub(super) fn answer(audit: Option<&Audit>, id: u64, after: u64) -> (Envelope, Vec<u8>) {
    let events = audit.map_or(Ok(Vec::new()), |audit| audit.journal.events_behind(after));
    let outcome = events.map_err(|error| Fault::Refused {
        reason: format!("the journal cannot be read: {error}"),
    });
    let envelope = Envelope::answer(&outcome, id, Peer::NameServer);
    let content = match &outcome {
        Ok(events) => body(events),
        Err(fault) => body(fault),
    };
    (envelope, content)
}
