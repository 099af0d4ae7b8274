//! One attempt to see whether a program is ready, or healthy: a connection to its port, a question by HTTP, or a run of
//! a probe. None blocks: the loop watches a descriptor.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::dial::{connected, dial};
use super::http::HttpQuestion;
use super::program::{Exit, Process, Streams};
use crate::model::{Command, HttpUrl};

/// What is under way.
pub(crate) enum Attempt {
    Port { socket: OwnedFd, at: SocketAddr },
    Http(HttpQuestion),
    Probe(Process),
}

impl Attempt {
    /// Begins to connect.
    pub(crate) fn at_port(at: SocketAddr) -> Result<Self, String> {
        dial(at).map(|socket| Attempt::Port { socket, at })
    }

    /// Begins to ask.
    pub(crate) fn by_http(url: &HttpUrl) -> Result<Self, String> {
        HttpQuestion::begin(url).map(Attempt::Http)
    }

    /// Begins to run the probe.
    pub(crate) fn by_probe(command: &Command, env: &[(&str, &str)]) -> Result<Self, String> {
        Process::start(command, env, Streams::Silent).map(Attempt::Probe)
    }

    /// What to watch: to be written to for a port, to be read for a probe.
    pub(crate) fn fd(&self) -> (RawFd, zmq::PollEvents) {
        match self {
            Attempt::Port { socket, .. } => (socket.as_raw_fd(), zmq::POLLOUT),
            Attempt::Http(question) => question.fd(),
            Attempt::Probe(process) => (process.exit_fd(), zmq::POLLIN),
        }
    }

    /// Whether it is this probe that has ended with this pid.
    pub(crate) fn note_end(&mut self, pid: u32) -> bool {
        match self {
            Attempt::Port { .. } | Attempt::Http(_) => false,
            Attempt::Probe(process) => process.note_end(pid),
        }
    }

    /// Its outcome, once there is one.
    pub(crate) fn outcome(&mut self) -> Option<Result<(), String>> {
        match self {
            Attempt::Port { socket, at } => connected(socket, *at),
            Attempt::Http(question) => question.outcome(),
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
