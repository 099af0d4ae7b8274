//! What stands in an agent's place in tests of its code: it takes in what the code says, and answers at once. It has no
//! network and no clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use crate::agent::{
    FromProgram, Guest, Heard, OwnWord, Payload, ProgramId, ProgramRequest, ToOthers,
};
use crate::model::{Alias, BindSpec, Level, TimerInfo, TimerSpec, Topic, When};
use crate::wire::{AgentRequest, ConnectToRequest};

/// A message that code has sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// By which of its sockets.
    pub alias: String,
    /// Under which topic, if it was published.
    pub topic: Option<String>,
    /// The message. Bytes are as JSON has them.
    pub message: Value,
}

/// Answers requests by a socket.
pub(super) type Answers = Box<dyn FnMut(Value) -> Result<Value, String> + Send>;

/// What the code has said so far.
#[derive(Default)]
pub(super) struct Desk {
    pub sent: Vec<Sent>,
    pub attributes: BTreeMap<String, Value>,
    pub logged: Vec<(Level, String)>,
    pub timers: Vec<TimerInfo>,
    pub answers: BTreeMap<String, Answers>,
    /// By the numbers of messages and calls.
    pub given: BTreeMap<u64, Result<Value, String>>,
    bound: BTreeMap<Alias, Value>,
    last: u16,
}

/// What is to be told to the code.
type Told = Option<(ProgramId, Result<Value, String>)>;

/// Begins to attend to the code, in a thread of its own, until the code's end of the line is dropped.
pub(super) fn attend(mut guest: Guest, desk: Arc<Mutex<Desk>>) -> std::io::Result<JoinHandle<()>> {
    let name = "osb-test".to_owned();
    thread::Builder::new().name(name).spawn(move || {
        while let Some(word) = guest.wait_for_word() {
            let is_answer = matches!(&word, FromProgram::Says(OwnWord::Reply { .. }));
            if matches!(&word, FromProgram::Says(OwnWord::Prepared { .. })) {
                guest.tell(Heard::Registered);
            }
            if let Some((id, outcome)) = lock(&desk).take(word) {
                let outcome = outcome.map(Payload::Value);
                guest.tell(Heard::Reply { id, outcome });
            }
            if is_answer {
                // Who waits for it is to look.
                guest.tell(Heard::Attributes);
            }
        }
    })
}

