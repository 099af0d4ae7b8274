//! Agents written in Rust.
//!
//! An agent is a program (or a part of one) with handlers for its messages. osb starts it, gives it
//! its sockets, and wires them; or it is started by hand and makes its own. Either way it looks so:
//!
//! ```no_run
//! use osb::kit::Agent;
//!
//! fn main() -> std::process::ExitCode {
//!     Agent::new(())
//!         .handler("greetings", |agent, text: String| {
//!             agent.log_info(format_args!("heard {text}"));
//!             agent.send("out", text.to_uppercase())?;
//!             Ok(())
//!         })
//!         .main()
//! }
//! ```
//!
//! and the topology says what it is connected to:
//!
//! ```yaml
//! agents:
//!   Alice: { bind: { main: PUSH }, timers: [{ every: 1s, send: main, message: hello }] }
//!   Bob: { command: [target/release/bob], speaks: osb, bind: { out: PUB } }
//! connections:
//!   - { agent: Bob, to: Alice.main, alias: greetings }
//! ```
//!
//! # Messages
//!
//! [`Agent::handler`] handles the messages of the socket with that alias, and those of any socket
//! whose handler in the topology is `call:NAME`. The message is whatever type the handler takes, by
//! serde; one that does not fit is an error. What the handler returns answers a request (REP), and
//! is dropped for other kinds. [`Context::reply`] answers before the handler is done, as osBrain's
//! `yield` does, and [`Context::promise`] allows for an answer after it.
//!
//! ```
//! use osb::kit::Agent;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Order { symbol: String, count: u32 }
//!
//! let agent = Agent::new(0).handler("orders", |agent, order: Order| {
//!     agent.state += order.count;
//!     Ok(format!("{} in all, {} the latest", agent.state, order.symbol))
//! });
//! ```
//!
//! Bytes that are no text, an image say, are [`Bytes`]: by sockets with the serializers `raw` and `msgpack` they come and go
//! as they are. By JSON they are `{"$base64": "…"}`.
//!
//! ```
//! use osb::kit::{Agent, Bytes};
//!
//! let agent = Agent::new(()).handler("frames", |agent, mut frame: Bytes| {
//!     frame.reverse();
//!     Ok(agent.send("mirrored", frame)?)
//! });
//! ```
//!
//! # Methods, attributes, other agents
//!
//! `osb call Bob total`, a proxy's `call` and timers run an [`Agent::method`]. Attributes are what
//! others see of an agent: [`Context::get`], [`Context::set`], `osb get`. [`Context::proxy`] is
//! another agent, and [`Context::nameserver`] finds them all.
//!
//! # Sockets, timers, requests
//!
//! What a topology does not say, code can do: [`Context::bind`], [`Context::connect`],
//! [`Context::subscribe`], [`Context::close`]; [`Context::every`] and [`Context::after`] run code by the
//! clock, [`Context::every_named`] and [`Context::after_named`] with an alias of your own.
//! [`Context::request`] waits for the answer; [`Context::request_then`] goes on, and has the answer
//! handled when it comes.
//!
//! ```no_run
//! use osb::kit::Agent;
//! use osb::model::Kind;
//! use std::time::Duration;
//!
//! fn main() -> std::process::ExitCode {
//!     Agent::new(())
//!         .on_init(|agent| {
//!             agent.bind(Kind::Pub, "clock")?;
//!             agent.every(Duration::from_secs(1), |agent| Ok(agent.publish("clock", "tick", 1)?))?;
//!             Ok(())
//!         })
//!         .main()
//! }
//! ```
//!
//! # One thing at a time
//!
//! Handlers, methods and hooks run one after the other, in the order in which things happened, and
//! have [`Context::state`] for themselves. They may take their time: sockets, look-ups, attributes
//! and heartbeats are seen to by another thread meanwhile. Messages wait until it is their turn; when
//! a thousand do, senders are held back.
//!
//! Threads of your own have an agent by its [`Remote`]: they keep its promises, and have code run by it in its turn.
//!
//! # Tests
//!
//! [`Agent::test`] tries the code without a network: a [`Test`] is given messages and calls, and shows what was sent, set and
//! logged.
//!
//! ```
//! use osb::kit::Agent;
//!
//! let mut doubler = Agent::new(()).handler("in", |agent, n: u32| Ok(agent.send("out", 2 * n)?)).test();
//! doubler.message("in", 21)?;
//! assert_eq!(doubler.sent_by::<u32>("out")?, [42]);
//! # Ok::<(), osb::kit::Error>(())
//! ```
//!
//! # The life of an agent
//!
//! [`Agent::on_init`] runs before the agent is registered, [`Agent::before_loop`] when it is
//! registered, [`Agent::on_start`] when the system is wired, [`Agent::idle`] when nothing happens
//! for a while, [`Agent::on_stop`] at the end. Before the system is wired nothing is sent: a send
//! waits for that.
//!
//! # Errors
//!
//! An error in a handler is logged and answers the requester, and the agent goes on; with
//! [`Agent::ends_on_error`] it ends. What is no message at all reaches no handler: it is counted as `garbled`, and
//! its requester is told. A call of a method that there is not is told which there are. A panic answers and ends it, with exit status 101.
//!
//! # Started by hand
//!
//! Without osb, an agent needs a name ([`Agent::named`], or `OSB_AGENT`) and a name server
//! ([`Agent::nameserver`], or `OSB_NAMESERVER`). It is registered there, begins at once, and can be
//! found and called like any other. With [`Agent::waits_for_go`] it waits for an `osb up` whose
//! topology has it as `attach: true`.
//!
//! [`spawn`] runs an agent beside others in one program, and [`Context::spawn`] is for agents that
//! create agents. [`Context::spawn_agent`] has the host of the agent start another, in a process of its own.

mod agent;
mod context;
mod convert;
mod current;
mod desk;
mod error;
mod later;
mod line;
mod live;
mod remote;
mod run;
mod start;
mod subscribe;
mod test;
mod timers;
pub mod values;
mod worker;

pub use agent::Agent;
pub use context::Context;
pub use current::Promise;
pub use desk::Sent;
pub use error::{CallError, Error, Result, RunError};
pub use remote::Remote;
pub(crate) use run::spawn_quietly;
pub use run::{Handle, spawn};
pub use subscribe::{SubscribeError, Subscription};
pub use test::Test;

pub use crate::agent::AgentError;
pub use crate::wire::Bytes;
