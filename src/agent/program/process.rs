//! The process of a program: started with two pipes, watched by a descriptor, and signalled.
//!
//! It stays in the agent's process group, so that ending the group ends it too. A probe has a group of its own: it is ended
//! with all that it has started.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::agent::signals::Signals;
use crate::model;
use crate::process::{RUN, limit_descriptors, not_started};

/// By this variable Python writes each line at once, also into a pipe. A program that does not flush is
/// the commonest reason why nothing of it arrives.
const UNBUFFERED: &str = "PYTHONUNBUFFERED";

/// A running program.
pub(crate) struct Process {
    child: Child,
    pidfd: OwnedFd,
    /// It was waited for: its pid may be another's by now.
    waited: bool,
    /// It has a process group of its own.
    leads: bool,
    input: Option<ChildStdin>,
    /// How many bytes it had not read when its input was closed.
    unread: usize,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
}

/// What becomes of the standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    /// All three are read and written here.
    Words,
    /// The same, but standard error is the agent's own.
    WordsWithoutErrors,
    /// It reads nothing; what it prints is read here.
    Printed,
    /// It reads nothing, and what it prints is dropped.
    Silent,
}

impl Streams {
    /// Standard input, output and error.
    fn each(self) -> [Stdio; 3] {
        let (piped, null) = (Stdio::piped, Stdio::null);
        match self {
            Streams::Words => [piped(), piped(), piped()],
            Streams::WordsWithoutErrors => [piped(), piped(), Stdio::inherit()],
            Streams::Printed => [null(), piped(), piped()],
            Streams::Silent => [null(), null(), null()],
        }
    }
}

/// The outcome of a read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The other end is closed.
    End,
}

impl Process {
    /// Starts the program, or tells in words why not.
    pub(crate) fn start(
        program: &model::Command,
        env: &[(&str, &str)],
        streams: Streams,
    ) -> Result<Self, String> {
        let [name, arguments @ ..] = program.argv.as_slice() else {
            return Err("cannot start a command without words".into());
        };
        let [input, output, errors] = streams.each();
        let mut command = Command::new(name);
        if std::env::var_os(UNBUFFERED).is_none() {
            command.env(UNBUFFERED, "1");
        }
        command
            .args(arguments)
            .envs(env.iter().copied())
            .envs(&program.env)
            // The mark is not the program's to choose.
            .envs(env.iter().copied().filter(|(name, _)| *name == RUN))
            .current_dir(&program.cwd)
            .stdin(input)
            .stdout(output)
            .stderr(errors);
        // SAFETY: between fork and exec only a system call is made.
        unsafe { command.pre_exec(|| Ok(Signals::blocked().thread_unblock()?)) };
        limit_descriptors(&mut command);
        let leads = streams == Streams::Silent;
        if leads {
            command.process_group(0);
        }
        let started = command.spawn().and_then(|child| Self::watch(child, leads));
        started.map_err(|error| not_started(name, &program.cwd, &error))
    }

    fn watch(mut child: Child, leads: bool) -> io::Result<Self> {
        let pidfd = pidfd(child.id()).inspect_err(|_| {
            // The agent would never know when it ends.
            let _ = child.kill();
            let _ = child.wait();
        })?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let errors = child.stderr.take();
        for fd in [
            input.as_ref().map(AsFd::as_fd),
            output.as_ref().map(AsFd::as_fd),
            errors.as_ref().map(AsFd::as_fd),
        ] {
            fd.map_or(Ok(0), |fd| fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)))?;
        }
        Ok(Self {
            child,
            pidfd,
            waited: false,
            leads,
            input,
            unread: 0,
            output,
            errors,
        })
    }

    /// Readable when the process has ended.
    pub(crate) fn exit_fd(&self) -> RawFd {
        self.pidfd.as_raw_fd()
    }

    pub(crate) fn input_fd(&self) -> Option<RawFd> {
        self.input.as_ref().map(AsRawFd::as_raw_fd)
    }

    pub(crate) fn output_fd(&self) -> Option<RawFd> {
        self.output.as_ref().map(AsRawFd::as_raw_fd)
    }

    pub(crate) fn errors_fd(&self) -> Option<RawFd> {
        self.errors.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// How it has ended, if it has.
    pub(crate) fn exit(&mut self) -> Option<ExitStatus> {
        let exit = self.child.try_wait().ok().flatten();
        self.waited |= exit.is_some();
        exit
    }

    /// Whether it is this process that has ended with this pid. It is waited for then.
    pub(crate) fn note_end(&mut self, pid: u32) -> bool {
        !self.waited && self.child.id() == pid && self.exit().is_some()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn read(&mut self, into: &mut [u8]) -> Got {
        read(&mut self.output, into)
    }

    pub(crate) fn read_errors(&mut self, into: &mut [u8]) -> Got {
        read(&mut self.errors, into)
    }

    /// How many bytes were written; None if the program does not read any more, ever.
    pub(crate) fn write(&mut self, pieces: &[IoSlice<'_>]) -> Option<usize> {
        let input = self.input.as_mut()?;
        loop {
            match input.write_vectored(pieces) {
                Ok(count) => return Some(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(0),
                Err(_) => break,
            }
        }
        self.close_input();
        None
    }

    /// How many bytes that were written it has not read.
    pub(crate) fn unread(&self) -> usize {
        self.input.as_ref().map_or(self.unread, in_pipe)
    }

    pub(crate) fn close_input(&mut self) {
        self.unread = self.unread();
        self.input = None;
    }

    /// Kills the process, with its group if it has one of its own, if it has not ended; and waits for it.
    pub(crate) fn end(&mut self) {
        if self.exit().is_some() {
            return;
        }
        if self.leads
            && let Ok(pid) = i32::try_from(self.child.id())
        {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Signals the process, unless it was waited for: till then the number is its own.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.waited
            && let Ok(pid) = i32::try_from(self.child.id())
        {
            // It may have ended a moment ago.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

fn read(from: &mut Option<impl Read>, into: &mut [u8]) -> Got {
    let Some(pipe) = from else {
        return Got::End;
    };
    loop {
        match pipe.read(into) {
            Ok(0) => break,
            Ok(count) => return Got::Bytes(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Got::Nothing,
            Err(_) => break,
        }
    }
    *from = None;
    Got::End
}

/// How many bytes are in the pipe. They are there as long as one of its ends is open.
fn in_pipe(input: &ChildStdin) -> usize {
    let mut count: nix::libc::c_int = 0;
    // SAFETY: the call writes a number there; the descriptor is open.
    let done = unsafe { nix::libc::ioctl(input.as_raw_fd(), nix::libc::FIONREAD, &mut count) };
    match done {
        0 => usize::try_from(count).unwrap_or_default(),
        _ => 0,
    }
}

fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes a number and flags; the child is ours and not yet waited for.
    let fd = unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, pid, 0) };
    match RawFd::try_from(fd) {
        // SAFETY: the descriptor is new, and nothing else owns it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
