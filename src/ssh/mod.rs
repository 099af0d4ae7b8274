//! Getting to another machine by the system's own ssh client, so that `ssh_config`, agents and jump
//! hosts work as always: finding osb there or bringing it, and having it start or end a daemon.
//!
//! One connection does it all: a shell script looks for osb and then becomes it. Nothing but that
//! constant script stands in an argument; what is to be done goes by standard input.

mod argv;
mod binary;
mod bundle;
mod error;
mod examine;
#[doc(hidden)]
pub mod fuzzing;
mod install;
mod kept;
mod launch;
mod lines;
mod script;
mod session;

pub(crate) use bundle::Sent;
pub(crate) use error::{SshError, Stage};
pub(crate) use examine::{Visit, examine};
pub(crate) use install::{install, uninstall};
pub(crate) use kept::{forget_runs, kept_logs};
pub(crate) use launch::{Begun, end, launch, launch_nameserver, renew};
pub(crate) use session::Session;
