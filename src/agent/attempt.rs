//! One attempt to see whether a program is ready: a connection to its port, or a run of its probe.
//! Neither blocks: the loop watches a descriptor.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, connect, getsockname, socket_with, sockopt,
};

use super::program::{Exit, Process, Streams};
use crate::model::Command;

/// What is under way.
pub(crate) enum Attempt {
    Port { socket: OwnedFd, at: SocketAddr },
    Probe(Process),
}

impl Attempt {
    /// Begins to connect.
    pub(crate) fn at_port(at: SocketAddr) -> Result<Self, String> {
        let family = match at {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, None);
        let socket = socket.map_err(|error| error.to_string())?;
        match connect(&socket, &at) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Attempt::Port { socket, at }),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Begins to run the probe.
    pub(crate) fn by_probe(command: &Command, env: &[(&str, &str)]) -> Result<Self, String> {
        Process::start(command, env, Streams::Silent).map(Attempt::Probe)
    }

    /// What to watch: to be written to for a port, to be read for a probe.
    pub(crate) fn fd(&self) -> (RawFd, zmq::PollEvents) {
        match self {
            Attempt::Port { socket, .. } => (socket.as_raw_fd(), zmq::POLLOUT),
            Attempt::Probe(process) => (process.exit_fd(), zmq::POLLIN),
        }
    }

    /// Whether it is this probe that has ended with this pid.
    pub(crate) fn note_end(&mut self, pid: u32) -> bool {
        match self {
            Attempt::Port { .. } => false,
            Attempt::Probe(process) => process.note_end(pid),
        }
    }

    /// Its outcome, once there is one.
    pub(crate) fn outcome(&mut self) -> Option<Result<(), String>> {
        match self {
            Attempt::Port { socket, at } => connected(socket, *at),
            Attempt::Probe(process) => process.exit().map(|status| {
                let exit = Exit::of_process(status);
                match exit.success() {
                    true => Ok(()),
                    false => Err(exit.to_string()),
                }
            }),
        }
    }
}

/// Ends a probe for which no caller waits any more.
impl Drop for Attempt {
    fn drop(&mut self) {
        if let Attempt::Probe(process) = self {
            process.end();
        }
    }
}

/// None while that is not known.
fn connected(socket: &OwnedFd, at: SocketAddr) -> Option<Result<(), String>> {
    if let Err(error) = sockopt::socket_error(socket).unwrap_or_else(Err) {
        return Some(Err(error.to_string()));
    }
    rustix::net::getpeername(socket).ok()?;
    // A port at which no process listens may be the one that this very socket was given.
    let own = getsockname(socket)
        .ok()
        .and_then(|own| SocketAddr::try_from(own).ok());
    Some(match own == Some(at) {
        true => Err("nobody listens there".to_owned()),
        false => Ok(()),
    })
}
