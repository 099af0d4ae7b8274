//! Processes that end when the bench does, however it does.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdout, Command, Stdio};

use nix::libc;

/// A process that is killed when this is dropped, or when the bench dies.
pub(crate) struct Child {
    process: std::process::Child,
    lines: BufReader<ChildStdout>,
}

impl Child {
    /// This very program, in one of its roles.
    pub(crate) fn role(role: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(env::current_exe().expect("a program has a path"));
        command.args(["--role", role]).args(arguments);
        Self::start(command)
    }

    /// `osb` with these arguments.
    pub(crate) fn osb<A: AsRef<OsStr>>(arguments: &[A]) -> Self {
        let mut command = Command::new(super::osb());
        command.args(arguments);
        Self::start(command)
    }

    #[allow(unsafe_code, reason = "what runs between fork and exec")]
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // SAFETY: prctl with this option may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let mut process = command.spawn().expect("a process of the bench starts");
        let stdout = process.stdout.take().expect("it was piped");
        let lines = BufReader::new(stdout);
        Self { process, lines }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("its output is text");
        assert!(!line.is_empty(), "a process of the bench ended early");
        line.trim_end().to_owned()
    }

    /// The number on the next line that it prints.
    pub(crate) fn number(&mut self) -> f64 {
        self.line().parse().expect("a number")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
