//! Words from a program.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{ProgramId, Spawn, ToOthers};
use crate::model::{
    Action, AgentName, Alias, Handlers, Kind, Level, Millis, Serializer, Topic, Transport,
};
use crate::wire::{AgentRequest, Content, PlaceError};

/// From the program: what it asks, or what it says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FromProgram {
    Asks(ProgramRequest),
    AsksOthers(ToOthers),
    Says(OwnWord),
}

/// What any member may ask of the agent. A requester without an id gets errors only.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ProgramRequest {
    /// As members ask it.
    Plain {
        request: Box<AgentRequest>,
        id: Option<ProgramId>,
    },
    Bind(Bind),
    Connect(Connect),
    Timer(Timer),
}

/// Words that only its program says to an agent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OwnWord {
    /// A thread has prepared itself: the agent may be announced, and if no `up` will say so, it
    /// may begin at once. Processes do not say it.
    Prepared {
        go: bool,
    },
    /// Its handlers are in place.
    Ready {
        /// It answers pings by itself, whatever it is busy with.
        pings: bool,
    },
    /// Bytes are to travel as frames, both ways.
    Frames,
    /// It lives, asked or not; and for how long it has been busy with one thing, if it is.
    Pong {
        busy: Option<Millis>,
    },
    /// With an id, the reply tells when the socket has taken the message, or why it has not.
    Send {
        alias: Alias,
        message: Content,
        topic: Option<Topic>,
        id: Option<ProgramId>,
    },
    /// The answer to a message or a call with this id, or why there is none.
    Reply {
        id: u64,
        message: Content,
        error: Option<String>,
    },
    /// The call with this id is of a method that a thread does not have; those that it has.
    NoMethod {
        id: u64,
        known: Vec<String>,
    },
    Request {
        alias: Alias,
        message: Content,
        id: ProgramId,
        timeout: Option<Millis>,
    },
    Log {
        level: Option<Level>,
        text: String,
    },
    Set {
        attributes: BTreeMap<String, Value>,
    },
    Get {
        name: String,
        id: ProgramId,
    },
    /// A message that a thread was handed is none.
    Garbled {
        alias: Alias,
        /// Of the answer that is waited for.
        id: Option<u64>,
        reason: String,
    },
    /// The agent is to end.
    Stop,
}

impl OwnWord {
    /// The answer to a message or a call.
    pub(crate) fn reply(id: u64, outcome: Result<Content, String>) -> Self {
        let (message, error) = match outcome {
            Ok(message) => (message, None),
            Err(error) => (Content::default(), Some(error)),
        };
        OwnWord::Reply { id, message, error }
    }
}

impl ProgramRequest {
    /// By which its reply is known, if one is wanted.
    pub(crate) fn id(&self) -> Option<&ProgramId> {
        match self {
            ProgramRequest::Plain { id, .. } => id.as_ref(),
            ProgramRequest::Bind(bind) => bind.id.as_ref(),
            ProgramRequest::Connect(connect) => connect.id.as_ref(),
            ProgramRequest::Timer(timer) => timer.id.as_ref(),
        }
    }
}

impl From<OwnWord> for FromProgram {
    fn from(word: OwnWord) -> Self {
        FromProgram::Says(word)
    }
}

impl From<ToOthers> for FromProgram {
    fn from(word: ToOthers) -> Self {
        FromProgram::AsksOthers(word)
    }
}

impl From<ProgramRequest> for FromProgram {
    fn from(request: ProgramRequest) -> Self {
        FromProgram::Asks(request)
    }
}

