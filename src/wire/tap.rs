//! What a tap shows: the messages that pass at an agent's sockets, as records in batches. The agent writes them as they pass, so
//! they are bytes and not JSON; specs/protocol.md, "Taps", says the same in words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Incarnation;
use crate::model::{Alias, Kind, PublicKey, Serializer, SocketStats, Traffic};

/// How many bytes a batch has before its first record: how many messages are lost to this tap so far.
pub const BATCH_HEAD: usize = 8;
/// How many bytes a record of a message has before the message.
const RECORD_HEAD: usize = 35;
/// Marks a record that describes a socket.
const SOCKET: u8 = 0x80;
const OUT: u8 = 1;
const TOKEN: usize = 16;

/// By which a tap is known: drawn by who looks, and a secret of that one and the agent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TapToken([u8; TOKEN]);

/// A tap that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapRequest {
    pub token: TapToken,
    /// The sockets that it is at. None: at all, also at those that come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Alias>,
    /// What topics of publications begin with. None: all publications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// How many bytes of a message are shown at most. None: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// One message in so many is shown, the first of them.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub sample: u32,
    /// By which the one who looks dials the agent, in a closed system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
}

fn one() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(sample: &u32) -> bool {
    *sample == 1
}

/// Where a tap is to be dialled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tapping {
    /// `tcp://10.0.0.11:40123`, of a DEALER's twin.
    pub address: String,
    /// The key of the agent, in a closed system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
}

/// What goes through the sockets of an agent, since somebody has begun to look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// When this was so, in microseconds of a clock of the agent's own.
    pub at_us: u64,
    /// When it began to look, by the same clock.
    pub since_us: u64,
    pub sockets: std::collections::BTreeMap<Alias, SocketRate>,
}

/// The same of one socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketRate {
    pub kind: Kind,
    /// All in all, as in the agent's status.
    pub stats: SocketStats,
    /// How many messages wait in the agent until the socket can take them.
    pub queued: u64,
    pub received: Traffic,
    pub sent: Traffic,
}

/// Which way a message passes at a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// It has arrived.
    In,
    /// It leaves.
    Out,
}

/// What a message is that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// Of PUSH or PULL.
    Message = 0,
    /// Topic and message, as a PUB sends them.
    Publication = 1,
    Request = 2,
    Answer = 3,
    /// None of these; why, in words.
    Garbled = 4,
}

/// A message that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed<'a> {
    pub way: Way,
    pub sort: Sort,
    /// A request and its answer have the same number here, which no other has at that socket while the request is under
    /// way. Others have 0.
    pub pair: u64,
    /// In bytes.
    pub size: u32,
    /// The beginning of it, or all.
    pub bytes: &'a [u8],
}

/// A record of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum TapRecord<'a> {
    /// Before the first message of a socket: what the number stands for.
    Socket { number: u16, socket: TappedSocket },
    Message {
        /// The number of its socket.
        socket: u16,
        /// The how-manieth it is that has passed there that way since the tap began; those that are not shown count too.
        count: u64,
        /// In microseconds since 1970, by the agent's machine.
        time: u64,
        passed: Passed<'a>,
    },
}

/// A socket that is tapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TappedSocket {
    pub alias: Alias,
    pub kind: Kind,
    pub serializer: Serializer,
}

/// Why bytes are no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what an agent shows of its messages cannot be read")]
pub struct BadBatch;

impl TapToken {
    /// Draws one.
    pub fn draw() -> Self {
        let mut token = [0; TOKEN];
        for part in token.chunks_mut(8) {
            part.copy_from_slice(&Incarnation::draw().0.to_be_bytes());
        }
        Self(token)
    }

    /// What who looks sends by the tap: the token, and how many bytes more it may be shown.
    pub fn grant(&self, bytes: u32) -> Vec<u8> {
        [&self.0[..], &bytes.to_be_bytes()].concat()
    }

