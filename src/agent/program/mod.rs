//! The agent's program: a command in any language that speaks JSON lines. What the lines mean to the
//! agent is here; specs/commands.md is the contract with authors of programs.
//!
//! A program that does not read, or writes faster than its messages can leave, is held back by what
//! it waits for itself: a pipe. Nothing grows without bounds.

mod ask;
mod body;
mod drive;
mod execute;
mod exit;
mod feed;
#[doc(hidden)]
pub mod fuzzing;
mod guest;
mod hand;
mod hear;
mod lag;
mod lines;
mod output;
mod pause;
mod pending_reply;
mod pipes;
#[allow(
    unsafe_code,
    reason = "what runs between fork and exec, and a pidfd of the kernel"
)]
mod process;
mod told;
mod words;

use self::body::Body;
pub(crate) use self::exit::Exit;
pub(crate) use self::guest::{Guest, GuestEnd, Knock, Listened, pair};
use self::process::Got;
pub(crate) use self::process::{Process, Streams};
use self::told::{Frame, Told};
use self::words::ToProgram;
pub(crate) use self::words::{
    FromProgram, Heard, OwnWord, Payload, ProgramId, ProgramRequest, ToOthers, Whence,
};

/// A program and what lies between it and the agent.
pub(crate) struct Program {
    body: Body,
    /// A word that cannot be executed yet. Until it is, nothing more is read.
    held: Option<FromProgram>,
    started: bool,
    /// It has said something that osb understands.
    answered: bool,
    ended: bool,
    /// How often its queue has become full.
    stalls: u64,
    /// It is full, or has not been empty since.
    stalled: bool,
}

/// What of a program the loop is to watch.
pub(crate) struct Watched {
    pub exit: i32,
    pub output: Option<i32>,
    pub errors: Option<i32>,
    pub input: Option<i32>,
}

impl Program {
    fn new(body: Body) -> Self {
        Self {
            body,
            held: None,
            started: false,
            answered: false,
            ended: false,
            stalls: 0,
            stalled: false,
        }
    }

    /// Counts how often the queue has become full; tells the count when that is worth a word.
    fn note_stall(&mut self) -> Option<u64> {
        if self.stalled {
            self.stalled = !self.body.is_empty();
            return None;
        }
        self.stalled = !self.body.has_room();
        self.stalls += u64::from(self.stalled);
        (self.stalled && self.stalls.is_power_of_two()).then_some(self.stalls)
    }

    fn tell(&mut self, word: &ToProgram) {
        self.tell_framed(word, None);
    }

    fn tell_framed(&mut self, word: &ToProgram, frame: Option<Frame>) {
        if self.body.listens() {
            self.body.tell(word, frame);
        }
    }

    /// Its pid, if it is a process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.body.pid()
    }

    /// Whether it has to read before it is told more.
    pub(crate) fn is_behind(&self) -> bool {
        self.listens() && !self.body.has_room()
    }

    fn noun(&self) -> &'static str {
        match self.body {
            Body::Process(_) => "the command",
            Body::Thread(_) => "the program",
        }
    }

    fn listens(&self) -> bool {
        !self.ended && self.body.listens()
    }

    /// Whether messages are handed to it as they have come, for it to read them.
    pub(crate) fn reads_payloads(&self) -> bool {
        matches!(self.body, Body::Thread(_))
    }

    /// Whether bytes travel to it as frames after lines.
    pub(crate) fn has_frames(&self) -> bool {
        match &self.body {
            Body::Process(pipes) => pipes.has_frames(),
            Body::Thread(_) => false,
        }
    }

    /// Whether it has shown that it works. A thread was announced only when it was prepared.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered || matches!(self.body, Body::Thread(_))
    }
}