/// Code that panicked meanwhile leaves it as good as it was.
pub(super) fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    fn take(&mut self, word: FromProgram) -> Told {
        match word {
            FromProgram::Says(word) => self.take_own(word),
            FromProgram::Asks(request) => self.take_request(request),
            FromProgram::AsksOthers(word) => {
                let refused = Err("there are no other agents in a test".to_owned());
                id_of(word).map(|id| (id, refused))
            }
        }
    }

    fn take_own(&mut self, word: OwnWord) -> Told {
        match word {
            OwnWord::Send {
                alias,
                message,
                topic,
                id,
            } => {
                self.note(&alias, topic.as_ref(), message.into_value());
                return id.map(|id| (id, Ok(Value::Null)));
            }
            OwnWord::Request {
                alias, message, id, ..
            } => {
                let message = message.into_value();
                self.note(&alias, None, message.clone());
                return Some((id, self.answer(&alias, message)));
            }
            OwnWord::Get { name, id } => {
                let value = self.attributes.get(&name).cloned();
                let value = value.ok_or_else(|| format!("there is no attribute {name:?}"));
                return Some((id, value));
            }
            OwnWord::Reply { id, message, error } => {
                let outcome = error.map_or_else(|| Ok(message.into_value()), Err);
                self.given.insert(id, outcome);
            }
            OwnWord::NoMethod { id, known } => {
                let known = known.join(", ");
                let reason = format!("there is no such method; there is {known}");
                self.given.insert(id, Err(reason));
            }
            OwnWord::Garbled { id, reason, .. } => {
                self.given.extend(id.map(|id| (id, Err(reason))));
            }
            OwnWord::Log { level, text } => {
                self.logged.push((level.unwrap_or(Level::Info), text));
            }
            OwnWord::Set { attributes } => self.attributes.extend(attributes),
            OwnWord::Prepared { .. }
            | OwnWord::Ready { .. }
            | OwnWord::Frames
            | OwnWord::Pong { .. }
            | OwnWord::Stop => {}
        }
        None
    }

    fn note(&mut self, alias: &Alias, topic: Option<&Topic>, message: Value) {
        self.sent.push(Sent {
            alias: alias.to_string(),
            topic: topic.map(|topic| topic.as_str().to_owned()),
            message,
        });
    }

    fn answer(&mut self, alias: &Alias, message: Value) -> Result<Value, String> {
        match self.answers.get_mut(alias.as_str()) {
            Some(answers) => answers(message),
            None => Err(format!(
                "nobody answers by {alias} in this test: say what comes, by Test::answers"
            )),
        }
    }

    fn take_request(&mut self, asked: ProgramRequest) -> Told {
        let id = asked.id().cloned();
        let outcome = match asked {
            ProgramRequest::Plain { request, .. } => self.serve(*request),
            ProgramRequest::Bind(_) | ProgramRequest::Connect(_) | ProgramRequest::Timer(_) => {
                Err("the kit does not ask so".to_owned())
            }
        };
        id.map(|id| (id, outcome))
    }

    fn serve(&mut self, request: AgentRequest) -> Result<Value, String> {
        match request {
            AgentRequest::Bind(socket) => Ok(self.bind(socket)),
            AgentRequest::ConnectTo(request) => Ok(self.connect(request)),
            AgentRequest::Addr { alias: Some(alias) } => {
                let bound = self.bound.get(&alias).cloned();
                bound.ok_or_else(|| format!("there is no socket {alias}"))
            }
            AgentRequest::Close { alias, .. } => {
                self.bound.remove(&alias);
                Ok(json!({}))
            }
            AgentRequest::CloseAll { .. } => {
                self.bound.clear();
                Ok(json!({}))
            }
            AgentRequest::Subscribe { .. } | AgentRequest::Unsubscribe { .. } => Ok(Value::Null),
            AgentRequest::Ask { alias, message, .. } => {
                self.note(&alias, None, message);
                Ok(Value::Null)
            }
            AgentRequest::Timer(timer) => self.add_timer(timer),
            AgentRequest::Timers {} => {
                serde_json::to_value(&self.timers).map_err(|it| it.to_string())
            }
            AgentRequest::StopTimer { alias } => match self.stop_timer(&alias) {
                true => Ok(Value::Null),
                false => Err(format!("there is no timer {alias}")),
            },
            AgentRequest::StopTimers {} => {
                self.timers.clear();
                Ok(Value::Null)
            }
            _ => Err("that cannot be done in a test".to_owned()),
        }
    }

    /// An address of its own, at which nobody listens.
    fn bind(&mut self, socket: BindSpec) -> Value {
        self.last += 1;
        let address = json!({
            "kind": socket.kind, "role": "server", "transport": "tcp",
            "address": format!("tcp://127.0.0.1:{}", self.last), "serializer": socket.serializer,
        });
        self.bound.insert(socket.alias, address.clone());
        address
    }

    fn connect(&mut self, request: ConnectToRequest) -> Value {
        self.last += 1;
        // Of which kind the other one is, no test says.
        json!({
            "alias": request.alias, "kind": "SUB", "to": request.to.to_string(),
            "address": format!("tcp://127.0.0.1:{}", self.last), "proof": { "proven": { "us": 0 } },
        })
    }

    fn add_timer(&mut self, timer: TimerSpec) -> Result<Value, String> {
        self.last += 1;
        let alias = match timer.alias {
            Some(alias) => alias,
            None => format!("timer-{}", self.last)
                .parse()
                .map_err(|error| format!("{error}"))?,
        };
        if self.timers.iter().any(|it| it.alias == alias) {
            return Err(format!("the agent already has a timer {alias}"));
        }
        let told = json!(alias);
        self.timers.push(TimerInfo {
            alias,
            when: timer.when,
            action: timer.action,
            due_ms: None,
            fired: 0,
            skipped: 0,
            failed: 0,
        });
        Ok(told)
    }

    fn stop_timer(&mut self, alias: &Alias) -> bool {
        let before = self.timers.len();
        self.timers.retain(|it| it.alias != *alias);
        self.timers.len() < before
    }

    /// A timer is due; one that is due once is over.
    pub(super) fn fire(&mut self, alias: &str) -> Option<TimerInfo> {
        let at = self
            .timers
            .iter()
            .position(|it| it.alias.as_str() == alias)?;
        self.timers[at].fired += 1;
        Some(match self.timers[at].when {
            When::Every(_) => self.timers[at].clone(),
            When::After(_) => self.timers.remove(at),
        })
    }
}

fn id_of(word: ToOthers) -> Option<ProgramId> {
    match word {
        ToOthers::Addr { id, .. } | ToOthers::Agents { id, .. } => Some(id),
        ToOthers::Call { id, .. } | ToOthers::Spawn { id, .. } | ToOthers::Remove { id, .. } => id,
    }
}
