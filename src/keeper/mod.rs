//! The keeper of a daemon: the process that has started it, adopts what it leaves behind, writes down how agents end
//! while there is no daemon, and starts it again when it is killed.
//!
//! A daemon and its keeper are one process until the keeper forks: the daemon is this program, as far as it has come. It
//! decides nothing of agents, opens no connection, and takes up next to no memory of its own. Its pid stands for the daemon's,
//! which may have another in each of its lives.

mod core;
#[allow(unsafe_code, reason = "a process forks while it has one thread")]
mod fork;
mod kept;
mod signals;
mod witness;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::process::{ProcessId, adopt_orphans};
use crate::state::SystemDir;
use core::{Effect, Event, Keeper};
use fork::{Forked, fork};
use signals::{Heard, Signals};
use witness::Witness;

pub(crate) use core::Ending;
pub(crate) use kept::{Kept, KeptWord, Listener, succeed_keeper};

/// What the daemon says when it stands by itself.
const STANDS: u8 = b's';
/// What the keeper says when an agent has ended, and that is written down.
const ENDED: u8 = b'e';

/// How a daemon has ended that could not be begun.
const NOT_BEGUN: Ending = Ending::Signal(nix::libc::SIGKILL);

/// What this process has become.
pub(crate) enum Role {
    /// The daemon, which is kept.
    Daemon(Kept),
    /// The keeper of one that has ended for good.
    Keeper(Ending),
}

/// Makes this process the keeper of a daemon, which begins with the return of this function in another process. `dir` is
/// the folder in which agents' ends are written down; `let_go` gives back what only the daemon is to hold. If `stands`, the
/// daemon is to live from the beginning on; else from when it says so.
///
/// To be called while there is one thread.
pub(crate) fn keep(dir: &SystemDir, stands: bool, let_go: impl FnOnce()) -> io::Result<Role> {
    let own = ProcessId::of_self()?;
    adopt_orphans()?;
    let signals = Signals::block()?;
    let legacy = File::from(memfd_create("osb", MemfdFlags::CLOEXEC)?);
    let mut line = match start((&own, dir), &signals, &legacy, (0, stands))? {
        Started::Daemon(kept) => return Ok(Role::Daemon(kept)),
        Started::Keeper(line) => line,
    };
    let_go();
    fork::call_itself_keeper();
    let began = Instant::now();
    let mut keeper = Keeper::begin(stands, began.elapsed());
    let mut witness = Witness::new(dir.clone());
    let mut lives = 0;
    loop {
        for event in await_events(&signals, &mut line, &keeper, began, &mut witness)? {
            if matches!(event, Event::Ended(_)) && dir.is_up_with(&own) {
                // It has not come to say so.
                keeper.on(Event::Stands, began.elapsed());
            }
            match keeper.on(event, began.elapsed()) {
                None => {}
                Some(Effect::Signal(signal)) => line.signal(signal),
                Some(Effect::Kill) => line.signal(nix::libc::SIGKILL),
                Some(Effect::End(ending)) => return Ok(Role::Keeper(ending)),
                Some(effect @ (Effect::Start | Effect::StartAndSignal(_))) => {
                    lives += 1;
                    match start((&own, dir), &signals, &legacy, (lives, true)) {
                        Ok(Started::Daemon(kept)) => return Ok(Role::Daemon(kept)),
                        Ok(Started::Keeper(started)) => {
                            line = started;
                            if let Effect::StartAndSignal(signal) = effect {
                                line.signal(signal);
                            }
                        }
                        // For want of descriptors or memory, say: that was a short life.
                        Err(_) => {
                            keeper.on(Event::Ended(NOT_BEGUN), began.elapsed());
                        }
                    }
                }
            }
        }
    }
}

enum Started {
    Daemon(Kept),
    Keeper(Line),
}

/// The keeper's end of the connection to the daemon.
struct Line {
    daemon: u32,
    stream: UnixStream,
    is_open: bool,
}

fn start(
    (own, dir): (&ProcessId, &SystemDir),
    signals: &Signals,
    legacy: &File,
    (lives, stands): (u32, bool),
) -> io::Result<Started> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok(match fork()? {
        Forked::Child => {
            drop(ours);
            fork::call_itself_daemon();
            let legacy = legacy.try_clone()?;
            let kept = Kept::new(
                (own.clone(), dir.clone()),
                theirs,
                legacy,
                (lives, stands),
                signals.before(),
            );
            if lives == 0 {
                kept.heed_signals()?;
            }
            Started::Daemon(kept)
        }
        Forked::Parent { child } => Started::Keeper(Line {
            daemon: child,
            stream: ours,
            is_open: true,
        }),
    })
}

impl Line {
    /// The daemon is this process's child, and was not waited for yet: its pid is its own.
    fn signal(&self, signal: i32) {
        fork::signal(self.daemon, signal);
    }

    /// That it does not listen, or has much to read already, is no loss: it looks what has ended, not how often it was told.
    fn tell_of_ends(&mut self) {
        let _ = self.stream.write(&[ENDED]);
    }

    /// Whether the daemon has said that it stands.
    fn has_said(&mut self) -> bool {
        let mut said = [0; 16];
        match self.stream.read(&mut said) {
            Ok(0) => self.is_open = false,
            Ok(length) => return said[..length].contains(&STANDS),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.is_open = false,
        }
        false
    }
}

/// Waits for the next, and gives all that have come by then. Ends of agents are written down here.
fn await_events(
    signals: &Signals,
    line: &mut Line,
    keeper: &Keeper,
    began: Instant,
    witness: &mut Witness,
) -> io::Result<Vec<Event>> {
    let left = keeper
        .next_deadline()
        .map(|due| due.saturating_sub(began.elapsed()));
    // Rounded up: it is not to wake before its time again and again.
    let timeout = match left {
        Some(left) => PollTimeout::try_from(left + std::time::Duration::from_millis(1))
            .unwrap_or(PollTimeout::MAX),
        None => PollTimeout::NONE,
    };
    let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    if line.is_open {
        fds.push(PollFd::new(line.stream.as_fd(), PollFlags::POLLIN));
    }
    match poll(&mut fds, timeout) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let mut events = Vec::new();
    if line.is_open && line.has_said() {
        events.push(Event::Stands);
    }
    while let Some(heard) = signals.next()? {
        match heard {
            Heard::Told(told) => events.push(Event::Told(told)),
            Heard::Hangs => events.push(Event::Hangs),
            // One stands for all that have ended by now.
            Heard::Children => {}
        }
    }
    let ends = witness.see(line.daemon);
    if ends.of_agents {
        line.tell_of_ends();
    }
    events.extend(ends.of_daemon.map(Event::Ended));
    events.push(Event::Time);
    Ok(events)
}
