//! What is in a recording: counts for each channel, from when to when it goes, what was lost, and where it ends.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;

use super::{ABOUT, AGENTS, End, Found, LOSSES, ReadError, Reader, Track};

/// From the first to the last message, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub first: u64,
    pub last: u64,
}

/// What there is of a channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChannelTally {
    pub track: Track,
    pub messages: u64,
    pub bytes: u64,
    pub window: Option<Window>,
}

/// What there is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tally {
    /// What was recorded, when and by what: none of this, if it is a file of something else.
    pub about: BTreeMap<String, String>,
    /// By their names.
    pub channels: BTreeMap<String, ChannelTally>,
    /// Over all channels.
    pub window: Option<Window>,
    /// How many messages were lost, by their agents.
    pub lost: BTreeMap<String, u64>,
    pub end: End,
    /// What the name server told of each agent, as JSON.
    pub agents: BTreeMap<String, String>,
    /// What metadata it has beside what it says of itself.
    pub metadata: Vec<String>,
}

/// What is written of a loss.
#[derive(Deserialize)]
struct Loss {
    agent: String,
    lost: u64,
}

impl Tally {
    /// Reads all of it.
    pub(crate) fn of<R: Read>(mut reader: Reader<R>) -> Result<Self, ReadError> {
        let mut tally = Self {
            about: BTreeMap::new(),
            channels: BTreeMap::new(),
            window: None,
            lost: BTreeMap::new(),
            end: End::Cut,
            metadata: Vec::new(),
            agents: BTreeMap::new(),
        };
        while let Some(found) = reader.next()? {
            tally.add(found);
        }
        tally.end = reader.end().unwrap_or(End::Cut);
        Ok(tally)
    }

    fn add(&mut self, found: Found) {
        match found {
            Found::Channel(track) => {
                let channel = ChannelTally {
                    track: (*track).clone(),
                    messages: 0,
                    bytes: 0,
                    window: None,
                };
                self.channels.entry(track.name.clone()).or_insert(channel);
            }
            Found::Metadata { name, values } if name == ABOUT => self.about = values,
            Found::Metadata { name, values } => {
                if name == AGENTS {
                    self.agents = values;
                }
                self.metadata.push(name);
            }
            Found::Message(heard) => {
                if heard.track.name == LOSSES
                    && let Ok(loss) = serde_json::from_slice::<Loss>(&heard.data)
                {
                    *self.lost.entry(loss.agent).or_default() += loss.lost;
                }
                if heard.track.lane.is_some() {
                    self.window = Some(wider(self.window, heard.time));
                }
                if let Some(channel) = self.channels.get_mut(&heard.track.name) {
                    channel.messages += 1;
                    channel.bytes += heard.data.len() as u64;
                    channel.window = Some(wider(channel.window, heard.time));
                }
            }
        }
    }
}

fn wider(window: Option<Window>, time: u64) -> Window {
    match window {
        None => Window {
            first: time,
            last: time,
        },
        Some(Window { first, last }) => Window {
            first: first.min(time),
            last: last.max(time),
        },
    }
}
