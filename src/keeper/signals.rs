//! The signals that a keeper hears: to end, that the daemon hangs, and that children have ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::core::Told;
use super::fork::heed;

/// By these a keeper is told to end.
const TO_END: [Signal; 4] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
];
/// By this systemd says that a service has not given a sign of life (`WatchdogSec=`, systemd.service(5)).
const HANGS: Signal = Signal::SIGABRT;

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
        let before = SigSet::thread_get_mask()?;
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
            heed(signal as libc::c_int);
        }
        let all = TO_END.into_iter().chain([HANGS, Signal::SIGCHLD]);
        let signals = SigSet::from_iter(all);
        signals.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&signals, flags)?;
        Ok(Self { fd, before })
    }

    /// As it was before: for the daemon.
    pub(super) fn unblock(&self) -> io::Result<()> {
        Ok(self.before.thread_set_mask()?)
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
                // The kernel has sent it, in the name of no process.
                by_terminal: info.ssi_code == libc::SI_KERNEL,
            }),
        }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
