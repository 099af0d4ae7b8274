//! Kinds of sockets and what follows from them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a socket is for. Each kind has its twin, the one it talks to. The last four are channels:
/// requests whose answers are handled when they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Sends each message to one of its peers.
    Push,
    /// Receives messages of PUSH.
    Pull,
    /// Sends to all subscribers.
    Pub,
    /// Receives publications, by topic.
    Sub,
    /// Asks, and waits for the answer.
    Req,
    /// Answers a REQ.
    Rep,
    /// Asks, and goes on: the answer is handled when it comes.
    AsyncReq,
    /// Answers an ASYNC_REQ, at once or later.
    AsyncRep,
    /// Publishes to all, and answers each request to its requester only, through the same stream.
    SyncPub,
    /// Subscribes to a SYNC_PUB, and can ask it.
    SyncSub,
}

// What a kind does; see [`Kind::does`].
const SENDS: u8 = 1;
const RECEIVES: u8 = 1 << 1;
const ASKS: u8 = 1 << 2;
const ANSWERS: u8 = 1 << 3;
const PUBLISHES: u8 = 1 << 4;
const SUBSCRIBES: u8 = 1 << 5;
const IS_CHANNEL: u8 = 1 << 6;
const BINDS: u8 = 1 << 7;

impl Kind {
    /// All kinds.
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

    /// What it does, in one place: each method below reads it.
    const fn does(self) -> u8 {
        match self {
            Kind::Push => SENDS | BINDS,
            Kind::Pull => RECEIVES | BINDS,
            Kind::Pub => SENDS | PUBLISHES | BINDS,
            Kind::Sub => RECEIVES | SUBSCRIBES | BINDS,
            Kind::Req => SENDS | RECEIVES | ASKS | BINDS,
            Kind::Rep => RECEIVES | ANSWERS | BINDS,
            Kind::AsyncReq => SENDS | RECEIVES | ASKS | IS_CHANNEL,
            Kind::AsyncRep => RECEIVES | ANSWERS | IS_CHANNEL | BINDS,
            Kind::SyncPub => SENDS | RECEIVES | PUBLISHES | ANSWERS | IS_CHANNEL | BINDS,
            Kind::SyncSub => SENDS | RECEIVES | SUBSCRIBES | ASKS | IS_CHANNEL,
        }
    }

    /// Whether an agent can send on such a socket of its own accord.
    pub fn sends(self) -> bool {
        self.does() & SENDS != 0
    }

    /// Whether messages arrive at such a socket, so that a handler makes sense.
    pub fn receives(self) -> bool {
        self.does() & RECEIVES != 0
    }

    /// Whether what it sends are requests, to which answers come back.
    pub fn asks(self) -> bool {
        self.does() & ASKS != 0
    }

    /// Whether requests arrive at it, so that it has to answer.
    pub fn answers(self) -> bool {
        self.does() & ANSWERS != 0
    }

    /// Whether what it sends goes to all subscribers, under a topic.
    pub fn publishes(self) -> bool {
        self.does() & PUBLISHES != 0
    }

    /// Whether publications arrive at it, by topic.
    pub fn subscribes(self) -> bool {
        self.does() & SUBSCRIBES != 0
    }

    /// Whether it is a channel: an answer may come at any time, or never.
    pub fn is_channel(self) -> bool {
        self.does() & IS_CHANNEL != 0
    }

    /// Whether such a socket can be bound. The asking ends of channels always connect.
    pub fn binds(self) -> bool {
        self.does() & BINDS != 0
    }

    /// Whether requests arrive at a second address of its own, beside the one that it publishes at.
    pub fn answers_beside(self) -> bool {
        self.publishes() && self.answers()
    }

    /// Whether its requests leave by a second connection of its own, beside the one that publications come by.
    pub fn asks_beside(self) -> bool {
        self.subscribes() && self.asks()
    }

    /// Whether messages, or else requests, travel from it to its twin: which end of a connection is
    /// shown first.
    pub fn comes_first(self) -> bool {
        self.sends() && !self.subscribes()
    }

    /// The name in a sentence: `a PUSH`, `an ASYNC_REP`.
    pub fn with_article(self) -> String {
        match self.as_str().starts_with(['A', 'E', 'I', 'O']) {
            true => format!("an {self}"),
            false => format!("a {self}"),
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
#[error("no kind of socket is called {0:?}; there are {known}", known = all())]
pub struct UnknownKind(pub String);

fn all() -> String {
    Kind::ALL.map(Kind::as_str).join(", ")
}

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
            assert!(kind.sends() || !(kind.asks() || kind.publishes()));
            assert!(kind.receives() || !(kind.asks() || kind.answers() || kind.subscribes()));
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
