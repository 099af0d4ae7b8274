//! Signals as events of the loop: SIGTERM and SIGINT ask for an orderly end.

use std::os::fd::{AsRawFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Where the signals arrive. They are blocked everywhere else, so this must be made before any
/// thread is.
pub struct Signals(SignalFd);

impl Signals {
    pub fn take() -> Result<Self, Errno> {
        let wanted = Self::wanted();
        wanted.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(&wanted, flags).map(Self)
    }

    /// What is blocked here, and must not be in a program that is started from here.
    pub fn wanted() -> SigSet {
        let mut wanted = SigSet::empty();
        wanted.add(Signal::SIGTERM);
        wanted.add(Signal::SIGINT);
        wanted
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// How many have come.
    pub fn count(&self) -> usize {
        std::iter::from_fn(|| self.0.read_signal().ok().flatten()).count()
    }
}
