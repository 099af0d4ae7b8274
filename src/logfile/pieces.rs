//! A log as the files that it consists of, and reading from a place in it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// One file of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    pub path: PathBuf,
    /// The place of its first byte in the whole log.
    pub begin: u64,
    pub size: u64,
    /// By which it is known whatever it is called.
    pub inode: u64,
}

impl LogFile {
    fn at(path: PathBuf, begin: u64) -> io::Result<Self> {
        let metadata = fs::metadata(&path)?;
        Ok(Self {
            path,
            begin,
            size: metadata.len(),
            inode: metadata.ino(),
        })
    }

    /// The place behind its last byte.
    pub(crate) fn end(&self) -> u64 {
        self.begin + self.size
    }
}

/// Where the files of a log are that are full.
pub(super) fn old(path: &Path) -> PathBuf {
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    old.into()
}

/// Those that are full, in order.
pub(super) fn old_files(path: &Path) -> Vec<LogFile> {
    // Most logs have none.
    let entries = fs::read_dir(old(path)).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let begin = entry.file_name().to_str()?.parse().ok()?;
        // It may have been removed since.
        LogFile::at(entry.path(), begin).ok()
    };
    let mut files: Vec<LogFile> = entries.filter_map(file).collect();
    files.sort_by_key(|file| file.begin);
    files
}

/// All files of the log at `path`, in order; the one that is written to is the last.
pub(crate) fn files_of(path: &Path) -> io::Result<Vec<LogFile>> {
    loop {
        let _held = hold_off(path);
        // Looked at first: if it is among the old ones then, it was moved there meanwhile.
        let current = LogFile::at(path.to_owned(), 0);
        let mut files = old_files(path);
        let current = match current {
            Ok(current) => current,
            Err(_) if !files.is_empty() => return Ok(files),
            Err(error) => return Err(error),
        };
        if files.iter().any(|file| file.inode == current.inode) {
            continue;
        }
        let begin = files.last().map_or(0, LogFile::end);
        files.push(LogFile { begin, ..current });
        return Ok(files);
    }
}

/// The last `most` bytes of a log, and the place of the first of them.
pub(crate) fn last_bytes(path: &Path, most: u64) -> io::Result<(Vec<u8>, u64)> {
    loop {
        let files = files_of(path)?;
        let last = last_bytes_of(&files, most);
        if !has_been_cut(path, &files) {
            return last;
        }
    }
}

/// Since they were looked for: what was read of the last one may be what was written after that.
fn has_been_cut(path: &Path, files: &[LogFile]) -> bool {
    let last = files.last();
    last.is_some_and(|last| copy_of(path, last.begin, last.inode).is_some())
}

fn last_bytes_of(files: &[LogFile], most: u64) -> io::Result<(Vec<u8>, u64)> {
    let end = files.last().map_or(0, LogFile::end);
    let begin = end.saturating_sub(most);
    let first = files.first().map_or(0, |file| file.begin);
    let mut bytes = Vec::new();
    for file in files.iter().filter(|file| file.end() > begin) {
        let from = begin.max(file.begin);
        bytes.extend(read(file, from, file.end() - from)?);
    }
    Ok((bytes, begin.max(first)))
}

/// Some bytes of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    pub bytes: Vec<u8>,
    /// Of the first byte: behind the one that was asked for if what was there is gone, and before it if the
    /// file has been made anew.
    pub place: u64,
    /// Nothing will be added to the file that they end: what stands at its end is a line, ended or not.
    pub over: bool,
}

/// At most `most` bytes behind `place`, of one file.
pub(crate) fn behind(path: &Path, place: u64, most: u64) -> io::Result<Behind> {
    loop {
        let files = files_of(path)?;
        let read = behind_in(&files, place, most);
        if !has_been_cut(path, &files) {
            return read;
        }
    }
}

fn behind_in(files: &[LogFile], place: u64, most: u64) -> io::Result<Behind> {
    let end = files.last().map_or(0, LogFile::end);
    let begin = files.last().map_or(0, |file| file.begin);
    let first = files.first().map_or(0, |file| file.begin);
    // One that is shorter has been made anew.
    let place = if place > end { begin } else { place.max(first) };
    let mut files = files.iter().filter(|file| file.end() > place);
    let Some(file) = files.next() else {
        let (bytes, over) = (Vec::new(), false);
        return Ok(Behind { bytes, place, over });
    };
    let bytes = read(file, place, most.min(file.end() - place))?;
    let at_its_end = place + bytes.len() as u64 == file.end();
    Ok(Behind {
        place,
        over: at_its_end && files.next().is_some(),
        bytes,
    })
}

/// Moved or not since it was looked for, it is the same file.
fn read(file: &LogFile, place: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut opened = File::open(&file.path)?;
    if opened.metadata()?.ino() != file.inode {
        let moved = old(&file.path).join(name(file.begin));
        opened = File::open(moved)?;
    }
    opened.seek(SeekFrom::Start(place - file.begin))?;
    let mut bytes = Vec::new();
    opened.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a file is called that is full.
pub(super) fn name(begin: u64) -> String {
    format!("{begin:012}")
}

/// Waits while another process cuts the file at `path`, and keeps others from cutting it.
fn hold_off(path: &Path) -> Option<Flock<File>> {
    let file = File::open(path).ok()?;
    Flock::lock(file, FlockArg::LockShared).ok()
}

/// The file to which that of the log at `path` was copied which began at that place, if it was, and has been cut.
pub(crate) fn copy_of(path: &Path, begin: u64, inode: u64) -> Option<LogFile> {
    let copy = old(path).join(name(begin));
    let metadata = fs::metadata(&copy).ok()?;
    // A file that was moved there is still itself.
    (metadata.ino() != inode).then(|| LogFile {
        path: copy,
        begin,
        size: metadata.len(),
        inode: metadata.ino(),
    })
}
