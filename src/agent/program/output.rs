//! What a program prints of its own accord: kept in a file of its own, each line with its time and
//! where it came from, apart from the agent's log.
//!
//! A line that is not ended is written after a moment all the same, and so are the parts of one that is too long: the
//! entry is marked as one that goes on, and the next one of its stream goes on with it.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use regex_lite::Regex;

use super::lines::{LONGEST, Line, Lines, Long};
use super::pause::Pause;
use crate::logfile::LogWriter;
use crate::model::LogLimits;

/// More than stands before the text of an entry.
const STAMP: u64 = 64;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Errors,
}

/// A line, or a part of one.
struct Piece<'t> {
    stream: Stream,
    text: &'t str,
    /// The line goes on in another entry.
    goes_on: bool,
}

impl Piece<'_> {
    /// In four columns.
    fn word(&self) -> &'static str {
        match (self.stream, self.goes_on) {
            (Stream::Output, false) => "OUT ",
            (Stream::Output, true) => "OUT+",
            (Stream::Errors, false) => "ERR ",
            (Stream::Errors, true) => "ERR+",
        }
    }

    fn entry(&self) -> String {
        let text = format!("{:.3} {}  {}", Timestamp::now(), self.word(), self.text);
        match self.goes_on {
            // Blanks at its end may be in the midst of a line.
            true => text + "\n",
            false if self.text.is_empty() => text.trim_end().to_owned() + "\n",
            false => text + "\n",
        }
    }
}

/// The file.
pub(crate) struct Output {
    file: LogWriter,
    /// The longest text of an entry, so that no file becomes too large.
    longest: usize,
    /// What has come by standard error, and is not yet a line.
    errors: Lines,
    pause: Pause,
    awaited: Awaited,
}

/// A line that a requester waits for.
enum Awaited {
    Nothing,
    Line(Regex),
    Found,
}

impl Output {
    pub(crate) fn open(path: &Path, limits: LogLimits) -> io::Result<Self> {
        let longest = limits.max_size.bytes() - STAMP;
        Ok(Self {
            file: LogWriter::open(path, limits)?,
            longest: usize::try_from(longest).unwrap_or(LONGEST).min(LONGEST),
            errors: Lines::new(Long::Divide),
            pause: Pause::default(),
            awaited: Awaited::Nothing,
        })
    }

    /// From now on a line is looked for that the pattern matches.
    pub(crate) fn look_for(&mut self, pattern: Regex) {
        self.awaited = Awaited::Line(pattern);
    }

    /// Whether that line has been printed.
    pub(crate) fn has_found(&self) -> bool {
        matches!(self.awaited, Awaited::Found)
    }

    /// Keeps a line, of which `given` bytes have been kept before.
    pub(crate) fn line(&mut self, stream: Stream, text: &str, given: usize) {
        let text = text.trim_end_matches('\r');
        self.look_at(text);
        self.write(&Piece {
            stream,
            text: text.get(given..).unwrap_or_default(),
            goes_on: false,
        });
    }

    /// Keeps a part of a line that goes on.
    pub(crate) fn part(&mut self, stream: Stream, text: &str) {
        self.look_at(text);
        self.write(&Piece {
            stream,
            text,
            goes_on: true,
        });
    }

    /// Takes what the program has written to standard error.
    pub(crate) fn errors(&mut self, bytes: &[u8]) {
        self.errors.push(bytes);
        while let Some(line) = self.errors.next() {
            self.keep(line);
        }
    }

    /// Standard error has ended: what is left is the last line.
    pub(crate) fn finish(&mut self) {
        while let Some(line) = self.errors.finish() {
            self.keep(line);
        }
    }

    /// Keeps what has come by standard error if its line is not ended for too long; and tells what the file is yet
    /// to be told.
    pub(crate) fn on_time(&mut self, now: Duration) {
        if self.pause.is_over(&self.errors, now) {
            let part = self.errors.take_unfinished();
            self.part(Stream::Errors, &String::from_utf8_lossy(&part));
        }
        self.file.tell_lost_in_time();
    }

    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        self.pause.wakes_at()
    }

    fn keep(&mut self, line: Line) {
        match line {
            Line::Whole { bytes, given } => {
                let (text, given) = as_text(&bytes, given);
                self.line(Stream::Errors, &text, given);
            }
            Line::Part(part) => self.part(Stream::Errors, &String::from_utf8_lossy(&part)),
            // They are divided, and frames are not expected.
            Line::TooLong(_) | Line::Frame(_) => {}
        }
    }

    fn look_at(&mut self, text: &str) {
        if let Awaited::Line(pattern) = &self.awaited
            && pattern.is_match(text)
        {
            self.awaited = Awaited::Found;
        }
    }

    fn write(&mut self, piece: &Piece<'_>) {
        let mut text = piece.text;
        while text.len() > self.longest {
            let mut at = self.longest;
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let (part, rest) = text.split_at(at);
            let part = Piece {
                text: part,
                goes_on: true,
                ..*piece
            };
            self.file.write(part.entry().as_bytes());
            text = rest;
        }
        self.file.write(Piece { text, ..*piece }.entry().as_bytes());
    }
}

/// The text of a line, and how many of its bytes the first `given` bytes of the line are.
pub(crate) fn as_text(line: &[u8], given: usize) -> (String, usize) {
    let before = String::from_utf8_lossy(&line[..given]).len();
    (String::from_utf8_lossy(line).into_owned(), before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| line[25..].to_owned()).collect()
    }

    #[test]
    fn lines_have_their_time_and_their_stream() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("Bob.out");
        let mut output = Output::open(&path, LogLimits::default()).unwrap();
        output.errors(b"Trace");
        output.line(Stream::Output, "hello", 0);
        output.errors(b"back\r\n\n  at line 3");
        output.finish();
        let expected = ["OUT   hello", "ERR   Traceback", "ERR", "ERR     at line 3"];
        assert_eq!(kept(&path), expected);
    }

    #[test]
    fn a_line_that_is_not_ended_is_kept_after_a_second_and_goes_on() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("Bob.out");
        let mut output = Output::open(&path, LogLimits::default()).unwrap();
        output.look_for(Regex::new("Password: ok").unwrap());
        let at = Duration::from_millis;
        output.errors(b"Password: ");
        output.on_time(at(10));
        output.on_time(at(1009));
        assert!(kept(&path).is_empty());
        assert_eq!(output.wakes_at(), Some(at(1010)));
        output.on_time(at(1010));
        assert_eq!(kept(&path), ["ERR+  Password: "]);
        output.on_time(at(5000));
        output.errors(b"ok\nnext\n");
        assert_eq!(kept(&path), ["ERR+  Password: ", "ERR   ok", "ERR   next"]);
        assert!(output.has_found());
    }

    #[test]
    fn a_line_that_is_too_long_is_divided() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("Bob.out");
        let limits = LogLimits {
            max_size: "1k".parse().unwrap(),
            max_files: 9,
        };
        let mut output = Output::open(&path, limits).unwrap();
        let text = "é".repeat(1000);
        output.line(Stream::Output, &text, 0);
        let (bytes, _) = crate::logfile::last_bytes(&path, 1 << 20).unwrap();
        let bytes = String::from_utf8(bytes).unwrap();
        let entries: Vec<(&str, &str)> = bytes
            .lines()
            .map(|line| (&line[25..29], &line[31..]))
            .collect();
        let words: Vec<&str> = entries.iter().map(|(word, _)| *word).collect();
        assert_eq!(words, ["OUT+", "OUT+", "OUT "]);
        let all: String = entries.iter().map(|(_, text)| *text).collect();
        assert_eq!(all, text);
    }
}
