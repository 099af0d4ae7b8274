//! Being asked to end from outside the control line, as an event of the loop: SIGTERM and SIGINT, or
//! for an agent that shares its process with others a word of its owner.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::libc::SIGCHLD;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Where the request arrives.
pub(crate) enum Signals {
    /// Blocked everywhere else, so this must be made before any thread is.
    Process(SignalFd),
    Owner(Arc<EventFd>),
}

impl Signals {
    pub(crate) fn take() -> Result<Self, Errno> {
        Self::take_these(&Self::wanted())
    }

    /// The same, and children of this process that have ended are noticed. For a process that osb owns.
    pub(crate) fn take_with_children() -> Result<Self, Errno> {
        // One that ignores them, as its caller did, would never learn how they ended.
        // SAFETY: no handler is set.
        unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
        let mut wanted = Self::wanted();
        wanted.add(Signal::SIGCHLD);
        Self::take_these(&wanted)
    }

    fn take_these(wanted: &SigSet) -> Result<Self, Errno> {
        wanted.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(wanted, flags).map(Self::Process)
    }

    /// A descriptor that the owner writes to, and what hears it.
    pub(crate) fn owned() -> Result<(Arc<EventFd>, Self), Errno> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let owner = Arc::new(EventFd::from_flags(flags)?);
        Ok((Arc::clone(&owner), Self::Owner(owner)))
    }

    /// What may be blocked here, and must not be in a program that is started from here.
    pub(crate) fn blocked() -> SigSet {
        let mut blocked = Self::wanted();
        blocked.add(Signal::SIGCHLD);
        blocked
    }

    fn wanted() -> SigSet {
        let mut wanted = SigSet::empty();
        wanted.add(Signal::SIGTERM);
        wanted.add(Signal::SIGINT);
        wanted
    }

    pub(crate) fn fd(&self) -> RawFd {
        match self {
            Signals::Process(signals) => signals.as_raw_fd(),
            Signals::Owner(owner) => owner.as_fd().as_raw_fd(),
        }
    }

    /// Takes in what has come.
    pub(crate) fn take_in(&self) -> Arrived {
        match self {
            Signals::Process(signals) => {
                let mut arrived = Arrived::default();
                while let Ok(Some(signal)) = signals.read_signal() {
                    match i32::try_from(signal.ssi_signo) {
                        Ok(SIGCHLD) => arrived.children = true,
                        _ => arrived.requests += 1,
                    }
                }
                arrived
            }
            Signals::Owner(owner) => Arrived {
                requests: owner
                    .read()
                    .map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX)),
                children: false,
            },
        }
    }
}

/// What has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arrived {
    /// How many times the agent was asked to end.
    pub requests: usize,
    /// Children have ended.
    pub children: bool,
}
