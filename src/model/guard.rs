//! What keeps peers from filling a member's memory, or from staying after their key is revoked: patches of the libzmq
//! that osb brings. A member with another libzmq lacks them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A guard that a member's own sockets may have, by the name of its patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Before a handshake is done, no frame is large.
    HandshakeFrames,
    /// The frames and bytes of a message are counted as they come in, and a peer that breaks the protocol is dialled again.
    MessageBounds,
    /// ZAP is told which connection it is asked about, so that those of a revoked key can be ended.
    ZapCookie,
}

impl Guard {
    /// Each of them, in the order in which they are shown.
    pub const ALL: [Guard; 3] = [
        Guard::HandshakeFrames,
        Guard::MessageBounds,
        Guard::ZapCookie,
    ];

    /// Its name, as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Guard::HandshakeFrames => "handshake_frames",
            Guard::MessageBounds => "message_bounds",
            Guard::ZapCookie => "zap_cookie",
        }
    }

    /// Those that are not among these, each once.
    pub fn lacking(have: &[Guard]) -> Vec<Guard> {
        let lacks = |guard: &Guard| !have.contains(guard);
        Guard::ALL.into_iter().filter(lacks).collect()
    }

    /// For people: their names.
    pub fn listed(guards: &[Guard]) -> String {
        let names: Vec<&str> = guards.iter().map(|guard| guard.as_str()).collect();
        names.join(", ")
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_what_is_not_there() {
        assert_eq!(Guard::lacking(&Guard::ALL), []);
        assert_eq!(Guard::lacking(&[]), Guard::ALL);
        assert_eq!(
            Guard::lacking(&[Guard::MessageBounds, Guard::MessageBounds]),
            [Guard::HandshakeFrames, Guard::ZapCookie]
        );
    }

    #[test]
    fn they_are_written_by_their_names() {
        for guard in Guard::ALL {
            let written = serde_json::to_value(guard).unwrap();
            assert_eq!(written, guard.to_string());
        }
        let two = [Guard::HandshakeFrames, Guard::ZapCookie];
        assert_eq!(Guard::listed(&two), "handshake_frames, zap_cookie");
    }
}
