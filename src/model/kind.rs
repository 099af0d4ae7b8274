//! Kinds of sockets and what follows from them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a socket is for. Each kind has its twin, the one it talks to. The last four are channels:
/// requests whose answers are handled when they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    Push,
    Pull,
    Pub,
    Sub,
    Req,
    Rep,
    /// Asks, and goes on: the answer is handled when it comes.
    AsyncReq,
    /// Answers an ASYNC_REQ, at once or later.
    AsyncRep,
    /// Publishes to all, and answers requests to the one who asked, through the same stream.
    SyncPub,
    /// Subscribes to a SYNC_PUB, and can ask it.
    SyncSub,
}

impl Kind {
    pub const ALL: [Kind; 10] = [
        Kind::Push,
        Kind::Pull,
        Kind::Pub,
        Kind::Sub,
        Kind::Req,
        Kind::Rep,
        Kind::AsyncReq,
        Kind::AsyncRep,
        Kind::SyncPub,
        Kind::SyncSub,
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
            Kind::AsyncReq => Kind::AsyncRep,
            Kind::AsyncRep => Kind::AsyncReq,
            Kind::SyncPub => Kind::SyncSub,
            Kind::SyncSub => Kind::SyncPub,
        }
    }

    /// Whether an agent can send on such a socket of its own accord.
    pub fn sends(self) -> bool {
        self == Kind::Push || self.publishes() || self.asks()
    }

    /// Whether messages arrive at such a socket, so that a handler makes sense.
    pub fn receives(self) -> bool {
        self == Kind::Pull || self.subscribes() || self.asks() || self.answers()
    }

    /// Whether what it sends are requests, to which answers come back.
    pub fn asks(self) -> bool {
        matches!(self, Kind::Req | Kind::AsyncReq | Kind::SyncSub)
    }

    /// Whether requests arrive at it, so that it has to answer.
    pub fn answers(self) -> bool {
        matches!(self, Kind::Rep | Kind::AsyncRep | Kind::SyncPub)
    }

    /// Whether what it sends goes to all subscribers, under a topic.
    pub fn publishes(self) -> bool {
        matches!(self, Kind::Pub | Kind::SyncPub)
    }

    /// Whether publications arrive at it, by topic.
    pub fn subscribes(self) -> bool {
        matches!(self, Kind::Sub | Kind::SyncSub)
    }

    /// Whether it is a channel: an answer may come at any time, or never.
    pub fn is_channel(self) -> bool {
        matches!(
            self,
            Kind::AsyncReq | Kind::AsyncRep | Kind::SyncPub | Kind::SyncSub
        )
    }

    /// Whether such a socket can be bound. The asking ends of channels always connect.
    pub fn binds(self) -> bool {
        !matches!(self, Kind::AsyncReq | Kind::SyncSub)
    }

    /// Whether messages, or else requests, travel from it to its twin: which end of a connection is
    /// shown first.
    pub fn comes_first(self) -> bool {
        self.sends() && self != Kind::SyncSub
    }

    /// The name in a sentence: `a PUSH`, `an ASYNC_REP`.
    pub fn with_article(self) -> String {
        match self {
            Kind::AsyncReq | Kind::AsyncRep => format!("an {self}"),
            _ => format!("a {self}"),
        }
    }

    /// The name as ZeroMQ writes it; of channels, as osBrain does.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Push => "PUSH",
            Kind::Pull => "PULL",
            Kind::Pub => "PUB",
            Kind::Sub => "SUB",
            Kind::Req => "REQ",
            Kind::Rep => "REP",
            Kind::AsyncReq => "ASYNC_REQ",
            Kind::AsyncRep => "ASYNC_REP",
            Kind::SyncPub => "SYNC_PUB",
            Kind::SyncSub => "SYNC_SUB",
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
#[error(
    "no kind of socket is called {0:?}; there are PUSH, PULL, PUB, SUB, REQ, REP, ASYNC_REQ, ASYNC_REP, SYNC_PUB and SYNC_SUB"
)]
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
            assert_eq!(kind.asks(), kind.twin().answers());
            assert_eq!(kind.publishes(), kind.twin().subscribes());
            assert_eq!(kind.is_channel(), kind.twin().is_channel());
            assert!(kind.binds() || kind.twin().binds());
            assert_ne!(kind.comes_first(), kind.twin().comes_first());
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.as_str());
        }
        assert!("push".parse::<Kind>().is_err());
    }
}
