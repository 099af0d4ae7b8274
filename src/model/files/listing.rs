//! The list of what is in a folder. It is checked as it is read, so that it can be laid
//! out without a look at each path: nothing in it is, or leads, outside of its folder.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::path::LONGEST_PATH;
use super::{Amount, Digest, TreePath};

/// The most entries that a list has.
const MOST_ENTRIES: usize = 50_000;
/// The most bytes that the files of a list have together: what is more was hardly meant.
const MOST_BYTES: u64 = 16 << 30;

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Where it is, from the folder.
    pub path: TreePath,
    /// What it is.
    pub what: What,
}

/// What it is. Of its rights, only that it can be run is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// In bytes.
        size: u64,
        /// Of its content.
        sum: Digest,
        /// Whether its owner may execute it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        executable: bool,
    },
    /// A symbolic link to something in the same folder.
    Link {
        /// Where it leads, from its own folder.
        to: String,
    },
}

/// All that is in a folder, in the order of the paths, so that a folder comes before what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Listing(Vec<Entry>);

/// Why a list cannot be one of what is in a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// There are too many entries.
    #[error("more than {MOST_ENTRIES} files and folders")]
    Entries,
    /// The files are too large together.
    #[error("the files have more than {} GiB together", MOST_BYTES >> 30)]
    Bytes,
    /// An entry is not in order, or is there twice.
    #[error("{0} is not in its place in the list, or stands there twice")]
    Order(TreePath),
    /// The folder of an entry is missing.
    #[error("{0} is in something that is no folder of the list")]
    Orphan(TreePath),
    /// A link leads out of the folder.
    #[error("{path} is a link that leads out of the folder, to {to}")]
    Outside {
        /// The link.
        path: TreePath,
        /// Where it leads.
        to: String,
    },
    /// Two files of one content have different sizes.
    #[error("files of different sizes have the same sum {0}")]
    Sizes(Digest),
}

impl Listing {
    /// Checks all entries.
    pub fn new(entries: Vec<Entry>) -> Result<Self, ListingError> {
        if entries.len() > MOST_ENTRIES {
            return Err(ListingError::Entries);
        }
        let mut folders = HashSet::from([TreePath::default()]);
        let mut last = TreePath::default();
        for entry in &entries {
            if entry.path <= last {
                return Err(ListingError::Order(entry.path.clone()));
            }
            last = entry.path.clone();
            if !entry.path.parent().is_some_and(|it| folders.contains(&it)) {
                return Err(ListingError::Orphan(entry.path.clone()));
            }
            match &entry.what {
                What::Folder => drop(folders.insert(entry.path.clone())),
                What::Link { to } if !stays_inside(&entry.path, to) => {
                    let (path, to) = (entry.path.clone(), to.clone());
                    return Err(ListingError::Outside { path, to });
                }
                What::Link { .. } | What::File { .. } => {}
            }
        }
        let listing = Self(entries);
        listing.check_sizes()?;
        Ok(listing)
    }

    fn check_sizes(&self) -> Result<(), ListingError> {
        let mut sizes = HashMap::new();
        let mut bytes: u64 = 0;
        for (size, sum) in self.files() {
            if *sizes.entry(sum).or_insert(size) != size {
                return Err(ListingError::Sizes(sum));
            }
            bytes = bytes.saturating_add(size);
        }
        match bytes > MOST_BYTES {
            true => Err(ListingError::Bytes),
            false => Ok(()),
        }
    }

    /// In order.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Sizes and sums of its files.
    pub fn files(&self) -> impl Iterator<Item = (u64, Digest)> {
        self.0.iter().filter_map(|entry| match entry.what {
            What::File { size, sum, .. } => Some((size, sum)),
            _ => None,
        })
    }

    /// How much it is.
    pub fn amount(&self) -> Amount {
        self.files().map(|(size, _)| Amount::of(size)).sum()
    }
}

impl TryFrom<Vec<Entry>> for Listing {
    type Error = ListingError;

    fn try_from(entries: Vec<Entry>) -> Result<Self, ListingError> {
        Self::new(entries)
    }
}

impl From<Listing> for Vec<Entry> {
    fn from(listing: Listing) -> Vec<Entry> {
        listing.0
    }
}

