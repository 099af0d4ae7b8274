//! What can go wrong with a call through a proxy.

use crate::model::{Millis, NameError, TopicError};
use crate::state::StateError;
use crate::wire::Fault;

#[derive(Debug, Clone, thiserror::Error)]
pub enum ProxyError {
    /// Nobody listens there, or nobody that answers.
    #[error("cannot reach the name server at {address}: {reason}")]
    Unreachable { address: String, reason: String },
    /// Somebody listens there, and does not let this one in, or is not whom it takes him for.
    #[error("cannot get in at the name server at {address}: {reason}")]
    NotLetIn { address: String, reason: String },
    /// The keys by which to get in cannot be read.
    #[error("{reason}")]
    Keys { reason: String },
    #[error("{what} did not happen within {limit}")]
    Timeout { what: String, limit: Millis },
    /// The other side said no.
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error("cannot be written as a message: {reason}")]
    Encode { reason: String },
    #[error("the answer could not be read: {reason}")]
    BadAnswer { reason: String },
    #[error("{0:?} is not a name: {1}")]
    Name(String, NameError),
    #[error("the connection to the name server was closed")]
    Closed,
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
    /// Whether the one who was asked is not there, or not any more.
    pub fn is_absence(&self) -> bool {
        let ProxyError::Fault(fault) = self else {
            return false;
        };
        matches!(
            fault,
            Fault::Gone { .. } | Fault::NotRunning { .. } | Fault::UnknownAgent { .. }
        )
    }
}
