//! The few calls by which a keeper and its daemon part.

use std::io;

use nix::libc;
use nix::sys::prctl;
use nix::unistd::{ForkResult, fork as fork_process};

/// Which of the two this is now.
pub(super) enum Forked {
    Child,
    Parent { child: u32 },
}

/// Forks. An error if this process has other threads: those would be missing in the child, with whatever they hold.
pub(super) fn fork() -> io::Result<Forked> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        let reason = format!("a process of {threads} threads cannot fork");
        return Err(io::Error::other(reason));
    }
    // SAFETY: there is one thread, so that the child has all of the process.
    match unsafe { fork_process() }? {
        ForkResult::Child => Ok(Forked::Child),
        ForkResult::Parent { child } => Ok(Forked::Parent {
            child: child.as_raw().unsigned_abs(),
        }),
    }
}

/// Sends a signal to a child that was not waited for.
pub(super) fn signal(child: u32, signal: i32) {
    if let Ok(pid) = libc::pid_t::try_from(child) {
        // SAFETY: the call takes numbers.
        unsafe { libc::kill(pid, signal) };
    }
}

/// SIGKILL to the group of a child that has ended and was not waited for.
pub(super) fn kill_group(child: u32) {
    if let Ok(group) = libc::pid_t::try_from(child) {
        // SAFETY: the call takes numbers.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

/// Signals that the keeper hands on are not to be ignored, as they are by what a shell starts in the background.
pub(super) fn heed(signal: i32) {
    // SAFETY: no handler is set, but the default.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// The names by which `ps` and `top` tell the keeper from the daemon.
pub(super) fn call_itself_keeper() {
    let _ = prctl::set_name(c"osb-keeper");
}

pub(super) fn call_itself_daemon() {
    let _ = prctl::set_name(c"osb");
}
