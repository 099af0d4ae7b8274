//! What a system was meant to be, one state after the other, while it is up: the last ten, so that it can be made that again.

use std::io;

use jiff::Timestamp;
use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};

use super::record::{line, lines_of};
use super::{StateError, SystemDir, own};
use crate::model::Overrides;

/// How many states are kept.
const KEPT: usize = 10;

/// What a system was meant to be from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Since when: UTC, as in logs.
    pub at: String,
    /// The user who has brought that about, if the machine knows a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The topology's files.
    pub file: String,
    /// The topology, in its resolved form.
    pub topology: String,
    /// All that it was read from, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<String>,
    /// What counted more than the file.
    #[serde(default, skip_serializing_if = "Overrides::is_empty")]
    pub overrides: Overrides,
}

impl Past {
    /// From now on.
    pub fn from_now(file: String, topology: String) -> Self {
        let user = User::from_uid(Uid::current()).ok().flatten();
        Self {
            at: format!("{:.3}", Timestamp::now()),
            by: user.map(|it| it.name),
            file,
            topology,
            sources: None,
            overrides: Overrides::default(),
        }
    }
}

impl SystemDir {
    /// The states that are kept, the last one last.
    pub fn history(&self) -> Vec<Past> {
        lines_of(&self.history_path())
    }

    /// Notes a state, if it is another than the last one.
    pub fn note_past(&self, past: &Past) -> Result<(), StateError> {
        let mut all = self.history();
        if all.last().is_some_and(|it| it.topology == past.topology) {
            return Ok(());
        }
        all.push(past.clone());
        let first = all.len().saturating_sub(KEPT);
        let bytes: Vec<u8> = all[first..].iter().flat_map(line).collect();
        let path = self.history_path();
        let written: io::Result<()> = own::replace(&path, &bytes);
        written.map_err(|error| StateError::io("write", &path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_states_are_kept_and_none_twice_in_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(folder.path().to_owned());
        assert!(dir.history().is_empty());
        for state in 0..12 {
            for _ in 0..2 {
                let past = Past::from_now("x.yaml".to_owned(), state.to_string());
                dir.note_past(&past).unwrap();
            }
        }
        let kept: Vec<String> = dir.history().into_iter().map(|it| it.topology).collect();
        let last: Vec<String> = (2..12).map(|it: i32| it.to_string()).collect();
        assert_eq!(kept, last);
    }
}
