//! osb brings up systems of agents that talk over ZeroMQ, from one YAML topology, on one machine
//! or many. This library is for agents written in Rust, and for programs that call agents.
//!
//! # An agent
//!
//! A crate that depends on osb without its default features compiles none of what only the command
//! `osb` needs: the command line, tables, ssh, YAML. libzmq and libsodium are built in; a C++
//! compiler and make are all that it takes.
//!
//! ```toml
//! [dependencies]
//! osb = { path = "../osb", default-features = false }
//! serde = { version = "1", features = ["derive"] }
//!
//! # In closed systems: libsodium is compiled as its package is, and without optimization CURVE is 8 to
//! # 10 times slower. Builds for release need nothing.
//! [profile.dev.package.libsodium-sys-stable]
//! opt-level = 2
//! ```
//!
//! ```no_run
//! use osb::kit::{Agent, Context, Result};
//! use serde::{Deserialize, Serialize};
//! use std::process::ExitCode;
//!
//! #[derive(Deserialize)]
//! struct Order { symbol: String, count: u32 }
//!
//! #[derive(Serialize)]
//! struct Total { symbol: String, count: u32 }
//!
//! fn on_order(agent: &mut Context<u32>, order: Order) -> Result<()> {
//!     agent.state += order.count;
//!     let count = agent.state;
//!     agent.send("totals", Total { symbol: order.symbol, count })?;
//!     Ok(())
//! }
//!
//! fn main() -> ExitCode {
//!     Agent::new(0).handler("orders", on_order).main()
//! }
//! ```
//!
//! A topology says which agents send it orders and which get the totals, and osb starts it:
//!
//! ```yaml
//! osb: 1
//! name: shop
//! agents:
//!   Till: { bind: { orders: PUSH } }
//!   Clerk: { command: [target/release/clerk], speaks: osb, bind: { totals: PUB } }
//!   Ledger: {}
//! connections:
//!   - { agent: Clerk, to: Till.orders, alias: orders }
//!   - { agent: Ledger, to: Clerk.totals, alias: totals, handler: log }
//! ```
//!
//! ```sh
//! osb up shop.yaml
//! osb send Till orders '{"symbol": "OSB", "count": 3}'
//! osb logs Ledger
//! ```
//!
//! [`kit`] is the tutorial: messages, methods, attributes, timers, and the life of an agent.
//! `examples/rust-agent` is a crate of this sort.
//!
//! # A program that calls agents
//!
//! ```no_run
//! use osb::proxy::NameServer;
//!
//! let ns = NameServer::connect("127.0.0.1:7400")?;
//! for agent in ns.agents()? {
//!     println!("{agent}: {:?}", ns.proxy(agent.as_str())?.attributes()?);
//! }
//! # Ok::<(), osb::proxy::ProxyError>(())
//! ```
//!
//! # A program that brings a system up
//!
//! [`System`] does what `osb up` does, by the command `osb`, which is to be installed beside the program:
//!
//! ```no_run
//! use osb::System;
//!
//! let system = System::file("shop.yaml").while_held().up()?;
//! let sold: u32 = system.proxy("Clerk")?.call_as("sold", "OSB")?;
//! # Ok::<(), osb::SystemError>(())
//! ```
//!
//! [`system`] says where the command is looked for. The program itself is never started in its place. A system that is up is changed by
//! [`SystemFile::plan`](system::SystemFile::plan) and [`up`](system::SystemFile::up) of another version of its file, by
//! [`System::scale`] and [`System::move_agent`], and goes back by [`System::roll_back`].
//!
//! # Keys
//!
//! In a closed system, agents that osb starts are given their keys. A program that is started by hand
//! has the key in the file that `OSB_KEY` names, or that of the user who launched the system on this machine.
//!
//! # What is public
//!
//! [`kit`], [`proxy`], [`system`], their errors, and [`model`], the words that both use. What else can be reached is
//! for osb's own program, tests and benchmarks: it is no interface, and changes without notice.
//! specs/architecture.md is the map of all modules.
//!
//! | feature | |
//! |---|---|
//! | `cli` (default) | the command `osb`, and what only it needs |

// What only the command uses is compiled all the same.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]
// Commands write through their context, which knows what to do when the reader has gone.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod kit;
pub mod model;
pub mod proxy;
pub mod system;

pub use system::{Planned, System, SystemError};

#[doc(hidden)]
pub mod access;
#[doc(hidden)]
pub mod agent;
mod events;
mod logfile;
mod owned;
#[doc(hidden)]
pub mod process;
#[doc(hidden)]
pub mod state;
#[doc(hidden)]
pub mod wire;
#[doc(hidden)]
pub mod zeromq;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "cli")]
mod doctor;
#[cfg(feature = "cli")]
mod down;
#[cfg(feature = "cli")]
mod examine;
#[cfg(feature = "cli")]
mod files;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod graph;
#[cfg(feature = "cli")]
mod host;
#[cfg(feature = "cli")]
mod install;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod journal;
#[cfg(feature = "cli")]
mod keeper;
#[cfg(feature = "cli")]
mod keys;
#[cfg(feature = "cli")]
mod machine;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod metrics;
#[cfg(feature = "cli")]
mod nameserver;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod plan;
#[cfg(feature = "cli")]
mod record;
#[cfg(feature = "cli")]
mod registry;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod render;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod ssh;
#[cfg(feature = "cli")]
mod supervision;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod top;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod topology;
#[cfg(feature = "cli")]
mod up;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod why;