    /// Reads that.
    pub fn read_grant(frame: &[u8]) -> Option<(Self, u32)> {
        let (token, bytes) = frame.split_at_checked(TOKEN)?;
        let bytes = u32::from_be_bytes(bytes.try_into().ok()?);
        Some((Self(token.try_into().ok()?), bytes))
    }
}

/// Whoever knows it is shown what its holder is shown: it is no text for logs.
impl fmt::Debug for TapToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TapToken")
    }
}

impl From<TapToken> for String {
    fn from(token: TapToken) -> Self {
        token.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token of a tap has 32 hexadecimal digits")]
pub struct BadToken;

impl TryFrom<String> for TapToken {
    type Error = BadToken;

    fn try_from(text: String) -> Result<Self, BadToken> {
        text.parse()
    }
}

impl FromStr for TapToken {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let digits = text.bytes().all(|it| it.is_ascii_hexdigit());
        if text.len() != 2 * TOKEN || !digits {
            return Err(BadToken);
        }
        let mut token = [0; TOKEN];
        for (byte, at) in token.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| BadToken)?;
        }
        Ok(Self(token))
    }
}

/// How many bytes the record of a message has of which so many bytes are shown.
pub fn record_len(bytes: usize) -> usize {
    RECORD_HEAD + bytes
}

/// Adds the record of a message to a batch.
pub fn write_message(
    batch: &mut Vec<u8>,
    (socket, count, time): (u16, u64, u64),
    passed: &Passed<'_>,
) {
    let way = match passed.way {
        Way::In => 0,
        Way::Out => OUT,
    };
    let len = u32::try_from(RECORD_HEAD - 4 + passed.bytes.len()).unwrap_or(u32::MAX);
    batch.extend(len.to_be_bytes());
    batch.push((passed.sort as u8) << 1 | way);
    batch.extend(socket.to_be_bytes());
    batch.extend(count.to_be_bytes());
    batch.extend(time.to_be_bytes());
    batch.extend(passed.pair.to_be_bytes());
    batch.extend(passed.size.to_be_bytes());
    batch.extend(passed.bytes);
}

/// The record of a socket.
pub fn socket_record(number: u16, socket: &TappedSocket) -> Vec<u8> {
    // Texts, which cannot fail.
    let words = serde_json::to_vec(socket).unwrap_or_default();
    let len = u32::try_from(3 + words.len()).unwrap_or(u32::MAX);
    let mut record = len.to_be_bytes().to_vec();
    record.push(SOCKET);
    record.extend(number.to_be_bytes());
    record.extend(words);
    record
}

/// How many bytes of these are whole records, and no more than `most`; but one record at least.
pub fn whole_records(records: &[u8], most: usize) -> usize {
    let mut whole = 0;
    while let Some(head) = records[whole..].first_chunk::<4>() {
        let next = whole + 4 + u32::from_be_bytes(*head) as usize;
        if next > records.len() || whole > 0 && next > most {
            break;
        }
        whole = next;
    }
    whole
}

/// A batch: how many messages are lost to this tap so far, all in all, and records.
pub fn read_batch(batch: &[u8]) -> Result<(u64, TapRecords<'_>), BadBatch> {
    let (lost, records) = batch.split_first_chunk::<BATCH_HEAD>().ok_or(BadBatch)?;
    Ok((u64::from_be_bytes(*lost), TapRecords(records)))
}

/// The records of a batch, one after another.
pub struct TapRecords<'a>(&'a [u8]);

impl<'a> Iterator for TapRecords<'a> {
    type Item = Result<TapRecord<'a>, BadBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let read = self.split().and_then(read_record);
        if read.is_none() {
            self.0 = &[];
        }
        Some(read.ok_or(BadBatch))
    }
}

impl<'a> TapRecords<'a> {
    fn split(&mut self) -> Option<&'a [u8]> {
        let len = u32::from_be_bytes(take(&mut self.0)?) as usize;
        let (record, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(record)
    }
}