/// Whether a link leads to something in the folder, whatever other links there are: it goes up no
/// further than to the folder, and then only down. What it goes down by leads out no more than it does.
fn stays_inside(path: &TreePath, to: &str) -> bool {
    if to.is_empty() || to.len() > LONGEST_PATH || to.starts_with('/') || to.contains('\0') {
        return false;
    }
    let names = to.split('/').filter(|name| !matches!(*name, "" | "."));
    let names: Vec<&str> = names.collect();
    let up = names.iter().take_while(|name| **name == "..").count();
    up <= path.depth() && !names[up..].contains(&"..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> TreePath {
        text.parse().unwrap()
    }

    fn entry(text: &str, what: What) -> Entry {
        Entry {
            path: path(text),
            what,
        }
    }

    fn link(text: &str, to: &str) -> Entry {
        entry(text, What::Link { to: to.into() })
    }

    fn file(text: &str, size: u64, sum: u8) -> Entry {
        let sum = Digest::new([sum; 32]);
        let executable = false;
        entry(
            text,
            What::File {
                size,
                sum,
                executable,
            },
        )
    }

    #[test]
    fn hostile_lists_are_refused() {
        let folder = |text: &str| entry(text, What::Folder);
        let good = vec![
            folder("a"),
            folder("a/b"),
            link("a/b/up", "../../y"),
            file("a/b/x", 1, 1),
            link("a/c", "../y"),
            link("a/here", "."),
            file("y", 1, 1),
        ];
        assert_eq!(
            Listing::new(good.clone()).unwrap().amount(),
            Amount { files: 2, bytes: 2 }
        );
        let bad = |entries: Vec<Entry>| Listing::new(entries).unwrap_err().to_string();
        assert!(bad(vec![file("a/x", 1, 1)]).contains("no folder of the list"));
        assert!(bad(vec![link("a", "b"), file("a/x", 1, 1)]).contains("no folder"));
        assert!(bad(vec![file("a", 1, 1), file("a", 1, 1)]).contains("twice"));
        assert!(bad(vec![file("b", 1, 1), file("a", 1, 1)]).contains("its place"));
        assert!(bad(vec![folder(".")]).contains("its place"));
        assert!(bad(vec![file("a", 1, 1), file("b", 2, 1)]).contains("different sizes"));
        assert!(bad(vec![file("a", u64::MAX, 1)]).contains("GiB"));
        for to in [
            "/etc/passwd",
            "..",
            "",
            "x/../../y",
            "./../y",
            "a\0b",
            "x/..",
        ] {
            assert!(bad(vec![link("a", to)]).contains("leads out"), "{to}");
        }
        let many = (0..=MOST_ENTRIES).map(|at| file(&format!("{at:06}"), 0, 0));
        assert!(bad(many.collect()).contains("more than 50000"));
        let json = serde_json::json!([{ "path": "../x", "what": "folder" }]);
        assert!(serde_json::from_value::<Listing>(json).is_err());
    }

    proptest! {
        /// Followed step by step, through any other link of the list, a link stays in the folder.
        #[test]
        fn links_stay_inside(targets in proptest::collection::vec("(\\.\\./){0,3}[ab./]{1,5}", 2)) {
            let places = ["a/a", "b"];
            let mut entries = vec![entry("a", What::Folder)];
            entries.extend(places.iter().zip(&targets).map(|(at, to)| link(at, to)));
            if let Ok(list) = Listing::new(entries) {
                for at in places {
                    prop_assert!(follow(&list, at).is_none_or(|depth| depth >= 0), "{list:?}");
                }
            }
        }
    }

    /// The least depth at which one is on the way by a link; None if it leads nowhere. As the
    /// operating system does it: `..` of where one is by then.
    fn follow(list: &Listing, at: &str) -> Option<i64> {
        let mut here: Vec<String> = Vec::new();
        let mut todo: Vec<String> = at.split('/').rev().map(str::to_owned).collect();
        let (mut least, mut steps) = (0, 0);
        while let Some(name) = todo.pop() {
            steps += 1;
            match name.as_str() {
                _ if steps > 100 => return None,
                "" | "." => continue,
                ".." if here.pop().is_none() => {
                    least = -1;
                    continue;
                }
                ".." => continue,
                _ => here.push(name),
            }
            let path = here.join("/");
            match list.entries().iter().find(|it| it.path.as_str() == path) {
                Some(Entry {
                    what: What::Link { to },
                    ..
                }) => {
                    here.pop();
                    todo.extend(to.split('/').rev().map(str::to_owned));
                }
                Some(_) => {}
                None => return (least < 0).then_some(least),
            }
        }
        Some(least)
    }
}
