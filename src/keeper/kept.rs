//! The daemon's side: it says that it stands, hears of agents' ends that the keeper has seen, and takes the keeper's place
//! if that dies.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::SigSet;
use tokio::io::AsyncReadExt;

use super::{ENDED, STANDS, signals};
use crate::process::ProcessId;
use crate::state::SystemDir;

/// What a daemon knows of its keeper.
#[derive(Debug)]
pub(crate) struct Kept {
    keeper: ProcessId,
    dir: SystemDir,
    line: UnixStream,
    /// What one life of the daemon leaves to the next.
    legacy: File,
    lives: u32,
    /// It is kept from now on.
    stands: Arc<AtomicBool>,
    /// Which signals are blocked once it heeds them.
    mask: Box<SigSet>,
}

/// What a keeper says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeptWord {
    /// Agents have ended that a daemon before this one had started, and that is written down.
    AgentsEnded,
    /// Nothing any more: it is dead.
    Gone,
}

impl Kept {
    pub(super) fn new(
        (keeper, dir): (ProcessId, SystemDir),
        line: UnixStream,
        legacy: File,
        (lives, stands): (u32, bool),
        mask: SigSet,
    ) -> Self {
        Self {
            keeper,
            dir,
            line,
            legacy,
            lives,
            stands: Arc::new(AtomicBool::new(stands)),
            mask: Box::new(mask),
        }
    }

    /// Signals by which the daemon is told to end arrive from now on. A life that comes after another has agents to end, so
    /// that none is to arrive before the daemon takes care of them.
    pub(crate) fn heed_signals(&self) -> io::Result<()> {
        Ok(self.mask.thread_set_mask()?)
    }

    /// Leaves a word to the next life of the daemon, in place of what was left before.
    pub(crate) fn leave(&self, word: &str) -> io::Result<()> {
        self.legacy.set_len(0)?;
        self.legacy.write_all_at(word.as_bytes(), 0)
    }

    /// What a life before this one has left, if it has.
    pub(crate) fn left(&self) -> io::Result<Option<String>> {
        let length = self.legacy.metadata()?.len();
        let mut word = vec![0; usize::try_from(length).unwrap_or(0)];
        self.legacy.read_exact_at(&mut word, 0)?;
        let word = String::from_utf8(word).map_err(io::Error::other)?;
        Ok(Some(word).filter(|it| !it.is_empty()))
    }

    /// The process that stands for the daemon, whichever life of that it is.
    pub(crate) fn keeper(&self) -> &ProcessId {
        &self.keeper
    }

    /// Whether it has said that it stands, or is about to. Until then it ends when its keeper does.
    pub(crate) fn has_stood(&self) -> bool {
        self.stands.load(Ordering::Relaxed) || self.dir.is_up_with(&self.keeper)
    }

    /// A daemon before this one was killed.
    pub(crate) fn is_again(&self) -> bool {
        self.lives > 0
    }

    /// What tells the keeper that the daemon stands: from then on it is started again when it is killed. It can be called from any thread.
    pub(crate) fn stands(&self) -> io::Result<impl FnOnce() + Send + 'static> {
        let mut line = self.line.try_clone()?;
        let stands = self.stands.clone();
        Ok(move || {
            stands.store(true, Ordering::Relaxed);
            // A keeper that is dead is noticed by its silence.
            let _ = line.write_all(&[STANDS]);
        })
    }

    /// Listens to the keeper, within a runtime.
    pub(crate) fn listen(&self) -> io::Result<Listener> {
        let line = self.line.try_clone()?;
        line.set_nonblocking(true)?;
        Ok(Listener(tokio::net::UnixStream::from_std(line)?))
    }
}

/// For a daemon that waits in another way: it can be read when the keeper is dead.
impl AsFd for Kept {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

/// The line to the keeper, as tokio reads it.
pub(crate) struct Listener(tokio::net::UnixStream);

impl Listener {
    /// The next word. To be called no more after [`KeptWord::Gone`].
    pub(crate) async fn next(&mut self) -> KeptWord {
        let mut said = [0; 64];
        loop {
            match self.0.read(&mut said).await {
                Ok(0) | Err(_) => return KeptWord::Gone,
                Ok(length) if said[..length].contains(&ENDED) => return KeptWord::AgentsEnded,
                Ok(_) => {}
            }
        }
    }
}

/// Begins this program anew in the place of the keeper that is dead: this process is the parent of the agents that it
/// has started, and stays so. `words` are those that the next life is given. Returns only if that cannot be done.
pub(crate) fn succeed_keeper(words: impl IntoIterator<Item = OsString>) -> io::Error {
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    signals::hold_back();
    command.args(words).exec()
}
