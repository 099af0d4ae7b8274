//! The agent's log: an entry is a line with its time, or several, of which the others are set in. It is
//! written at once.
//!
//! The host daemon names the file. That an entry cannot be written, because the disk is full say, stops nothing; it is
//! counted, and told later.

use std::io::{self, Write};
use std::path::Path;

use crate::logfile::LogWriter;
use crate::model::{Level, LogLimits, harmless};
use jiff::Timestamp;

/// How many entries are kept for a logger, until they are sent as messages.
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
    sink: Sink,
    /// What has been written since entries were last taken, if a socket takes them.
    entries: Vec<Entry>,
    kept: bool,
    /// Entries for which there was no room.
    missed: u64,
}

enum Sink {
    File(LogWriter),
    Other(Box<dyn Write + Send>),
}

impl Log {
    pub fn to_stderr() -> Self {
        Self::to(Box::new(io::stderr()))
    }

    pub fn to(sink: Box<dyn Write + Send>) -> Self {
        Self::into(Sink::Other(sink))
    }

    fn into(sink: Sink) -> Self {
        Self {
            sink,
            entries: Vec::new(),
            kept: false,
            missed: 0,
        }
    }

    /// To the end of a file, which is made if it is not there.
    pub fn to_file(path: &Path, limits: LogLimits) -> io::Result<Self> {
        Ok(Self::into(Sink::File(LogWriter::open(path, limits)?)))
    }

    /// The same, and all else that this process writes to standard output and standard error goes there too.
    pub fn to_own_file(path: &Path, limits: LogLimits) -> io::Result<Self> {
        let file = LogWriter::open(path, limits)?.own()?;
        Ok(Self::into(Sink::File(file)))
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

    /// Tells what it is yet to be told, if there is room for that now.
    pub fn on_time(&mut self) {
        if let Sink::File(file) = &mut self.sink {
            file.tell_lost_in_time();
        }
    }

    pub fn line(&mut self, level: Level, text: &str) {
        let time = format!("{:.3}", Timestamp::now());
        let text = harmless(text.trim_end_matches(['\n', '\r'])).into_owned();
        let entry = format!("{time} {} {}\n", level.word(), set_in(&text));
        match &mut self.sink {
            Sink::File(file) => file.write(entry.as_bytes()),
            Sink::Other(sink) => {
                // Not even the log can tell that the log cannot be written.
                let _ = sink.write_all(entry.as_bytes());
                let _ = sink.flush();
            }
        }
        match self.kept {
            true if self.entries.len() < KEPT => self.entries.push(Entry { time, level, text }),
            true => self.missed += 1,
            false => {}
        }
    }
}

/// All lines but the first begin with spaces, so that no message can forge another entry.
fn set_in(text: &str) -> String {
    text.replace('\n', "\n  ")
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
        assert_eq!(texts, [(Level::Warning, "one\ntwo")]);
        log.info("after");
        assert!(log.take_entries(true).0.is_empty());
    }

    #[test]
    fn an_entry_forges_no_other_and_does_nothing_to_a_terminal() {
        let mut log = Log::to(Box::new(io::sink()));
        assert!(log.take_entries(true).0.is_empty());
        log.info("a\tb\n2026-11-23T05:15:00.123Z INFO  c\x1b[1m ü\n");
        let text = &log.take_entries(false).0[0].text;
        assert_eq!(text, "a\tb\n2026-11-23T05:15:00.123Z INFO  c\\u001b[1m ü");
        assert_eq!(
            set_in(text),
            "a\tb\n  2026-11-23T05:15:00.123Z INFO  c\\u001b[1m ü"
        );
    }
}
