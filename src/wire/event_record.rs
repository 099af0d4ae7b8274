//! What happens in a system, as numbered events: what their owners tell the name server, and what that keeps and tells.
//! specs/events.md says the same in words.
//!
//! Later kinds are added to [`Occurred`]; those that are there stay as they are.

use serde::{Deserialize, Serialize};

use super::{Happening, Incarnation, Outcome, Peer};
use crate::model::{AfterEnd, AgentName, HostId, Kind, SocketId, State};

/// An event of a member, as it tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnEvent {
    /// The first of a life has 1, each further one the next number.
    pub own: u64,
    /// When, by the clock of its machine, in milliseconds since 1970.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: Occurred,
}

/// Who has told of an event, and the how-manieth of that life it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventOrigin {
    /// The agent or host.
    pub owner: Peer,
    /// Its life, as `ls agents -o json` has it.
    #[serde(with = "life")]
    pub life: Incarnation,
    /// Its number in that life.
    pub own: u64,
}

/// A life as text: readers of JSON in other languages have no whole numbers that are so large.
mod life {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Incarnation;

    pub(super) fn serialize<S: Serializer>(life: &Incarnation, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&life.run())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Incarnation, D::Error> {
        let text = String::deserialize(from)?;
        let life = u64::from_str_radix(&text, 16).map(Incarnation);
        life.map_err(de::Error::custom)
    }
}

/// An event, as the name server keeps it and tells it: one JSON object on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Each has the next number, in all lives of its name server, where that keeps them on a disk. A number that is missing is an
    /// event that is not kept any more, or that could not be written.
    pub n: u64,
    /// When, in UTC, by the clock of its owner's machine: `2026-11-23T05:15:00.123Z`.
    pub at: String,
    /// None: the name server itself.
    #[serde(flatten)]
    pub by: Option<EventOrigin>,
    /// What happened.
    #[serde(flatten)]
    pub what: Occurred,
}

/// Events, as a name server tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPage {
    /// In order.
    pub events: Vec<EventRecord>,
    /// Those up to this number are told, or not for who has asked.
    pub upto: u64,
    /// Whether there are more behind it already.
    pub more: bool,
    /// Whether what operators do, and who is let in, is told too.
    pub whole: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Occurred {
    /// To an agent.
    Agent {
        /// Which.
        of: AgentName,
        #[serde(flatten)]
        what: AgentEvent,
    },
    /// To a host daemon.
    Host {
        /// Which.
        of: HostId,
        #[serde(flatten)]
        what: HostEvent,
    },
    /// To a connection.
    Wire {
        /// The socket that connects.
        of: SocketId,
        /// The other socket. None: the address was given by hand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<SocketId>,
        /// Where it leads, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        what: WireEvent,
    },
    /// To a socket.
    Socket {
        /// Which.
        of: SocketId,
        #[serde(flatten)]
        what: SocketEvent,
    },
    /// To the health of an agent's program.
    Health {
        /// The agent.
        of: AgentName,
        #[serde(flatten)]
        what: HealthEvent,
    },
    /// Messages were lost since the last event of this kind.
    Loss {
        /// The socket.
        of: SocketId,
        what: LossEvent,
        /// How many.
        count: u64,
    },
    /// An attribute has another value: told while somebody asks for it.
    Attribute {
        /// The agent.
        of: AgentName,
        /// The attribute.
        name: String,
        /// Its value as JSON, cut if it is long. None: it is there no more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Somebody was admitted, or not, or is not any more; what that was stands in `what`, as in the journal.
    Member {
        what: String,
        /// Who.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
        /// The key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Who did it. None: the name server by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// An operator has asked for something.
    Deed {
        /// What, as the journal has it.
        verb: String,
        /// Who.
        who: String,
        /// By which key.
        key: String,
        /// That it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
        /// Why it was refused, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
    /// To the name server.
    Nameserver {
        #[serde(flatten)]
        what: NameserverEvent,
    },
    /// Events are missing here.
    Gap {
        /// Whose.
        of: Peer,
        /// How many.
        count: u64,
    },
    /// Something that this osb does not know yet.
    #[serde(other)]
    Unknown,
}

/// What happens to an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum AgentEvent {
    /// Its host has started its process.
    Started {
        pid: u32,
        /// How often it had been started before.
        restarts: u32,
    },
    /// It is in that state from now on.
    State {
        state: State,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// Its process has ended.
    Ended {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<i32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
        /// A member has asked it to.
        asked: bool,
        /// What becomes of it.
        #[serde(default, skip_serializing_if = "AfterEnd::stays")]
        then: AfterEnd,
        /// The last line of its log, if it has ended badly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// It has said that it goes; no host had started it.
    Left {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<i32>,
    },
}

/// What happens to a host daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum HostEvent {
    /// It is there.
    Came { pid: u32, version: String },
    /// It is in that state from now on.
    State { state: State },
    /// It has said that it goes.
    Left {},
}

/// How a connection stands from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireEvent {
    Resolving,
    Connecting,
    Proven,
    Refused,
    Lost,
    /// It is kept no more.
    Removed,
}

/// What happens to a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum SocketEvent {
    Bound { socket: Kind, address: String },
    Closed {},
}

/// How the program of an agent stands from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum HealthEvent {
    Failing {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    Well {},
}

/// How messages were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossEvent {
    /// They have not reached their readers.
    Dropped,
    /// They could not be read.
    Garbled,
}

/// What happens to the name server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum NameserverEvent {
    /// It serves.
    Began { version: String },
}

/// The kinds, in the words of the wire.
pub const EVENT_KINDS: [&str; 11] = [
    "agent",
    "host",
    "wire",
    "socket",
    "health",
    "loss",
    "attribute",
    "member",
    "deed",
    "nameserver",
    "gap",
];

