//! Making of a folder that was laid out by one list what another list says. What programs have put there themselves stays.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;

use super::{FilesError, Store};
use crate::model::{Entry, Listing, TreePath, What};

/// What a file is called until it is whole.
const NEW: &str = ".osb-new";

/// Each file is there as it was or as it is to be, and nothing between. Contents have to be in the store.
pub(crate) fn renew(
    (former, next): (&Listing, &Listing),
    store: &Store,
    at: &Path,
) -> Result<(), FilesError> {
    let entries = |listing: &Listing| -> BTreeMap<TreePath, What> {
        let entries = listing.entries().iter().cloned();
        entries.map(|Entry { path, what }| (path, what)).collect()
    };
    let (before, after) = (entries(former), entries(next));
    for (path, what) in before.iter().rev() {
        if !after.get(path).is_some_and(|next| is_alike(what, next)) {
            take_away(&path.in_folder(at), what)?;
        }
    }
    for (path, what) in &after {
        let is_same = before.get(path) == Some(what);
        put(&path.in_folder(at), what, is_same, store)?;
    }
    Ok(())
}

/// Whether one can be put over the other.
fn is_alike(one: &What, other: &What) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// A folder in which a program has put something stays.
fn take_away(path: &Path, what: &What) -> Result<(), FilesError> {
    let gone = match what {
        What::Folder => fs::remove_dir(path),
        What::File { .. } | What::Link { .. } => fs::remove_file(path),
    };
    match gone {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::IsADirectory
                    | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(FilesError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn put(path: &Path, what: &What, is_same: bool, store: &Store) -> Result<(), FilesError> {
    let found = fs::symlink_metadata(path).ok();
    let is_folder = found.as_ref().is_some_and(fs::Metadata::is_dir);
    match what {
        What::Folder if is_folder => Ok(()),
        What::Folder => {
            // A program may have put a link there, which leads elsewhere.
            if found.is_some() {
                fs::remove_file(path).map_err(FilesError::io("remove", path))?;
            }
            let made = DirBuilder::new().mode(0o700).create(path);
            made.map_err(FilesError::io("make", path))
        }
        // It is its program's to change.
        What::File { .. } | What::Link { .. } if is_same && found.is_some() => Ok(()),
        What::File {
            size,
            sum,
            executable,
        } => {
            let new = beside(path);
            let _ = fs::remove_file(&new);
            store.put(*sum, *size, &new, *executable)?;
            fs::rename(&new, path).map_err(FilesError::io("write", path))
        }
        What::Link { to } => {
            let new = beside(path);
            let _ = fs::remove_file(&new);
            symlink(to, &new).map_err(FilesError::io("make", path))?;
            fs::rename(&new, path).map_err(FilesError::io("make", path))
        }
    }
}

fn beside(path: &Path) -> std::path::PathBuf {
    path.with_file_name(NEW)
}
