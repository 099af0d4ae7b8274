//! Files that only their owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::StateError;

/// No file of keys is longer, in bytes.
const LONGEST: u64 = 16 << 10;

/// Writes a file that is not there yet.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| StateError::io("write", path, error))
}

fn write_beside(path: &Path, bytes: &[u8]) -> Result<PathBuf, StateError> {
    let temporary = path.with_extension(format!("new.{}", std::process::id()));
    let _ = fs::remove_file(&temporary);
    write_new(&temporary, bytes)?;
    Ok(temporary)
}

/// Writes a file, whole, if there is none yet. Tells whether that is so: of several who do this at
/// once, one does it.
pub(crate) fn write_first(path: &Path, bytes: &[u8]) -> Result<bool, StateError> {
    let temporary = write_beside(path, bytes)?;
    let linked = fs::hard_link(&temporary, path);
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(StateError::io("write", path, error)),
    }
}

/// Writes a file, which is there whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let temporary = write_beside(path, bytes)?;
    let moved = fs::rename(&temporary, path);
    let flushed = moved.and_then(|()| match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    });
    flushed.map_err(|error| StateError::io("write", path, error))
}

/// Reads a file of its reader's own, in a folder of its own, neither of which others can look into.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, StateError> {
    read_file(path).map_err(|error| StateError::io("read", path, error))
}

/// The same of a file that was given by hand: of the folder nothing is asked.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    is_private(&fs::metadata(folder)?, 0o700, folder)?;
    bytes_of(file, path)
}

/// As [`read`], but whatever the folder is: of a file that the user names.
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
    is_private(&metadata, 0o600, path)?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_private(metadata: &fs::Metadata, wanted: u32, path: &Path) -> io::Result<()> {
    let path = path.display();
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        let reason = format!("{path} belongs to another user, who could put other keys there");
        return Err(io::Error::other(reason));
    }
    if metadata.mode() & 0o077 & !(wanted & 0o077) != 0 {
        let mode = metadata.mode() & 0o777;
        let reason = format!("others may open {path} (mode {mode:o}): chmod {wanted:o} {path}");
        return Err(io::Error::other(reason));
    }
    Ok(())
}
