//! The envelope of every control message: one header frame, then one frame of JSON.
//!
//! Header: `osb`, one byte of version, one byte of kind, the request's id (8 bytes, big-endian),
//! the deadline in milliseconds (4 bytes, big-endian, 0 for none), the level of the sender (one byte),
//! and the peer's name to the end: the receiver's on the way to the name server, the sender's on the
//! way from it. The level is the name server's to say: on the way to it, it is 0.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Fault, Peer};
use crate::model::{Access, read_json};

/// The version of the control protocol. It is in the fourth byte of every message.
pub const VERSION: u8 = 2;
/// The largest body accepted, in bytes.
pub const LARGEST_BODY: usize = 16 << 20;

const MAGIC: &[u8; 3] = b"osb";
const FIXED: usize = 18;
/// Enough for most names.
const ROOM_FOR_PEER: usize = 14;
const LONGEST_HEADER: usize = FIXED + 160;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Wants a reply or an error before its deadline.
    Request = 1,
    /// Wants none.
    Oneway = 2,
    Reply = 3,
    Error = 4,
    /// From the name server to those that watch, and to unregistered members that ought to announce themselves.
    Event = 5,
}

/// The header of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub kind: MessageKind,
    /// Chosen by the requester, repeated in the answer; 0 where there is none.
    pub id: u64,
    /// How long the requester will wait. 0: no limit.
    pub deadline_ms: u32,
    /// What the sender may ask for, according to the name server. None: it does not say.
    pub level: Option<Access>,
    pub peer: Peer,
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("not an osb message")]
    Foreign,
    #[error(
        "osb protocol version {theirs}; this osb speaks version {VERSION}: use one release of osb throughout a system"
    )]
    Version { theirs: u8 },
    #[error("malformed message: {0}")]
    Malformed(&'static str),
}

impl Envelope {
    /// How long the requester will wait, if it says so.
    pub fn deadline(&self) -> Option<Duration> {
        let is_limited = self.deadline_ms > 0;
        is_limited.then(|| Duration::from_millis(self.deadline_ms.into()))
    }

    pub fn request(id: u64, deadline_ms: u32, to: Peer) -> Self {
        Self {
            kind: MessageKind::Request,
            id,
            deadline_ms,
            level: None,
            peer: to,
        }
    }

    pub fn oneway(to: Peer) -> Self {
        Self {
            kind: MessageKind::Oneway,
            id: 0,
            deadline_ms: 0,
            level: None,
            peer: to,
        }
    }

    pub fn event() -> Self {
        Self {
            kind: MessageKind::Event,
            id: 0,
            deadline_ms: 0,
            level: None,
            peer: Peer::NameServer,
        }
    }

    /// The header of the answer to request `id` of `peer`.
    pub fn answer<T>(outcome: &Result<T, Fault>, id: u64, peer: Peer) -> Self {
        let kind = match outcome {
            Ok(_) => MessageKind::Reply,
            Err(_) => MessageKind::Error,
        };
        Self {
            kind,
            id,
            deadline_ms: 0,
            level: None,
            peer,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + ROOM_FOR_PEER);
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        bytes.push(self.kind as u8);
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.extend_from_slice(&self.deadline_ms.to_be_bytes());
        bytes.push(self.level.map_or(0, |level| level as u8));
        // The name server's is empty, and no other peer gets more requests.
        if self.peer != Peer::NameServer {
            bytes.extend_from_slice(self.peer.to_string().as_bytes());
        }
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.get(..3) != Some(MAGIC) {
            return Err(DecodeError::Foreign);
        }
        let (Some(&version), Some(&kind)) = (bytes.get(3), bytes.get(4)) else {
            return Err(DecodeError::Malformed("short header"));
        };
        if version != VERSION {
            return Err(DecodeError::Version { theirs: version });
        }
        if bytes.len() > LONGEST_HEADER {
            return Err(DecodeError::Malformed("long header"));
        }
        let (Some(id), Some(deadline), Some(level)) =
            (array(bytes, 5), array(bytes, 13), bytes.get(17))
        else {
            return Err(DecodeError::Malformed("short header"));
        };
        let peer = std::str::from_utf8(&bytes[FIXED..])
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(DecodeError::Malformed("peer's name"))?;
        Ok(Self {
            kind: MessageKind::from_byte(kind).ok_or(DecodeError::Malformed("kind"))?,
            id: u64::from_be_bytes(id),
            deadline_ms: u32::from_be_bytes(deadline),
            level: match *level {
                0 => None,
                level => Some(Access::from_byte(level).ok_or(DecodeError::Malformed("level"))?),
            },
            peer,
        })
    }
}

