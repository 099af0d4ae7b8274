//! Lines as words, strictly. For a line that cannot be read: the requester that waits for it.

use std::fmt;

use super::about::{About, about};
use super::from::Line;
use super::{FromProgram, ProgramId};
use crate::agent::program::lines::NoFrame;
use crate::model::{JsonError, read_json};

/// Why a line says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoWord {
    /// Nothing in it.
    Blank,
    /// No object: something was printed.
    Plain(String),
    /// A line of a program that has no words.
    Printed(String),
    Wrong {
        reason: String,
        waits: Waits,
    },
}

/// The requester that waits for a line that cannot be read, as far as the line shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Waits {
    Nobody,
    /// The program, which asked under this id.
    Program(ProgramId),
    /// The requester that waits for the answer with this id.
    Requester(u64),
    /// The requester that has waited longest for an answer.
    OldestRequester,
}

impl Waits {
    /// For a line of which this can be seen.
    fn of(about: Option<About>) -> Self {
        match about {
            Some(About { word, id }) if word == "reply" => match id {
                Some(ProgramId::Number(id)) => Waits::Requester(id),
                Some(ProgramId::Text(_)) | None => Waits::Nobody,
            },
            Some(About { id: Some(id), .. }) => Waits::Program(id),
            _ => Waits::Nobody,
        }
    }

    /// For one of which only the beginning is there: most likely an answer is too long.
    fn of_beginning(about: Option<About>) -> Self {
        match about {
            None => Waits::OldestRequester,
            Some(About { word, id: None }) if word == "reply" => Waits::OldestRequester,
            about => Waits::of(about),
        }
    }
}

impl fmt::Display for NoWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoWord::Blank => f.write_str("an empty line"),
            NoWord::Plain(text) | NoWord::Printed(text) | NoWord::Wrong { reason: text, .. } => {
                f.write_str(text)
            }
        }
    }
}

/// Reads a line, strictly.
pub(crate) fn read(line: &[u8]) -> Result<FromProgram, NoWord> {
    let printed = line.trim_ascii_end();
    let line = printed.trim_ascii_start();
    match line.first() {
        None => Err(NoWord::Blank),
        Some(b'{') => read_with(line, None).map_err(|reason| wrong(line, &reason)),
        Some(_) => Err(NoWord::Plain(String::from_utf8_lossy(printed).into_owned())),
    }
}

/// Reads a line that has announced a frame, with what has come as that.
pub(crate) fn read_framed(
    line: &[u8],
    frame: Result<Vec<u8>, NoFrame>,
) -> Result<FromProgram, NoWord> {
    let line = line.trim_ascii();
    let read = match frame {
        Ok(frame) => read_with(line, Some(frame)),
        Err(error) => Err(error.to_string()),
    };
    read.map_err(|reason| wrong(line, &reason))
}

fn read_with(line: &[u8], frame: Option<Vec<u8>>) -> Result<FromProgram, String> {
    let line: Line = read_json(line).map_err(|error| reason(&error))?;
    line.word(frame).map_err(|error| error.to_string())
}

fn wrong(line: &[u8], reason: &str) -> NoWord {
    NoWord::Wrong {
        reason: format!("{reason}: {}", beginning(line)),
        waits: Waits::of(about(line)),
    }
}

/// What is said of a line that begins so and is longer than `longest`.
pub(crate) fn too_long(start: &[u8], longest: usize) -> NoWord {
    let start = start.trim_ascii_start();
    NoWord::Wrong {
        reason: format!(
            "a line of more than {longest} bytes: {}",
            shortened(start, 60)
        ),
        waits: Waits::of_beginning(about(start)),
    }
}

/// Without the place: there is one line only, and its beginning is shown.
fn reason(error: &JsonError) -> String {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or(&text);
    match error {
        JsonError::Other(error) if error.classify() == serde_json::error::Category::Data => {
            reason.to_owned()
        }
        JsonError::Other(_) => format!("not JSON: {reason}"),
        _ => reason.to_owned(),
    }
}

/// Enough of a line to recognise it.
pub(crate) fn beginning(line: &[u8]) -> String {
    shortened(line, 200)
}

fn shortened(line: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(4 * most)]);
    let shown: String = text.chars().take(most).collect();
    if shown.len() < line.len() && text.chars().count() >= most {
        return shown + "…";
    }
    shown
}
