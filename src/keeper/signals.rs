//! The signals that a keeper hears: to end, that the daemon hangs, and that children have ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::core::Told;
use super::fork::heed;
use crate::process::is_ignored;

/// By these a keeper is told to end.
const TO_END: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT];
/// By this systemd says that a service has not given a sign of life (`WatchdogSec=`, systemd.service(5)).
const HANGS: Signal = Signal::SIGABRT;

/// What tells a process to end waits until there is a keeper that hears it.
pub(super) fn hold_back() {
    let _ = SigSet::from_iter(TO_END).thread_block();
}

/// What was heard.
pub(super) enum Heard {
    Told(Told),
    Hangs,
    Children,
}

/// The signals, as something that can be waited for.
pub(super) struct Signals {
    fd: SignalFd,
    /// Which signals were blocked before.
    before: SigSet,
}

impl Signals {
    /// From now on they are heard here. What a terminal sends when it goes stays ignored if it is.
    pub(super) fn block() -> io::Result<Self> {
        let mut before = SigSet::thread_get_mask()?;
        // A daemon that takes the place of its keeper has blocked them for this moment.
        TO_END.into_iter().for_each(|signal| before.remove(signal));
        for signal in TO_END {
            heed(signal as libc::c_int);
        }
        let mut signals = SigSet::from_iter(TO_END);
        signals.extend([HANGS, Signal::SIGCHLD]);
        if !is_ignored(libc::SIGHUP) {
            signals.add(Signal::SIGHUP);
        }
        signals.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&signals, flags)?;
        Ok(Self { fd, before })
    }

    /// Which signals were blocked before: for the daemon.
    pub(super) fn before(&self) -> SigSet {
        self.before
    }

    /// One that has come, if any has.
    pub(super) fn next(&self) -> io::Result<Option<Heard>> {
        let Some(info) = self.fd.read_signal()? else {
            return Ok(None);
        };
        let signal = i32::try_from(info.ssi_signo).unwrap_or(libc::SIGTERM);
        Ok(Some(match signal {
            libc::SIGCHLD => Heard::Children,
            libc::SIGABRT => Heard::Hangs,
            signal => Heard::Told(Told {
                signal,
                // The kernel has sent it, in the name of no process, to all that the terminal has in front. A terminal that goes
                // tells its first process only.
                by_terminal: info.ssi_code == libc::SI_KERNEL && signal != libc::SIGHUP,
            }),
        }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
