//! Files that only their owner may read.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;

use super::super::{StateError, own};
use crate::owned::Folder;

/// No file of keys is longer, in bytes.
const LONGEST: u64 = 16 << 10;

/// Writes a file that is not there yet, where the user wants it.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|file| write(file, bytes));
    written.map_err(|error| StateError::io("write", path, error))
}

fn write(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// The folder of a file of osb's own, which no other user can read, and the file's name in it.
fn folder_of(path: &Path) -> io::Result<(Folder, &OsStr)> {
    let parts = path.parent().zip(path.file_name());
    let (folder, name) = parts.ok_or(io::ErrorKind::InvalidInput)?;
    Ok((own::closed(folder)?, name))
}

const NEW: OFlags = OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL);

/// The same as [`write_new`] in a folder of osb's own.
pub(crate) fn write_own(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let written = folder_of(path).and_then(|(folder, name)| write(folder.file(name, NEW)?, bytes));
    written.map_err(|error| StateError::io("write", path, error))
}

fn write_beside(folder: &Folder, name: &OsStr, bytes: &[u8]) -> io::Result<OsString> {
    let mut new = name.to_owned();
    new.push(format!(".new.{}", std::process::id()));
    folder.remove(&new)?;
    write(folder.file(&new, NEW)?, bytes)?;
    Ok(new)
}

/// Writes a file, whole, if there is none yet. Tells whether that is so: of several processes that do this at
/// once, one does it.
pub(crate) fn write_first(path: &Path, bytes: &[u8]) -> Result<bool, StateError> {
    let linked = folder_of(path).and_then(|(folder, name)| {
        let new = write_beside(&folder, name, bytes)?;
        let linked = folder.link(&new, name);
        folder.remove(&new)?;
        linked
    });
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(StateError::io("write", path, error)),
    }
}

/// Writes a file, which is there whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let written = folder_of(path).and_then(|(folder, name)| {
        let new = write_beside(&folder, name, bytes)?;
        folder.rename(&new, name)?;
        folder.flush()
    });
    written.map_err(|error| StateError::io("write", path, error))
}

/// The same, wherever the user has put it.
pub(crate) fn replace_named(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let mut new = path.as_os_str().to_owned();
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    new.push(format!(".new.{}.{number}", std::process::id()));
    let new = Path::new(&new);
    write_new(new, bytes)?;
    fs::rename(new, path).map_err(|error| {
        let _ = fs::remove_file(new);
        StateError::io("write", path, error)
    })
}

/// Opens a list that is read and added to, and made if need be.
pub(super) fn open_list(path: &Path) -> io::Result<File> {
    let (folder, name) = folder_of(path)?;
    folder.file(name, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE)
}

/// Reads a file of its reader's own, in a folder of its own, neither of which others can look into.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, StateError> {
    let read = folder_of(path).and_then(|(folder, name)| {
        let file = folder.file(name, OFlags::RDONLY)?;
        bytes_of(file, path)
    });
    read.map_err(|error| StateError::io("read", path, error))
}

/// As [`read`], whatever the folder is: of a file that the user names.
pub(crate) fn read_named(path: &Path) -> Result<Vec<u8>, StateError> {
    let read = open(path).and_then(|file| bytes_of(file, path));
    read.map_err(|error| StateError::io("read", path, error))
}

fn open(path: &Path) -> io::Result<File> {
    let no_link = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let mut options = OpenOptions::new();
    let opened = options.read(true).custom_flags(no_link).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(nix::libc::ELOOP) => {
            io::Error::other("it is a link, and keys are not read through one")
        }
        _ => error,
    })
}

fn bytes_of(file: File, path: &Path) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    is_private(&metadata, path)?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_private(metadata: &fs::Metadata, path: &Path) -> io::Result<()> {
    let path = path.display();
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        let reason = format!("{path} belongs to another user, who could put other keys there");
        return Err(io::Error::other(reason));
    }
    if metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        let reason = format!("others may open {path} (mode {mode:o}): chmod 600 {path}");
        return Err(io::Error::other(reason));
    }
    Ok(())
}
