//! Waiting for the ends of processes, children of any process, by their pidfds.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::ProcessId;

/// Blocks until all of `processes` have ended or `timeout` is over. Tells whether all have ended.
pub fn wait_for_end(processes: &[ProcessId], timeout: Duration) -> bool {
    let alive = processes.iter().filter_map(ProcessId::open).collect();
    poll_until_ended(alive, timeout)
}

fn poll_until_ended(mut alive: Vec<OwnedFd>, timeout: Duration) -> bool {
    let deadline = Instant::now() + timeout;
    while !alive.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds: Vec<PollFd> = alive
            .iter()
            .map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, left) {
            Ok(0) => return false,
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return false,
        }
        let ended: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        let mut ended = ended.into_iter();
        alive.retain(|_| !ended.next().unwrap_or(true));
    }
    true
}

/// Blocks until the process that has `pid` now has ended with all its threads, or `timeout` is over. One that was not waited
/// for may have threads that live; no process has it as its parent once it has ended so. Tells whether it has.
pub(super) fn until_ended(pid: u32, timeout: Duration) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pidfd = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    pidfd.is_none_or(|pidfd| poll_until_ended(vec![pidfd], timeout))
}

/// What ends when the process behind `pidfd` does.
pub fn end_of(pidfd: OwnedFd) -> io::Result<impl Future<Output = ()> + use<>> {
    // SAFETY: the descriptor is owned by the AsyncFd, which neither replaces nor closes it.
    let pidfd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?;
    Ok(async move {
        let _ = pidfd.readable().await;
    })
}
