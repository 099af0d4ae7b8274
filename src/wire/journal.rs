//! What a name server's journal says: numbered events, one on a line of its files. specs/journal.md says the same
//! in words.
//!
//! Later kinds are added to [`Happening`]; those that are there stay as they are.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{Access, Holder, PublicKey, Term};

/// An event, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Each has the next number, in all runs of its name server. A number that is missing is an event that is not
    /// kept any more, or that could not be written.
    pub n: u64,
    /// When, in UTC: `2026-11-23T05:15:00.123Z`.
    pub at: String,
    #[serde(flatten)]
    pub note: Note,
}

/// An event that is yet to be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The member that did it. None: the name server by itself, or a peer that was not admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Who>,
    /// From which address. None: on the name server's machine, without asking it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpAddr>,
    #[serde(flatten)]
    pub what: Happening,
}

/// A holder of a key, and the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub key: PublicKey,
    pub holder: Holder,
    pub level: Access,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// The name server has begun.
    Began { version: String },
    /// A member made a request.
    Asked {
        verb: String,
        /// The member or thing that it is about. None: the name server itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<String>,
        #[serde(flatten)]
        outcome: Outcome,
        /// So many times in the minute before, if it was refused more than once.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        times: u64,
    },
    /// A key is admitted from now on.
    Admitted {
        key: PublicKey,
        holder: Holder,
        term: Term,
    },
    /// A join file was exchanged for a key.
    Joined {
        key: PublicKey,
        holder: Holder,
        /// The key of the join file.
        by: PublicKey,
    },
    /// A key is not admitted any more.
    Revoked { key: PublicKey, holder: Holder },
    /// The holder of a key has another one too; this one is revoked when the holder connects with the other.
    Rotated {
        key: PublicKey,
        holder: Holder,
        term: Term,
        /// The key that it comes in place of.
        former: PublicKey,
    },
    /// The name server itself has another key.
    NameserverRotated {
        key: PublicKey,
        former: PublicKey,
        /// Until when members may dial by the former one, in seconds since 1970.
        until: u64,
    },
    /// A key's time is over: it is not admitted any more.
    Expired { key: PublicKey, holder: Holder },
    /// A peer shook hands by a key that is not admitted.
    TurnedAway {
        key: PublicKey,
        reason: String,
        /// So many times in the minute before, from this address, if more than once; the key is that of the first.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        times: u64,
    },
    /// Something that this osb does not know yet.
    #[serde(other)]
    Unknown,
}

/// Whether the requester's level allowed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It may have failed all the same.
    Allowed,
    Refused {
        reason: String,
    },
}

fn once() -> u64 {
    1
}

fn is_once(times: &u64) -> bool {
    *times == 1
}

impl Happening {
    /// The same, that many times.
    pub fn repeated(self, times: u64) -> Self {
        match self {
            Happening::Asked {
                verb, on, outcome, ..
            } => Happening::Asked {
                verb,
                on,
                outcome,
                times,
            },
            Happening::TurnedAway { key, reason, .. } => {
                Happening::TurnedAway { key, reason, times }
            }
            other => other,
        }
    }

    /// Its word, as in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Happening::Began { .. } => "began",
            Happening::Asked { .. } => "asked",
            Happening::Admitted { .. } => "admitted",
            Happening::Joined { .. } => "joined",
            Happening::Revoked { .. } => "revoked",
            Happening::Rotated { .. } => "rotated",
            Happening::NameserverRotated { .. } => "nameserver_rotated",
            Happening::Expired { .. } => "expired",
            Happening::TurnedAway { .. } => "turned_away",
            Happening::Unknown => "unknown",
        }
    }
}
