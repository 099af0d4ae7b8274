//! Words to a program.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::ProgramId;
use crate::model::{AgentName, Alias, Kind, MethodName, Serializer};
use crate::wire::{self, PLACE};

/// To the program.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ToProgram<'a> {
    /// The system is wired: begin.
    Start {
        agent: &'a AgentName,
        attributes: &'a BTreeMap<String, Value>,
        sockets: BTreeMap<&'a Alias, Kind>,
        serializers: BTreeMap<&'a Alias, Serializer>,
        /// Bytes may travel as frames, if the program says that they are to.
        frames: bool,
    },
    /// A message has arrived. With an id, a reply is wanted.
    Message {
        alias: &'a Alias,
        /// Which of its handlers is meant, if the topology says.
        #[serde(skip_serializing_if = "Option::is_none")]
        handler: Option<&'a MethodName>,
        kind: Kind,
        #[serde(skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// An answer to a request of the agent's own, or for want of one.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        reply: bool,
        #[serde(flatten)]
        outcome: Outcome<'a>,
    },
    /// A member or a timer calls a method; a reply is wanted.
    Call {
        id: u64,
        name: &'a str,
        params: &'a Value,
    },
    /// The answer to a request or a get, or why there is none.
    Reply {
        id: &'a ProgramId,
        #[serde(flatten)]
        outcome: Outcome<'a>,
    },
    /// These attributes were set from outside.
    Attributes {
        attributes: &'a BTreeMap<String, Value>,
    },
    /// The system has released the agent; another `start` may follow.
    Release {},
    /// Whether it still reads: to a program that has said that it answers.
    Ping {},
    /// End.
    Stop {},
}

/// The line of a word that a frame follows, as one without a frame.
pub(crate) fn without_frame(line: &[u8], frame: &[u8]) -> Vec<u8> {
    let Ok(Value::Object(mut word)) = serde_json::from_slice(line) else {
        return line.to_vec();
    };
    word.remove("bytes");
    let message = word.entry("message");
    let message = message.or_insert_with(|| json!({ PLACE: [0, frame.len()] }));
    wire::without_frame(message, frame);
    Value::Object(word).to_string().into_bytes()
}

/// What a message is, or why there is none.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Outcome<'a> {
    Message {
        message: &'a Value,
    },
    /// A frame of so many bytes follows, for parts of which objects stand in the message; without a message, it is the message.
    Frame {
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a Value>,
        bytes: usize,
    },
    Error {
        error: &'a str,
    },
}
