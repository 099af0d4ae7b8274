//! An agent's code, tried without a network: its handlers and methods are run here, and what it sends, sets and logs can
//! be looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zmq::Message;

use super::convert::encoded;
use super::desk::{Desk, attend, lock};
use super::line::Line;
use super::worker::Worker;
use super::{Agent, Context, Error, Result, Sent};
use crate::agent::{Heard, Listened, OwnWord, Payload, Whence, pair};
use crate::model::{AgentName, Dial, Level, Serializer, TimerAction, TimerInfo};
use crate::wire::Encode;

/// How long an answer may take that another thread gives.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where no name server is.
const NOWHERE: &str = "tcp://127.0.0.1:1";

/// An agent whose code is tried.
///
/// ```
/// use osb::kit::Agent;
///
/// let mut agent = Agent::new(0u32)
///     .handler("orders", |agent, count: u32| {
///         agent.state += count;
///         let total = agent.state;
///         agent.set("total", total)?;
///         Ok(agent.send("totals", total)?)
///     })
///     .method("forget", |agent, (): ()| Ok(std::mem::take(&mut agent.state)))
///     .test();
///
/// agent.message("orders", 3)?;
/// agent.message("orders", 4)?;
/// assert_eq!(agent.sent_by::<u32>("totals")?, [3, 7]);
/// assert_eq!(agent.attributes()["total"], 7);
/// assert_eq!(agent.call("forget", ())?, 7);
/// assert_eq!(*agent.state(), 0);
/// assert!(agent.message("orders", "many").is_err());
/// # Ok::<(), osb::kit::Error>(())
/// ```
///
/// Sockets that the code makes have addresses at which nobody listens; timers are run by [`Test::tick`]; requests are
/// answered as [`Test::answers`] says. There is no name server, and there are no other agents.
pub struct Test<S> {
    worker: Worker<S>,
    desk: Arc<Mutex<Desk>>,
    serializer: Serializer,
    last: u64,
}

impl<S: 'static> Agent<S> {
    /// Tries the agent's code, without a network and without other agents.
    ///
    /// # Panics
    ///
    /// If the operating system has no thread and no descriptors left.
    pub fn test(self) -> Test<S> {
        #[allow(clippy::expect_used, reason = "it is for tests, and says so")]
        let test = Test::of(self).expect("a thread and descriptors for a test");
        test
    }
}

