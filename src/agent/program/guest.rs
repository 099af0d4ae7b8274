//! A program in this very process: a thread that the library's users write (`osb::kit`).
//!
//! What goes to and fro are the same words as with a process, as values instead of lines. So the
//! thread may take its time: sockets, questions and heartbeats are served meanwhile.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::process::Got;
use super::words::{FromProgram, Heard};
use super::{Exit, Watched};

/// How many words may wait on either side before the side that says more has to wait.
const WORDS: usize = 1000;
/// The exit status of a thread that panicked, as Rust has it for processes.
const PANICKED: i32 = 101;

/// The agent's side.
pub(crate) struct Guest {
    to: Option<Sender<Heard>>,
    from: Receiver<FromProgram>,
    /// Taken from the channel, not yet asked for.
    next: Option<FromProgram>,
    between: Arc<Between>,
}

/// The thread's side. When it is dropped, the program has ended.
pub(crate) struct GuestEnd {
    from: Receiver<Heard>,
    to: SyncSender<FromProgram>,
    between: Arc<Between>,
}

/// What both sides share.
struct Between {
    /// The thread has said something, or has room again.
    wake: EventFd,
    /// The thread has ended.
    ended: EventFd,
    /// How many words the thread has not taken yet.
    waiting: AtomicUsize,
    status: AtomicI32,
}

/// The outcome of listening.
pub(crate) enum Listened {
    Word(Heard),
    Nothing,
    /// The agent is gone.
    Gone,
}

/// Both ends of a line between an agent and a thread.
pub(crate) fn pair() -> nix::Result<(Guest, GuestEnd)> {
    let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
    let between = Arc::new(Between {
        wake: EventFd::from_flags(flags)?,
        ended: EventFd::from_flags(flags)?,
        waiting: AtomicUsize::new(0),
        status: AtomicI32::new(PANICKED),
    });
    let (to, heard) = mpsc::channel();
    let (said, from) = mpsc::sync_channel(WORDS);
    let guest = Guest {
        to: Some(to),
        from,
        next: None,
        between: Arc::clone(&between),
    };
    let end = GuestEnd {
        from: heard,
        to: said,
        between,
    };
    Ok((guest, end))
}

impl Guest {
    pub(crate) fn watched(&self) -> Watched {
        Watched {
            exit: raw(&self.between.ended),
            output: Some(raw(&self.between.wake)),
            input: None,
            errors: None,
        }
    }

    pub(crate) fn tell(&mut self, word: Heard) {
        if let Some(to) = &self.to {
            self.between.waiting.fetch_add(1, Ordering::AcqRel);
            // A thread that has ended is noticed by its descriptor.
            let _ = to.send(word);
        }
    }

    pub(crate) fn listens(&self) -> bool {
        self.to.is_some()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.between.waiting.load(Ordering::Acquire) < WORDS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.between.waiting.load(Ordering::Acquire) == 0
    }

    pub(crate) fn close(&mut self) {
        self.to = None;
    }

    /// Tells how many words the thread has not taken.
    pub(crate) fn clear(&mut self) -> usize {
        self.between.waiting.swap(0, Ordering::AcqRel)
    }

    /// Looks whether the thread has said something.
    pub(crate) fn read(&mut self) -> Got {
        // Only a wake-up: what there is, is in the channel.
        let _ = self.between.wake.read();
        if self.next.is_none() {
            self.next = match self.from.try_recv() {
                Ok(word) => Some(word),
                Err(TryRecvError::Empty) => return Got::Nothing,
                Err(TryRecvError::Disconnected) => return Got::End,
            };
        }
        Got::Bytes(0)
    }

    /// What the thread says next.
    pub(crate) fn next(&mut self) -> Option<FromProgram> {
        self.next.take().or_else(|| self.from.try_recv().ok())
    }

    pub(crate) fn exit(&self) -> Option<Exit> {
        let ended = self.between.ended.read().is_ok();
        ended.then(|| Exit::Status(self.between.status.load(Ordering::Acquire)))
    }
}

impl GuestEnd {
    /// Says a word, and waits for room first if need be. False if the agent is gone.
    pub(crate) fn say(&self, word: FromProgram) -> bool {
        let said = self.to.send(word).is_ok();
        self.wake();
        said
    }

    /// Waits for the next word, or so long.
    pub(crate) fn listen(&self, patience: Option<Duration>) -> Listened {
        let heard = match patience {
            None => self.from.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.from.recv_timeout(patience),
        };
        match heard {
            Ok(word) => {
                // The reader that stopped because of this queue is to look again.
                if self.between.waiting.fetch_sub(1, Ordering::AcqRel) == WORDS {
                    self.wake();
                }
                Listened::Word(word)
            }
            Err(RecvTimeoutError::Timeout) => Listened::Nothing,
            Err(RecvTimeoutError::Disconnected) => Listened::Gone,
        }
    }

    /// With which status the program ends, when it does.
    pub(crate) fn end_with(&self, status: i32) {
        self.between.status.store(status, Ordering::Release);
    }

    fn wake(&self) {
        // It can only fail when it is full of wake-ups.
        let _ = self.between.wake.write(1);
    }
}

impl Drop for GuestEnd {
    fn drop(&mut self) {
        let _ = self.between.ended.write(1);
    }
}

fn raw(fd: &EventFd) -> RawFd {
    fd.as_fd().as_raw_fd()
}
