//! The way of a program's bytes to what its agent makes of them, and back, in one piece each: all of
//! it is the agent's own otherwise. For the fuzz targets; nothing else is to use it.

use serde_json::Value;

use super::ask::request_of;
use super::lines::{LONGEST, Line, Lines, Long};
use super::words::{
    FromProgram, NoWord, Outcome, ProgramId, ToProgram, announced, read, read_framed, too_long,
};
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

/// What a program has said that wrote these chunks, with frames or without, and ended.
pub fn said(chunks: &[&[u8]], longest: usize, frames: bool) -> Vec<Said> {
    let mut lines = Lines::with_limit(longest, Long::LetGo);
    let mut hearing = Hearing {
        frames,
        announced: Vec::new(),
        found: Vec::new(),
    };
    for chunk in chunks {
        lines.push(chunk);
        while let Some(line) = lines.next() {
            hearing.take(line, &mut lines);
        }
    }
    while let Some(line) = lines.finish() {
        hearing.take(line, &mut lines);
    }
    hearing.found
}

struct Hearing {
    frames: bool,
    announced: Vec<u8>,
    found: Vec<Said>,
}

impl Hearing {
    fn take(&mut self, line: Line, lines: &mut Lines) {
        let length = match &line {
            Line::Whole { bytes, .. } if self.frames => announced(bytes),
            _ => None,
        };
        match (line, length) {
            (Line::Whole { bytes, .. }, Some(length)) => {
                lines.expect(length);
                self.announced = bytes;
            }
            (line, _) => {
                let read = match line {
                    Line::Whole { bytes, .. } => read(&bytes),
                    Line::Frame(frame) => read_framed(&self.announced, frame),
                    Line::TooLong(beginning) => Err(too_long(&beginning, LONGEST)),
                    // None is divided here.
                    Line::Part(_) => return,
                };
                self.found.push(understood(read));
            }
        }
    }
}

fn understood(read: Result<FromProgram, NoWord>) -> Said {
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
        outcome: Outcome::Message { message },
    })
}
