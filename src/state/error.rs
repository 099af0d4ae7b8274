//! What can go wrong with remembered facts.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::SystemName;
use crate::owned::Untrusted;

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("there is no home directory: set HOME, XDG_STATE_HOME or OSB_STATE_DIR")]
    NoHome,
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        verb: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Another command works on the system.
    #[error("system {system} is being worked on by another osb{}", pid.map(|pid| format!(", pid {pid}")).unwrap_or_default())]
    Locked {
        system: SystemName,
        pid: Option<u32>,
    },
    /// A name server runs by it.
    #[error("{} is in use by a name server that runs", path.display())]
    KeysInUse { path: PathBuf },
    #[error("{} cannot be read: {reason}", path.display())]
    Corrupt { path: PathBuf, reason: String },
    /// A record that this osb cannot understand.
    #[error(
        "{} was written by a later osb: it has format {format}, and this one reads up to {}",
        path.display(),
        super::record::FORMAT
    )]
    Newer { path: PathBuf, format: u32 },
}

impl StateError {
    /// Whether it is a system's record that is there and cannot be understood; and whose.
    pub fn damaged_system(&self) -> Option<SystemName> {
        let path = match self {
            StateError::Corrupt { path, .. } | StateError::Newer { path, .. } => path,
            StateError::Io {
                verb: "read",
                path,
                source,
            } if Untrusted::of(source).is_none() => path,
            _ => return None,
        };
        let is_record = path
            .file_name()
            .is_some_and(|name| name == super::record::FILE);
        let folder = path.parent()?.file_name()?.to_str()?;
        is_record.then(|| folder.parse().ok()).flatten()
    }

    /// What is not used because others could have made or changed it.
    pub(crate) fn untrusted(&self) -> Option<&Untrusted> {
        match self {
            StateError::Io { source, .. } => Untrusted::of(source),
            _ => None,
        }
    }

    pub(super) fn io(verb: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            verb,
            path: path.to_owned(),
            source,
        }
    }
}
