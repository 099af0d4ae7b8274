//! Words to a program that is a thread: values of their own instead of lines.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use zmq::Message;

use super::{Outcome, ProgramId, ToProgram};
use crate::model::{Alias, MethodName, Serializer};
use crate::wire::{ReadError, read};

/// The same words as values of their own, for a program that is a thread.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The name server knows the agent now.
    Registered,
    /// The system is wired: the same that a process is told, but that a thread asks for attributes and sockets.
    Start,
    /// Whence the messages come that follow: once for many of them, which then share nothing between two threads.
    At(Arc<Whence>),
    Message {
        topic: Option<String>,
        id: Option<u64>,
        message: Payload,
    },
    Call {
        id: u64,
        name: String,
        params: Value,
    },
    Reply {
        id: ProgramId,
        outcome: Result<Payload, String>,
    },
    /// Some were set from outside.
    Attributes,
    Release,
    Stop,
}

/// By which socket a message has come, and for which handler, if the topology says that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whence {
    pub alias: Alias,
    pub handler: Option<MethodName>,
}

/// A message, as it is: the thread that handles it reads it, as the type that its handler wants.
#[derive(Debug)]
pub(crate) enum Payload {
    Value(Value),
    /// Behind so many bytes of the frame.
    Frame {
        frame: Message,
        start: usize,
        by: Serializer,
    },
}

impl Payload {
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, ReadError> {
        match self {
            Payload::Value(value) => Ok(serde_json::from_value(value)?),
            Payload::Frame { frame, start, by } => read(&frame[start..], by),
        }
    }
}

impl ToProgram<'_> {
    /// The word as a value of its own. None for what threads are not asked, or are told otherwise.
    pub(crate) fn to_heard(&self) -> Option<Heard> {
        Some(match self {
            ToProgram::Start { .. } => Heard::Start,
            ToProgram::Call { id, name, params } => Heard::Call {
                id: *id,
                name: (*name).to_owned(),
                params: (*params).clone(),
            },
            ToProgram::Reply { id, outcome } => Heard::Reply {
                id: (*id).clone(),
                outcome: match outcome {
                    Outcome::Message { message } => Ok(Payload::Value((*message).clone())),
                    Outcome::Error { error } => Err((*error).to_owned()),
                    // Threads are handed frames as they are.
                    Outcome::Frame { .. } => return None,
                },
            },
            ToProgram::Attributes { .. } => Heard::Attributes,
            ToProgram::Release {} => Heard::Release,
            ToProgram::Stop {} => Heard::Stop,
            // Messages are handed over as they are.
            ToProgram::Ping {} | ToProgram::Message { .. } => return None,
        })
    }
}
