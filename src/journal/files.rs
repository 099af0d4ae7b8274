//! The journal's files: `keys.jsonl` and `deeds.jsonl`, and of each the one before it, `….old.jsonl`. Who holds the
//! list of admitted keys is the only one who writes them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use jiff::Timestamp;
use rustix::fs::OFlags;

use super::core::{Book, Keep, LONGEST_LINE, Page};
use super::search::{Numbered, end_of_lines, number, records_behind};
use crate::owned::Folder;
use crate::wire::{Note, Record};

/// How much of the journal is told at once, in bytes.
const MOST: usize = 1 << 20;

/// A journal that is written.
pub(crate) struct Journal {
    folder: Folder,
    book: Book,
    files: [File; 2],
}

impl Journal {
    /// The one in that folder, from where it was left.
    pub(crate) fn open(folder: Folder) -> io::Result<Self> {
        let mut last = 0;
        let mut sizes = [0; 2];
        let mut files = Vec::new();
        for keep in Keep::ALL {
            for old in [true, false] {
                last = last.max(last_number(&folder, keep.file().0, old)?);
            }
            let (file, size) = begin(&folder, keep.file().0)?;
            sizes[keep as usize] = size;
            files.push(file);
        }
        let files = <[File; 2]>::try_from(files).map_err(|_| io::ErrorKind::Other)?;
        Ok(Self {
            folder,
            book: Book::resume(last, sizes),
            files,
        })
    }

    /// Writes an event down. What happened to keys is on the disk when this returns.
    pub(crate) fn write(&mut self, note: Note) -> io::Result<()> {
        let sizes = Keep::ALL.map(|keep| self.book.size(keep));
        let Page { keep, turn, line } = self.book.write(note, format!("{:.3}", Timestamp::now()));
        let mut before = sizes[keep as usize];
        if turn {
            self.turn(keep)
                .inspect_err(|_| self.book.torn(keep, before))?;
            before = 0;
        }
        self.put(keep, &line).inspect_err(|_| {
            // With the next line behind it, what is torn could not be read.
            let _ = self.files[keep as usize].set_len(before);
            self.book.torn(keep, before);
        })
    }

    /// See [`events_behind`].
    pub(crate) fn events_behind(&self, after: u64) -> io::Result<Vec<Record>> {
        events_behind(&self.folder, after)
    }

    fn turn(&mut self, keep: Keep) -> io::Result<()> {
        self.files[keep as usize] = turn(&self.folder, keep.file().0)?;
        Ok(())
    }

    fn put(&self, keep: Keep, line: &[u8]) -> io::Result<()> {
        let mut file = &self.files[keep as usize];
        file.write_all(line)?;
        match keep {
            Keep::Long => file.sync_data(),
            Keep::Short => Ok(()),
        }
    }
}

/// The events behind that number in the journal in `folder`, in order, as many as are told at once. None: there are no
/// more.
pub(crate) fn events_behind(folder: &Folder, after: u64) -> io::Result<Vec<Record>> {
    some_behind(folder, after, MOST)
}

/// The same, of at most so many bytes of each file.
pub(super) fn some_behind(folder: &Folder, after: u64, most: usize) -> io::Result<Vec<Record>> {
    let stems = Keep::ALL.map(|keep| keep.file().0);
    lines_behind(folder, &stems, after, most)
}

/// The lines behind that number in the files of these names, in order, of at most so many bytes of each. None: there are no more.
pub(super) fn lines_behind<T: Numbered>(
    folder: &Folder,
    stems: &[&str],
    after: u64,
    most: usize,
) -> io::Result<Vec<T>> {
    let mut all: Vec<T> = Vec::new();
    // Up to where each file was read: what lies behind in one may come before what is left in another.
    let mut complete = u64::MAX;
    for stem in stems {
        for old in [true, false] {
            let Some(file) = existing(folder, stem, old)? else {
                continue;
            };
            let (lines, whole) = records_behind::<T>(&file, after, most)?;
            if let (false, Some(last)) = (whole, lines.last()) {
                complete = complete.min(last.n());
            }
            all.extend(lines);
        }
    }
    all.retain(|line| line.n() <= complete);
    all.sort_by_key(Numbered::n);
    Ok(all)
}

fn name(stem: &str, old: bool) -> OsString {
    let name = match old {
        true => format!("{stem}.old.jsonl"),
        false => format!("{stem}.jsonl"),
    };
    name.into()
}

