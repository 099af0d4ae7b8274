//! What each member of a system may use of its name server, by name.

use serde::{Deserialize, Serialize};

/// What there is a limit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// To the name server, and through it to others.
    Requests,
    /// Of keys, by one member.
    Admissions,
    /// Requests that wait for an answer.
    Unanswered,
    /// Keys that are admitted, of all members together.
    Keys,
}

impl Quota {
    /// In a sentence, after how many.
    pub fn what(self) -> &'static str {
        match self {
            Quota::Requests => "requests a second",
            Quota::Admissions => "admissions of keys a second",
            Quota::Unanswered => "requests that wait for answers",
            Quota::Keys => "keys in all",
        }
    }
}
