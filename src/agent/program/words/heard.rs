//! Words to a program that is a thread: values of their own instead of lines.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Outcome, ProgramId, ToProgram};
use crate::model::{Alias, Kind, MethodName};

/// The same words as values of their own, for a program that is a thread.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// The name server knows the agent now.
    Registered,
    Start {
        attributes: BTreeMap<String, Value>,
        sockets: BTreeMap<Alias, Kind>,
    },
    Message {
        alias: Alias,
        handler: Option<MethodName>,
        kind: Kind,
        topic: Option<String>,
        id: Option<u64>,
        message: Value,
    },
    Call {
        id: u64,
        name: String,
        params: Value,
    },
    Reply {
        id: ProgramId,
        outcome: Result<Value, String>,
    },
    Attributes {
        attributes: BTreeMap<String, Value>,
    },
    Release,
    Stop,
}

impl ToProgram<'_> {
    /// The word as a value of its own. None for what threads are not asked.
    pub(crate) fn to_heard(&self) -> Option<Heard> {
        Some(match self {
            ToProgram::Start {
                attributes,
                sockets,
                ..
            } => Heard::Start {
                attributes: (*attributes).clone(),
                sockets: sockets
                    .iter()
                    .map(|(alias, kind)| ((*alias).clone(), *kind))
                    .collect(),
            },
            ToProgram::Message {
                alias,
                handler,
                kind,
                topic,
                id,
                outcome,
                ..
            } => Heard::Message {
                alias: (*alias).clone(),
                handler: handler.cloned(),
                kind: *kind,
                topic: topic.clone(),
                id: *id,
                message: match outcome {
                    Outcome::Message(message) => (*message).clone(),
                    // As an error travels.
                    Outcome::Error(reason) => json!({ "$error": reason }),
                },
            },
            ToProgram::Call { id, name, params } => Heard::Call {
                id: *id,
                name: (*name).to_owned(),
                params: (*params).clone(),
            },
            ToProgram::Reply { id, outcome } => Heard::Reply {
                id: (*id).clone(),
                outcome: match outcome {
                    Outcome::Message(message) => Ok((*message).clone()),
                    Outcome::Error(reason) => Err((*reason).to_owned()),
                },
            },
            ToProgram::Attributes { attributes } => Heard::Attributes {
                attributes: (*attributes).clone(),
            },
            ToProgram::Release {} => Heard::Release,
            ToProgram::Stop {} => Heard::Stop,
            ToProgram::Ping {} => return None,
        })
    }
}