/// A line as it is written: the one list of all words.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    Ready {
        #[serde(default)]
        pings: bool,
    },
    Frames {},
    Pong {
        #[serde(default, deserialize_with = "duration")]
        busy: Option<Millis>,
    },
    Send {
        alias: Alias,
        #[serde(default, deserialize_with = "present")]
        message: Option<Value>,
        bytes: Option<u64>,
        topic: Option<Topic>,
        id: Option<ProgramId>,
    },
    Reply {
        id: u64,
        #[serde(default, deserialize_with = "present")]
        message: Option<Value>,
        bytes: Option<u64>,
        error: Option<String>,
    },
    Request {
        alias: Alias,
        #[serde(default, deserialize_with = "present")]
        message: Option<Value>,
        bytes: Option<u64>,
        id: ProgramId,
        #[serde(default, alias = "wait", deserialize_with = "duration")]
        timeout: Option<Millis>,
    },
    Log {
        level: Option<Level>,
        text: String,
    },
    Set {
        attributes: BTreeMap<String, Value>,
    },
    Get {
        name: String,
        id: ProgramId,
    },
    /// All attributes.
    Attributes {
        id: ProgramId,
    },
    /// The addresses of the agent's own sockets, or that of another's.
    Addr {
        agent: Option<AgentName>,
        alias: Option<Alias>,
        id: ProgramId,
    },
    /// Other agents, as the name server knows them.
    Agents {
        agent: Option<AgentName>,
        id: ProgramId,
    },
    /// A method of another agent.
    Call {
        agent: AgentName,
        name: String,
        #[serde(default)]
        params: Value,
        #[serde(default, deserialize_with = "duration")]
        timeout: Option<Millis>,
        id: Option<ProgramId>,
    },
    Spawn(Box<Spawn>),
    Remove {
        agent: AgentName,
        id: Option<ProgramId>,
    },
    Bind(Bind),
    Connect(Connect),
    Close {
        alias: Alias,
        #[serde(default, deserialize_with = "duration")]
        linger: Option<Millis>,
        id: Option<ProgramId>,
    },
    CloseAll {
        #[serde(default, deserialize_with = "duration")]
        linger: Option<Millis>,
        id: Option<ProgramId>,
    },
    Subscribe {
        alias: Alias,
        handler: Handler,
        id: Option<ProgramId>,
    },
    Unsubscribe {
        alias: Alias,
        topics: Vec<String>,
        id: Option<ProgramId>,
    },
    Timer(Timer),
    Timers {
        id: ProgramId,
    },
    StopTimer {
        alias: Alias,
        id: Option<ProgramId>,
    },
    StopTimers {
        id: Option<ProgramId>,
    },
    Stop {},
}

/// Why a line is no word, although its keys are right.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("missing field `message`")]
    NoMessage,
    #[error(
        "`bytes` announces a frame, which no program sends that has not said `{{\"type\":\"frames\"}}`"
    )]
    NoFrames,
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// What the message of a word is made of.
struct Made {
    message: Option<Value>,
    /// How long its frame is, as the line says.
    bytes: Option<u64>,
    frame: Option<Vec<u8>>,
}

impl Made {
    fn content(self, absent: Option<Value>) -> Result<Content, LineError> {
        match (self.bytes, self.frame) {
            (None, None) => {
                let message = self.message.or(absent);
                message.map(Content::from).ok_or(LineError::NoMessage)
            }
            (Some(_), None) => Err(LineError::NoFrames),
            (_, Some(frame)) => Ok(Content::framed(self.message, frame)?),
        }
    }
}

impl Line {
    /// The word, with the frame that has come after the line.
    pub(super) fn word(self, frame: Option<Vec<u8>>) -> Result<FromProgram, LineError> {
        let made = |message, bytes, frame| Made {
            message,
            bytes,
            frame,
        };
        let (request, id) = match self {
            Line::Send {
                alias,
                message,
                bytes,
                topic,
                id,
            } => {
                let message = made(message, bytes, frame).content(None)?;
                return Ok(OwnWord::Send {
                    alias,
                    message,
                    topic,
                    id,
                }
                .into());
            }
            Line::Reply {
                id,
                message,
                bytes,
                error,
            } => {
                let message = made(message, bytes, frame).content(Some(Value::Null))?;
                return Ok(OwnWord::Reply { id, message, error }.into());
            }
            Line::Request {
                alias,
                message,
                bytes,
                id,
                timeout,
            } => {
                let message = made(message, bytes, frame).content(None)?;
                return Ok(OwnWord::Request {
                    alias,
                    message,
                    id,
                    timeout,
                }
                .into());
            }
            Line::Ready { pings } => return Ok(OwnWord::Ready { pings }.into()),
            Line::Frames {} => return Ok(OwnWord::Frames.into()),
            Line::Pong { busy } => return Ok(OwnWord::Pong { busy }.into()),
            Line::Log { level, text } => return Ok(OwnWord::Log { level, text }.into()),
            Line::Set { attributes } => return Ok(OwnWord::Set { attributes }.into()),
            Line::Get { name, id } => return Ok(OwnWord::Get { name, id }.into()),
            Line::Stop {} => return Ok(OwnWord::Stop.into()),
            Line::Addr {
                agent: Some(agent),
                alias,
                id,
            } => return Ok(ToOthers::Addr { agent, alias, id }.into()),
            Line::Agents { agent, id } => return Ok(ToOthers::Agents { agent, id }.into()),
            Line::Call {
                agent,
                name,
                params,
                timeout,
                id,
            } => {
                return Ok(ToOthers::Call {
                    agent,
                    name,
                    params,
                    timeout,
                    id,
                }
                .into());
            }
            Line::Spawn(spawn) => return Ok(spawn.word().into()),
            Line::Remove { agent, id } => return Ok(ToOthers::Remove { agent, id }.into()),
            Line::Bind(bind) => return Ok(ProgramRequest::Bind(bind).into()),
            Line::Connect(connect) => return Ok(ProgramRequest::Connect(connect).into()),
            Line::Timer(timer) => return Ok(ProgramRequest::Timer(timer).into()),
            Line::Attributes { id } => (AgentRequest::Attributes {}, Some(id)),
            Line::Addr {
                agent: None,
                alias,
                id,
            } => (AgentRequest::Addr { alias }, Some(id)),
            Line::Close { alias, linger, id } => (AgentRequest::Close { alias, linger }, id),
            Line::CloseAll { linger, id } => (AgentRequest::CloseAll { linger }, id),
            Line::Subscribe {
                alias,
                handler: Handler(handlers),
                id,
            } => (AgentRequest::Subscribe { alias, handlers }, id),
            Line::Unsubscribe { alias, topics, id } => {
                (AgentRequest::Unsubscribe { alias, topics }, id)
            }
            Line::Timers { id } => (AgentRequest::Timers {}, Some(id)),
            Line::StopTimer { alias, id } => (AgentRequest::StopTimer { alias }, id),
            Line::StopTimers { id } => (AgentRequest::StopTimers {}, id),
        };
        let request = Box::new(request);
        Ok(ProgramRequest::Plain { request, id }.into())
    }
}

