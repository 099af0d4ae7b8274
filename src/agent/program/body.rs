//! Where a program lives: in a process of its own, or as a thread of this one.

use std::time::Duration;

use super::guest::Guest;
use super::pipes::Pipes;
use super::process::Got;
use super::words::{FromProgram, NoWord, ToProgram};
use super::{Exit, Watched};

/// One of the two.
pub enum Body {
    Process(Box<Pipes>),
    Thread(Box<Guest>),
}

/// Hands each call on to whichever it is.
macro_rules! both {
    ($body:expr, $it:ident => $call:expr) => {
        match $body {
            Body::Process($it) => $call,
            Body::Thread($it) => $call,
        }
    };
}

impl Body {
    pub fn watched(&self) -> Watched {
        both!(self, it => it.watched())
    }

    pub fn tell(&mut self, word: &ToProgram) {
        match self {
            Body::Process(pipes) => pipes.tell(word),
            Body::Thread(guest) => guest.tell(word.to_heard()),
        }
    }

    /// Whether messages and calls can be handed to it at all.
    pub fn speaks(&self) -> bool {
        match self {
            Body::Process(pipes) => pipes.speaks(),
            Body::Thread(_) => true,
        }
    }

    pub fn listens(&self) -> bool {
        both!(self, it => it.listens())
    }

    pub fn has_room(&self) -> bool {
        both!(self, it => it.has_room())
    }

    /// Whether it has taken all it was told.
    pub fn is_empty(&self) -> bool {
        both!(self, it => it.is_empty())
    }

    /// Nothing more will be told.
    pub fn close(&mut self) {
        both!(self, it => it.close());
    }

    /// Drops what it has not taken, and tells how many words that is.
    pub fn clear(&mut self) -> usize {
        both!(self, it => it.clear())
    }

    /// Writes what it takes; tells how many words are lost because it does not listen any more.
    pub fn flush(&mut self) -> usize {
        match self {
            Body::Process(pipes) => pipes.flush(),
            Body::Thread(_) => 0,
        }
    }

    /// Looks for what it has said.
    pub fn read(&mut self) -> Got {
        both!(self, it => it.read())
    }

    pub fn next(&mut self) -> Option<Result<FromProgram, NoWord>> {
        match self {
            Body::Process(pipes) => pipes.next(),
            Body::Thread(guest) => guest.next().map(Ok),
        }
    }

    /// What is left when it has ended.
    pub fn rest(&mut self) -> Option<Result<FromProgram, NoWord>> {
        match self {
            Body::Process(pipes) => pipes.rest(),
            Body::Thread(_) => None,
        }
    }

    /// Keeps what a process has written to standard error: some of it, or all.
    pub fn read_errors(&mut self, all: bool) {
        if let Body::Process(pipes) = self {
            pipes.read_errors(all);
        }
    }

    /// Keeps what a process has printed. False if there is no place for it.
    pub fn keep_printed(&mut self, text: &str) -> bool {
        match self {
            Body::Process(pipes) => pipes.keep_printed(text),
            Body::Thread(_) => false,
        }
    }

    /// Keeps what of lines is there that are not ended for too long.
    pub fn on_time(&mut self, now: Duration) {
        if let Body::Process(pipes) = self {
            pipes.on_time(now);
        }
    }

    pub fn wakes_at(&self) -> Option<Duration> {
        match self {
            Body::Process(pipes) => pipes.wakes_at(),
            Body::Thread(_) => None,
        }
    }

    /// How it has ended, if it has.
    pub fn exit(&mut self) -> Option<Exit> {
        both!(self, it => it.exit())
    }

    /// Whether it is this process that has ended with this pid. It is waited for then.
    pub fn note_end(&mut self, pid: u32) -> bool {
        match self {
            Body::Process(pipes) => pipes.note_end(pid),
            Body::Thread(_) => false,
        }
    }

    /// Its pid, if it is a process.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Body::Process(pipes) => Some(pipes.pid()),
            Body::Thread(_) => None,
        }
    }

    /// Sends SIGTERM, if it is a process. A thread has heard that it is to stop, and what it waits
    /// for has ended; more cannot be done to it.
    pub fn terminate(&self) {
        if let Body::Process(pipes) = self {
            pipes.terminate();
        }
    }

    /// Sends SIGKILL, if it is a process.
    pub fn kill(&self) {
        if let Body::Process(pipes) = self {
            pipes.kill();
        }
    }
}
