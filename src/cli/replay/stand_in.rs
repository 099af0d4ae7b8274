//! One who stands in for an agent: it is registered under its name, has its sockets, and sends what it is told.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::gate::Gate;
use crate::cli::{CommandError, ErrorKind};
use crate::kit::{Agent, CallError, Context, Handle, Remote, RunError, spawn_quietly};
use crate::model::{Action, Admits, AgentName, Alias, BindSpec, Handlers, Kind, Replies};
use crate::record::{Lateness, Line, PartSocket, Say};

/// What is left to leave at the end, for so long.
const LINGER: Duration = Duration::from_secs(10);
/// How long the end may take when all is to stop.
const HURRY: Duration = Duration::from_secs(2);
/// How long its sockets may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where and as whom.
#[derive(Clone)]
pub(super) struct Place {
    pub name: String,
    pub nameserver: String,
    pub key: Option<PathBuf>,
    pub advertise: IpAddr,
}

/// The stand-in.
pub(super) struct StandIn {
    handle: Handle,
    remote: Remote<Sending>,
    gate: Arc<Gate>,
}

/// What it keeps.
struct Sending {
    kinds: Vec<(Alias, Kind)>,
    told: Told,
}

/// What it has done.
#[derive(Default)]
pub(super) struct Told {
    pub late: Lateness,
    pub failed: u64,
    /// Why the first of these did.
    pub why: Option<String>,
    /// What nobody has taken until the end.
    pub unsent: u64,
}

impl StandIn {
    /// Begins one with these sockets.
    pub(super) fn begin(
        place: Place,
        sockets: Vec<PartSocket>,
        gate: Arc<Gate>,
    ) -> Result<Self, CommandError> {
        let (tell, told) = channel();
        let sending = Sending {
            kinds: sockets
                .iter()
                .map(|it| (it.socket.alias.clone(), it.socket.kind))
                .collect(),
            told: Told::default(),
        };
        let Place {
            name,
            nameserver,
            key,
            advertise,
        } = place.clone();
        let handle = spawn_quietly(move || {
            Agent::new(sending)
                .named(&name)
                .nameserver(&nameserver)
                .told(key, advertise)
                .on_init(move |agent| {
                    // It is waited for.
                    let _ = tell.send(agent.remote());
                    Ok(())
                })
        });
        let handle = handle.map_err(|error| cannot_stand_in(&place.name, error))?;
        let remote = told.recv().map_err(|_| ended(&place.name))?;
        let stand_in = Self {
            handle,
            remote,
            gate,
        };
        let made = stand_in.ask(PATIENCE, move |agent| make(agent, sockets));
        match made.ok_or_else(|| ended(&place.name))? {
            Ok(()) => Ok(stand_in),
            Err(error) => Err(CommandError::new(ErrorKind::Failed, error).with_code("stand_in")),
        }
    }

    pub(super) fn name(&self) -> &AgentName {
        self.handle.name()
    }

    /// Sends that, which is due then. False if all is to stop, or it has ended.
    pub(super) fn say(&self, line: Line, due: Option<Instant>) -> bool {
        if !self.gate.enter() {
            return false;
        }
        let gate = Arc::clone(&self.gate);
        let sent = self.remote.run(move |agent| {
            if let Some(due) = due {
                agent.state.told.late.note(due.elapsed());
            }
            if let Err(error) = send(agent, line) {
                agent.state.told.failed += 1;
                agent.state.told.why.get_or_insert(error.to_string());
            }
            gate.leave();
            Ok(())
        });
        sent.is_ok()
    }

    /// Waits until all has left, or has had its time; then it ends.
    pub(super) fn end(self) -> Told {
        let (linger, patience) = match self.gate.is_stopped() {
            true => (Duration::ZERO, HURRY),
            false => (LINGER, LINGER + PATIENCE),
        };
        let told = self.ask(patience, move |agent| {
            let unsent = agent.close_all(Some(linger));
            let told = std::mem::take(&mut agent.state.told);
            let unsent = unsent.unwrap_or_default().values().sum();
            Told { unsent, ..told }
        });
        // Whatever it ends with, what it has sent is told.
        let _ = self.handle.shutdown();
        told.unwrap_or_else(|| Told {
            failed: 1,
            why: Some("it did not come to its end".to_owned()),
            ..Told::default()
        })
    }

    /// Has it do something in its turn. None: it does not come to it.
    fn ask<T: Send + 'static>(
        &self,
        patience: Duration,
        code: impl FnOnce(&mut Context<Sending>) -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = channel();
        let run = self.remote.run(move |agent| {
            // Nobody may wait for it any more.
            let _ = tell.send(code(agent));
            Ok(())
        });
        run.ok()?;
        told.recv_timeout(patience).ok()
    }
}

fn make(agent: &mut Context<Sending>, sockets: Vec<PartSocket>) -> Result<(), CallError> {
    let discard = || Some(Handlers::one(Action::Discard));
    for PartSocket { socket, to } in sockets {
        if to.is_empty() {
            agent.bind_to(BindSpec {
                handlers: socket.kind.receives().then(discard).flatten(),
                alias: socket.alias,
                kind: socket.kind,
                endpoint: None,
                serializer: socket.serializer,
                admits: Admits::anyone(),
            })?;
            continue;
        }
        for to in to {
            let handlers = socket.kind.receives().then(discard).flatten();
            let replies = match socket.kind.asks() {
                true => forget(),
                false => Replies::default(),
            };
            agent.connect_and_ask(&to, socket.alias.as_str(), handlers, replies)?;
        }
    }
    Ok(())
}

/// What is answered does not matter.
fn forget() -> Replies {
    Replies {
        on_reply: Some(vec![Action::Discard]),
        on_error: Some(vec![Action::Discard]),
        ..Replies::default()
    }
}

/// As the socket can that it has: it may be of another kind than the one that was recorded.
fn send(agent: &mut Context<Sending>, line: Line) -> Result<(), CallError> {
    let alias = line.alias.as_str();
    let kind = agent.state.kinds.iter().find(|it| it.0 == line.alias);
    let kind = kind.map(|it| it.1);
    match (kind, line.say) {
        (Some(kind), _) if kind.asks() && !kind.publishes() => {
            agent.ask_by(alias, line.message, forget())
        }
        (Some(kind), Say::Publication(topic)) if kind.publishes() => {
            agent.publish(alias, topic.as_str(), line.message)
        }
        (Some(kind), Say::Message | Say::Request) if kind.publishes() => {
            agent.publish(alias, "", line.message)
        }
        _ => agent.send(alias, line.message),
    }
}

fn cannot_stand_in(name: &str, error: RunError) -> CommandError {
    let hint =
        format!("while an agent {name} runs, nobody stands in for it: `osb stop {name}` ends it");
    CommandError::new(ErrorKind::Failed, error)
        .with_code("stand_in")
        .with_hint(hint)
}

fn ended(name: &str) -> CommandError {
    let sentence = format!("the one who stands in for {name} has ended");
    CommandError::say(ErrorKind::Failed, sentence).with_code("stand_in")
}
