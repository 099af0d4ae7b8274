//! The tether: a pipe between `up` and what it has launched. If `up` ends before it releases it, in
//! whatever way, the kernel closes the pipe and the other end takes back what was begun.

use std::io::{self, BufRead, Write};
use std::process::ChildStdin;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What `up` writes when everything stands.
const RELEASE: &str = "release";

/// The end that `up` holds: the standard input of what it launched.
pub struct Tether(ChildStdin);

impl Tether {
    pub fn new(stdin: ChildStdin) -> Self {
        Self(stdin)
    }

    /// Releases the other end: from now on that lives on its own.
    pub fn release(mut self) -> io::Result<()> {
        writeln!(self.0, "{RELEASE}")
    }
}

/// Holds the other end, which is this process's standard input. If it is cut, this process gets a
/// SIGTERM from itself, unless all `stands` already and `up` ended while it released it.
/// `released` runs when it is released.
pub fn hold_tether(
    stands: impl FnOnce() -> bool + Send + 'static,
    released: impl FnOnce() + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        if (read.is_ok() && line.trim_end() == RELEASE) || stands() {
            released();
        } else {
            // A signal to oneself cannot go to another.
            let _ = kill(Pid::this(), Signal::SIGTERM);
        }
    });
}