impl Occurred {
    /// The kind, as on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Occurred::Agent { .. } => "agent",
            Occurred::Host { .. } => "host",
            Occurred::Wire { .. } => "wire",
            Occurred::Socket { .. } => "socket",
            Occurred::Health { .. } => "health",
            Occurred::Loss { .. } => "loss",
            Occurred::Attribute { .. } => "attribute",
            Occurred::Member { .. } => "member",
            Occurred::Deed { .. } => "deed",
            Occurred::Nameserver { .. } => "nameserver",
            Occurred::Gap { .. } => "gap",
            Occurred::Unknown => "unknown",
        }
    }

    /// The agent that it is about, if it is about one, or about its socket.
    pub fn agent(&self) -> Option<&AgentName> {
        match self {
            Occurred::Agent { of, .. }
            | Occurred::Health { of, .. }
            | Occurred::Attribute { of, .. } => Some(of),
            Occurred::Wire { of, .. } | Occurred::Socket { of, .. } | Occurred::Loss { of, .. } => {
                Some(&of.agent.name)
            }
            Occurred::Gap {
                of: Peer::Agent(of),
                ..
            } => Some(of),
            Occurred::Host { .. }
            | Occurred::Member { .. }
            | Occurred::Deed { .. }
            | Occurred::Nameserver { .. }
            | Occurred::Gap { .. }
            | Occurred::Unknown => None,
        }
    }

    /// What it is about, in text: an agent, a socket, a host, a holder of a key. Empty: the name server.
    pub fn about(&self) -> String {
        match self {
            Occurred::Agent { of, .. }
            | Occurred::Health { of, .. }
            | Occurred::Attribute { of, .. } => of.to_string(),
            Occurred::Wire { of, .. } | Occurred::Socket { of, .. } | Occurred::Loss { of, .. } => {
                of.to_string()
            }
            Occurred::Host { of, .. } => of.to_string(),
            Occurred::Member { of, .. } | Occurred::Deed { of, .. } => {
                of.clone().unwrap_or_default()
            }
            Occurred::Gap { of, .. } => of.to_string(),
            Occurred::Nameserver { .. } | Occurred::Unknown => String::new(),
        }
    }
}

impl Occurred {
    /// The same, with no text that is longer than so many bytes.
    pub fn cut(mut self, most: usize) -> Self {
        match &mut self {
            Occurred::Agent { what, .. } => match what {
                AgentEvent::State { why, .. } | AgentEvent::Ended { why, .. } => {
                    shorten(why.as_mut(), most)
                }
                AgentEvent::Started { .. } | AgentEvent::Left { .. } => {}
            },
            Occurred::Wire { address, .. } => shorten(address.as_mut(), most),
            Occurred::Health {
                what: HealthEvent::Failing { why },
                ..
            } => shorten(why.as_mut(), most),
            Occurred::Socket {
                what: SocketEvent::Bound { address, .. },
                ..
            } => shorten(Some(address), most),
            Occurred::Host {
                what: HostEvent::Came { version, .. },
                ..
            } => shorten(Some(version), most),
            Occurred::Attribute { name, value, .. } => {
                shorten(Some(name), most);
                shorten(value.as_mut(), most);
            }
            Occurred::Member { reason, .. } => shorten(reason.as_mut(), most),
            Occurred::Deed {
                verb, of, refused, ..
            } => {
                shorten(Some(verb), most);
                shorten(of.as_mut(), most);
                shorten(refused.as_mut(), most);
            }
            Occurred::Host { .. }
            | Occurred::Socket { .. }
            | Occurred::Health { .. }
            | Occurred::Loss { .. }
            | Occurred::Nameserver { .. }
            | Occurred::Gap { .. }
            | Occurred::Unknown => {}
        }
        self
    }
}

fn shorten(text: Option<&mut String>, most: usize) {
    let Some(text) = text.filter(|text| text.len() > most) else {
        return;
    };
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    text.push('…');
}

impl Happening {
    /// The event that it is for those who follow events. None: there is one of another kind for it.
    pub fn as_event(&self, who: Option<&super::Who>) -> Option<Occurred> {
        let by = who.map(|who| who.key.to_string());
        let who = who.map(|who| who.holder.to_string());
        let member = |of: String, key: String, reason: Option<String>| {
            Some(Occurred::Member {
                what: self.kind().to_owned(),
                of: Some(of),
                key: Some(key),
                who: who.clone(),
                reason,
            })
        };
        match self {
            Happening::Began { .. } | Happening::Unknown => None,
            Happening::Asked {
                verb, on, outcome, ..
            } => Some(Occurred::Deed {
                verb: verb.clone(),
                who: who?,
                key: by?,
                of: on.clone(),
                refused: match outcome {
                    Outcome::Allowed => None,
                    Outcome::Refused { reason } => Some(reason.clone()),
                },
            }),
            Happening::Admitted { key, holder, .. }
            | Happening::Joined { key, holder, .. }
            | Happening::Revoked { key, holder }
            | Happening::Rotated { key, holder, .. }
            | Happening::Expired { key, holder } => {
                member(holder.to_string(), key.to_string(), None)
            }
            Happening::NameserverRotated { key, .. } => Some(Occurred::Member {
                what: self.kind().to_owned(),
                of: None,
                key: Some(key.to_string()),
                who,
                reason: None,
            }),
            Happening::TurnedAway { key, reason, .. } => Some(Occurred::Member {
                what: self.kind().to_owned(),
                of: None,
                key: Some(key.to_string()),
                who,
                reason: Some(reason.clone()),
            }),
        }
    }
}
