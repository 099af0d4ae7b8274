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
mod kept;
mod launch;
mod script;
mod session;

pub use bundle::Sent;
pub use error::{SshError, Stage};
pub use examine::{Visit, examine};
pub use kept::{forget_runs, kept_logs};
pub use launch::{Begun, end, launch, launch_nameserver};
pub use session::Session;
