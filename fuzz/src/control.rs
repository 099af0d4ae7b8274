//! The control decoder: envelopes, and every body that one member sends another.

use std::fmt::Debug;

use osb::model::{
    Address, AgentInfo, ConnectionInfo, Credentials, HostInfo, KeyEntry, Program, SocketStats,
    TimerInfo, Topology,
};
use osb::wire::{
    AgentBoot, AgentLogs, AgentRequest, AgentStatus, Announcement, Envelope, Event, Fault,
    HostRequest, MachineFacts, MachineRequest, MachineWord, NameServerRequest, Snapshot, Stopped,
    body, read_body,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A header has so many bytes before the peer's name.
const FIXED: usize = 18;

/// A message as its two frames, with a line feed between them.
pub fn control(bytes: &[u8]) {
    let end = bytes.iter().skip(FIXED).position(|byte| *byte == b'\n');
    let (header, content) = match end {
        Some(end) => (&bytes[..FIXED + end], &bytes[FIXED + end + 1..]),
        None => (bytes, bytes),
    };
    if let Ok(envelope) = Envelope::decode(header) {
        let again = Envelope::decode(&envelope.encode());
        assert_eq!(again.as_ref(), Ok(&envelope));
    }
    comes_back::<NameServerRequest>(content);
    comes_back::<AgentRequest>(content);
    comes_back::<HostRequest>(content);
    comes_back::<MachineRequest>(content);
    comes_back::<MachineWord>(content);
    comes_back::<Announcement>(content);
    comes_back::<Event>(content);
    comes_back::<Fault>(content);
    comes_back::<Snapshot>(content);
    comes_back::<AgentBoot>(content);
    comes_back::<AgentStatus>(content);
    comes_back::<Vec<AgentInfo>>(content);
    comes_back::<Vec<HostInfo>>(content);
    comes_back::<Vec<ConnectionInfo>>(content);
    comes_back::<Vec<TimerInfo>>(content);
    comes_back::<Vec<Stopped>>(content);
    comes_back::<Vec<AgentLogs>>(content);
    comes_back::<MachineFacts>(content);
    comes_back::<SocketStats>(content);
    comes_back::<Program>(content);
    comes_back::<Address>(content);
    comes_back::<Topology>(content);
    comes_back::<Vec<KeyEntry>>(content);
    comes_back::<Credentials>(content);
    comes_back::<Value>(content);
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(content: &[u8]) {
    if let Ok(read) = read_body::<T>(content) {
        let written = body(&read);
        let again = read_body::<T>(&written);
        let written = String::from_utf8_lossy(&written);
        assert_eq!(again.as_ref(), Ok(&read), "{written}");
    }
}
