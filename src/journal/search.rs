//! Finding an event by its number in a file of them: numbers grow, so that half of what is left is passed over each
//! time, and nothing is read but what is looked at.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::de::DeserializeOwned;

use super::core::LONGEST_LINE;
use crate::wire::{EventRecord, Record};

/// A line with a number.
pub(super) trait Numbered: DeserializeOwned {
    fn n(&self) -> u64;
}

impl Numbered for Record {
    fn n(&self) -> u64 {
        self.n
    }
}

impl Numbered for EventRecord {
    fn n(&self) -> u64 {
        self.n
    }
}

/// The number that a line begins with.
pub(super) fn number(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"{\"n\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// Where the last whole line ends.
pub(super) fn end_of_lines(file: &File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let begin = end.saturating_sub(LONGEST_LINE as u64);
        let bytes = read(file, begin, (end - begin) as usize)?;
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// The events behind that number, of at most `most` bytes, or one if it is longer; and whether these are all of them.
pub(super) fn records_behind<T: Numbered>(
    file: &File,
    after: u64,
    most: usize,
) -> io::Result<(Vec<T>, bool)> {
    let end = end_of_lines(file, file.metadata()?.len())?;
    let mut begin = first_behind(file, after, end)?;
    loop {
        let (lines, next) = lines_from(file, begin, end, most)?;
        // A spoilt line counts as a missing one.
        let records: Vec<T> = lines
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            // One that was put in another place is not told twice, or who asks for the next ones would ask for ever.
            .filter(|record: &T| record.n() > after)
            .collect();
        if next == end || !records.is_empty() {
            return Ok((records, next == end));
        }
        begin = next;
    }
}

/// The whole lines from that place on, of at most `most` bytes, or the first one if it is longer; and where the next
/// one begins.
fn lines_from(file: &File, begin: u64, end: u64, most: usize) -> io::Result<(Vec<u8>, u64)> {
    let mut bytes = read(file, begin, most.min((end - begin) as usize))?;
    if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
        bytes.truncate(at);
        return Ok((bytes, begin + at as u64 + 1));
    }
    let next = next_line(file, begin, end)?;
    // What is longer than any line is spoilt, whatever it begins with.
    let first = read(file, begin, LONGEST_LINE.min((next - begin) as usize))?;
    Ok((first, next))
}

/// Where the first line begins whose number is greater.
fn first_behind(file: &File, after: u64, end: u64) -> io::Result<u64> {
    // A line begins at `low`; those before it have numbers that are not greater. No line that begins at `high` or
    // behind it is looked for.
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        let line = match middle == low {
            true => low,
            false => next_line(file, middle - 1, end)?,
        };
        if line >= high {
            high = middle;
            continue;
        }
        let bytes = read(file, line, LONGEST_LINE.min((end - line) as usize))?;
        let ends = bytes.iter().position(|byte| *byte == b'\n');
        match number(&bytes) {
            Some(n) if n > after => high = line.min(middle),
            _ => low = line + ends.map_or(bytes.len(), |at| at + 1) as u64,
        }
    }
    Ok(low)
}

/// Where the first line begins behind that place.
fn next_line(file: &File, from: u64, end: u64) -> io::Result<u64> {
    let mut at = from;
    while at < end {
        let bytes = read(file, at, LONGEST_LINE.min((end - at) as usize))?;
        if let Some(newline) = bytes.iter().position(|byte| *byte == b'\n') {
            return Ok(at + newline as u64 + 1);
        }
        at += bytes.len().max(1) as u64;
    }
    Ok(end)
}

fn read(file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Happening, Note};
    use proptest::prelude::*;
    use std::io::Write;

    proptest! {
        /// Whichever number is looked for, however long the lines are, the search ends where a walk would.
        #[test]
        fn the_first_behind_a_number_is_found(
            lines in prop::collection::vec((1_u64..4, 0_usize..40), 0..40), after in 0_u64..120,
        ) {
            let mut file = tempfile::tempfile().unwrap();
            let (mut n, mut at, mut expected) = (0, 0, None);
            for (step, length) in lines {
                n += step;
                let line = format!("{{\"n\":{n},\"x\":\"{}\"}}\n", "y".repeat(length));
                if n > after && expected.is_none() {
                    expected = Some(at);
                }
                at += line.len() as u64;
                file.write_all(line.as_bytes()).unwrap();
            }
            prop_assert_eq!(first_behind(&file, after, at).unwrap(), expected.unwrap_or(at));
            file.write_all(b"torn").unwrap();
            prop_assert_eq!(end_of_lines(&file, at + 4).unwrap(), at);
        }

        /// However little is read at once, down to less than a line, each event is told once.
        #[test]
        fn every_event_is_told_in_pieces_of_any_size(
            lengths in prop::collection::vec(0_usize..40, 0..20), most in 1_usize..400,
        ) {
            let mut file = tempfile::tempfile().unwrap();
            for (n, length) in (1_u64..).zip(&lengths) {
                let what = Happening::Began { version: "y".repeat(*length) };
                let note = Note { who: None, from: None, what };
                let record = Record { n, at: "now".into(), note };
                serde_json::to_writer(&mut file, &record).unwrap();
                file.write_all(b"\n").unwrap();
            }
            let mut told = Vec::new();
            loop {
                let after = told.last().copied().unwrap_or(0);
                let (records, whole) = records_behind::<Record>(&file, after, most).unwrap();
                prop_assert!(whole || !records.is_empty());
                told.extend(records.iter().map(|record| record.n));
                if whole {
                    break;
                }
            }
            prop_assert_eq!(told, (1..=lengths.len() as u64).collect::<Vec<_>>());
        }
    }
}
