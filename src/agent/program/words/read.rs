//! Lines as words, strictly.

use std::fmt;

use super::FromProgram;

/// Why a line says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoWord {
    /// Nothing in it.
    Blank,
    /// No object: something was printed.
    Plain(String),
    /// A line of a program that has no words.
    Printed(String),
    Wrong(String),
}

impl fmt::Display for NoWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoWord::Blank => f.write_str("an empty line"),
            NoWord::Plain(text) | NoWord::Printed(text) | NoWord::Wrong(text) => f.write_str(text),
        }
    }
}

/// Reads a line, strictly.
pub fn read(line: &[u8]) -> Result<FromProgram, NoWord> {
    let printed = line.trim_ascii_end();
    let line = printed.trim_ascii_start();
    match line.first() {
        None => Err(NoWord::Blank),
        Some(b'{') => serde_json::from_slice(line)
            .map_err(|error| NoWord::Wrong(format!("{}: {}", reason(&error), beginning(line)))),
        Some(_) => Err(NoWord::Plain(String::from_utf8_lossy(printed).into_owned())),
    }
}

/// Without the place: there is one line only, and its beginning is shown.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or(&text);
    match error.classify() {
        serde_json::error::Category::Data => reason.to_owned(),
        _ => format!("not JSON: {reason}"),
    }
}

/// Enough of a line to recognise it.
pub fn beginning(line: &[u8]) -> String {
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(&line[..line.len().min(4 * SHOWN)]);
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < line.len() && text.chars().count() >= SHOWN {
        return shown + "…";
    }
    shown
}