fn read_record(mut record: &[u8]) -> Option<TapRecord<'_>> {
    let [flags] = take(&mut record)?;
    let socket = u16::from_be_bytes(take(&mut record)?);
    if flags == SOCKET {
        let number = socket;
        let socket = serde_json::from_slice(record).ok()?;
        return Some(TapRecord::Socket { number, socket });
    }
    let way = match flags & OUT {
        0 => Way::In,
        _ => Way::Out,
    };
    let sort = match flags >> 1 {
        0 => Sort::Message,
        1 => Sort::Publication,
        2 => Sort::Request,
        3 => Sort::Answer,
        4 => Sort::Garbled,
        _ => return None,
    };
    let count = u64::from_be_bytes(take(&mut record)?);
    let time = u64::from_be_bytes(take(&mut record)?);
    let pair = u64::from_be_bytes(take(&mut record)?);
    let size = u32::from_be_bytes(take(&mut record)?);
    let passed = Passed {
        way,
        sort,
        pair,
        size,
        bytes: record,
    };
    (record.len() <= size as usize).then_some(TapRecord::Message {
        socket,
        count,
        time,
        passed,
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passed(bytes: &[u8], way: Way, sort: Sort) -> Passed<'_> {
        Passed {
            way,
            sort,
            pair: 7,
            size: u32::try_from(bytes.len()).unwrap() + 1,
            bytes,
        }
    }

    fn socket() -> TappedSocket {
        TappedSocket {
            alias: "main".parse().unwrap(),
            kind: Kind::Pub,
            serializer: Serializer::Json,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            messages in prop::collection::vec((any::<bool>(), 0..5usize, prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            lost in any::<u64>(),
        ) {
            let sorts = [Sort::Message, Sort::Publication, Sort::Request, Sort::Answer, Sort::Garbled];
            let mut batch = lost.to_be_bytes().to_vec();
            batch.extend(socket_record(3, &socket()));
            for (at, (out, sort, bytes)) in (0..).zip(&messages) {
                let way = if *out { Way::Out } else { Way::In };
                let before = batch.len();
                write_message(&mut batch, (3, at, at + 9), &passed(bytes, way, sorts[*sort]));
                prop_assert_eq!(batch.len() - before, record_len(bytes.len()));
            }
            let (read_lost, records) = read_batch(&batch).unwrap();
            prop_assert_eq!(read_lost, lost);
            let records: Vec<_> = records.collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(&records[0], &TapRecord::Socket { number: 3, socket: socket() });
            for (at, ((out, sort, bytes), record)) in (0..).zip(messages.iter().zip(&records[1..])) {
                let way = if *out { Way::Out } else { Way::In };
                let passed = passed(bytes, way, sorts[*sort]);
                prop_assert_eq!(record, &TapRecord::Message { socket: 3, count: at, time: at + 9, passed });
            }
            let whole = whole_records(&batch[BATCH_HEAD..], 100);
            let cut = &[&batch[..BATCH_HEAD], &batch[BATCH_HEAD..][..whole]].concat();
            prop_assert!(read_batch(cut).unwrap().1.all(|it| it.is_ok()));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok((_, records)) = read_batch(&bytes) {
                prop_assert!(records.count() <= bytes.len());
            }
            let _ = whole_records(&bytes, 10);
            let _ = TapToken::read_grant(&bytes);
        }
    }

    #[test]
    fn a_token_is_told_as_text_and_granted_as_bytes() {
        let token = TapToken::draw();
        let text = String::from(token);
        assert_eq!(text.parse(), Ok(token));
        assert_eq!(TapToken::read_grant(&token.grant(9)), Some((token, 9)));
        for bad in ["", "0g", &text[1..], "ä23456789012345678901234567890ab"] {
            assert_eq!(bad.parse::<TapToken>(), Err(BadToken), "{bad}");
        }
        assert_eq!(format!("{token:?}"), "TapToken");
    }
}
