//! The client side: a connection to the name server, and agents called as if they were local.
//!
//! ```no_run
//! use osb::proxy::NameServer;
//! use std::time::Duration;
//!
//! let ns = NameServer::connect("tcp://127.0.0.1:7400")?;
//! let alice = ns.proxy("Alice")?;
//! alice.wait_for_running(Duration::from_secs(10))?;
//! println!("{}", alice.addr("main")?.address);
//! # Ok::<(), osb::proxy::ProxyError>(())
//! ```
//!
//! Calls block, and come back with an error at their deadline at the latest. [`Proxy::call_as`],
//! [`Proxy::get_attr_as`] and [`Proxy::send_recv_as`] read answers as types of your own. In async code,
//! and where many calls are to be under way at once, those of [`Proxy::begin`] and [`NameServer::begin`]
//! give a [`Pending`] that can be awaited instead. [`NameServer::watch`] tells what happens, to both
//! kinds of code, and [`NameServer::subscribe`] gives what an agent publishes.

mod admission;
mod agent;
mod begin;
mod credentials;
mod doors;
mod driver;
mod error;
mod events;
mod incoming;
mod inflight;
mod known_server;
mod link;
mod live;
mod nameserver;
mod spawn;
mod start;
mod stop;
mod taps;
mod typed;
mod watch;

pub(crate) use admission::Admission;
pub use agent::{Oneway, Proxy};
pub use begin::{Begin, BeginAt};
#[doc(hidden)]
pub use credentials::{agent_dial, guest, host_dial};
pub use error::ProxyError;
pub use events::Events;
#[doc(hidden)]
pub use incoming::Incoming;
pub(crate) use known_server::KnownServer;
#[doc(hidden)]
pub use link::Link;
pub use link::Pending;
pub use nameserver::NameServer;
pub use stop::{KeptDown, Stop};
pub use taps::{Seen, SeenMessage, Stop as StopTaps, TapId, TapOf, Taps};
pub use watch::{Notice, Watch};

// The messages that calls are made of, and what a watch tells.
pub use crate::wire::{
    AgentRequest, AgentStatus, AgentUsage, Change, Configure, Event, Fault, Incarnation, Peer,
    Presence, ProcessUsage, Snapshot,
};
