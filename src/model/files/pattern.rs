//! What is left out when files are copied: patterns of names.

use serde::{Deserialize, Serialize};

use super::TreePath;

/// Names of files and folders: a star stands for whatever may be there. With a slash in it, for
/// paths from the folder; without, for names anywhere in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamePattern(String);

impl NamePattern {
    /// None for an empty text.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_start_matches("./").trim_end_matches('/');
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it means this path.
    pub fn matches(&self, path: &TreePath) -> bool {
        let name = path.as_str().rsplit('/').next().unwrap_or_default();
        let text = match self.0.contains('/') {
            true => path.as_str(),
            false => name,
        };
        matches(self.0.trim_start_matches('/'), text)
    }
}

/// A star matches no slash.
fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, names) = (pattern.split('/'), path.split('/'));
    let (mut patterns, mut names) = (patterns.fuse(), names.fuse());
    loop {
        match (patterns.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if matches_name(pattern, name) => {}
            _ => return false,
        }
    }
}

/// Whether a name is what a pattern says, in which a star stands for anything. What stands between the stars has to come in its
/// order: each as early as it can.
pub fn matches_name(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inner = name
        .strip_prefix(first)
        .and_then(|name| name.strip_suffix(last));
    let Some(mut inner) = inner else {
        return false;
    };
    middle.split('*').all(|part| match inner.find(part) {
        Some(at) => {
            inner = &inner[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_leave_out_names_anywhere_and_paths_where_they_are() {
        let matches =
            |pattern: &str, text: &str| NamePattern::new(pattern).unwrap().matches(&path(text));
        for (pattern, good) in [
            ("*.pyc", "a/b/x.pyc"),
            (".git", ".git"),
            (".git/", "lib/.git"),
            ("data/*.bin", "data/1.bin"),
            ("./data/raw", "data/raw"),
            ("*a*b*", "xaxbx"),
            ("/top", "top"),
            ("*", "ü"),
        ] {
            assert!(matches(pattern, good), "{pattern} {good}");
        }
        for (pattern, bad) in [
            ("*.pyc", "x.py"),
            ("data/*.bin", "data/x/1.bin"),
            ("data/raw", "x/data/raw"),
            ("/top", "x/top"),
            (".git", ".github"),
        ] {
            assert!(!matches(pattern, bad), "{pattern} {bad}");
        }
        assert_eq!(NamePattern::new("./"), None);
    }
}
