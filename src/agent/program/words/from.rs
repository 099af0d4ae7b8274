//! Words from a program.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ProgramId;
use crate::model::{Action, Alias, Handlers, Kind, Level, Millis, Serializer, Topic, Transport};
use crate::wire::AgentRequest;

/// From the program.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromProgram {
    /// A thread has prepared itself: the agent may be announced, and if nobody else will say so, it
    /// may begin at once. Processes do not say it.
    #[serde(skip)]
    Prepared {
        go: bool,
    },
    /// Its handlers are in place.
    Ready {},
    /// A thread asks what any member may ask of the agent. Processes have a word for each.
    #[serde(skip)]
    Ask {
        request: Box<AgentRequest>,
        id: ProgramId,
    },
    /// With an id, the reply tells when the socket has taken the message, or why it has not.
    Send {
        alias: Alias,
        message: Value,
        topic: Option<Topic>,
        id: Option<ProgramId>,
    },
    /// The answer to a message or a call with this id, or why there is none.
    Reply {
        id: u64,
        #[serde(default)]
        message: Value,
        error: Option<String>,
    },
    Request {
        alias: Alias,
        message: Value,
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
    /// The addresses of the agent's own sockets.
    Addr {
        alias: Option<Alias>,
        id: ProgramId,
    },
    Bind {
        alias: Alias,
        kind: Kind,
        transport: Option<Transport>,
        addr: Option<String>,
        serializer: Option<Serializer>,
        handler: Option<Handler>,
        #[serde(default)]
        insecure: bool,
        id: Option<ProgramId>,
    },
    /// `to` is AGENT.ALIAS, or an address that ZeroMQ dials; then `kind` is to be there.
    Connect {
        alias: Alias,
        to: String,
        kind: Option<Kind>,
        serializer: Option<Serializer>,
        handler: Option<Handler>,
        on_reply: Option<Actions>,
        #[serde(default, deserialize_with = "duration")]
        wait: Option<Millis>,
        on_error: Option<Actions>,
        #[serde(default, deserialize_with = "duration")]
        timeout: Option<Millis>,
        id: Option<ProgramId>,
    },
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
    /// The agent is to end.
    Stop {},
}

/// A timer, with the keys that it has in a topology.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timer {
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
pub struct Handler(pub Handlers);

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
pub struct Actions(pub Vec<Action>);

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

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Millis>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom))
        .transpose()
}
