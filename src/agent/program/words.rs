//! The words between an agent and its program: JSON objects, one a line. specs/commands.md says the
//! same for those who write programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::model::Level;
use crate::model::{
    Action, AgentName, Alias, Handlers, Kind, MethodName, Millis, Serializer, Transport,
};
use crate::wire::AgentRequest;

/// A number or text that a program chose for a question of its own; the reply repeats it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ProgramId {
    Number(u64),
    Text(String),
}

/// To the program.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToProgram<'a> {
    /// The system is wired: begin.
    Start {
        agent: &'a AgentName,
        attributes: &'a BTreeMap<String, Value>,
        sockets: BTreeMap<&'a Alias, Kind>,
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
    /// Somebody calls a method; a reply is wanted.
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
    /// The system has let go of the agent; another `start` may follow.
    Release {},
    /// End.
    Stop {},
}

/// The same words as values of their own, for a program that is a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
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
    /// The word as a value of its own.
    pub fn to_heard(&self) -> Heard {
        match self {
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
        }
    }
}

/// One of two keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<'a> {
    Message(&'a Value),
    Error(&'a str),
}

/// From the program.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromProgram {
    /// A thread has prepared itself: the agent may be announced, and if nobody else will say so, it
    /// may begin at once. Processes do not say it.
    #[serde(skip)]
    Ready {
        go: bool,
    },
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
        topic: Option<String>,
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
    pub topic: Option<String>,
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

/// Why a line says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoWord {
    /// Nothing in it.
    Blank,
    /// No object: something was printed.
    Plain(String),
    /// A line of a program that has no words.
    Printed(String),
    Wrong(String),
}

impl fmt::Display for NoWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoWord::Blank => f.write_str("an empty line"),
            NoWord::Plain(text) | NoWord::Printed(text) | NoWord::Wrong(text) => f.write_str(text),
        }
    }
}

/// Reads a line, strictly.
pub fn read(line: &[u8]) -> Result<FromProgram, NoWord> {
    let printed = line.trim_ascii_end();
    let line = printed.trim_ascii_start();
    match line.first() {
        None => Err(NoWord::Blank),
        Some(b'{') => serde_json::from_slice(line)
            .map_err(|error| NoWord::Wrong(format!("{}: {}", reason(&error), beginning(line)))),
        Some(_) => Err(NoWord::Plain(String::from_utf8_lossy(printed).into_owned())),
    }
}

/// Without the place: there is one line only, and its beginning is shown.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or(&text);
    match error.classify() {
        serde_json::error::Category::Data => reason.to_owned(),
        _ => format!("not JSON: {reason}"),
    }
}

/// Enough of a line to recognise it.
pub fn beginning(line: &[u8]) -> String {
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(&line[..line.len().min(4 * SHOWN)]);
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < line.len() && text.chars().count() >= SHOWN {
        return shown + "…";
    }
    shown
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Millis>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::program::ask;
    use proptest::prelude::*;

    #[test]
    fn words_are_read_strictly() {
        let ok = |text: &str| read(text.as_bytes()).unwrap();
        let sent = ok(r#" {"type":"send","alias":"main","message":null} "#);
        let expected = FromProgram::Send {
            alias: "main".parse().unwrap(),
            message: Value::Null,
            topic: None,
            id: None,
        };
        assert_eq!(sent, expected);
        assert!(matches!(
            ok(r#"{"type":"reply","id":1}"#),
            FromProgram::Reply {
                id: 1,
                message: Value::Null,
                error: None
            }
        ));
        let request = ok(r#"{"type":"request","alias":"a","message":1,"id":"x","timeout":"5s"}"#);
        assert!(
            matches!(request, FromProgram::Request { timeout: Some(t), .. } if t.get() == 5000)
        );
        assert_eq!(ok(r#"{"type":"stop"}"#), FromProgram::Stop {});
        for wrong in [
            r#"{"type":"dance"}"#,
            r#"{"type":"send","alias":"main"}"#,
            r#"{"type":"send","alias":"ma in","message":1}"#,
            r#"{"type":"stop","now":true}"#,
            r#"{"type":"request","alias":"a","message":1,"id":1,"timeout":"soon"}"#,
            r#"{"type":"stop"} {}"#,
            "{",
        ] {
            assert!(
                matches!(read(wrong.as_bytes()), Err(NoWord::Wrong(_))),
                "{wrong}"
            );
        }
        assert_eq!(read(b"hi"), Err(NoWord::Plain("hi".into())));
        assert_eq!(read(b" \r"), Err(NoWord::Blank));
    }

    /// Each example of the page is a word, and each word has an example.
    #[test]
    fn the_page_of_words_is_true() {
        let page = include_str!("../../../specs/commands.md");
        let table = page.split("## From the program").nth(1).unwrap();
        let table = table.split("\n## ").next().unwrap();
        let mut words = std::collections::BTreeSet::new();
        for row in table.lines().filter(|line| line.starts_with('|')) {
            for example in row.split('`').filter(|text| text.starts_with("{\"type\"")) {
                let word: Value = serde_json::from_str(example).unwrap();
                words.insert(word["type"].as_str().unwrap().to_owned());
                let read = read(example.as_bytes()).unwrap();
                assert!(
                    !matches!(ask::asked(read), ask::Asked::Refused { .. }),
                    "{example}"
                );
            }
        }
        let unknown = read(br#"{"type":"dance"}"#).unwrap_err().to_string();
        let known = unknown.split("expected one of").nth(1).unwrap();
        let known = known.split('`').skip(1).step_by(2).map(str::to_owned);
        assert_eq!(
            words,
            known.take_while(|word| !word.contains('{')).collect()
        );
    }

    #[test]
    fn words_are_written_as_specified() {
        let write = |word: &ToProgram| serde_json::to_value(word).unwrap();
        let id = ProgramId::Number(3);
        let outcome = Outcome::Error("no");
        let reply = write(&ToProgram::Reply { id: &id, outcome });
        assert_eq!(reply, json!({"type": "reply", "id": 3, "error": "no"}));
        let message = ToProgram::Message {
            alias: &"inbox".parse().unwrap(),
            handler: None,
            kind: Kind::Pull,
            topic: None,
            id: None,
            reply: false,
            outcome: Outcome::Message(&json!([1])),
        };
        let expected = json!({"type": "message", "alias": "inbox", "kind": "PULL", "message": [1]});
        assert_eq!(write(&message), expected);
        assert_eq!(write(&ToProgram::Stop {}), json!({"type": "stop"}));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = read(&bytes);
            let _ = read(&[b"{\"type\":\"", text.as_bytes()].concat());
            prop_assert!(beginning(&bytes).chars().count() <= 201);
        }
    }
}
