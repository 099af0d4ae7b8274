//! The agent's log: one line for each entry, written at once.
//!
//! The host daemon leads standard error to the agent's log file; where the lines go is none of the
//! agent's business. That a line cannot be written, because the disk is full say, stops nothing.

use std::io::{self, Write};

use jiff::Timestamp;

/// How much an entry matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    Info,
    #[serde(alias = "warn")]
    Warning,
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO ",
            Level::Warning => "WARN ",
            Level::Error => "ERROR",
        }
    }
}

/// Where the lines go.
pub struct Log(Box<dyn Write + Send>);

impl Log {
    pub fn to_stderr() -> Self {
        Self(Box::new(io::stderr()))
    }

    pub fn to(sink: Box<dyn Write + Send>) -> Self {
        Self(sink)
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
        let line = format!(
            "{:.3} {} {}\n",
            Timestamp::now(),
            level.word(),
            one_line(text)
        );
        // Not even the log can tell that the log cannot be written.
        let _ = self.0.write_all(line.as_bytes());
        let _ = self.0.flush();
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
    fn an_entry_is_one_line() {
        assert_eq!(one_line("a\tb\nc\x1b[1m ü"), "a\tb\\nc\\u{1b}[1m ü");
    }
}