/// A socket to bind, with the keys that it has in a topology.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bind {
    pub alias: Alias,
    pub kind: Kind,
    pub transport: Option<Transport>,
    pub addr: Option<String>,
    pub serializer: Option<Serializer>,
    pub handler: Option<Handler>,
    #[serde(default)]
    pub insecure: bool,
    pub id: Option<ProgramId>,
}

/// A connection. `to` is AGENT.ALIAS, or an address that ZeroMQ dials; then `kind` is to be there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connect {
    pub alias: Alias,
    pub to: String,
    pub kind: Option<Kind>,
    pub serializer: Option<Serializer>,
    pub handler: Option<Handler>,
    pub on_reply: Option<Actions>,
    #[serde(default, deserialize_with = "duration")]
    pub wait: Option<Millis>,
    pub on_error: Option<Actions>,
    #[serde(default, deserialize_with = "duration")]
    pub timeout: Option<Millis>,
    pub id: Option<ProgramId>,
}

/// A timer, with the keys that it has in a topology.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timer {
    pub alias: Option<Alias>,
    #[serde(default, deserialize_with = "duration")]
    pub every: Option<Millis>,
    #[serde(default, deserialize_with = "duration")]
    pub after: Option<Millis>,
    pub send: Option<Alias>,
    #[serde(default, deserialize_with = "present")]
    pub message: Option<Value>,
    pub topic: Option<Topic>,
    pub call: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub params: Option<Value>,
    pub set: Option<BTreeMap<String, Value>>,
    pub id: Option<ProgramId>,
}

/// Handlers as in a topology: one action, several, or either by topic.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Handler(pub Handlers);

impl TryFrom<Value> for Handler {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let Value::Object(topics) = value else {
            return Ok(Self(Handlers::All(actions(&value)?)));
        };
        let topics = topics
            .iter()
            .map(|(topic, value)| Ok((topic.clone(), actions(value)?)));
        let topics: Result<_, String> = topics.collect();
        topics.map(|topics| Self(Handlers::ByTopic(topics)))
    }
}

/// One action, or several.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Actions(pub Vec<Action>);

impl TryFrom<Value> for Actions {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        actions(&value).map(Self)
    }
}

fn actions(value: &Value) -> Result<Vec<Action>, String> {
    let action = |value: &Value| match value.as_str() {
        Some(text) => text
            .parse::<Action>()
            .map_err(|error| format!("handler: {error}")),
        None => Err(format!("handler: {value} is no action")),
    };
    match value {
        Value::Array(values) => values.iter().map(action).collect(),
        value => Ok(vec![action(value)?]),
    }
}

/// Null is a value too.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Millis>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom))
        .transpose()
}
