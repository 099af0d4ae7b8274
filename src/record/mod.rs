//! Recordings: what passes at sockets, as a file of the open format MCAP (<https://mcap.dev>). Pure: what has passed comes in, and
//! bytes go where the caller says; who taps, who writes to a disk and who sends it all again is not decided here.
//! specs/observing.md, "Recordings", says what is in such a file.

mod fields;
mod lane;
mod order;
mod pace;
mod pairs;
mod read;
mod ring;
mod script;
mod tally;
mod write;

pub(crate) use lane::Lane;
pub(crate) use order::InOrder;
pub(crate) use pace::{Lateness, Pace, Speed};
pub(crate) use read::{End, Found, Heard, ReadError, Reader, Track};
pub(crate) use ring::Ring;
pub(crate) use script::{Choice, Line, Part, PartSocket, Say, Unsaid, line, parts};
pub(crate) use tally::{ChannelTally, Tally, Window};
pub(crate) use write::{Event, Head, Message, RecordError, Recording, Written};

/// The channel of losses: one JSON object a time at which messages were found to be missing.
pub(crate) const LOSSES: &str = "osb/losses";
/// The channel of what has become of the agents meanwhile.
pub(crate) const EVENTS: &str = "osb/events";
/// The metadata that says what was recorded, when and by what.
pub(crate) const ABOUT: &str = "osb";
/// The metadata that says how much was.
pub(crate) const ENDED: &str = "osb.end";
/// The metadata with the topology of the system, as `osb export` prints it.
pub(crate) const TOPOLOGY: &str = "osb.topology";
/// The metadata with what the name server tells of each agent.
pub(crate) const AGENTS: &str = "osb.agents";
/// The metadata with the attributes of each agent.
pub(crate) const ATTRIBUTES: &str = "osb.attributes";

#[cfg(test)]
mod tests;
