//! Files that go with agents to other machines: what a topology asks for, the list of what there is,
//! and how much that is. Only words: nothing here opens a file.

mod listing;
mod path;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use listing::{Entry, Listing, ListingError, What};
pub use path::{TreePath, TreePathError};

use super::AgentId;
pub use pattern::{NamePattern, matches_name};

/// Which files go with an agent to its machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncSpec {
    /// The folder that the paths begin at, here; there it is a folder of osb's own. Absolute.
    pub from: PathBuf,
    /// Folders with all that is in them, and single files.
    pub paths: BTreeSet<TreePath>,
    /// What is left out wherever it is met.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub except: BTreeSet<NamePattern>,
}

impl SyncSpec {
    /// Whether `path` is to be copied, or something in it.
    pub fn touches(&self, path: &TreePath) -> bool {
        let mut paths = self.paths.iter();
        paths.any(|given| given.is_within(path) || path.is_within(given))
    }

    /// Where `path`, an absolute one of this machine, is within the folder.
    pub fn within(&self, path: &Path) -> Option<TreePath> {
        let rest = path.strip_prefix(&self.from).ok()?;
        rest.to_str()?.parse().ok()
    }
}

/// What each agent's files have as their contents, in one digest.
pub type Contents = BTreeMap<AgentId, Digest>;

/// A file's content, by its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "a digest is 64 hexadecimal digits";
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.as_bytes().iter().all(is_hex) {
            return Err(wrong);
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = &text[2 * at..2 * at + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong)?;
        }
        Ok(Self(bytes))
    }
}

/// A number of files, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// How many files.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Amount {
    /// One file.
    pub fn of(bytes: u64) -> Self {
        Self { files: 1, bytes }
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |sum, it| Self {
            files: sum.files + it.files,
            bytes: sum.bytes.saturating_add(it.bytes),
        })
    }
}

/// `3 files, 1.2 MiB`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = match self.files {
            1 => "1 file".to_owned(),
            many => format!("{many} files"),
        };
        let (mut size, mut unit) = (self.bytes as f64, "B");
        for larger in ["KiB", "MiB", "GiB"] {
            if size >= 1024.0 {
                (size, unit) = (size / 1024.0, larger);
            }
        }
        match unit {
            "B" => write!(f, "{files}, {size} B"),
            unit => write!(f, "{files}, {size:.1} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_strictly() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(Digest::try_from(text.clone()).unwrap().to_string(), text);
        for bad in [
            "",
            "0",
            &text.to_uppercase(),
            &format!("{text}0"),
            &"é".repeat(32),
        ] {
            assert!(Digest::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_shown_with_a_unit() {
        let shown = |files, bytes| Amount { files, bytes }.to_string();
        assert_eq!(shown(1, 12), "1 file, 12 B");
        assert_eq!(shown(20, 3 << 20), "20 files, 3.0 MiB");
        assert_eq!(shown(2, 1 << 44), "2 files, 16384.0 GiB");
    }
}
