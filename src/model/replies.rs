//! What an agent does with the answers to requests for which no caller waits.

use serde::{Deserialize, Serialize};

use super::{Action, Millis};

/// How answers are handled. Given at a connection that asks, or with one request; what is left out
/// here is, with a request, as at the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replies {
    /// What is done with an answer. At a connection: only of SYNC_SUB, for otherwise it is the
    /// socket's handlers that get it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_reply: Option<Vec<Action>>,
    /// How long an answer is waited for. At a connection: if left out, by a channel without end and
    /// by REQ for 30 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Millis>,
    /// What is done if there is none in time, or if it is an error. At a connection: if left out,
    /// the agent's log is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<Vec<Action>>,
}

impl Replies {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and where they say nothing, what `others` say.
    pub fn or(self, others: &Replies) -> Replies {
        Replies {
            on_reply: self.on_reply.or_else(|| others.on_reply.clone()),
            wait: self.wait.or(others.wait),
            on_error: self.on_error.or_else(|| others.on_error.clone()),
        }
    }

    /// All that may be done with an answer, or for want of one.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        let each = self.on_reply.iter().chain(&self.on_error);
        each.flatten()
    }
}
