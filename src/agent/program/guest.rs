//! A program in this very process: a thread that the library's users write (`osb::kit`).
//!
//! What goes to and fro are the same words as with a process, as values instead of lines. So the
//! thread may take its time: sockets, questions and heartbeats are served meanwhile.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::process::Got;
use super::words::{FromProgram, Heard, Whence};
use super::{Exit, Watched};
use crate::model::{Alias, MethodName};

/// How many words may wait on either side before the side that says more has to wait.
const WORDS: usize = 1000;
/// How many are left when the agent that had to wait goes on: to go on for one word at a time would cost a turn each.
const ROOM_AGAIN: usize = WORDS / 2;
/// How many messages are handed over at once, at most.
const BATCH: usize = 250;
/// How many words the thread takes before it says so.
const TAKEN: usize = 50;
/// The exit status of a thread that panicked, as Rust has it for processes.
const PANICKED: i32 = 101;

/// The agent's side.
pub(crate) struct Guest {
    to: Option<Sender<Item>>,
    from: Receiver<FromProgram>,
    /// Taken from the channel, not yet asked for.
    next: Option<FromProgram>,
    /// Messages that are handed over together, at the end of the turn at the latest.
    batch: Vec<Heard>,
    /// Whence the last message came.
    whence: Option<Whence>,
    between: Arc<Between>,
}

/// The thread's side. When it is dropped, the program has ended.
pub(crate) struct GuestEnd {
    from: Receiver<Item>,
    /// Taken from the channel, not yet asked for.
    batch: std::vec::IntoIter<Heard>,
    /// How many it has taken and not said so.
    taken: usize,
    to: SyncSender<FromProgram>,
    knock: Sender<Item>,
    between: Arc<Between>,
}

/// What goes to the thread.
enum Item {
    Words(Vec<Heard>),
    /// Other threads have something for it.
    Knock,
    /// The agent says no more.
    Gone,
}

/// What other threads have of the line.
#[derive(Clone)]
pub(crate) struct Knock {
    to_thread: Sender<Item>,
    to_agent: SyncSender<FromProgram>,
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
    /// The agent waits until there is room again.
    is_full: AtomicBool,
    status: AtomicI32,
}