impl MessageKind {
    fn from_byte(byte: u8) -> Option<Self> {
        [
            Self::Request,
            Self::Oneway,
            Self::Reply,
            Self::Error,
            Self::Event,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Encodes a body. Types of this floor always can be.
pub fn body<T: Serialize + ?Sized>(content: &T) -> Vec<u8> {
    // A type of osb with a map whose keys are not text would be a mistake that every test meets.
    serde_json::to_vec(content).expect("wire types are JSON")
}

/// Decodes a body strictly: unknown fields, unknown methods and trailing bytes are errors.
pub fn read_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    if bytes.len() > LARGEST_BODY {
        return Err(Fault::BadRequest {
            reason: format!(
                "a body of {} bytes; {LARGEST_BODY} are allowed",
                bytes.len()
            ),
        });
    }
    read_json(bytes).map_err(|error| Fault::BadRequest {
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_are_as_specified() {
        let envelope = Envelope::request(0x0102, 3000, "Alice".parse().unwrap());
        let bytes = envelope.encode();
        assert_eq!(bytes, b"osb\x02\x01\0\0\0\0\0\0\x01\x02\0\0\x0b\xb8\0Alice");
        assert_eq!(Envelope::decode(&bytes), Ok(envelope));
    }

    #[test]
    fn another_version_is_told_the_remedy() {
        let mut bytes = Envelope::oneway(Peer::NameServer).encode();
        bytes[3] = 9;
        let error = Envelope::decode(&bytes).unwrap_err();
        assert_eq!(error, DecodeError::Version { theirs: 9 });
        assert!(error.to_string().contains("one release"));
    }

    #[test]
    fn unknown_fields_and_trailing_bytes_are_refused() {
        assert!(read_body::<Peer>(b"\"Alice\"").is_ok());
        assert!(read_body::<Peer>(b"\"Alice\" x").is_err());
        assert!(read_body::<Peer>(b"").is_err());
    }

    #[test]
    fn bodies_are_neither_too_large_nor_too_deep() {
        use crate::wire::AgentRequest;
        let large = body(&"x".repeat(LARGEST_BODY));
        let refused = read_body::<String>(&large).unwrap_err();
        assert!(refused.to_string().contains("are allowed"), "{refused}");
        let deep = |deep: usize| {
            let params = "[".repeat(deep) + &"]".repeat(deep);
            format!(r#"{{"method":"call","params":{{"name":"x","params":{params}}}}}"#)
        };
        assert!(read_body::<AgentRequest>(deep(100).as_bytes()).is_ok());
        for too_deep in [128, 1_000_000] {
            assert!(read_body::<AgentRequest>(deep(too_deep).as_bytes()).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            let _ = Envelope::decode(&bytes);
            let mut almost = Envelope::event().encode();
            almost.extend(&bytes);
            let _ = Envelope::decode(&almost);
        }

        #[test]
        fn every_envelope_comes_back(id: u64, deadline_ms: u32, kind in 1u8..=5, level in 0u8..=6, name in "[A-Za-z0-9][A-Za-z0-9._-]{0,62}") {
            let envelope = Envelope {
                kind: MessageKind::from_byte(kind).unwrap(),
                id,
                deadline_ms,
                level: Access::from_byte(level),
                peer: Peer::Agent(name.parse().unwrap()),
            };
            prop_assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope));
        }
    }
}
