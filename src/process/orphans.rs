//! Processes that outlive the one that started them: a process that has declared to adopt them gets them as its children,
//! and has to wait for their ends, or they stay as zombies.

use std::io;
use std::mem::MaybeUninit;

use nix::libc;

/// What a child is to the process that reaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kin {
    /// No other part of osb waits for it.
    Orphan,
    /// It was waited for just now.
    Waited,
    /// Another task is about to wait for it; those behind it have their turn after that.
    Awaited,
}

/// From now on what descends from this process, and has lost its parent, is a child of this process.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// Waits for children that have ended. `kin` tells, by its pid, what one is: the status of a child that another
/// task waits for is not taken.
pub fn reap_orphans(mut kin: impl FnMut(u32) -> Kin) {
    while let Some(Ended { pid, .. }) = ended_child() {
        match kin(pid) {
            Kin::Orphan => reap(pid),
            Kin::Waited => {}
            Kin::Awaited => return,
        }
    }
}

/// A child that has ended and was not waited for.
pub fn ended_child() -> Option<Ended> {
    let peek = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    wait(libc::P_ALL, 0, peek).ok()?
}

/// Waits for a child that has ended.
pub fn reap(child: u32) {
    let _ = wait(libc::P_PID, child, libc::WEXITED | libc::WNOHANG);
}

/// Whether this process has any child, dead or alive.
pub fn has_children() -> bool {
    let peek = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    wait(libc::P_ALL, 0, peek).is_ok()
}

/// A child that has ended, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub pid: u32,
    /// Its exit status, unless a signal has ended it.
    pub status: Option<i32>,
    /// The signal that has ended it, if one did.
    pub signal: Option<i32>,
}

/// None if none has ended; an error if there is none.
fn wait(which: libc::idtype_t, pid: u32, options: libc::c_int) -> io::Result<Option<Ended>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        // SAFETY: the kernel writes a siginfo_t there; all zero is one, too.
        let done = unsafe { libc::waitid(which, pid, info.as_mut_ptr(), options) };
        if done == 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: as above; waitid fills in what is read here, or leaves zeros.
    let (pid, status, code) = unsafe {
        let info = info.assume_init();
        (info.si_pid(), info.si_status(), info.si_code)
    };
    let ended = u32::try_from(pid).ok().filter(|pid| *pid != 0);
    let by_itself = code == libc::CLD_EXITED;
    Ok(ended.map(|pid| Ended {
        pid,
        status: by_itself.then_some(status),
        signal: (!by_itself).then_some(status),
    }))
}
