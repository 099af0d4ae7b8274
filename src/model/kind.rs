//! Kinds of sockets and what follows from them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a socket is for. Each kind has its twin, the one it talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    Push,
    Pull,
    Pub,
    Sub,
    Req,
    Rep,
}

impl Kind {
    pub const ALL: [Kind; 6] = [
        Kind::Push,
        Kind::Pull,
        Kind::Pub,
        Kind::Sub,
        Kind::Req,
        Kind::Rep,
    ];

    /// The kind at the other end of a connection.
    pub fn twin(self) -> Kind {
        match self {
            Kind::Push => Kind::Pull,
            Kind::Pull => Kind::Push,
            Kind::Pub => Kind::Sub,
            Kind::Sub => Kind::Pub,
            Kind::Req => Kind::Rep,
            Kind::Rep => Kind::Req,
        }
    }

    /// Whether an agent can send on such a socket of its own accord.
    pub fn sends(self) -> bool {
        matches!(self, Kind::Push | Kind::Pub | Kind::Req)
    }

    /// Whether messages arrive at such a socket, so that a handler makes sense.
    pub fn receives(self) -> bool {
        matches!(self, Kind::Pull | Kind::Sub | Kind::Req | Kind::Rep)
    }

    /// The name as ZeroMQ writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Push => "PUSH",
            Kind::Pull => "PULL",
            Kind::Pub => "PUB",
            Kind::Sub => "SUB",
            Kind::Req => "REQ",
            Kind::Rep => "REP",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no kind of socket is called {0:?}; there are PUSH, PULL, PUB, SUB, REQ and REP")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_mutual_and_text_comes_back() {
        for kind in Kind::ALL {
            assert_eq!(kind.twin().twin(), kind);
            assert_ne!(kind.twin(), kind);
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), kind);
            assert!(kind.sends() || kind.receives());
        }
        assert!("push".parse::<Kind>().is_err());
    }
}
