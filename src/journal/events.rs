//! The files of what has happened in a system: `events.jsonl`, and the one before it, `events.old.jsonl`. Together they
//! are no larger than they may be. Only the name server writes them.

use std::fs::File;
use std::io::{self, Write};

use super::core::LONGEST_LINE;
use super::files::{begin, existing, turn};
use super::search::records_behind;
use crate::owned::Folder;
use crate::wire::EventRecord;

const STEM: &str = "events";
/// How much is read at once, in bytes.
const MOST: usize = 1 << 20;

/// Events on a disk.
pub(crate) struct Events {
    folder: Folder,
    file: File,
    size: u64,
    /// How large a file becomes.
    limit: u64,
}

impl Events {
    /// Those in that folder, from where they were left. No more than `most` bytes are kept.
    pub(crate) fn open(folder: Folder, most: u64) -> io::Result<Self> {
        let (file, size) = begin(&folder, STEM)?;
        Ok(Self {
            folder,
            file,
            size,
            limit: most / 2,
        })
    }

    /// Writes events down, in order. What does not fit on a line is left out, and its number is missing.
    pub(crate) fn write<'a>(
        &mut self,
        events: impl Iterator<Item = &'a EventRecord>,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            let begin = lines.len();
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
            if lines.len() - begin > LONGEST_LINE {
                lines.truncate(begin);
            }
        }
        if self.size > 0 && self.size + lines.len() as u64 > self.limit {
            self.file = turn(&self.folder, STEM)?;
            self.size = 0;
        }
        self.file.write_all(&lines).inspect_err(|_| {
            // With the next line behind it, what is torn could not be read.
            let _ = self.file.set_len(self.size);
        })?;
        self.size += lines.len() as u64;
        Ok(())
    }

    /// See [`happened_behind`].
    pub(crate) fn behind(&self, after: u64) -> io::Result<Vec<EventRecord>> {
        happened_behind(&self.folder, after)
    }

    /// The last ones, in order, of about `bytes`.
    pub(crate) fn last(&self, bytes: u64) -> io::Result<Vec<EventRecord>> {
        let mut last: Vec<EventRecord> = Vec::new();
        let mut left = bytes;
        for old in [false, true] {
            let Some(file) = existing(&self.folder, STEM, old)? else {
                continue;
            };
            let length = file.metadata()?.len();
            let mut events = tail(&file, length.saturating_sub(left), length)?;
            left = left.saturating_sub(length);
            events.append(&mut last);
            last = events;
            if left == 0 {
                break;
            }
        }
        Ok(last)
    }
}

/// Some of the events behind that number in `folder`, in order. None: there are no more.
pub(crate) fn happened_behind(folder: &Folder, after: u64) -> io::Result<Vec<EventRecord>> {
    for old in [true, false] {
        let Some(file) = existing(folder, STEM, old)? else {
            continue;
        };
        let (events, _) = records_behind::<EventRecord>(&file, after, MOST)?;
        if !events.is_empty() {
            return Ok(events);
        }
    }
    Ok(Vec::new())
}

/// The whole lines behind that place.
fn tail(file: &File, from: u64, length: u64) -> io::Result<Vec<EventRecord>> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(length - from).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, from)?;
    let lines = bytes.split(|byte| *byte == b'\n');
    // The first is cut, unless the file begins there.
    let lines = lines.skip(usize::from(from > 0));
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owned::{Place, Private};
    use crate::wire::{NameserverEvent, Occurred};
    use std::path::Path;

    fn folder(path: &Path) -> Folder {
        Folder::make(Place { path, own: 1 }, Private::Closed).unwrap()
    }

    fn event(n: u64) -> EventRecord {
        let version = "1".to_owned();
        EventRecord {
            n,
            at: "2026-11-23T05:15:00.123Z".into(),
            by: None,
            what: Occurred::Nameserver {
                what: NameserverEvent::Began { version },
            },
        }
    }

    fn all(events: &Events) -> Vec<u64> {
        let mut all: Vec<u64> = Vec::new();
        loop {
            let after = all.last().copied().unwrap_or(0);
            let some = events.behind(after).unwrap();
            if some.is_empty() {
                return all;
            }
            all.extend(some.iter().map(|it| it.n));
        }
    }

    #[test]
    fn they_are_read_in_order_and_the_oldest_go() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("events");
        let mut events = Events::open(folder(&dir), 100_000).unwrap();
        for n in (1..3_000).step_by(10) {
            let some: Vec<EventRecord> = (n..n + 10).map(event).collect();
            events.write(some.iter()).unwrap();
        }
        let numbers = all(&events);
        assert_eq!(numbers.last(), Some(&3_000));
        assert!(numbers[0] > 1 && numbers.windows(2).all(|two| two[0] + 1 == two[1]));
        let sizes = std::fs::read_dir(&dir).unwrap();
        let size: u64 = sizes.map(|it| it.unwrap().metadata().unwrap().len()).sum();
        assert!(size <= 100_000, "{size}");
        let last = events.last(60_000).unwrap();
        assert!(last.len() > 100 && last.last() == Some(&event(3_000)));
        assert!(last.windows(2).all(|two| two[0].n + 1 == two[1].n));
        drop(events);
        let events = Events::open(folder(&dir), 100_000).unwrap();
        assert_eq!(all(&events), numbers);
    }

    #[test]
    fn what_is_too_long_is_left_out_and_what_was_torn_too() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("events");
        let mut events = Events::open(folder(&dir), 100_000).unwrap();
        let long = EventRecord {
            at: "x".repeat(LONGEST_LINE),
            ..event(2)
        };
        events.write([event(1), long, event(3)].iter()).unwrap();
        let mut file = File::options()
            .append(true)
            .open(dir.join("events.jsonl"))
            .unwrap();
        file.write_all(b"{\"n\":4,").unwrap();
        let mut events = Events::open(folder(&dir), 100_000).unwrap();
        events.write([event(4)].iter()).unwrap();
        assert_eq!(all(&events), [1, 3, 4]);
    }
}
