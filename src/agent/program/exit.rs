//! How a program has ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::model::{Cause, ExitReport};

/// The end of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Status(i32),
    Signal(i32),
}

impl Exit {
    /// What becomes of a program that is killed.
    pub(crate) const KILLED: Self = Exit::Signal(9);

    pub(crate) fn of_process(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Status(code),
            (None, signal) => Exit::Signal(signal.unwrap_or_default()),
        }
    }

    /// For others, with why.
    pub(crate) fn report(self, cause: Option<Cause>) -> ExitReport {
        let (status, signal) = match self {
            Exit::Status(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
        };
        ExitReport {
            status,
            signal,
            log: Vec::new(),
            cause,
        }
    }

    pub(crate) fn success(self) -> bool {
        self == Exit::Status(0)
    }

    /// The exit status for an agent whose program has ended so, as shells have it.
    pub(crate) fn status(self) -> i32 {
        match self {
            Exit::Status(code) => code,
            Exit::Signal(signal) => 128 + signal,
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Status(code) => write!(f, "exit status {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}
