//! The files of what has happened in a system: `events.jsonl`, and `often.jsonl` for what may come so often that it would push
//! out all else, each with the one before it, `….old.jsonl`. Together they are no larger than they may be. Only the name
//! server writes them.

use std::fs::File;
use std::io::{self, Write};

use super::core::LONGEST_LINE;
use super::files::{begin, existing, lines_behind, turn};
use crate::owned::Folder;
use crate::wire::{EventRecord, Occurred};

/// How much is read at once of each file, in bytes.
const MOST: usize = 1 << 20;

/// Where an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Events,
    /// What operators do and attributes: a program may be an operator.
    Often,
}

impl Sort {
    const ALL: [Sort; 2] = [Sort::Events, Sort::Often];
    const STEMS: [&str; 2] = ["events", "often"];

    fn of(what: &Occurred) -> Self {
        match what {
            Occurred::Deed { .. } | Occurred::Attribute { .. } => Sort::Often,
            Occurred::Agent { .. }
            | Occurred::Host { .. }
            | Occurred::Wire { .. }
            | Occurred::Socket { .. }
            | Occurred::Health { .. }
            | Occurred::Loss { .. }
            | Occurred::Member { .. }
            | Occurred::Nameserver { .. }
            | Occurred::Gap { .. }
            | Occurred::Unknown => Sort::Events,
        }
    }

    fn stem(self) -> &'static str {
        Self::STEMS[self as usize]
    }

    /// How large a file becomes, where all of them may be so large: of each there are two.
    fn limit(self, all: u64) -> u64 {
        match self {
            Sort::Events => all / 8 * 3,
            Sort::Often => all / 8,
        }
    }
}

/// Events on a disk.
pub(crate) struct Events {
    folder: Folder,
    files: [Open; 2],
}

/// A file that is written.
struct Open {
    sort: Sort,
    file: File,
    size: u64,
    limit: u64,
}

/// The last events.
pub(crate) struct LastEvents {
    /// In order.
    pub events: Vec<EventRecord>,
    /// From this number on none is left out.
    pub whole_from: u64,
}

impl Events {
    /// Those in that folder, from where they were left. No more than `most` bytes are kept.
    pub(crate) fn open(folder: Folder, most: u64) -> io::Result<Self> {
        let open = |sort: Sort| {
            let (file, size) = begin(&folder, sort.stem())?;
            let limit = sort.limit(most);
            io::Result::Ok(Open {
                sort,
                file,
                size,
                limit,
            })
        };
        let [events, often] = Sort::ALL;
        let files = [open(events)?, open(often)?];
        Ok(Self { folder, files })
    }

    /// Writes events down, in order. What does not fit on a line is left out, and its number is missing.
    pub(crate) fn write<'a>(
        &mut self,
        events: impl Iterator<Item = &'a EventRecord>,
    ) -> io::Result<()> {
        let mut lines: [Vec<u8>; 2] = Default::default();
        for event in events {
            let lines = &mut lines[Sort::of(&event.what) as usize];
            let begin = lines.len();
            serde_json::to_writer(&mut *lines, event)?;
            lines.push(b'\n');
            if lines.len() - begin > LONGEST_LINE {
                lines.truncate(begin);
            }
        }
        for (file, lines) in self.files.iter_mut().zip(&lines) {
            file.write(&self.folder, lines)?;
        }
        Ok(())
    }

    /// See [`happened_behind`].
    pub(crate) fn behind(&self, after: u64) -> io::Result<Vec<EventRecord>> {
        happened_behind(&self.folder, after)
    }

    /// The last ones, of about so many bytes of each sort.
    pub(crate) fn last(&self, bytes: u64) -> io::Result<LastEvents> {
        let mut events = Vec::new();
        let mut whole_from = 0;
        for sort in Sort::ALL {
            let (some, is_whole) = last_of(&self.folder, sort, bytes)?;
            if let (false, Some(first)) = (is_whole, some.first()) {
                whole_from = whole_from.max(first.n);
            }
            events.extend(some);
        }
        events.sort_by_key(|it| it.n);
        Ok(LastEvents { events, whole_from })
    }
}

impl Open {
    fn write(&mut self, folder: &Folder, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.size > 0 && self.size + lines.len() as u64 > self.limit {
            self.file = turn(folder, self.sort.stem())?;
            self.size = 0;
        }
        self.file.write_all(lines).inspect_err(|_| {
            // With the next line behind it, what is torn could not be read.
            let _ = self.file.set_len(self.size);
        })?;
        self.size += lines.len() as u64;
        Ok(())
    }
}

/// Some of the events behind that number in `folder`, in order. None: there are no more.
pub(crate) fn happened_behind(folder: &Folder, after: u64) -> io::Result<Vec<EventRecord>> {
    lines_behind(folder, &Sort::STEMS, after, MOST)
}

/// The last events of a sort, in order, of about `bytes`; and whether these are all.
fn last_of(folder: &Folder, sort: Sort, bytes: u64) -> io::Result<(Vec<EventRecord>, bool)> {
    let mut last: Vec<EventRecord> = Vec::new();
    let mut left = bytes;
    for old in [false, true] {
        let Some(file) = existing(folder, sort.stem(), old)? else {
            continue;
        };
        let length = file.metadata()?.len();
        let from = length.saturating_sub(left);
        let mut events = tail(&file, from, length)?;
        left = left.saturating_sub(length);
        events.append(&mut last);
        last = events;
        if from > 0 {
            return Ok((last, false));
        }
    }
    Ok((last, true))
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
        let LastEvents {
            events: last,
            whole_from,
        } = events.last(30_000).unwrap();
        assert!(last.len() > 100 && last.last() == Some(&event(3_000)));
        assert!(last.windows(2).all(|two| two[0].n + 1 == two[1].n));
        assert_eq!(whole_from, last[0].n);
        drop(events);
        let events = Events::open(folder(&dir), 100_000).unwrap();
        assert_eq!(all(&events), numbers);
    }

    #[test]
    fn what_comes_often_does_not_push_out_the_rest() {
        let temp = tempfile::tempdir().unwrap();
        let mut events = Events::open(folder(&temp.path().join("events")), 100_000).unwrap();
        let attribute = |n: u64| EventRecord {
            what: Occurred::Attribute {
                of: "Alice".parse().unwrap(),
                name: "n".into(),
                value: Some(n.to_string()),
            },
            ..event(n)
        };
        for n in (1..20_000).step_by(100) {
            let first = event(n);
            let often: Vec<EventRecord> = (n + 1..n + 100).map(attribute).collect();
            events.write([&first].into_iter().chain(&often)).unwrap();
        }
        let numbers = all(&events);
        let rare = numbers.iter().filter(|n| **n % 100 == 1).count();
        assert_eq!(rare, 200, "all of them");
        assert!(numbers.len() < 5_000 && numbers.is_sorted_by(|a, b| a < b));
        let last = events.last(1_000).unwrap();
        assert!(last.whole_from > 19_000 && last.events[0].n < last.whole_from);
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
