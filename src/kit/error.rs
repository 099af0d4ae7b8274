//! What can go wrong for an agent's code.

use std::time::Duration;

use crate::agent::AgentError;
use crate::model::{JsonError, Millis, NameError, TopicError};

/// What handlers and methods may come back with: anything that is an error. Its text answers the
/// caller.
pub type Error = anyhow::Error;

/// What handlers and methods come back with.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call on a [`Context`](super::Context) failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{text:?} is not a name: {error}")]
    Name { text: String, error: NameError },
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The agent's own words: there is no such socket, nobody answered, and so on.
    #[error("{0}")]
    Refused(String),
    #[error("the agent is ending")]
    Ending,
    #[error("cannot be written as a message: {0}")]
    Encode(JsonError),
    #[error("{what} is not what was expected: {error}")]
    Decode {
        what: String,
        error: serde_json::Error,
    },
    #[error("there is nobody to answer: {0}")]
    NotAsked(&'static str),
}

/// Why an agent could not be run, or how it ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(
        "the agent has no name: give it one by Agent::named, or by the environment variable OSB_AGENT"
    )]
    NoName,
    #[error("{text:?} is not a name for an agent: {error}")]
    BadName { text: String, error: NameError },
    #[error(
        "no name server: set OSB_NAMESERVER to its address, such as 127.0.0.1:7400, or say it by Agent::nameserver"
    )]
    NoNameServer,
    #[error(transparent)]
    NameServer(#[from] crate::proxy::ProxyError),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error("cannot begin: {0}")]
    System(#[from] std::io::Error),
    /// It ran, and ended with that exit status; its log says why.
    #[error("the agent ended with exit status {0}")]
    Ended(u8),
}

impl From<nix::errno::Errno> for RunError {
    fn from(error: nix::errno::Errno) -> Self {
        RunError::System(error.into())
    }
}

/// For the text of errors.
pub(super) fn limit(duration: Duration) -> Millis {
    duration.into()
}
