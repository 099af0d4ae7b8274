//! Folders and files that are this user's: state, keys, the cache of files. No other user but root can have made them, nor
//! change them or what their paths lead to.
//!
//! A path is walked from the root. Each folder is opened in the one before it, without following links, and looked at
//! when it is open; the file at its end likewise. Nothing is looked at by its name and then used by its name. What
//! is not there is no error of this module's; whether it should be is others' business.

mod folder;
mod trust;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use rustix::fs::OFlags;

pub(crate) use folder::{Folder, Private};
pub(crate) use trust::Untrusted;

/// Where something of this user's is: of the way to it, the last `own` folders are osb's own, in which there are no links.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) path: &'p Path,
    pub(crate) own: usize,
}

impl<'p> Place<'p> {
    /// The folder that it is in, and its name there.
    fn split(self) -> io::Result<(Place<'p>, &'p std::ffi::OsStr)> {
        let parts = self.path.parent().zip(self.path.file_name());
        let (path, name) = parts.ok_or(io::ErrorKind::InvalidInput)?;
        Ok((
            Place {
                path,
                own: self.own,
            },
            name,
        ))
    }
}

/// Opens a file to be read.
pub(crate) fn open(file: Place<'_>) -> io::Result<File> {
    opened(file, OFlags::RDONLY)
}

/// All that is in a file.
pub(crate) fn read(file: Place<'_>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(file)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file to be added to, which is made if need be, for its owner alone.
pub(crate) fn append(file: Place<'_>) -> io::Result<File> {
    opened(file, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE)
}

/// Opens a file to be read and written, which is made if need be, for its owner alone.
pub(crate) fn open_or_make(file: Place<'_>) -> io::Result<File> {
    opened(file, OFlags::RDWR | OFlags::CREATE)
}

/// Opens a file to be written that is not there yet, for its owner alone.
pub(crate) fn create(file: Place<'_>) -> io::Result<File> {
    opened(file, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
}

/// Writes a file, which is there whole or not at all, and is on the disk then.
pub(crate) fn replace(file: Place<'_>, bytes: &[u8]) -> io::Result<()> {
    let (folder, name) = file.split()?;
    let folder = Folder::open(folder, Private::Written)?;
    let mut new = name.to_owned();
    new.push(".new");
    let mut written = folder.file(&new, OFlags::WRONLY | OFlags::CREATE)?;
    // One may be there that was not finished.
    written.set_len(0)?;
    written.write_all(bytes)?;
    written.sync_all()?;
    folder.rename(&new, name)?;
    folder.flush()
}

fn opened(file: Place<'_>, how: OFlags) -> io::Result<File> {
    let (folder, name) = file.split()?;
    Folder::open(folder, Private::Written)?.file(name, how)
}
