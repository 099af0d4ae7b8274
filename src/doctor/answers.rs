//! The outcome of asking.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::model::{HostInfo, HostName, NameServerName};
use crate::ssh::SshError;
use crate::wire::{Dialled, Examined};

/// What is known of a machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Examined {
        examined: Examined,
        /// What there was instead of this version of osb; empty: nothing.
        instead_of: Option<String>,
        /// What its listeners say.
        token: String,
    },
    NotReached(SshError),
    /// Others start its daemon.
    Others(Others),
}

/// What is known of a daemon that others start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Others {
    There {
        info: HostInfo,
        /// What it has seen on its machine, or why it did not look.
        examined: Result<Examined, String>,
        /// What its listeners say.
        token: String,
    },
    /// It is not registered there.
    Absent(SocketAddr),
    /// The name server is one that `up` will start.
    NotYet(NameServerName),
    /// The name server did not tell.
    Unknown(String),
}

pub(crate) type Answers = HashMap<HostName, Answer>;

/// The outcome of a way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Dialled(SocketAddr, Dialled),
    NotTried(String),
}

impl Answer {
    /// What was seen there, and what its listeners say.
    pub(crate) fn seen(&self) -> Option<(&Examined, &str)> {
        match self {
            Answer::Examined {
                examined, token, ..
            } => Some((examined, token)),
            Answer::Others(Others::There {
                examined, token, ..
            }) => Some((examined.as_ref().ok()?, token)),
            _ => None,
        }
    }

    pub(crate) fn examined(examined: Examined, instead_of: Option<&str>, token: String) -> Self {
        Answer::Examined {
            examined,
            instead_of: instead_of.map(str::to_owned),
            token,
        }
    }
}
