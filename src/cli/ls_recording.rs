//! `osb ls FILE.mcap`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::{CommandError, Context, ErrorKind};
use crate::record::{ReadError, Reader, Tally};
use crate::render::Contents;

/// How much is read of a file at a time.
const BUFFER: usize = 1 << 20;

/// A recording that is open.
pub(super) type Opened = Reader<BufReader<File>>;

pub(super) fn run(file: PathBuf, context: &Context) -> Result<(), CommandError> {
    let tally = Tally::of(open(&file)?).map_err(|error| no_recording(&file, error))?;
    context.print(&Contents { file, tally })
}

/// Opens one.
pub(super) fn open(file: &Path) -> Result<Opened, CommandError> {
    let opened = || -> Result<Opened, ReadError> {
        let opened = File::open(file)?;
        let size = opened.metadata()?.len();
        Reader::new(BufReader::with_capacity(BUFFER, opened), size)
    };
    opened().map_err(|error| no_recording(file, error))
}

pub(super) fn no_recording(file: &Path, error: ReadError) -> CommandError {
    let code = match &error {
        ReadError::Io(_) => "not_read",
        ReadError::NoMcap | ReadError::Compression(_) | ReadError::Damaged(_) => "no_recording",
    };
    CommandError::say(ErrorKind::Failed, format!("{} {error}", file.display())).with_code(code)
}
