//! Pieces of logs in whole lines: the end of one, or what was written behind a place, whichever files that is in.

use std::io;
use std::path::Path;

use crate::logfile::{Behind, behind, last_bytes};
use crate::wire::LogPiece;

/// The whole lines in the last `most` bytes of the log at `path`, and what there is of the next.
pub(crate) fn log_end(path: &Path, most: u64) -> io::Result<LogPiece> {
    let (mut bytes, begin) = last_bytes(path, most)?;
    let whole = whole_lines(&bytes);
    let end = begin + whole as u64;
    let rest = bytes.split_off(whole);
    let mut lines = lines(&bytes);
    // What is before it, and not what is no longer kept.
    let cut = begin > 0 && (bytes.len() + rest.len()) as u64 >= most;
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

/// The whole lines in the `most` bytes behind `place`. A log that is shorter has been made anew, and is read from the
/// beginning of its file; of one that has gone on too far, what is there is read, and marked as cut. A line that is longer
/// is given in parts.
pub(crate) fn log_behind(path: &Path, place: u64, most: u64) -> io::Result<LogPiece> {
    let read = behind(path, place, most)?;
    let Behind {
        mut bytes,
        place: begin,
        over,
    } = read;
    let whole = match whole_lines(&bytes) {
        _ if over => bytes.len(),
        0 if bytes.len() as u64 == most => bytes.len(),
        whole => whole,
    };
    bytes.truncate(whole);
    Ok(LogPiece {
        lines: lines(&bytes),
        end: begin + whole as u64,
        unfinished: None,
        cut: begin > place,
    })
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
