//! Writes a recording. What has been written is in chunks that can be read without what comes behind them: a file that is cut off
//! can be read as far as it goes.

use std::collections::BTreeMap;
use std::io::Write;

use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{Compression, McapError, WriteOptions, Writer};
use serde::Serialize;

use super::lane::Lane;
use super::pairs::Pairs;
use super::{ABOUT, ENDED, EVENTS, LOSSES};
use crate::model::{AgentId, Alias};
use crate::wire::{Passed, Sort, TappedSocket, Way, split_topic};

/// How large a chunk becomes before it is written.
const CHUNK: u64 = 1 << 20;
/// How many topics get channels of their own. Further publications have their topics before them.
const TOPICS: usize = 4096;
/// Sorts of messages, by ways.
const PLAIN: usize = 10;
/// Any JSON value.
const ANY: &str = "{}";
const LOSS: &str = r#"{"type":"object","properties":{"agent":{"type":"string"},"lost":{"type":"integer","minimum":1},"total":{"type":"integer","minimum":1}},"required":["agent","lost","total"]}"#;
const EVENT: &str = r#"{"type":"object","properties":{"agent":{"type":"string"},"event":{"enum":["began","away"]},"why":{"type":"string"}},"required":["agent","event"]}"#;

/// Why a recording cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("the recording cannot be written: {0}")]
    Io(std::io::Error),
    #[error("the recording cannot be written: {0}")]
    Format(McapError),
}

impl From<McapError> for RecordError {
    fn from(error: McapError) -> Self {
        match error {
            McapError::Io(error) => Self::Io(error),
            other => Self::Format(other),
        }
    }
}

/// What stands before all messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    /// Of [`ABOUT`].
    pub about: BTreeMap<String, String>,
    /// Other metadata, by their names.
    pub others: Vec<(&'static str, BTreeMap<String, String>)>,
    /// Whether chunks are compressed by LZ4.
    pub lz4: bool,
}

/// A message that has passed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    /// The number of its agent.
    pub agent: usize,
    pub socket: &'a TappedSocket,
    /// The how-manieth that has passed there that way.
    pub count: u64,
    /// In microseconds since 1970, by the agent's machine.
    pub time: u64,
    pub passed: Passed<'a>,
}

/// What has become of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event {
    /// From now on all that passes is recorded, or counted as lost.
    Began,
    /// Nothing is, for that reason.
    Away { why: String },
}

/// How much has been written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub messages: u64,
    /// Of messages, as they were.
    pub bytes: u64,
    pub lost: u64,
}

/// A recording that is written.
pub(crate) struct Recording<W: Write> {
    tape: Writer<NoSeek<W>>,
    head: Head,
    part: u32,
    agents: Vec<Agent>,
    topics: usize,
    pairs: Pairs,
    written: Written,
    losses: u16,
    events: u16,
}

struct Agent {
    id: AgentId,
    sockets: BTreeMap<Alias, Socket>,
}

/// The channels of a socket.
struct Socket {
    socket: TappedSocket,
    plain: [Option<u16>; PLAIN],
    topics: BTreeMap<Box<str>, u16>,
}

impl<W: Write> Recording<W> {
    /// Begins one, of these agents, which have the numbers of their places.
    pub(crate) fn begin(to: W, head: Head, agents: &[AgentId]) -> Result<Self, RecordError> {
        let agents = agents.iter().map(|id| Agent {
            id: id.clone(),
            sockets: BTreeMap::new(),
        });
        Self::begin_part(
            to,
            (head, 1),
            agents.collect(),
            Pairs::default(),
            Written::default(),
        )
    }

