//! Agents written in Rust.
pub use agent::Agent;
pub use context::{Context, Promise};
pub use error::{CallError, Error, Result, RunError};
pub use run::{Handle, spawn};

mod agent;
mod context;
mod error;
mod line;
mod run;
mod start;
mod worker;
