//! A journal with spoilt files, for the fuzz targets; nothing else is to use it.

use std::io;
use std::path::Path;

use super::files::{Journal, some_behind};
use crate::owned::{Folder, Place, Private};
use crate::wire::{Happening, Note, Record};

/// A journal in a folder of its own.
pub struct Spoilt(Folder);

impl Spoilt {
    /// In `path`, whose last part is made if it is not there.
    pub fn at(path: &Path) -> io::Result<Self> {
        let place = Place { path, own: 1 };
        Folder::make(place, Private::Closed)
            .map(Self)
            .map_err(io::Error::other)
    }

    /// What is told at once of the events behind that number, of so many bytes of each file.
    pub fn behind(&self, after: u64, most: usize) -> io::Result<Vec<Record>> {
        some_behind(&self.0, after, most)
    }

    /// A name server begins, and writes an event.
    pub fn begin(&self, path: &Path) -> io::Result<()> {
        let mut journal = Journal::open(Self::at(path)?.0)?;
        let version = "fuzzing".to_owned();
        journal.write(Note {
            who: None,
            from: None,
            what: Happening::Began { version },
        })
    }
}
