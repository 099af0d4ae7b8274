//! The way of a program's bytes to what its agent makes of them, and back, in one piece each: all of
//! it is the agent's own otherwise. For the fuzz targets; nothing else is to use it.

use serde_json::Value;

use super::ask::request_of;
use super::lines::{LONGEST, Line, Lines, Long};
use super::words::{FromProgram, NoWord, Outcome, ProgramId, ToProgram, read, too_long};
use crate::wire::AgentRequest;

/// What a line comes down to.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// A request that any member might make.
    Request(Box<AgentRequest>),
    /// A word of another sort.
    Word(String),
    /// It was printed, for people.
    Printed(String),
    /// Why it is no word, or none that can be executed.
    Wrong(String),
    Nothing,
}

/// What a program has said that wrote these chunks, and ended.
pub fn said(chunks: &[&[u8]], longest: usize) -> Vec<Said> {
    let mut lines = Lines::with_limit(longest, Long::LetGo);
    let mut found = Vec::new();
    for chunk in chunks {
        lines.push(chunk);
        found.extend(std::iter::from_fn(|| lines.next()));
    }
    found.extend(lines.finish());
    found.into_iter().map(understood).collect()
}

fn understood(line: Line) -> Said {
    let read = match &line {
        Line::Whole { bytes, .. } => read(bytes),
        Line::TooLong(beginning) => Err(too_long(beginning, LONGEST)),
        // None is divided here.
        Line::Part(_) => return Said::Nothing,
    };
    match read {
        Ok(FromProgram::Asks(asked)) => match request_of(asked, false) {
            Ok(asked) => Said::Request(Box::new(asked.request)),
            Err(reason) => Said::Wrong(reason),
        },
        Ok(FromProgram::AsksOthers(word)) => Said::Word(format!("{word:?}")),
        Ok(FromProgram::Says(word)) => Said::Word(format!("{word:?}")),
        Err(NoWord::Blank) => Said::Nothing,
        Err(NoWord::Plain(text) | NoWord::Printed(text)) => Said::Printed(text),
        Err(NoWord::Wrong { reason, .. }) => Said::Wrong(reason),
    }
}

/// The line by which a program is told of a message, without its end.
pub fn told(message: &Value) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&ToProgram::Reply {
        id: &ProgramId::Number(1),
        outcome: Outcome::Message(message),
    })
}
