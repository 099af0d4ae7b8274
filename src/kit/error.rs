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
    /// What was given as the name of a socket or an agent cannot be one.
    #[error("{text:?} is not a name: {error}")]
    Name {
        /// What was given.
        text: String,
        /// Why it is no name.
        error: NameError,
    },
    /// What was given as a topic cannot be one.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The agent's own words: there is no such socket, no peer answered, and so on.
    #[error("{0}")]
    Refused(String),
    /// The agent is ending and does no more.
    #[error("the agent is ending")]
    Ending,
    /// The value has no form in JSON.
    #[error("cannot be written as a message: {0}")]
    Encode(JsonError),
    /// What arrived does not fit the type that was asked for.
    #[error("{what} is not what was expected: {error}")]
    Decode {
        /// What arrived: an answer, an attribute.
        what: String,
        /// Why it does not fit.
        error: serde_json::Error,
    },
    /// The message that is handled asks for no answer.
    #[error("there is nobody to answer: {0}")]
    NotAsked(&'static str),
}

/// Why an agent could not be run, or how it ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Neither the code nor the environment names the agent.
    #[error(
        "the agent has no name: give it one by Agent::named, or by the environment variable OSB_AGENT"
    )]
    NoName,
    /// The agent's name cannot be one.
    #[error("{text:?} is not a name for an agent: {error}")]
    BadName {
        /// What was given.
        text: String,
        /// Why it is no name.
        error: NameError,
    },
    /// Neither the code nor the environment says where the name server is.
    #[error(
        "no name server: set OSB_NAMESERVER to its address, such as 127.0.0.1:7400, or say it by Agent::nameserver"
    )]
    NoNameServer,
    /// The name server cannot be reached, or refuses.
    #[error(transparent)]
    NameServer(#[from] crate::proxy::ProxyError),
    /// The agent's loop cannot begin.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The operating system refuses what the agent needs: a thread, a pipe.
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
