//! Which keys are admitted, as a list of changes, one on a line: added to while the name server runs.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

use super::super::StateError;
use super::secret;
use crate::access::{KeyChange, Keyring};
use crate::model::{KeyEntry, Term};

/// The list, to be added to.
pub struct KeyLog {
    file: Flock<File>,
    /// Up to where it is whole.
    length: u64,
}

impl KeyLog {
    /// The list at `path`, and what is in it: no other process has it meanwhile. A last line that was torn
    /// is none.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<KeyChange>), StateError> {
        let failed = |error| StateError::io("open", path, error);
        let opened = secret::open_list(path);
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
        let length = whole as u64;
        file.set_len(length).map_err(failed)?;
        Ok((Self { file, length }, changes))
    }

    /// Adds a change. What outlasts the run is on the disk when this returns.
    pub fn write(&mut self, change: &KeyChange) -> io::Result<()> {
        let line = line(change);
        append(&self.file, self.length, |mut file| file.write_all(&line))?;
        self.length += line.len() as u64;
        match change {
            KeyChange::Admit(entry) if entry.term == Term::Run => Ok(()),
            KeyChange::Admit(_) | KeyChange::Drop(_) => self.file.sync_data(),
        }
    }
}

/// What a full disk has torn is taken back: with the next line after it, the list could not be read.
fn append(file: &File, whole: u64, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    write(file).or_else(|error| {
        file.set_len(whole)?;
        Err(error)
    })
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
    let changes: Vec<KeyChange> = entries
        .filter(kept)
        .map(|entry| KeyChange::Admit(Box::new(entry)))
        .collect();
    begin(path, &changes)
}

#[cfg(test)]
mod tests {
    use super::super::own;
    use super::*;
    use crate::model::PublicKey;

    #[test]
    fn a_line_that_a_full_disk_has_torn_spoils_none_after_it() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("keys/members.jsonl");
        own::make_closed(temp.path().join("keys").as_path()).unwrap();
        let drop = |n| KeyChange::Drop(PublicKey::of([n; 32]));
        let (mut log, _) = KeyLog::open(&path).unwrap();
        log.write(&drop(1)).unwrap();
        let torn = append(&log.file, log.length, |mut file| {
            file.write_all(b"{\"dr")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(torn.is_err());
        log.write(&drop(2)).unwrap();
        std::mem::drop(log);
        assert_eq!(KeyLog::open(&path).unwrap().1, [drop(1), drop(2)]);
    }
}
