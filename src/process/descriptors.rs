//! How many descriptors a process may have open. Each connection is one, so that processes that serve many
//! use all that the system allows; programs that they start get the former limit, because there are programs
//! that walk through all possible descriptors.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The soft limit before it was raised.
static BEFORE: OnceLock<Option<u64>> = OnceLock::new();

/// Raises this process's limit as far as it may be raised. Where that fails, less has to do. `before`
/// is the limit that the processes which started it had before they raised their own.
pub fn raise_descriptors(before: Option<u64>) {
    BEFORE.get_or_init(|| {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            ..limit
        };
        let _ = setrlimit(Resource::Nofile, raised);
        before.or(limit.current)
    });
}

/// How many this process might have open before it raised that; None if it has not.
pub fn descriptors_before() -> Option<u64> {
    BEFORE.get().copied().flatten()
}

/// What `command` starts may have as many open as this process had before it raised that.
pub fn limit_descriptors(command: &mut Command) {
    let Some(limit) = descriptors_before() else {
        return;
    };
    // SAFETY: between fork and exec only system calls are made.
    unsafe { command.pre_exec(move || lower_to(limit)) };
}

fn lower_to(limit: u64) -> io::Result<()> {
    let lowered = Rlimit {
        current: Some(limit),
        ..getrlimit(Resource::Nofile)
    };
    Ok(setrlimit(Resource::Nofile, lowered)?)
}