    fn begin_part(
        to: W,
        (head, part): (Head, u32),
        agents: Vec<Agent>,
        pairs: Pairs,
        written: Written,
    ) -> Result<Self, RecordError> {
        let mut tape = WriteOptions::new()
            .compression(head.lz4.then_some(Compression::Lz4))
            .chunk_size(Some(CHUNK))
            .disable_seeking(true)
            .profile("osb")
            .library(concat!("osb ", env!("CARGO_PKG_VERSION")))
            .create(NoSeek::new(to))?;
        let mut about = head.about.clone();
        about.insert("part".to_owned(), part.to_string());
        let about = [(ABOUT, &about)].into_iter();
        for (name, metadata) in about.chain(head.others.iter().map(|(name, it)| (*name, it))) {
            tape.write_metadata(&Metadata {
                name: name.to_owned(),
                metadata: metadata.clone(),
            })?;
        }
        let (losses, events) = (
            json_channel(&mut tape, LOSSES, LOSS)?,
            json_channel(&mut tape, EVENTS, EVENT)?,
        );
        // From here on it can be read.
        tape.flush()?;
        Ok(Self {
            tape,
            head,
            part,
            agents,
            topics: 0,
            pairs,
            written,
            losses,
            events,
        })
    }

    /// A message has passed.
    pub(crate) fn write(&mut self, message: &Message<'_>) -> Result<(), RecordError> {
        let Some((channel_id, data)) = self.channel_of(message)? else {
            return Ok(());
        };
        let pair = || {
            (
                message.agent,
                message.socket.alias.clone(),
                message.passed.pair,
            )
        };
        let sequence = match message.passed.sort {
            Sort::Request => self.pairs.ask(pair()),
            Sort::Answer => self.pairs.answer(&pair()),
            // Who wants to know whether one is missing sees it by the lower half too.
            Sort::Message | Sort::Publication | Sort::Garbled => message.count as u32,
        };
        let time = message.time.saturating_mul(1000);
        self.put(channel_id, sequence, time, data)?;
        self.written.messages += 1;
        self.written.bytes += data.len() as u64;
        Ok(())
    }

    /// So many messages of an agent, in all, are not in it; `time` is in nanoseconds since 1970.
    pub(crate) fn lose(
        &mut self,
        agent: usize,
        (lost, total): (u64, u64),
        time: u64,
    ) -> Result<(), RecordError> {
        self.written.lost += lost;
        let agent = self.agents.get(agent).map(|it| it.id.to_string());
        let loss = serde_json::json!({ "agent": agent, "lost": lost, "total": total });
        self.put(self.losses, 0, time, loss.to_string().as_bytes())
    }

    /// Something has become of an agent.
    pub(crate) fn tell(
        &mut self,
        agent: usize,
        event: &Event,
        time: u64,
    ) -> Result<(), RecordError> {
        let mut told = serde_json::to_value(event).unwrap_or_default();
        let agent = self.agents.get(agent).map(|it| it.id.to_string());
        told["agent"] = agent.into();
        self.put(self.events, 0, time, told.to_string().as_bytes())
    }

    /// What has come so far is on its way to the disk when this comes back.
    pub(crate) fn flush(&mut self) -> Result<(), RecordError> {
        Ok(self.tape.flush()?)
    }

    pub(crate) fn written(&self) -> Written {
        self.written
    }

    /// Which part of several it is.
    #[cfg(test)]
    pub(crate) fn part(&self) -> u32 {
        self.part
    }

    /// Ends this part, and goes on elsewhere.
    pub(crate) fn next(&mut self, to: W) -> Result<W, RecordError> {
        self.close()?;
        let agents = std::mem::take(&mut self.agents);
        let agents = agents.into_iter().map(|agent| Agent {
            sockets: BTreeMap::new(),
            ..agent
        });
        let head = (std::mem::take(&mut self.head), self.part + 1);
        let pairs = std::mem::take(&mut self.pairs);
        let next = Self::begin_part(to, head, agents.collect(), pairs, self.written)?;
        let former = std::mem::replace(self, next);
        Ok(former.tape.into_inner().into_inner())
    }

    /// Ends it, with all that makes it quick to read.
    pub(crate) fn end(mut self) -> Result<(Written, W), RecordError> {
        self.close()?;
        Ok((self.written, self.tape.into_inner().into_inner()))
    }

