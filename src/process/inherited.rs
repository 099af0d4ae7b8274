//! What a process of osb inherits from the one that started it, and does not pass on: the caller's open descriptors. A
//! lock that they hold would stay taken as long as a system is up, and a reader of a pipe would wait as long for its end.

use std::fs;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;

/// Standard input, output and error are passed on, or not, by each command that is started.
const FIRST: RawFd = 3;

/// From now on nothing that this process starts gets any descriptor but its standard streams and what is handed to it
/// on purpose. To be called before this process opens anything: what osb opens itself is marked as it is opened.
pub fn keep_descriptors() {
    if !mark_all() {
        // The kernel is older than the call.
        mark_each();
    }
}

fn mark_all() -> bool {
    let range = (FIRST as libc::c_uint, libc::c_uint::MAX);
    // SAFETY: the call takes numbers; it marks descriptors and closes none.
    let marked = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            range.0,
            range.1,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    marked == 0
}

fn mark_each() {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten();
    let numbers = entries
        .flatten()
        .filter_map(|it| it.file_name().to_str()?.parse().ok());
    for number in numbers.filter(|number: &RawFd| *number >= FIRST) {
        let _ = set_flag(number, FdFlag::FD_CLOEXEC);
    }
}

/// What `command` starts gets the descriptor `number`, which is to be open until then, and nothing else does.
pub fn hand_descriptor(command: &mut Command, number: RawFd) {
    // SAFETY: between fork and exec only a system call is made.
    unsafe { command.pre_exec(move || Ok(set_flag(number, FdFlag::empty())?)) };
}

fn set_flag(number: RawFd, flag: FdFlag) -> nix::Result<()> {
    // SAFETY: only a flag is set; a number that is not open is an error of the call.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_SETFD(flag)).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::process::Stdio;

    use super::*;

    fn has(command: &mut Command, number: RawFd) -> bool {
        command.args(["-c", &format!("test -e /proc/self/fd/{number}")]);
        let status = command.stdin(Stdio::null()).status().unwrap();
        status.success()
    }

    #[test]
    fn only_what_is_handed_over_is_passed_on() {
        for mark in [mark_each as fn(), || {
            assert!(mark_all() || cfg!(not(target_os = "linux")))
        }] {
            let file = File::open("/dev/null").unwrap();
            let number = file.as_raw_fd();
            set_flag(number, FdFlag::empty()).unwrap();
            assert!(has(&mut Command::new("sh"), number));
            mark();
            assert!(!has(&mut Command::new("sh"), number));
            let mut command = Command::new("sh");
            hand_descriptor(&mut command, number);
            assert!(has(&mut command, number));
        }
    }
}