impl<S: 'static> Test<S> {
    fn of(agent: Agent<S>) -> Result<Self> {
        let name: AgentName = agent.name.as_deref().unwrap_or("Test").parse()?;
        let (guest, end) = pair()?;
        let desk = Arc::new(Mutex::new(Desk::default()));
        attend(guest, Arc::clone(&desk))?;
        let context = Context::new(agent.state, Line::new(end), name, Dial::plain(NOWHERE));
        Ok(Self {
            worker: Worker::new(agent.code, context),
            desk,
            serializer: Serializer::Json,
            last: 0,
        })
    }

    /// Messages come by sockets with this serializer from now on. JSON without this.
    pub fn serializer(&mut self, serializer: Serializer) -> &mut Self {
        self.serializer = serializer;
        self
    }

    /// Gives it an attribute, as a topology does.
    ///
    /// # Errors
    ///
    /// If the value has no form in JSON.
    pub fn set(&mut self, attribute: &str, value: impl Serialize) -> Result<()> {
        let value = super::convert::to_value(value)?;
        lock(&self.desk)
            .attributes
            .insert(attribute.to_owned(), value);
        Ok(())
    }

    /// Answers the requests that it makes by a socket.
    pub fn answers<M: DeserializeOwned, R: Serialize>(
        &mut self,
        alias: &str,
        mut answer: impl FnMut(M) -> Result<R> + Send + 'static,
    ) {
        let answer = move |message: Value| {
            let message = serde_json::from_value(message).map_err(|error| error.to_string())?;
            let answer = answer(message).map_err(|error| format!("{error:#}"))?;
            serde_json::to_value(answer).map_err(|error| error.to_string())
        };
        let mut desk = lock(&self.desk);
        desk.answers.insert(alias.to_owned(), Box::new(answer));
    }

    /// Runs its hooks as they run in a system that comes up: `on_init`, `before_loop`, `on_start`. Without this none of
    /// them is run.
    ///
    /// # Errors
    ///
    /// The first that a hook comes back with.
    pub fn start(&mut self) -> Result<()> {
        self.worker.begin(false).map_err(Error::msg)?;
        self.attend(Heard::Start)
    }

    /// Runs `on_stop`, as when its system is taken down.
    ///
    /// # Errors
    ///
    /// What that comes back with.
    pub fn stop(&mut self) -> Result<()> {
        self.attend(Heard::Stop)
    }

    /// A message comes by the socket with the alias `name`, or for the handler `name`. Comes back with what answers a
    /// requester: null, if the handler comes back with nothing.
    ///
    /// # Errors
    ///
    /// What the handler comes back with, or its panic, as text.
    pub fn message(&mut self, name: &str, message: impl Serialize) -> Result<Value> {
        self.arrive(name, None, message)
    }

    /// The same of a publication.
    ///
    /// # Errors
    ///
    /// As of [`Test::message`].
    pub fn publication(
        &mut self,
        name: &str,
        topic: &str,
        message: impl Serialize,
    ) -> Result<Value> {
        self.arrive(name, Some(topic.to_owned()), message)
    }

    fn arrive(
        &mut self,
        name: &str,
        topic: Option<String>,
        message: impl Serialize,
    ) -> Result<Value> {
        let by = self.serializer;
        let frame = Message::from(encoded(message)?.encode(by)?);
        let message = Payload::Frame {
            frame,
            start: 0,
            by,
        };
        let at = Whence {
            alias: name.parse()?,
            handler: None,
        };
        let id = self.next_id();
        self.worker.attend(Heard::At(Arc::new(at)));
        self.worker.attend(Heard::Message {
            topic,
            id: Some(id),
            message,
        });
        self.answer_to(id)
    }

    /// Calls one of its methods.
    ///
    /// # Errors
    ///
    /// What the method comes back with, or its panic, as text; or that there is no such method.
    pub fn call(&mut self, method: &str, params: impl Serialize) -> Result<Value> {
        let (id, name) = (self.next_id(), method.to_owned());
        let params = super::convert::to_value(params)?;
        self.worker.attend(Heard::Call { id, name, params });
        self.answer_to(id)
    }

    /// A timer that the code has made is due.
    ///
    /// # Errors
    ///
    /// What its code comes back with; or that there is no such timer.
    pub fn tick(&mut self, alias: &str) -> Result<()> {
        self.settle();
        let timer = lock(&self.desk).fire(alias);
        let timer = timer.ok_or_else(|| Error::msg(format!("there is no timer {alias}")))?;
        match timer.action {
            TimerAction::Call { method, params } => self.call(&method, params).map(drop),
            TimerAction::Set { attributes } => {
                lock(&self.desk).attributes.extend(attributes);
                Ok(())
            }
            TimerAction::Send {
                alias,
                message,
                topic,
            } => {
                lock(&self.desk).sent.push(Sent {
                    alias: alias.to_string(),
                    topic: topic.map(|topic| topic.as_str().to_owned()),
                    message,
                });
                Ok(())
            }
        }
    }

    /// What it has sent, published and asked since this was looked at last, in order.
    pub fn sent(&mut self) -> Vec<Sent> {
        self.settle();
        std::mem::take(&mut lock(&self.desk).sent)
    }

    /// What of this has left by one socket, as `T`s; what has left by others can be looked at later.
    ///
    /// # Errors
    ///
    /// If a message is no `T`.
    pub fn sent_by<T: DeserializeOwned>(&mut self, alias: &str) -> Result<Vec<T>> {
        let (by_it, others) = self.sent().into_iter().partition(|it| it.alias == alias);
        lock(&self.desk).sent = others;
        let by_it: Vec<Sent> = by_it;
        let read = |it: Sent| Ok(serde_json::from_value(it.message)?);
        by_it.into_iter().map(read).collect()
    }

    /// Its attributes as they are now.
    pub fn attributes(&mut self) -> BTreeMap<String, Value> {
        self.settle();
        lock(&self.desk).attributes.clone()
    }

    /// What it has logged since this was looked at last. Errors of handlers are logged, too.
    pub fn logged(&mut self) -> Vec<(Level, String)> {
        self.settle();
        std::mem::take(&mut lock(&self.desk).logged)
    }

    /// The timers that it has made, and that are not over.
    pub fn timers(&mut self) -> Vec<TimerInfo> {
        self.settle();
        lock(&self.desk).timers.clone()
    }

    /// Its state.
    pub fn state(&mut self) -> &mut S {
        self.settle();
        &mut self.worker.context.state
    }

    /// With which exit status it ends, if it does.
    pub fn ended(&self) -> Option<i32> {
        self.worker.context.ending
    }

    fn next_id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn attend(&mut self, word: Heard) -> Result<()> {
        self.worker.attend(word);
        self.worker
            .trouble
            .take()
            .map_or(Ok(()), |trouble| Err(Error::msg(trouble)))
    }

    /// The answer to a message or a call: of its handler, or later, of another thread.
    fn answer_to(&mut self, id: u64) -> Result<Value> {
        self.worker.trouble = None;
        let until = Instant::now() + PATIENCE;
        self.barrier();
        loop {
            if let Some(given) = lock(&self.desk).given.remove(&id) {
                return given.map_err(Error::msg);
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.worker.context.line.next(Some(left)) {
                Listened::Word(word) => self.attend(word)?,
                Listened::Knock => self.worker.run_task(),
                Listened::Nothing => {
                    return Err(Error::msg(
                        "there was no answer within 10s: was the promise kept?",
                    ));
                }
                Listened::Gone => return Err(Error::msg("the agent is ending")),
            }
        }
    }

    /// All has been seen to that was said before.
    fn barrier(&mut self) {
        // Which attribute it is, or that there is none, does not matter.
        let name = String::new();
        let _ = self.worker.context.line.ask(|id| OwnWord::Get { name, id });
    }

    /// What other threads have had for it to do is done. Its errors are logged.
    fn settle(&mut self) {
        loop {
            self.barrier();
            match self.worker.context.line.next(Some(Duration::ZERO)) {
                Listened::Word(word) => self.worker.attend(word),
                Listened::Knock => self.worker.run_task(),
                Listened::Nothing | Listened::Gone => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Bytes, CallError};
    use crate::model::Kind;
    use serde_json::json;

    fn clerk() -> Test<Vec<String>> {
        Agent::new(Vec::new())
            .named("Clerk")
            .on_init(|agent| {
                let address = agent.bind(Kind::Pub, "news")?;
                agent.set("news", address.address)?;
                agent.every_named("rest", Duration::from_secs(60), |agent| {
                    Ok(agent.publish("news", "quiet", agent.state.len())?)
                })?;
                Ok(())
            })
            .on_start(|agent| {
                let limit: usize = agent.get("limit")?;
                agent.log_info(format_args!("at most {limit}"));
                Ok(())
            })
            .handler("orders", |agent, order: String| {
                agent.state.push(order);
                let limit: usize = agent.get("limit")?;
                match agent.state.len() {
                    count if count > limit => Err(Error::msg("too many")),
                    count => Ok(count),
                }
            })
            .handler("frames", |agent, frame: Bytes| {
                Ok(agent.send("frames", Bytes::from(&frame[1..]))?)
            })
            .method("ask", |agent, question: String| {
                Ok(agent.request::<u32>("desk", question)?)
            })
            .method("later", |agent, number: u32| {
                let (promise, remote) = (agent.promise()?, agent.remote());
                std::thread::spawn(move || {
                    remote.run(move |agent| {
                        agent.state.push(number.to_string());
                        Ok(agent.set("pushed", number)?)
                    })?;
                    remote.keep(promise, number + 1)
                });
                Ok(())
            })
            .method("learn", |agent, word: String| {
                agent.add_method(&word, |_, (): ()| Ok("learnt"));
                Ok(())
            })
            .method("panic", |_, (): ()| -> Result<()> { panic!("as asked") })
            .method("end", |agent, (): ()| {
                agent.shutdown();
                Ok(())
            })
            .test()
    }

    #[test]
    fn handlers_answer_send_and_fail() {
        let mut clerk = clerk();
        clerk.set("limit", 2).unwrap();
        clerk.start().unwrap();
        assert_eq!(clerk.logged(), [(Level::Info, "at most 2".to_owned())]);
        assert_eq!(clerk.attributes()["news"], "tcp://127.0.0.1:1");
        assert_eq!(clerk.message("orders", "tea").unwrap(), 1);
        assert_eq!(clerk.message("orders", "milk").unwrap(), 2);
        let error = clerk.message("orders", "salt").unwrap_err();
        assert_eq!(error.to_string(), "too many");
        assert_eq!(clerk.state().len(), 3);
        let odd = clerk.message("orders", 5).unwrap_err().to_string();
        assert!(odd.contains("invalid type: integer"), "{odd}");
        assert!(clerk.message("nothing", 5).is_err());

        let timers = clerk.timers();
        assert_eq!(timers[0].alias.as_str(), "rest");
        clerk.tick("rest").unwrap();
        let quiet = Sent {
            alias: "news".to_owned(),
            topic: Some("quiet".to_owned()),
            message: json!(3),
        };
        assert_eq!(clerk.sent(), [quiet]);
        assert!(clerk.tick("work").is_err());
    }

    #[test]
    fn bytes_come_by_every_serializer() {
        for by in Serializer::UNDERSTOOD {
            let mut clerk = clerk();
            clerk.serializer(*by);
            clerk
                .message("frames", Bytes::from(vec![1, 2, 255]))
                .unwrap();
            let sent: Vec<Bytes> = clerk.sent_by("frames").unwrap();
            assert_eq!(sent, [Bytes::from(vec![2, 255])], "{by}");
        }
    }

    #[test]
    fn methods_ask_and_answer_now_or_later() {
        let mut clerk = clerk();
        let nobody = clerk.call("ask", "who").unwrap_err().to_string();
        assert!(nobody.contains("Test::answers"), "{nobody}");
        clerk.answers("desk", |question: String| Ok(question.len()));
        assert_eq!(clerk.call("ask", "who").unwrap(), 3);
        assert_eq!(clerk.sent_by::<String>("desk").unwrap(), ["who", "who"]);
        assert_eq!(clerk.call("later", 7).unwrap(), 8);
        assert_eq!(clerk.attributes()["pushed"], 7);
        assert_eq!(*clerk.state(), ["7"]);
        clerk.call("learn", "greet").unwrap();
        assert_eq!(clerk.call("greet", ()).unwrap(), "learnt");
        let unknown = clerk.call("fly", ()).unwrap_err().to_string();
        assert!(unknown.contains("there is ask, end, greet"), "{unknown}");
    }

    #[test]
    fn hooks_panics_and_the_end_are_seen() {
        let mut clerk = clerk();
        let error = clerk.start().unwrap_err().to_string();
        assert_eq!(error, "there is no attribute \"limit\"");
        let panic = clerk.call("panic", ()).unwrap_err().to_string();
        assert_eq!(
            (panic.as_str(), clerk.ended()),
            ("panicked: as asked", Some(101))
        );
        let mut clerk = self::clerk();
        clerk.call("end", ()).unwrap();
        assert_eq!(clerk.ended(), Some(0));
        let failing = Agent::new(()).on_init(|_| Err(Error::new(CallError::Ending)));
        assert!(failing.test().start().is_err());
    }
}
