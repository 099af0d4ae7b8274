//! The process that runs one agent: it owns the sockets, handles messages by built-in behaviours or
//! by a program that speaks JSON lines, and does what it is asked through its proxy.
//!
//! One thread and one poll loop do all of it. `core` decides, without touching anything; the rest
//! drives sockets, pipes and the clock. Which agents there are, and how they are wired, is not
//! decided here: an agent is given a spec, and becomes what that says.

mod accounts;
mod admission;
mod admit;
mod adoption;
mod announce;
mod answers;
mod attempt;
mod boot;
mod calls;
mod close;
mod closing;
mod control;
mod core;
mod dial;
mod drain;
mod draining;
mod exchange;
mod farewell;
mod folder;
mod followed;
mod given;
mod handlers;
mod health;
mod http;
mod invoke;
mod launch;
mod launching;
mod lead;
mod leave;
mod leaving;
mod leftovers;
mod log;
mod lookups;
mod membership;
mod others;
mod program;
mod receive;
mod relaunch;
mod relaunching;
mod reply;
mod requester;
mod requests;
#[allow(
    unsafe_code,
    reason = "a signal of the process is given its default action"
)]
mod signals;
mod sockets;
mod state;
mod synced;
mod taps;
mod ticks;
mod told_log;
mod turn;
mod waiting;
mod watch;
mod wires;
mod wiring;

use std::io;

pub use boot::BootError;
pub(crate) use boot::read as read_boot;
pub use folder::Folder;
pub use log::Log;
#[doc(hidden)]
pub use program::fuzzing;
pub(crate) use program::{
    FromProgram, Guest, GuestEnd, Heard, Knock, Listened, OwnWord, Payload, ProgramId,
    ProgramRequest, ToOthers, Whence, pair,
};
pub(crate) use signals::Signals;
use state::Agent;
pub use told_log::LOG_ALIAS;

use crate::model::ExitReport;
use crate::process::{adopt_orphans, raise_descriptors};
use crate::wire::AgentBoot;

/// Why an agent cannot run at all.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Boot(#[from] BootError),
    #[error("cannot take signals: {0}")]
    Signals(#[from] nix::errno::Errno),
    #[error("cannot reach out to the name server at {address}: {error}")]
    NameServer { address: String, error: zmq::Error },
}

/// Whether the agent takes the process's signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalsAre {
    /// SIGTERM and SIGINT ask for an orderly end.
    Taken,
    /// It is a guest in another program's process.
    LeftAlone,
}

/// Runs the agent that standard input describes, to its end. Tells the exit status.
pub fn run_booted() -> Result<u8, AgentError> {
    let boot = boot::read(io::stdin().lock())?;
    raise_descriptors(boot.descriptors);
    let log = match &boot.log {
        Some(path) => Log::to_own_file(path, boot.spec.logs).unwrap_or_else(|_| Log::to_stderr()),
        None => Log::to_stderr(),
    };
    run_with(boot, log, SignalsAre::Taken)
}

/// Runs an agent to its end in this thread. Tells the exit status.
pub fn run_with(boot: AgentBoot, log: Log, signals: SignalsAre) -> Result<u8, AgentError> {
    // Before any thread starts, so that none gets a signal that is meant for the loop.
    let signals = signals.taken()?;
    let mut agent = agent_of(boot, log)?;
    agent.adopts = signals.is_some() && adopt_orphans().is_ok();
    if let Err(reason) = agent.spawn_program() {
        agent.log.error(&reason);
        return Ok(ExitReport::NOT_STARTED);
    }
    agent.carry_out_spec();
    Ok(run_loop(agent, signals.as_ref()))
}

/// Runs an agent whose program is a thread of this process, to its end in this thread. It is
/// announced when the program says that it is ready. Tells the exit status.
pub(crate) fn run_hosting(
    boot: AgentBoot,
    log: Log,
    signals: Signals,
    guest: Guest,
) -> Result<u8, AgentError> {
    let mut agent = agent_of(boot, log)?;
    agent.membership.hide();
    agent.host_guest(guest);
    Ok(run_loop(agent, Some(&signals)))
}

fn agent_of(boot: AgentBoot, log: Log) -> Result<Agent, AgentError> {
    let address = boot.nameserver.clone();
    Agent::new(boot, log).map_err(|error| AgentError::NameServer { address, error })
}

/// The log that the boot names.
pub(crate) fn log_of(boot: &AgentBoot) -> io::Result<Log> {
    match &boot.log {
        Some(path) => Log::to_file(path, boot.spec.logs),
        None => Ok(Log::to_stderr()),
    }
}

fn run_loop(mut agent: Agent, signals: Option<&Signals>) -> u8 {
    let code = turn::run(&mut agent, signals);
    agent.farewell();
    u8::try_from(code).unwrap_or(u8::MAX)
}

impl SignalsAre {
    fn taken(self) -> Result<Option<Signals>, AgentError> {
        match self {
            SignalsAre::Taken => Ok(Some(Signals::take_with_children()?)),
            SignalsAre::LeftAlone => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
