//! What can go wrong with remembered facts.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::SystemName;

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
}

impl StateError {
    pub(super) fn io(verb: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            verb,
            path: path.to_owned(),
            source,
        }
    }
}
