//! The files and folders of the state, each by its path, as those of this user: see `owned`.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;

use super::StateError;
use crate::owned::{self, Folder, Place, Private};

/// Folders of the state that are no systems, and have others in them.
const WITHIN: [&str; 6] = [
    ".hosts",
    ".nameservers",
    ".runs",
    ".keys",
    ".joined",
    ".boot",
];

/// A folder, or what is in one, with how many folders of the way are osb's own: all from that of the state on. `least`:
/// if it is not told by what they are called.
fn place<'p>(path: &'p Path, folder: &Path, least: usize) -> Place<'p> {
    let mut names = folder.iter();
    let within = |name: &std::ffi::OsStr| WITHIN.iter().any(|it| name == *it);
    let own = match names.by_ref().find(|name| within(name)) {
        Some(_) => names.count() + 2,
        None => least,
    };
    Place { path, own }
}

/// The folder of a system, or one like it.
fn folder(path: &Path) -> Place<'_> {
    place(path, path, 2)
}

fn file(path: &Path) -> Place<'_> {
    place(path, path.parent().unwrap_or(path), 2)
}

/// Makes a folder, with those before it, for this user alone; one that is there has to be his.
pub(crate) fn make(path: &Path) -> Result<(), StateError> {
    let made = Folder::make(folder(path), Private::Written);
    made.map(drop)
        .map_err(|error| StateError::io("make", path, error))
}

/// The same of one that others must not even look into.
pub(super) fn make_closed(path: &Path) -> Result<(), StateError> {
    let made = Folder::make(folder(path), Private::Closed);
    made.map(drop)
        .map_err(|error| StateError::io("make", path, error))
}

/// Whether a folder is this user's.
pub(super) fn check(path: &Path) -> io::Result<()> {
    Folder::open(folder(path), Private::Written).map(drop)
}

/// A folder that others must not look into.
pub(super) fn closed(path: &Path) -> io::Result<Folder> {
    Folder::open(folder(path), Private::Closed)
}

/// The names of all that is in the folder of the state, or in one that has systems in it.
pub(super) fn names(path: &Path) -> io::Result<Vec<OsString>> {
    Folder::open(place(path, path, 1), Private::Written)?.names()
}

pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    owned::read(file(path))
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    owned::open(file(path))
}

pub(super) fn append(path: &Path) -> io::Result<File> {
    owned::append(file(path))
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    owned::create(file(path))
}

pub(super) fn open_or_make(path: &Path) -> io::Result<File> {
    owned::open_or_make(file(path))
}

/// Written beside it, flushed, and moved into place; then the folder is flushed.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    owned::replace(file(path), bytes)
}
