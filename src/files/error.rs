//! What can go wrong with files that are to be copied: which file, and why.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Digest, ListingError};
use crate::owned::Untrusted;

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("there is no {}, which is to be copied", .0.display())]
    Missing(PathBuf),
    #[error("{} is neither a file nor a folder nor a link, and cannot be copied", .0.display())]
    Special(PathBuf),
    #[error("{} has a name that is no UTF-8, and cannot be copied", .0.display())]
    Name(PathBuf),
    #[error("{} cannot be copied: its path is too long", .0.display())]
    Long(PathBuf),
    #[error("{} is a link, and what is to be copied is behind it", .0.display())]
    Behind(PathBuf),
    #[error("{} cannot be copied: {error}", from.display())]
    Listing { from: PathBuf, error: ListingError },
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        verb: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// What arrived is not what was announced.
    #[error(
        "what arrived is not what was announced: expected {expected}, found {found}; did the file change meanwhile?"
    )]
    Arrived { expected: Digest, found: Digest },
    #[error("the connection ended in the middle of a file")]
    Cut,
    #[error("{} is not what it was when it was stored, and has been thrown away", .0.display())]
    Spoilt(PathBuf),
    #[error("there is no home directory: set HOME or XDG_CACHE_HOME")]
    NoHome,
    /// Of the cache.
    #[error("the cache of files is not used: {0}")]
    Untrusted(Untrusted),
}

impl FilesError {
    pub(crate) fn io<'p>(
        verb: &'static str,
        path: &'p Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'p> {
        move |source| Self::Io {
            verb,
            path: path.to_owned(),
            source,
        }
    }

    /// What to do about one that is met on this machine.
    pub fn remedy(&self) -> &'static str {
        match self {
            FilesError::Missing(_) => {
                "paths of sync begin at the topology's folder, or at the folder that its from names"
            }
            FilesError::Listing {
                error: ListingError::Outside { .. },
                ..
            } => {
                "put what it leads to into the folder, or leave the link out: sync: { paths: […], except: [NAME] }"
            }
            FilesError::Behind(_) => {
                "name the folder that it leads to: sync: { from: FOLDER, paths: […] }"
            }
            FilesError::Io { .. } => "see to the rights of that file",
            FilesError::Special(_)
            | FilesError::Name(_)
            | FilesError::Long(_)
            | FilesError::Listing { .. } => "leave it out: sync: { paths: […], except: [NAME] }",
            FilesError::Arrived { .. } | FilesError::Cut | FilesError::Spoilt(_) => "try it again",
            FilesError::NoHome => "set HOME or XDG_CACHE_HOME",
            FilesError::Untrusted(why) => why.remedy(),
        }
    }
}
