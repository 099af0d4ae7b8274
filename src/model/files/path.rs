//! A path within a folder. Whatever is one can be joined to the folder, and is in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest path within a folder, in bytes.
pub(super) const LONGEST_PATH: usize = 1024;
/// The longest name that file systems take, in bytes.
const LONGEST_NAME: usize = 255;

/// A path within a folder: names with `/` between them, never upwards. The folder itself is `.`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TreePath(String);

/// Why a text is no path within a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreePathError {
    /// It begins with a slash.
    #[error("it begins with /, and paths of files to be copied begin at their folder")]
    Absolute,
    /// It leads out of the folder.
    #[error(".. leads out of the folder")]
    Upwards,
    /// It has a zero character.
    #[error("it has a zero character in it")]
    Zero,
    /// It is too long.
    #[error("it is longer than {LONGEST_PATH} bytes, or a name in it than {LONGEST_NAME}")]
    Long,
}

impl TreePath {
    /// What is called `name` in it.
    pub fn join(&self, name: &str) -> Result<Self, TreePathError> {
        match name.contains('/') {
            true => Err(TreePathError::Absolute),
            false => format!("{}/{name}", self.as_str()).parse(),
        }
    }

    /// As a relative path: `.` for the folder itself.
    pub fn as_str(&self) -> &str {
        match self.0.as_str() {
            "" => ".",
            path => path,
        }
    }

    /// Where it is in `folder`.
    pub fn in_folder(&self, folder: &Path) -> PathBuf {
        match self.0.as_str() {
            "" => folder.to_owned(),
            path => folder.join(path),
        }
    }

    /// Whether it is the folder itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// What it is in. None for the folder itself.
    pub fn parent(&self) -> Option<Self> {
        match self.0.rsplit_once('/') {
            Some((parent, _)) => Some(Self(parent.to_owned())),
            None => (!self.is_root()).then(Self::default),
        }
    }

    /// All that it is in, from the outermost; without the folder itself.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        let slashes = self.0.match_indices('/');
        slashes.map(|(at, _)| Self(self.0[..at].to_owned()))
    }

    /// Whether it is `other`, or something in it.
    pub fn is_within(&self, other: &Self) -> bool {
        let rest = self.0.strip_prefix(&other.0);
        other.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// How many folders it is deep in.
    pub(super) fn depth(&self) -> usize {
        self.ancestors().count()
    }
}

impl FromStr for TreePath {
    type Err = TreePathError;

    /// Dots that mean "here", and slashes too many, are taken away.
    fn from_str(text: &str) -> Result<Self, TreePathError> {
        if text.starts_with('/') {
            return Err(TreePathError::Absolute);
        }
        if text.contains('\0') {
            return Err(TreePathError::Zero);
        }
        let names = text.split('/').filter(|name| !matches!(*name, "" | "."));
        let names: Vec<&str> = names.collect();
        if names.contains(&"..") {
            return Err(TreePathError::Upwards);
        }
        let path = names.join("/");
        match path.len() > LONGEST_PATH || names.iter().any(|name| name.len() > LONGEST_NAME) {
            true => Err(TreePathError::Long),
            false => Ok(Self(path)),
        }
    }
}

impl TryFrom<String> for TreePath {
    type Error = TreePathError;

    fn try_from(text: String) -> Result<Self, TreePathError> {
        text.parse()
    }
}

impl From<TreePath> for String {
    fn from(path: TreePath) -> String {
        path.as_str().to_owned()
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> TreePath {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_never_leads_upwards() {
        for (text, read) in [
            ("a/b", "a/b"),
            ("./a//b/", "a/b"),
            ("", "."),
            (".", "."),
            ("...", "..."),
            ("~", "~"),
        ] {
            assert_eq!(path(text).as_str(), read);
        }
        for (text, error) in [
            ("/etc", TreePathError::Absolute),
            ("a/../b", TreePathError::Upwards),
            ("..", TreePathError::Upwards),
            ("a\0b", TreePathError::Zero),
        ] {
            assert_eq!(text.parse::<TreePath>(), Err(error), "{text}");
        }
        assert_eq!(
            "x".repeat(256).parse::<TreePath>(),
            Err(TreePathError::Long)
        );
        assert!(path("a").join("b/c").is_err());
        assert_eq!(path(".").join("b"), Ok(path("b")));
    }

    #[test]
    fn paths_know_what_they_are_in() {
        let deep = path("a/b/c");
        assert_eq!(
            deep.ancestors().collect::<Vec<_>>(),
            [path("a"), path("a/b")]
        );
        assert_eq!(
            (deep.parent(), path("a").parent()),
            (Some(path("a/b")), Some(path(".")))
        );
        assert_eq!(path(".").parent(), None);
        assert!(deep.is_within(&path("a")) && deep.is_within(&path(".")) && deep.is_within(&deep));
        assert!(!path("ab").is_within(&path("a")) && !path("a").is_within(&deep));
    }

    proptest! {
        /// Whatever is accepted is below the folder, also by way of the file system's own rules.
        #[test]
        fn what_is_accepted_stays_inside(text in "[./a\\-~]{0,12}") {
            if let Ok(path) = text.parse::<TreePath>() {
                let whole = path.in_folder(Path::new("/root/tree"));
                prop_assert!(whole.starts_with("/root/tree"));
                prop_assert!(whole.components().all(|it| it.as_os_str() != ".."));
                prop_assert_eq!(path.as_str().parse::<TreePath>().unwrap(), path);
            }
        }
    }
}
