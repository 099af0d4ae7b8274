//! What can go wrong with a call through a proxy.

use std::time::Duration;

use crate::model::{AgentId, AgentName, ExitReport, Millis, NameError, State, TopicError};
use crate::state::StateError;
use crate::wire::Fault;

/// Why a call through a proxy failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProxyError {
    /// No name server listens there, or it does not answer.
    #[error("cannot reach the name server at {address}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// Why it is not reached.
        reason: String,
    },
    /// A name server listens there and refuses this member's key, or it has another key than expected.
    #[error("the name server at {address} does not admit this member: {reason}")]
    NotLetIn {
        /// Where it listens.
        address: String,
        /// Why this member is not admitted.
        reason: String,
    },
    /// The keys cannot be read.
    #[error("{reason}")]
    Keys {
        /// Why they cannot be read.
        reason: String,
    },
    /// It may live, and says nothing.
    #[error("the name server at {address} does not answer: {limit} were not enough")]
    Mute {
        /// Where it listens.
        address: String,
        /// How long an answer was waited for.
        limit: Millis,
    },
    /// What was asked for did not happen in time.
    #[error("{what} did not happen within {limit}{}", standing.map(|(state, since)| format!(": it has been {state} for {since}")).unwrap_or_default())]
    Timeout {
        /// What was asked for.
        what: String,
        /// How long it was waited for.
        limit: Millis,
        /// How the agent stands that was asked, and for how long, if it is not well.
        standing: Option<(State, Millis)>,
    },
    /// An agent that was waited for, or started, has failed, and is not started again.
    #[error("{agent} has failed{}", exit.as_ref().map(|exit| format!(": {exit}")).unwrap_or_default())]
    HasFailed {
        /// The agent.
        agent: AgentName,
        /// How it has ended, if that is known.
        exit: Option<Box<ExitReport>>,
    },
    /// The other side said no.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// What was given as a topic cannot be one.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The value has no form in JSON.
    #[error("cannot be written as a message: {reason}")]
    Encode {
        /// Why it has no form in JSON.
        reason: String,
    },
    /// The answer is not what the protocol says.
    #[error("the answer could not be read: {reason}")]
    BadAnswer {
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is not of the type that was asked for.
    #[error("{what} is not what was expected: {reason}")]
    Unexpected {
        /// What came: an answer, an attribute.
        what: String,
        /// Why it does not fit.
        reason: String,
    },
    /// What was given as a name cannot be one.
    #[error("{0:?} is not a name: {1}")]
    Name(String, NameError),
    /// The connection was closed by this side.
    #[error("the connection to the name server was closed")]
    Closed,
    /// ZeroMQ refuses a call.
    #[error("ZeroMQ failed: {0}")]
    Zmq(#[from] zmq::Error),
}

impl From<StateError> for ProxyError {
    fn from(error: StateError) -> Self {
        Self::Keys {
            reason: error.to_string(),
        }
    }
}

impl ProxyError {
    /// An agent has not ended within `limit`, or is not waited for any more: nothing was heard of it for so long.
    pub fn of_end(agent: &AgentId, silent: Option<Millis>, limit: Duration) -> Self {
        match silent {
            Some(silent) => ProxyError::Fault(Fault::Unreachable {
                agent: agent.name.clone(),
                silent,
            }),
            None => ProxyError::Timeout {
                what: format!("the end of {agent}"),
                limit: limit.into(),
                standing: None,
            },
        }
    }

    /// Whether there was no answer in time.
    pub fn is_late(&self) -> bool {
        matches!(
            self,
            ProxyError::Mute { .. }
                | ProxyError::Timeout { .. }
                | ProxyError::Fault(Fault::Deadline { .. })
        )
    }

    /// Whether the requested member is not there, or not any more.
    pub fn is_absence(&self) -> bool {
        let ProxyError::Fault(fault) = self else {
            return false;
        };
        matches!(
            fault,
            Fault::Gone { .. } | Fault::NotRunning { .. } | Fault::UnknownAgent { .. }
        )
    }

    /// Whether the socket that was meant is not there, or its agent.
    pub fn is_absence_of_socket(&self) -> bool {
        self.is_absence() || matches!(self, ProxyError::Fault(Fault::UnknownAlias { .. }))
    }
}
