//! Laying out a folder by its list, of contents that are in the store.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;

use super::{FilesError, Store};
use crate::model::{Listing, What};

/// Makes a folder at `at` that has all that is in the list, for the user alone: copies, which are its
/// programs' to change. It is there whole, or not at all.
pub(crate) fn lay(listing: &Listing, store: &Store, at: &Path) -> Result<(), FilesError> {
    let new = at.with_extension("new");
    remove(&new)?;
    let laid = lay_at(listing, store, &new)
        .and_then(|()| fs::rename(&new, at).map_err(FilesError::io("make", at)));
    if laid.is_err() {
        let _ = remove(&new);
    }
    laid
}

fn lay_at(listing: &Listing, store: &Store, at: &Path) -> Result<(), FilesError> {
    let folder = |path: &Path| {
        let made = DirBuilder::new().mode(0o700).create(path);
        made.map_err(FilesError::io("make", path))
    };
    folder(at)?;
    for entry in listing.entries() {
        let path = entry.path.in_folder(at);
        match &entry.what {
            What::Folder => folder(&path)?,
            What::File {
                size,
                sum,
                executable,
            } => store.put(*sum, *size, &path, *executable)?,
            What::Link { to } => symlink(to, &path).map_err(FilesError::io("make", &path))?,
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), FilesError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FilesError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
