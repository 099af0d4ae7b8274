//! Pieces of log files in whole lines: the end of one, or what was written behind a place.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::wire::LogPiece;

/// The whole lines in the last `most` bytes of the file at `path`, and what there is of the next.
pub fn log_end(path: &Path, most: u64) -> io::Result<LogPiece> {
    let mut file = File::open(path)?;
    let begin = file.metadata()?.len().saturating_sub(most);
    let mut bytes = read(&mut file, begin, most)?;
    let whole = whole_lines(&bytes);
    let end = begin + whole as u64;
    let rest = bytes.split_off(whole);
    let mut lines = lines(&bytes);
    let cut = begin > 0;
    if cut && !lines.is_empty() {
        lines.remove(0);
    }
    let unfinished = (!rest.is_empty()).then(|| text(&rest));
    Ok(LogPiece {
        lines,
        end,
        unfinished,
        cut,
    })
}

/// The whole lines in the `most` bytes behind `place`. A file that is shorter has been made anew, and is read from its
/// beginning; a line that is longer is given in parts.
pub fn log_behind(path: &Path, place: u64, most: u64) -> io::Result<LogPiece> {
    let mut file = File::open(path)?;
    let place = match place > file.metadata()?.len() {
        true => 0,
        false => place,
    };
    let mut bytes = read(&mut file, place, most)?;
    let whole = match whole_lines(&bytes) {
        0 if bytes.len() as u64 == most => bytes.len(),
        whole => whole,
    };
    bytes.truncate(whole);
    Ok(LogPiece {
        lines: lines(&bytes),
        end: place + whole as u64,
        unfinished: None,
        cut: false,
    })
}

fn read(file: &mut File, place: u64, most: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(place))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the last line begins that has no end.
fn whole_lines(bytes: &[u8]) -> usize {
    let newline = bytes.iter().rposition(|byte| *byte == b'\n');
    newline.map_or(0, |at| at + 1)
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches('\r')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_end_is_whole_lines_and_what_there_is_of_the_next() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        std::fs::write(&path, "one\ntwo\nthr").unwrap();
        let all = log_end(&path, 100).unwrap();
        assert_eq!((all.lines, all.end), (vec!["one".into(), "two".into()], 8));
        assert_eq!((all.unfinished.as_deref(), all.cut), (Some("thr"), false));
        let some = log_end(&path, 8).unwrap();
        assert_eq!((some.lines, some.cut), (vec!["two".to_owned()], true));
        assert!(log_end(&temp.path().join("none"), 8).is_err());
        // The file of a later life.
        std::fs::write(&path, "new\n").unwrap();
        let anew = log_behind(&path, 8, 100).unwrap();
        assert_eq!((anew.lines, anew.end), (vec!["new".to_owned()], 4));
    }

    proptest! {
        /// However a log is written and read, every line comes once and whole.
        #[test]
        fn what_is_followed_is_what_was_written(
            writes in prop::collection::vec("[ab\n]{0,12}", 0..12), most in 13_u64..40,
        ) {
            let temp = tempfile::tempdir().unwrap();
            let path = temp.path().join("log");
            std::fs::write(&path, "").unwrap();
            let (mut written, mut seen, mut place) = (String::new(), Vec::new(), 0);
            for part in writes.iter().map(String::as_str).chain(["\n"]) {
                written += part;
                std::fs::write(&path, &written).unwrap();
                loop {
                    let piece = log_behind(&path, place, most).unwrap();
                    if piece.end == place {
                        break;
                    }
                    place = piece.end;
                    seen.extend(piece.lines);
                }
            }
            // A line that is longer than a piece comes in parts.
            prop_assert_eq!(seen.concat(), written.replace('\n', ""));
            if written.lines().all(|line| line.len() < 13) {
                prop_assert_eq!(seen, written.lines().collect::<Vec<_>>());
            }
        }
    }
}
