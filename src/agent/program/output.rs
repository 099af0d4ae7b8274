//! What a program prints of its own accord: kept in a file of its own, each line with its time and
//! where it came from, apart from the agent's log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use regex_lite::Regex;

use super::lines::{Line, Lines};

/// The longest line that is kept as one, in bytes.
const LONGEST: usize = 1 << 20;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Output,
    Errors,
}

impl Stream {
    fn word(self) -> &'static str {
        match self {
            Stream::Output => "OUT",
            Stream::Errors => "ERR",
        }
    }
}

/// The file.
pub struct Output {
    file: File,
    /// What has come by standard error, and is not yet a line.
    errors: Lines,
    awaited: Awaited,
}

/// A line that somebody waits for.
enum Awaited {
    Nothing,
    Line(Regex),
    Found,
}

impl Output {
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path)?;
        Ok(Self {
            file,
            errors: Lines::with_limit(LONGEST),
            awaited: Awaited::Nothing,
        })
    }

    /// From now on a line is looked for that the pattern matches.
    pub fn look_for(&mut self, pattern: Regex) {
        self.awaited = Awaited::Line(pattern);
    }

    /// Whether that line has been printed.
    pub fn has_found(&self) -> bool {
        matches!(self.awaited, Awaited::Found)
    }

    /// Keeps a line.
    pub fn line(&mut self, stream: Stream, text: &str) {
        self.write(stream, text.trim_end_matches('\r'));
    }

    /// Takes what the program has written to standard error.
    pub fn errors(&mut self, bytes: &[u8]) {
        self.errors.push(bytes);
        while let Some(line) = self.errors.next() {
            self.keep(line);
        }
    }

    /// Standard error has ended: what is left is the last line.
    pub fn finish(&mut self) {
        if let Some(line) = self.errors.finish() {
            self.keep(line);
        }
    }

    fn keep(&mut self, line: Line) {
        match line {
            Line::Whole(line) => self.line(Stream::Errors, &String::from_utf8_lossy(&line)),
            Line::TooLong(_) => {
                self.write(Stream::Errors, "(a line of more than 1 MiB is left out)");
            }
        }
    }

    fn write(&mut self, stream: Stream, text: &str) {
        if let Awaited::Line(pattern) = &self.awaited
            && pattern.is_match(text)
        {
            self.awaited = Awaited::Found;
        }
        let line = match text.is_empty() {
            true => format!("{:.3} {}\n", Timestamp::now(), stream.word()),
            false => format!("{:.3} {}   {text}\n", Timestamp::now(), stream.word()),
        };
        // As with the log: there is nowhere else to tell it.
        let _ = self.file.write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_time_and_their_stream() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("Bob.out");
        let mut output = Output::open(&path).unwrap();
        output.errors(b"Trace");
        output.line(Stream::Output, "hello");
        output.errors(b"back\r\n\n  at line 3");
        output.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| &line[25..]).collect();
        assert_eq!(
            lines,
            ["OUT   hello", "ERR   Traceback", "ERR", "ERR     at line 3"]
        );
    }
}
