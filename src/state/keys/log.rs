//! Who is let in, as a list of changes, one on a line: added to while the name server runs.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

use super::super::StateError;
use super::secret;
use crate::access::{KeyChange, Keyring};
use crate::model::{KeyEntry, Term};

/// The list, to be added to.
pub struct KeyLog {
    file: Flock<File>,
}

impl KeyLog {
    /// The list at `path`, and what is in it: nobody else has it meanwhile. A last line that was torn
    /// is none.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<KeyChange>), StateError> {
        let failed = |error| StateError::io("open", path, error);
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        let no_link = nix::libc::O_NOFOLLOW;
        let opened = options.mode(0o600).custom_flags(no_link).open(path);
        let locked = Flock::lock(opened.map_err(failed)?, FlockArg::LockExclusiveNonblock);
        let mut file = locked.map_err(|_| StateError::KeysInUse {
            path: path.to_owned(),
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        let whole = whole.map_or(0, |at| at + 1);
        let changes = read(&bytes[..whole]).map_err(|reason| StateError::Corrupt {
            path: path.to_owned(),
            reason,
        })?;
        file.set_len(whole as u64).map_err(failed)?;
        Ok((Self { file }, changes))
    }

    /// Adds a change. What outlasts the run is on the disk when this returns.
    pub fn write(&mut self, change: &KeyChange) -> io::Result<()> {
        self.file.write_all(&line(change))?;
        match change {
            KeyChange::Admit(KeyEntry {
                term: Term::Run, ..
            }) => Ok(()),
            _ => self.file.sync_data(),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Vec<KeyChange>, String> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty());
    let change = |(number, line)| {
        serde_json::from_slice(line).map_err(|error| format!("line {}: {error}", number + 1))
    };
    lines.map(change).collect()
}

fn line(change: &KeyChange) -> Vec<u8> {
    let mut line = serde_json::to_vec(change).unwrap_or_default();
    line.push(b'\n');
    line
}

/// A new list.
pub(super) fn begin(path: &Path, changes: &[KeyChange]) -> Result<(), StateError> {
    let bytes: Vec<u8> = changes.iter().flat_map(line).collect();
    secret::replace(path, &bytes)
}

/// The same list in as few lines as it takes, without those that are not to be `kept`.
pub(super) fn compact(path: &Path, kept: impl Fn(&KeyEntry) -> bool) -> Result<(), StateError> {
    let (_, changes) = KeyLog::open(path)?;
    let entries = Keyring::recall(changes).entries().into_iter();
    let changes: Vec<KeyChange> = entries.filter(kept).map(KeyChange::Admit).collect();
    begin(path, &changes)
}
