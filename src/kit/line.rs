//! The line between an agent's code and its loop: questions with their answers, and what comes in
//! between.

use std::collections::VecDeque;
use std::time::Duration;

use super::CallError;
use crate::agent::{FromProgram, GuestEnd, Heard, Knock, Listened, OwnWord, Payload, ProgramId};

/// The line.
pub(super) struct Line {
    end: GuestEnd,
    /// Heard while an answer was waited for.
    later: VecDeque<Heard>,
    /// The same of knocks.
    knocks: usize,
    last: u64,
}

impl Line {
    pub(crate) fn new(end: GuestEnd) -> Self {
        Self {
            end,
            later: VecDeque::new(),
            knocks: 0,
            last: 0,
        }
    }

    /// The next thing to see to, if any comes within `patience`.
    pub(crate) fn next(&mut self, patience: Option<Duration>) -> Listened {
        match self.later.pop_front() {
            Some(word) => Listened::Word(word),
            None if self.knocks > 0 => {
                self.knocks -= 1;
                Listened::Knock
            }
            None => self.end.listen(patience),
        }
    }

    /// For other threads.
    pub(crate) fn knock(&self) -> Knock {
        self.end.knock()
    }

    /// Says something that is not answered.
    pub(crate) fn say(&self, word: impl Into<FromProgram>) -> Result<(), CallError> {
        match self.end.say(word.into()) {
            true => Ok(()),
            false => Err(CallError::Ending),
        }
    }

    /// Asks. The answer has that number when it comes.
    pub(crate) fn post<W: Into<FromProgram>>(
        &mut self,
        word: impl FnOnce(ProgramId) -> W,
    ) -> Result<u64, CallError> {
        self.last += 1;
        self.say(word(ProgramId::Number(self.last)))?;
        Ok(self.last)
    }

    /// Asks, and waits for the answer. What else comes is seen to later. How long an answer may
    /// take, the loop knows.
    pub(crate) fn ask<W: Into<FromProgram>>(
        &mut self,
        word: impl FnOnce(ProgramId) -> W,
    ) -> Result<Payload, CallError> {
        let id = ProgramId::Number(self.post(word)?);
        loop {
            match self.end.listen(None) {
                Listened::Word(Heard::Reply { id: of, outcome }) if of == id => {
                    return outcome.map_err(CallError::Refused);
                }
                Listened::Nothing => {}
                Listened::Knock => self.knocks += 1,
                Listened::Word(word) => self.later.push_back(word),
                Listened::Gone => return Err(CallError::Ending),
            }
        }
    }

    /// The code is prepared; waits until the agent is registered.
    pub(crate) fn introduce(&mut self, go: bool) -> Result<(), CallError> {
        self.say(OwnWord::Prepared { go })?;
        loop {
            match self.end.listen(None) {
                Listened::Word(Heard::Registered) => return Ok(()),
                Listened::Word(word) => self.later.push_back(word),
                Listened::Nothing => {}
                Listened::Knock => self.knocks += 1,
                Listened::Gone => return Err(CallError::Ending),
            }
        }
    }

    /// With which status the program ends, when it does.
    pub(crate) fn end_with(&self, status: i32) {
        self.end.end_with(status);
    }
}
