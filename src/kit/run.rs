//! Brings an agent to life: as a program of its own, or beside others in one.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use nix::sys::eventfd::EventFd;
use nix::sys::signal::{Signal, raise};

use super::line::Line;
use super::start::Start;
use super::worker::Worker;
use super::{Agent, Context, RunError};
use crate::agent::{AgentError, GuestEnd, Log, Signals, log_of, pair, run_hosting};
use crate::model::AgentName;
use crate::proxy::{NameServer, Proxy, ProxyError};

/// The exit status of an agent whose code did not come to its end when it was to.
const KILLED: u8 = 128 + 9;

/// The thread of an agent's loop.
type Loop = JoinHandle<Result<u8, AgentError>>;

impl<S> Agent<S> {
    /// Runs the agent to its end, as all that this program is for: in a `main` that returns an exit
    /// code. What goes wrong is written to standard error.
    pub fn main(self) -> ExitCode {
        match self.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(RunError::Ended(status)) => ExitCode::from(status),
            Err(error) => {
                Log::to_stderr().error(&error.to_string());
                ExitCode::FAILURE
            }
        }
    }

    /// Runs the agent to its end. Its handlers run in this thread; sockets and heartbeats have one of
    /// their own. SIGTERM and SIGINT ask it to end. If its code does not come to an end then, the
    /// whole process is killed, as a command would be.
    ///
    /// Call this before the program has other threads: they would take the signals.
    ///
    /// # Errors
    ///
    /// If it has no name or no name server, or if it has ended with another exit status than 0.
    pub fn run(self) -> Result<(), RunError> {
        let mut start = self.start_of_process()?;
        let signals = Signals::take()?;
        let (end, thread) = launch(&mut start, signals, |outcome| {
            if let Ok(KILLED) = outcome {
                // There is no way to stop a thread.
                let _ = raise(Signal::SIGKILL);
            }
        })?;
        self.work(start, end, || {});
        status_of(thread)
    }

    /// Runs the agent's code in this thread.
    fn work(self, start: Start, end: GuestEnd, registered: impl FnOnce()) {
        let nameserver = start.boot.dial();
        let name = start.boot.name().clone();
        let context = Context::new(self.state, Line::new(end), name, nameserver);
        Worker::new(self.code, context).run(start.go, registered);
    }
}

/// Starts an agent in threads of its own, beside whatever else this program does: `make` is called
/// there. It comes back when the agent is there for all, or has failed.
///
/// ```no_run
/// use osb::kit::{Agent, spawn};
///
/// let bob = spawn(|| Agent::new(()).named("Bob").nameserver("127.0.0.1:7400"))?;
/// println!("{:?}", bob.proxy()?.addresses()?);
/// bob.shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If it has no name or no name server, or cannot be registered.
pub fn spawn<S: 'static>(
    make: impl FnOnce() -> Agent<S> + Send + 'static,
) -> Result<Handle, RunError> {
    spawn_at(None, make)
}

/// The same of an agent of the library's own, which has nothing to say to people.
pub(crate) fn spawn_quietly<S: 'static>(
    make: impl FnOnce() -> Agent<S> + Send + 'static,
) -> Result<Handle, RunError> {
    spawn_at(None, move || Agent {
        is_quiet: true,
        ..make()
    })
}

/// The same, with a name server for agents that name none.
pub(super) fn spawn_at<S: 'static>(
    nameserver: Option<String>,
    make: impl FnOnce() -> Agent<S> + Send + 'static,
) -> Result<Handle, RunError> {
    let (begun, beginning) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("osb-agent".into())
        .spawn(move || {
            let outcome = live(make(), nameserver.as_deref(), |handle| {
                // The thread that started it waits for this.
                let _ = begun.send(Ok(handle));
            });
            if let Err(error) = outcome {
                let _ = begun.send(Err(error));
            }
        })?;
    let died = || io::Error::other("the thread that makes the agent panicked");
    beginning.recv().map_err(|_| died())?
}

/// An agent's life among others. The error is of one that was never there for all.
fn live<S>(
    agent: Agent<S>,
    nameserver: Option<&str>,
    registered: impl FnOnce(Handle),
) -> Result<(), RunError> {
    let mut start = agent.start_beside(nameserver)?;
    let (owner, signals) = Signals::owned()?;
    let (end, thread) = launch(&mut start, signals, |_| {})?;
    let mut handle = Some(Handle {
        name: start.boot.name().clone(),
        nameserver: start.boot.nameserver.clone(),
        owner,
        thread: Some(thread),
    });
    agent.work(start, end, || {
        if let Some(handle) = handle.take() {
            registered(handle);
        }
    });
    handle.map_or(Ok(()), Handle::join)
}

/// Starts the loop in a thread; `over` is called there when it has come to its end.
fn launch(
    start: &mut Start,
    signals: Signals,
    over: impl FnOnce(&Result<u8, AgentError>) + Send + 'static,
) -> Result<(GuestEnd, Loop), RunError> {
    let (guest, end) = pair()?;
    let (boot, folder) = (start.boot.clone(), start.folder.take());
    let log = match start.is_quiet {
        true => Log::to(Box::new(io::sink())),
        false => log_of(&boot)?,
    };
    let thread = thread::Builder::new()
        .name("osb-loop".into())
        .spawn(move || {
            let outcome = run_hosting(boot, log, signals, guest);
            drop(folder);
            over(&outcome);
            outcome
        })?;
    Ok((end, thread))
}

fn status_of(thread: Loop) -> Result<(), RunError> {
    match thread.join() {
        Ok(Ok(0)) => Ok(()),
        Ok(Ok(status)) => Err(RunError::Ended(status)),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(io::Error::other("the agent's loop panicked").into()),
    }
}

/// An agent that runs in this program. When this is dropped, the agent is asked to end.
pub struct Handle {
    name: AgentName,
    nameserver: String,
    owner: Arc<EventFd>,
    thread: Option<Loop>,
}

impl Handle {
    /// The agent's name.
    pub fn name(&self) -> &AgentName {
        &self.name
    }

    /// Its proxy, over a new line to the name server.
    pub fn proxy(&self) -> Result<Proxy, ProxyError> {
        NameServer::connect(&self.nameserver)?.proxy(self.name.as_str())
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// If it ends with another exit status than 0.
    pub fn shutdown(self) -> Result<(), RunError> {
        self.ask_to_end();
        self.join()
    }

    /// Waits until it has ended of its own accord, or been ended by others.
    pub fn join(mut self) -> Result<(), RunError> {
        self.thread.take().map_or(Ok(()), status_of)
    }

    fn ask_to_end(&self) {
        // A loop that does not read it has been asked before.
        let _ = self.owner.write(1);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.ask_to_end();
    }
}