    fn close(&mut self) -> Result<(), RecordError> {
        let Written {
            messages,
            bytes,
            lost,
        } = self.written;
        let counts = [("messages", messages), ("bytes", bytes), ("lost", lost)];
        let counts = counts.map(|(name, count)| (name.to_owned(), count.to_string()));
        self.tape.write_metadata(&Metadata {
            name: ENDED.to_owned(),
            metadata: counts.into(),
        })?;
        self.tape.finish()?;
        Ok(())
    }

    fn put(
        &mut self,
        channel_id: u16,
        sequence: u32,
        time: u64,
        data: &[u8],
    ) -> Result<(), RecordError> {
        let header = MessageHeader {
            channel_id,
            sequence,
            log_time: time,
            publish_time: time,
        };
        Ok(self.tape.write_to_known_channel(&header, data)?)
    }

    /// The channel of a message, which is new if it is the first of it, and the message without a topic that the channel says.
    fn channel_of<'a>(
        &mut self,
        message: &Message<'a>,
    ) -> Result<Option<(u16, &'a [u8])>, RecordError> {
        let Some(agent) = self.agents.get_mut(message.agent) else {
            return Ok(None);
        };
        let passed = &message.passed;
        if !agent.sockets.contains_key(&message.socket.alias) {
            let socket = Socket::of(message.socket);
            agent.sockets.insert(message.socket.alias.clone(), socket);
        }
        let Some(socket) = agent.sockets.get_mut(&message.socket.alias) else {
            return Ok(None);
        };
        // It was closed, and another made under that alias.
        if socket.socket != *message.socket {
            *socket = Socket::of(message.socket);
        }
        let divided = match passed.sort {
            Sort::Publication => divided(passed.bytes, message.socket),
            Sort::Message | Sort::Request | Sort::Answer | Sort::Garbled => None,
        };
        let lane = |topic: Option<&str>| Lane {
            agent: agent.id.clone(),
            socket: message.socket.clone(),
            way: passed.way,
            sort: passed.sort,
            topic: topic.map(str::to_owned),
        };
        if let Some((topic, body)) = divided {
            if let Some(channel) = socket.topics.get(topic) {
                return Ok(Some((*channel, body)));
            }
            if self.topics < TOPICS {
                self.topics += 1;
                let channel = add(&mut self.tape, &lane(Some(topic)))?;
                socket.topics.insert(topic.into(), channel);
                return Ok(Some((channel, body)));
            }
        }
        let at = passed.sort as usize * 2 + usize::from(passed.way == Way::Out);
        let channel = match socket.plain[at] {
            Some(channel) => channel,
            None => *socket.plain[at].insert(add(&mut self.tape, &lane(None))?),
        };
        Ok(Some((channel, passed.bytes)))
    }
}

impl Socket {
    fn of(socket: &TappedSocket) -> Self {
        Self {
            socket: socket.clone(),
            plain: [None; PLAIN],
            topics: BTreeMap::new(),
        }
    }
}

/// The topic of a publication and what is behind it, if there is a topic that can be told as text.
fn divided<'a>(bytes: &'a [u8], socket: &TappedSocket) -> Option<(&'a str, &'a [u8])> {
    if !socket.serializer.divides() {
        return None;
    }
    let (topic, body) = split_topic(bytes, socket.serializer).ok()?;
    Some((std::str::from_utf8(topic).ok()?, body))
}

fn add<W: Write>(tape: &mut Writer<NoSeek<W>>, lane: &Lane) -> Result<u16, RecordError> {
    let schema = match lane.is_json() {
        true => tape.add_schema("osb.json", "jsonschema", ANY.as_bytes())?,
        false => 0,
    };
    Ok(tape.add_channel(schema, &lane.name(), lane.encoding(), &lane.metadata())?)
}

fn json_channel<W: Write>(
    tape: &mut Writer<NoSeek<W>>,
    name: &str,
    schema: &str,
) -> Result<u16, RecordError> {
    let schema = tape.add_schema(&name.replace('/', "."), "jsonschema", schema.as_bytes())?;
    Ok(tape.add_channel(schema, name, "json", &BTreeMap::new())?)
}
