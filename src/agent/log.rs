//! The agent's log: one line for each entry, written at once.
//!
//! The host daemon leads standard error to the agent's log file, or names the file; where the lines
//! go is else none of the agent's business. That a line cannot be written, because the disk is full say, stops nothing.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::model::Level;
use jiff::Timestamp;

/// How many entries are kept for those who want them as messages, until they are sent.
const KEPT: usize = 1000;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// UTC, to the millisecond.
    pub time: String,
    pub level: Level,
    pub text: String,
}

/// Where the lines go.
pub struct Log {
    sink: Box<dyn Write + Send>,
    /// What has been written since entries were last taken, if anybody takes them.
    entries: Vec<Entry>,
    kept: bool,
    /// Entries for which there was no room.
    missed: u64,
}

impl Log {
    pub fn to_stderr() -> Self {
        Self::to(Box::new(io::stderr()))
    }

    pub fn to(sink: Box<dyn Write + Send>) -> Self {
        Self {
            sink,
            entries: Vec::new(),
            kept: false,
            missed: 0,
        }
    }

    /// To the end of a file, which is made if it is not there.
    pub fn to_file(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path)?;
        Ok(Self::to(Box::new(file)))
    }

    /// What has been written since the last time; `more` tells whether there will be a next time.
    /// Tells also how many are missing, because there were too many.
    pub fn take_entries(&mut self, more: bool) -> (Vec<Entry>, u64) {
        self.kept = more;
        (
            std::mem::take(&mut self.entries),
            std::mem::take(&mut self.missed),
        )
    }

    pub fn info(&mut self, text: &str) {
        self.line(Level::Info, text);
    }

    pub fn warn(&mut self, text: &str) {
        self.line(Level::Warning, text);
    }

    pub fn error(&mut self, text: &str) {
        self.line(Level::Error, text);
    }

    pub fn line(&mut self, level: Level, text: &str) {
        let time = format!("{:.3}", Timestamp::now());
        let text = one_line(text);
        let line = format!("{time} {} {text}\n", level.word());
        // Not even the log can tell that the log cannot be written.
        let _ = self.sink.write_all(line.as_bytes());
        let _ = self.sink.flush();
        match self.kept {
            true if self.entries.len() < KEPT => self.entries.push(Entry { time, level, text }),
            true => self.missed += 1,
            false => {}
        }
    }
}

/// An entry stays one line, so that no message can forge another entry.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => line.push(c),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_kept_for_those_who_take_them() {
        let mut log = Log::to(Box::new(io::sink()));
        log.info("before");
        assert!(log.take_entries(true).0.is_empty());
        log.warn("one\ntwo");
        let (entries, _) = log.take_entries(false);
        let texts: Vec<_> = entries
            .iter()
            .map(|it| (it.level, it.text.as_str()))
            .collect();
        assert_eq!(texts, [(Level::Warning, "one\\ntwo")]);
        log.info("after");
        assert!(log.take_entries(true).0.is_empty());
    }

    #[test]
    fn an_entry_is_one_line() {
        assert_eq!(one_line("a\tb\nc\x1b[1m ü"), "a\tb\\nc\\u{1b}[1m ü");
    }
}
