//! Reads a recording from its beginning to its end, also one that was cut off. It may come from anywhere: nothing in it is believed.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::rc::Rc;

use super::fields::Fields;
use super::lane::Lane;

/// What such a file begins and ends with.
const MAGIC: [u8; 8] = [0x89, b'M', b'C', b'A', b'P', b'0', b'\r', b'\n'];
/// How much a chunk may be when it is not compressed any more.
const LARGEST_CHUNK: u64 = 1 << 30;
/// What a record has before its content.
const RECORD_HEAD: u64 = 9;
const CHANNEL: u8 = 0x04;
const MESSAGE: u8 = 0x05;
const CHUNK: u8 = 0x06;
const METADATA: u8 = 0x0C;
const DATA_END: u8 = 0x0F;

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is no MCAP file")]
    NoMcap,
    #[error("is compressed by {0}, which osb does not read; it reads lz4")]
    Compression(String),
    #[error("is damaged at byte {0}")]
    Damaged(u64),
}

/// Where a recording ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was ended.
    Whole,
    /// Who has written it was killed, or there was no room: what is missing comes behind what was read.
    Cut,
}

/// A channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    pub name: String,
    pub encoding: String,
    /// What it is of. None: it is none of the channels of messages that osb writes.
    pub lane: Option<Lane>,
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    pub track: Rc<Track>,
    /// The same of a request and its answer.
    pub sequence: u32,
    /// In nanoseconds since 1970.
    pub time: u64,
    pub data: Vec<u8>,
}

/// What is found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    Channel(Rc<Track>),
    Message(Heard),
    Metadata {
        name: String,
        values: BTreeMap<String, String>,
    },
}

/// A recording that is read.
pub(crate) struct Reader<R> {
    from: R,
    /// How many bytes are left of the file, and where it is.
    left: u64,
    at: u64,
    tracks: BTreeMap<u16, Rc<Track>>,
    /// The records of a chunk, and how far they are read.
    chunk: Vec<u8>,
    next: usize,
    end: Option<End>,
}

impl<R: Read> Reader<R> {
    /// Of a file of so many bytes.
    pub(crate) fn new(mut from: R, size: u64) -> Result<Self, ReadError> {
        let mut magic = [0; MAGIC.len()];
        match from.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            _ => return Err(ReadError::NoMcap),
        }
        let at = MAGIC.len() as u64;
        Ok(Self {
            from,
            left: size.saturating_sub(at),
            at,
            tracks: BTreeMap::new(),
            chunk: Vec::new(),
            next: 0,
            end: None,
        })
    }

    /// How it ends, when all is read.
    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    /// What comes next. None: it has ended.
    pub(crate) fn next(&mut self) -> Result<Option<Found>, ReadError> {
        loop {
            if self.next < self.chunk.len() {
                let damaged = ReadError::Damaged(self.at);
                let mut rest = Fields(&self.chunk[self.next..]);
                let Some((code, body)) = rest.record() else {
                    return Err(damaged);
                };
                self.next = self.chunk.len() - rest.0.len();
                let found = understood(&mut self.tracks, code, body);
                match found.ok_or(damaged)? {
                    Some(found) => return Ok(Some(found)),
                    None => continue,
                }
            }
            if self.end.is_some() {
                return Ok(None);
            }
            let Some((code, body)) = self.record()? else {
                self.end = Some(End::Cut);
                return Ok(None);
            };
            match code {
                DATA_END => {
                    self.end = Some(End::Whole);
                    return Ok(None);
                }
                CHUNK => {
                    self.chunk = unpacked(body).map_err(|bad| bad.at(self.at))?;
                    self.next = 0;
                }
                code => {
                    let found = understood(&mut self.tracks, code, &body);
                    if let Some(found) = found.ok_or(ReadError::Damaged(self.at))? {
                        return Ok(Some(found));
                    }
                }
            }
        }
    }

    /// The next record of the file. None: it is not there, or not as a whole.
    fn record(&mut self) -> Result<Option<(u8, Vec<u8>)>, ReadError> {
        let mut head = [0; RECORD_HEAD as usize];
        if self.left < RECORD_HEAD || !self.fill(&mut head)? {
            return Ok(None);
        }
        let [code, len @ ..] = head;
        let len = u64::from_le_bytes(len);
        if len > self.left {
            return Ok(None);
        }
        let Ok(len) = usize::try_from(len) else {
            return Ok(None);
        };
        let mut body = vec![0; len];
        Ok(self.fill(&mut body)?.then_some((code, body)))
    }

    /// False if the file ends before.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, ReadError> {
        match self.from.read_exact(buffer) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.left = self.left.saturating_sub(buffer.len() as u64);
        self.at += buffer.len() as u64;
        Ok(true)
    }
}

/// What a record says. None: it is damaged; of what does not matter here there is nothing.
fn understood(
    tracks: &mut BTreeMap<u16, Rc<Track>>,
    code: u8,
    body: &[u8],
) -> Option<Option<Found>> {
    let mut fields = Fields(body);
    Some(match code {
        CHANNEL => {
            let (id, _schema) = (fields.u16()?, fields.u16()?);
            let (name, encoding, metadata) = (fields.text()?, fields.text()?, fields.map()?);
            let track = Rc::new(Track {
                name,
                encoding,
                lane: Lane::read(&metadata),
            });
            tracks.insert(id, Rc::clone(&track));
            Some(Found::Channel(track))
        }
        MESSAGE => {
            let track = tracks.get(&fields.u16()?)?;
            let (sequence, time, _published) = (fields.u32()?, fields.u64()?, fields.u64()?);
            Some(Found::Message(Heard {
                track: Rc::clone(track),
                sequence,
                time,
                data: fields.0.to_vec(),
            }))
        }
        METADATA => Some(Found::Metadata {
            name: fields.text()?,
            values: fields.map()?,
        }),
        _ => None,
    })
}

/// What is wrong with a chunk.
enum BadChunk {
    Damaged,
    Compression(String),
}

impl BadChunk {
    fn at(self, at: u64) -> ReadError {
        match self {
            BadChunk::Damaged => ReadError::Damaged(at),
            BadChunk::Compression(by) => ReadError::Compression(by),
        }
    }
}

/// The records of a chunk.
fn unpacked(mut body: Vec<u8>) -> Result<Vec<u8>, BadChunk> {
    let mut fields = Fields(&body);
    let head = (|| {
        let (_begin, _end) = (fields.u64()?, fields.u64()?);
        let (size, _crc) = (fields.u64()?, fields.u32()?);
        Some((size, fields.text()?, fields.u64()?))
    })();
    let (size, compression, packed) = head.ok_or(BadChunk::Damaged)?;
    let packed = usize::try_from(packed).map_err(|_| BadChunk::Damaged)?;
    let records = fields.bytes(packed).ok_or(BadChunk::Damaged)?;
    match compression.as_str() {
        "" => {
            let (start, len) = (body.len() - fields.0.len() - records.len(), records.len());
            body.truncate(start + len);
            body.drain(..start);
            Ok(body)
        }
        "lz4" if size <= LARGEST_CHUNK => {
            let mut plain = Vec::new();
            let decoder = lz4::Decoder::new(records).map_err(|_| BadChunk::Damaged)?;
            let read = decoder.take(size).read_to_end(&mut plain);
            match read {
                Ok(_) if plain.len() as u64 == size => Ok(plain),
                _ => Err(BadChunk::Damaged),
            }
        }
        "lz4" => Err(BadChunk::Damaged),
        other => Err(BadChunk::Compression(other.to_owned())),
    }
}
