//! Being asked to end from outside the control line, as an event of the loop: SIGTERM and SIGINT, or
//! for an agent that shares its process with others a word of its owner.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Where the request arrives.
pub enum Signals {
    /// Blocked everywhere else, so this must be made before any thread is.
    Process(SignalFd),
    Owner(Arc<EventFd>),
}

impl Signals {
    pub fn take() -> Result<Self, Errno> {
        let wanted = Self::wanted();
        wanted.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(&wanted, flags).map(Self::Process)
    }

    /// A descriptor that the owner writes to, and what hears it.
    pub fn owned() -> Result<(Arc<EventFd>, Self), Errno> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let owner = Arc::new(EventFd::from_flags(flags)?);
        Ok((Arc::clone(&owner), Self::Owner(owner)))
    }

    /// What is blocked here, and must not be in a program that is started from here.
    pub fn wanted() -> SigSet {
        let mut wanted = SigSet::empty();
        wanted.add(Signal::SIGTERM);
        wanted.add(Signal::SIGINT);
        wanted
    }

    pub fn fd(&self) -> RawFd {
        match self {
            Signals::Process(signals) => signals.as_raw_fd(),
            Signals::Owner(owner) => owner.as_fd().as_raw_fd(),
        }
    }

    /// How many have come.
    pub fn count(&self) -> usize {
        match self {
            Signals::Process(signals) => {
                std::iter::from_fn(|| signals.read_signal().ok().flatten()).count()
            }
            Signals::Owner(owner) => owner
                .read()
                .map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX)),
        }
    }
}
