//! The files of a recording: `run.mcap`, and with `--split` `run-2.mcap`, `run-3.mcap`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::behind::Behind;
use crate::cli::{CommandError, ErrorKind};

/// Messages may be for few eyes.
const OWNER_ALONE: u32 = 0o600;

/// The files.
pub(super) struct Parts {
    first: PathBuf,
    overwrite: bool,
    pub made: Vec<PathBuf>,
    written: Arc<AtomicU64>,
}

impl Parts {
    pub(super) fn new(first: &Path, overwrite: bool) -> Self {
        Self {
            first: first.to_owned(),
            overwrite,
            made: Vec::new(),
            written: Arc::default(),
        }
    }

    /// Makes the next one.
    pub(super) fn next(&mut self) -> Result<Behind, CommandError> {
        let path = part(&self.first, self.made.len() + 1);
        let file = self
            .create(&path)
            .map_err(|error| cannot_make(&path, error))?;
        self.made.push(path);
        Ok(Behind::new(file, Arc::clone(&self.written))?)
    }

    /// How large the current one is.
    pub(super) fn size(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The current one.
    pub(super) fn current(&self) -> &Path {
        self.made.last().unwrap_or(&self.first)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).mode(OWNER_ALONE);
        match self.overwrite {
            true => options.create(true).truncate(true),
            false => options.create_new(true),
        };
        options.open(path)
    }
}

fn cannot_make(path: &Path, error: io::Error) -> CommandError {
    let shown = path.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        let sentence = format!("{shown} is there already");
        return CommandError::say(ErrorKind::Failed, sentence)
            .with_code("exists")
            .with_hint("--force overwrites it");
    }
    CommandError::say(
        ErrorKind::Failed,
        format!("{shown} cannot be made: {error}"),
    )
}

/// The path of the part of that number.
fn part(first: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return first.to_owned();
    }
    let stem = first.file_stem().unwrap_or_default().to_string_lossy();
    let name = match first.extension() {
        Some(extension) => format!("{stem}-{number}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number}"),
    };
    first.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_numbered_before_the_dot() {
        for (first, number, expected) in [
            ("run.mcap", 1, "run.mcap"),
            ("run.mcap", 2, "run-2.mcap"),
            ("a/b.c/run.x.mcap", 3, "a/b.c/run.x-3.mcap"),
            ("run", 12, "run-12"),
        ] {
            assert_eq!(part(Path::new(first), number), Path::new(expected));
        }
    }

    #[test]
    fn what_is_there_is_not_overwritten_unless_it_is_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.mcap");
        Parts::new(&path, false).next().unwrap().end().unwrap();
        let error = Parts::new(&path, false).next().err().unwrap();
        assert_eq!(error.code(), "exists");
        Parts::new(&path, true).next().unwrap().end().unwrap();
        let mode = std::os::unix::fs::MetadataExt::mode(&path.metadata().unwrap());
        assert_eq!(mode & 0o777, OWNER_ALONE);
    }
}
