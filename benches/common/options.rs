//! How a bench is called: `--quick` for a try of some seconds, and `--role NAME …`, by which it
//! starts itself again as one of the bare programs that osb is held against.

use std::env;
use std::time::Duration;

/// What the user wants of a bench.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub quick: bool,
}

impl Options {
    /// Options that cargo adds (`--bench`) mean nothing here.
    pub(crate) fn from_env() -> Self {
        Self {
            quick: env::args().any(|argument| argument == "--quick"),
        }
    }

    /// How many pairs of rounds.
    pub(crate) fn rounds(self, full: usize) -> usize {
        if self.quick { 1 } else { full }
    }

    /// How long one round takes.
    pub(crate) fn round(self, full: Duration) -> Duration {
        if self.quick { full / 5 } else { full }
    }

    /// The whole list, or its beginning.
    pub(crate) fn some<T>(self, all: &[T], quick: usize) -> &[T] {
        if self.quick {
            &all[..quick.min(all.len())]
        } else {
            all
        }
    }
}

/// The role this process was started for, and its arguments. None: it is the bench.
pub(crate) fn role() -> Option<(String, Vec<String>)> {
    let mut arguments = env::args().skip(1);
    if arguments.next()? != "--role" {
        return None;
    }
    Some((arguments.next()?, arguments.collect()))
}
