//! Where a program lives: in a process of its own, or as a thread of this one.

use std::time::Duration;

use super::feed::{Call, Unread};
use super::guest::Guest;
use super::pipes::Pipes;
use super::process::Got;
use super::told::Frame;
use super::words::{FromProgram, NoWord, ToProgram};
use super::{Exit, Watched};

/// One of the two.
pub(crate) enum Body {
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
    pub(crate) fn watched(&self) -> Watched {
        both!(self, it => it.watched())
    }

    /// The frame is of a process that has asked for them.
    pub(crate) fn tell(&mut self, word: &ToProgram, frame: Option<Frame>) {
        match self {
            Body::Process(pipes) => pipes.tell(word, frame),
            Body::Thread(guest) => {
                if let Some(heard) = word.to_heard() {
                    guest.tell(heard);
                }
            }
        }
    }

    /// Whether messages and calls can be handed to it at all.
    pub(crate) fn speaks(&self) -> bool {
        match self {
            Body::Process(pipes) => pipes.speaks(),
            Body::Thread(_) => true,
        }
    }

    pub(crate) fn listens(&self) -> bool {
        both!(self, it => it.listens())
    }

    pub(crate) fn has_room(&self) -> bool {
        both!(self, it => it.has_room())
    }

    /// Whether it can be given a call.
    pub(crate) fn has_lane(&self) -> bool {
        match self {
            Body::Process(pipes) => pipes.has_lane(),
            Body::Thread(guest) => guest.has_room(),
        }
    }

    /// Why it will not read a call in time that it is told now. A thread is given no more than it takes.
    pub(crate) fn late(&mut self, until: Duration, now: Duration) -> Option<String> {
        match self {
            Body::Process(pipes) => pipes.late(until, now),
            Body::Thread(_) => None,
        }
    }

    /// Takes back the calls that it will not read in time, and tells why.
    pub(crate) fn take_late(&mut self, now: Duration) -> Option<(Vec<u64>, String)> {
        match self {
            Body::Process(pipes) => pipes.take_late(now),
            Body::Thread(_) => None,
        }
    }

    /// Tells a call, which is of use until then.
    pub(crate) fn call(&mut self, word: &ToProgram, call: Call) {
        match self {
            Body::Process(pipes) => pipes.call(word, call),
            Body::Thread(_) => self.tell(word, None),
        }
    }

    /// From now on bytes travel as frames. Threads are given them as they are.
    pub(crate) fn begin_frames(&mut self) {
        if let Body::Process(pipes) = self {
            pipes.begin_frames();
        }
    }

    /// Whether it has taken all it was told.
    pub(crate) fn is_empty(&self) -> bool {
        both!(self, it => it.is_empty())
    }

    /// Nothing more will be told.
    pub(crate) fn close(&mut self) {
        both!(self, it => it.close());
    }

    /// Whether it takes nothing any more, and perhaps has ended a moment ago.
    pub(crate) fn may_have_ended(&self) -> bool {
        match self {
            Body::Process(pipes) => pipes.may_have_ended(),
            Body::Thread(_) => false,
        }
    }

    /// Takes what it has not read.
    pub(crate) fn take_unread(&mut self) -> Unread {
        match self {
            Body::Process(pipes) => pipes.take_unread(),
            Body::Thread(_) => Unread::default(),
        }
    }

    /// Lines that another program has not read.
    pub(crate) fn pass_on(&mut self, lines: Vec<Box<[u8]>>) {
        if let Body::Process(pipes) = self {
            pipes.pass_on(lines);
        }
    }

    /// Drops what it has not taken, and tells how many words that is.
    pub(crate) fn clear(&mut self) -> usize {
        both!(self, it => it.clear())
    }

    /// Writes what it takes; tells how many words are lost because it does not listen any more.
    pub(crate) fn flush(&mut self, now: Duration) -> usize {
        match self {
            Body::Process(pipes) => pipes.flush(now),
            Body::Thread(guest) => {
                guest.flush();
                0
            }
        }
    }

    /// Looks for what it has said.
    pub(crate) fn read(&mut self) -> Got {
        both!(self, it => it.read())
    }

    pub(crate) fn next(&mut self) -> Option<Result<FromProgram, NoWord>> {
        match self {
            Body::Process(pipes) => pipes.next(),
            Body::Thread(guest) => guest.next().map(Ok),
        }
    }

    /// What is left when it has ended.
    pub(crate) fn rest(&mut self) -> Option<Result<FromProgram, NoWord>> {
        match self {
            Body::Process(pipes) => pipes.rest(),
            Body::Thread(_) => None,
        }
    }

    /// Keeps what a process has written to standard error: some of it, or all.
    pub(crate) fn read_errors(&mut self, all: bool) {
        if let Body::Process(pipes) = self {
            pipes.read_errors(all);
        }
    }

    /// Keeps what a process has printed. False if there is no place for it.
    pub(crate) fn keep_printed(&mut self, text: &str) -> bool {
        match self {
            Body::Process(pipes) => pipes.keep_printed(text),
            Body::Thread(_) => false,
        }
    }

    /// Keeps what of lines is there that are not ended for too long.
    pub(crate) fn on_time(&mut self, now: Duration) {
        if let Body::Process(pipes) = self {
            pipes.on_time(now);
        }
    }

    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        match self {
            Body::Process(pipes) => pipes.wakes_at(),
            Body::Thread(_) => None,
        }
    }

    /// How it has ended, if it has.
    pub(crate) fn exit(&mut self) -> Option<Exit> {
        both!(self, it => it.exit())
    }

    /// Whether it is this process that has ended with this pid. It is waited for then.
    pub(crate) fn note_end(&mut self, pid: u32) -> bool {
        match self {
            Body::Process(pipes) => pipes.note_end(pid),
            Body::Thread(_) => false,
        }
    }

    /// Its pid, if it is a process.
    pub(crate) fn pid(&self) -> Option<u32> {
        match self {
            Body::Process(pipes) => Some(pipes.pid()),
            Body::Thread(_) => None,
        }
    }

    /// Sends SIGTERM, if it is a process. A thread has heard that it is to stop, and what it waits
    /// for has ended; more cannot be done to it.
    pub(crate) fn terminate(&self) {
        if let Body::Process(pipes) = self {
            pipes.terminate();
        }
    }

    /// Sends SIGKILL, if it is a process.
    pub(crate) fn kill(&self) {
        if let Body::Process(pipes) = self {
            pipes.kill();
        }
    }
}