/// A file to be added to, without a last line that was torn; and how long it is.
pub(super) fn begin(folder: &Folder, stem: &str) -> io::Result<(File, u64)> {
    let how = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
    let file = folder.file(&name(stem, false), how)?;
    let length = file.metadata()?.len();
    let whole = end_of_lines(&file, length)?;
    if whole < length {
        file.set_len(whole)?;
    }
    Ok((file, whole))
}

/// A full file takes the place of the one before it. The next one.
pub(super) fn turn(folder: &Folder, stem: &str) -> io::Result<File> {
    folder.rename(&name(stem, false), &name(stem, true))?;
    Ok(begin(folder, stem)?.0)
}

pub(super) fn existing(folder: &Folder, stem: &str, old: bool) -> io::Result<Option<File>> {
    match folder.file(&name(stem, old), OFlags::RDONLY) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number of the last event in a file; 0 if there is none.
fn last_number(folder: &Folder, stem: &str, old: bool) -> io::Result<u64> {
    let Some(mut file) = existing(folder, stem, old)? else {
        return Ok(0);
    };
    let length = end_of_lines(&file, file.metadata()?.len())?;
    let begin = length.saturating_sub(LONGEST_LINE as u64);
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(length - begin).read_to_end(&mut bytes)?;
    let lines = bytes.split(|byte| *byte == b'\n').rev();
    Ok(lines.filter_map(number).next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Holder, PublicKey};
    use crate::owned::{Place, Private};
    use crate::wire::{Happening, Outcome};
    use std::path::Path;

    fn folder(path: &Path) -> Folder {
        Folder::make(Place { path, own: 1 }, Private::Closed).unwrap()
    }

    fn note(what: Happening) -> Note {
        Note {
            who: None,
            from: None,
            what,
        }
    }

    fn asked(n: usize) -> Note {
        note(Happening::Asked {
            verb: "call".into(),
            on: Some(format!("A{n}")),
            outcome: Outcome::Allowed,
            times: 1,
        })
    }

    fn revoked() -> Note {
        let holder = Holder::Agent("Bob".parse().unwrap());
        let key = PublicKey::of([7; 32]);
        note(Happening::Revoked { key, holder })
    }

    fn all(dir: &Path) -> Vec<Record> {
        let mut all = Vec::<Record>::new();
        loop {
            let after = all.last().map_or(0, |record| record.n);
            match &mut events_behind(&folder(dir), after).unwrap() {
                more if more.is_empty() => return all,
                more => all.append(more),
            }
        }
    }

    #[test]
    fn events_are_read_in_order_from_all_files_and_numbers_go_on_after_a_restart() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("journal");
        assert!(events_behind(&folder(&dir), 0).unwrap().is_empty());
        let mut count = 0;
        for _ in 0..3 {
            let mut journal = Journal::open(folder(&dir)).unwrap();
            for n in 0..6_000 {
                journal.write(asked(n)).unwrap();
                count += 1;
                if n % 2000 == 0 {
                    journal.write(revoked()).unwrap();
                    count += 1;
                }
            }
        }
        let numbers: Vec<u64> = all(&dir).iter().map(|record| record.n).collect();
        assert_eq!(numbers, (1..=count).collect::<Vec<u64>>());
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&dir).unwrap());
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_full_file_is_kept_until_the_next_one_is_full() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("journal");
        let mut journal = Journal::open(folder(&dir)).unwrap();
        journal.book = Book::resume(0, [0, Keep::Short.file().1 - 500]);
        for n in 0..20 {
            journal.write(asked(n)).unwrap();
        }
        assert!(dir.join("deeds.old.jsonl").exists());
        assert_eq!(all(&dir).len(), 20);
    }

    #[test]
    fn a_line_that_was_torn_is_no_event_and_its_number_is_given_again() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("journal");
        let mut journal = Journal::open(folder(&dir)).unwrap();
        journal.write(asked(1)).unwrap();
        let path = dir.join("deeds.jsonl");
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"n\":2,\"at\":").unwrap();
        let mut journal = Journal::open(folder(&dir)).unwrap();
        journal.write(asked(2)).unwrap();
        let numbers: Vec<u64> = all(&dir).iter().map(|record| record.n).collect();
        assert_eq!(numbers, [1, 2]);
    }
}