/// The outcome of listening.
pub(crate) enum Listened {
    Word(Heard),
    /// Other threads have something for this one.
    Knock,
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
        is_full: AtomicBool::new(false),
        status: AtomicI32::new(PANICKED),
    });
    let (to, heard) = mpsc::channel();
    let (said, from) = mpsc::sync_channel(WORDS);
    let guest = Guest {
        to: Some(to.clone()),
        from,
        next: None,
        batch: Vec::new(),
        whence: None,
        between: Arc::clone(&between),
    };
    let end = GuestEnd {
        from: heard,
        batch: Vec::new().into_iter(),
        taken: 0,
        to: said,
        knock: to,
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

    /// Says a word, after the messages before it.
    pub(crate) fn tell(&mut self, word: Heard) {
        self.batch.push(word);
        self.flush();
    }

    /// Hands a message over, with others.
    pub(crate) fn hand(&mut self, message: Heard) {
        if self.batch.capacity() == 0 {
            self.batch.reserve_exact(BATCH);
        }
        self.batch.push(message);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Hands over what is there.
    pub(crate) fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if let Some(to) = self.to.as_ref().filter(|_| !batch.is_empty()) {
            self.between
                .waiting
                .fetch_add(batch.len(), Ordering::AcqRel);
            // A thread that has ended is noticed by its descriptor.
            let _ = to.send(Item::Words(batch));
        }
    }

    /// Says whence the next messages come, if that is news.
    pub(crate) fn tell_whence(&mut self, alias: &Alias, handler: Option<&MethodName>) {
        let is_same = |it: &Whence| it.alias == *alias && it.handler.as_ref() == handler;
        if self.whence.as_ref().is_some_and(is_same) {
            return;
        }
        let whence = Whence {
            alias: alias.clone(),
            handler: handler.cloned(),
        };
        self.hand(Heard::At(Arc::new(whence.clone())));
        self.whence = Some(whence);
    }

    pub(crate) fn listens(&self) -> bool {
        self.to.is_some()
    }

    pub(crate) fn has_room(&self) -> bool {
        let Between {
            waiting, is_full, ..
        } = &*self.between;
        let held = || waiting.load(Ordering::SeqCst) + self.batch.len();
        if !is_full.load(Ordering::Relaxed) {
            if held() < WORDS {
                return true;
            }
            is_full.store(true, Ordering::SeqCst);
        }
        // The thread may have taken words before it could know that this side waits.
        let has_room = held() < ROOM_AGAIN;
        is_full.store(!has_room, Ordering::SeqCst);
        has_room
    }

    /// For how many words there is room.
    pub(crate) fn room(&self) -> usize {
        let held = self.between.waiting.load(Ordering::Acquire) + self.batch.len();
        WORDS.saturating_sub(held)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.between.waiting.load(Ordering::Acquire) == 0
    }

    pub(crate) fn close(&mut self) {
        self.flush();
        if let Some(to) = self.to.take() {
            // A thread that has ended hears nothing.
            let _ = to.send(Item::Gone);
        }
    }

    /// Tells how many words the thread has not taken.
    pub(crate) fn clear(&mut self) -> usize {
        let unsaid = std::mem::take(&mut self.batch).len();
        unsaid + self.between.waiting.swap(0, Ordering::AcqRel)
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

    /// Waits for what the thread says next. None if it has ended.
    pub(crate) fn wait_for_word(&mut self) -> Option<FromProgram> {
        self.next.take().or_else(|| self.from.recv().ok())
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

impl Drop for Guest {
    /// The thread holds a line to itself, so that it would not see the end of this one.
    fn drop(&mut self) {
        self.close();
    }
}

impl GuestEnd {
    /// Says a word, and waits for room first if need be. False if the agent is gone.
    pub(crate) fn say(&self, word: FromProgram) -> bool {
        say(&self.to, &self.between, word)
    }

    /// For other threads.
    pub(crate) fn knock(&self) -> Knock {
        Knock {
            to_thread: self.knock.clone(),
            to_agent: self.to.clone(),
            between: Arc::clone(&self.between),
        }
    }

    /// Waits for the next word, or so long.
    pub(crate) fn listen(&mut self, patience: Option<Duration>) -> Listened {
        if let Some(word) = self.batch.next() {
            self.taken += 1;
            if self.taken >= TAKEN {
                self.note_taken();
            }
            return Listened::Word(word);
        }
        self.note_taken();
        let item = match patience {
            None => self.from.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.from.recv_timeout(patience),
        };
        match item {
            Ok(Item::Words(batch)) => {
                self.batch = batch.into_iter();
                self.listen(patience)
            }
            Ok(Item::Knock) => Listened::Knock,
            Err(RecvTimeoutError::Timeout) => Listened::Nothing,
            Ok(Item::Gone) | Err(RecvTimeoutError::Disconnected) => Listened::Gone,
        }
    }

    fn note_taken(&mut self) {
        let Between {
            waiting, is_full, ..
        } = &*self.between;
        let taken = std::mem::take(&mut self.taken);
        if taken == 0 {
            return;
        }
        // Those that were given up as not taken are not counted any more.
        let less = |waiting: usize| Some(waiting.saturating_sub(taken));
        let before = waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        let left = before.unwrap_or_default().saturating_sub(taken);
        // The reader that stopped because of this queue is to look again.
        if left < ROOM_AGAIN && is_full.load(Ordering::SeqCst) {
            wake(&self.between);
        }
    }

    /// With which status the program ends, when it does.
    pub(crate) fn end_with(&self, status: i32) {
        self.between.status.store(status, Ordering::Release);
    }
}

impl Drop for GuestEnd {
    fn drop(&mut self) {
        self.note_taken();
        let _ = self.between.ended.write(1);
    }
}

impl Knock {
    /// Has the thread look what others have for it. False if it has ended.
    pub(crate) fn knock(&self) -> bool {
        self.to_thread.send(Item::Knock).is_ok()
    }

    /// Says a word to the agent, as the thread does. False if the agent is gone.
    pub(crate) fn say(&self, word: FromProgram) -> bool {
        say(&self.to_agent, &self.between, word)
    }
}

fn say(to: &SyncSender<FromProgram>, between: &Between, word: FromProgram) -> bool {
    let said = to.send(word).is_ok();
    wake(between);
    said
}

fn wake(between: &Between) {
    // It can only fail when it is full of wake-ups.
    let _ = between.wake.write(1);
}

fn raw(fd: &EventFd) -> RawFd {
    fd.as_fd().as_raw_fd()
}
