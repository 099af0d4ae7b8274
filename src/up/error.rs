//! Why a system did not come up: which agent, at which stage, on which host, and the end of its log.

use std::fmt;

use crate::down::LeftMachine;
use crate::files::FilesError;
use crate::host::end_of_logs;
use crate::model::{AgentId, AgentName, ExitReport, HostName, Millis, State, SystemName};
use crate::plan::{Conflict, Fixed, Taken};
use crate::proxy::ProxyError;
use crate::ssh::SshError;
use crate::state::{StateError, SystemDir};

/// How many lines of a log are shown.
const TAIL_LINES: usize = 10;

/// The phases of `up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Files,
    NameServer,
    Hosts,
    Succeed,
    Start,
    Configure,
    Alter,
    Wire,
    Settle,
    Go,
    Launch,
    Drain,
    End,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Files => "look through",
            Stage::NameServer => "name server",
            Stage::Hosts => "hosts",
            Stage::Succeed => "successors",
            Stage::Start => "start",
            Stage::Configure => "configure",
            Stage::Alter => "alter",
            Stage::Wire => "wire",
            Stage::Settle => "settle",
            Stage::Go => "go",
            Stage::Launch => "launch",
            Stage::Drain => "drain",
            Stage::End => "end",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum UpError {
    #[error(transparent)]
    State(#[from] StateError),
    /// A name server that was there before admits by key.
    #[error("{nameserver} is to let in by key, and there is none")]
    NoKey { nameserver: String },
    #[error("system {system} is already up, from another version of {file}")]
    Changed { system: SystemName, file: String },
    /// Its record is from another file.
    #[error("system {system} is already up, from another file: {file}")]
    OtherFile { system: SystemName, file: String },
    /// What is otherwise cannot be changed while the system runs.
    #[error(
        "system {system} is up, and {} cannot be changed while it is",
        in_words(what)
    )]
    Fixed { system: SystemName, what: Fixed },
    /// What was made by hand has names of the file.
    #[error(
        "in system {system} something was made by hand that the file has otherwise: {}",
        list_conflicts(conflicts)
    )]
    ByHand {
        system: SystemName,
        conflicts: Vec<Conflict>,
    },
    /// It has failed in the middle, and not all could be put back.
    #[error("{cause}; and not all could be put back: {}", list_not_put_back(left))]
    NotPutBack {
        cause: Box<UpError>,
        left: Vec<(AgentName, String)>,
    },
    /// Agents were replaced some at a time, some failed, and those before them could not be put back.
    #[error("{cause}; and the system could not be made what it was: {left}")]
    NotRolledBack {
        cause: Box<UpError>,
        left: Box<UpError>,
    },
    /// More agents are to be there while others are replaced.
    #[error(
        "agents that say `order: start-first` begin anew, and there cannot be more of them: {reason}"
    )]
    NoSpares { reason: String },
    /// An agent could not be brought through a stage.
    #[error("{agent} failed at stage {stage}: {cause}")]
    Agent {
        agent: AgentId,
        stage: Stage,
        cause: Box<ProxyError>,
        log: Vec<String>,
    },
    /// An agent's process ended before the system was up.
    #[error("{agent} ended at stage {stage}: {exit}")]
    Ended {
        agent: AgentId,
        stage: Stage,
        exit: ExitReport,
    },
    /// An agent that was started elsewhere is gone.
    #[error("{agent}, which was started elsewhere, is {state} at stage {stage}")]
    Lost {
        agent: AgentId,
        stage: Stage,
        state: State,
    },
    /// Agents that others were to start.
    #[error(
        "started elsewhere, and not there within {limit}: {}",
        list_absent(missing)
    )]
    Missing {
        nameserver: String,
        /// That name server is at that address whenever this is tried again.
        lasting: bool,
        limit: Millis,
        missing: Vec<Absent>,
        /// Those that are registered, and not waited for.
        others: Vec<AgentId>,
    },
    #[error(
        "{agent} failed at stage {}: it did not run within {limit}",
        Stage::Start
    )]
    NotRunning {
        agent: AgentId,
        limit: Millis,
        log: Vec<String>,
    },
    #[error(
        "agents of these names are registered at {nameserver} already: {}",
        list(names)
    )]
    NamesTaken {
        nameserver: String,
        names: Vec<Taken>,
    },
    #[error(
        "a system called {system} is at {nameserver} already, and not from here: its daemon for the host {host} is pid {pid}"
    )]
    HostTaken {
        system: SystemName,
        nameserver: String,
        host: HostName,
        pid: u32,
    },
    #[error("{which} did not start: {reason}")]
    NameServer { which: String, reason: String },
    #[error("{which} ended: {reason}")]
    NameServerEnded { which: String, reason: String },
    #[error("the name server at {address} cannot be attached to: {cause}")]
    Attach {
        address: String,
        cause: Box<ProxyError>,
    },
    #[error("the host daemon of {host} failed: {reason}")]
    Host { host: HostName, reason: String },
    /// What is to be copied cannot be.
    #[error("files: {0}")]
    Files(FilesError),
    /// Machines that ssh did not bring a daemon to.
    #[error("{}", list_machines(.0))]
    Machines(Vec<(HostName, SshError)>),
    /// A former life of the system is not over everywhere.
    #[error(
        "what is left of system {system} could not be ended on other machines: {}",
        list_left(left)
    )]
    MachinesLeft {
        system: SystemName,
        left: Vec<LeftMachine>,
    },
    /// Host daemons that others were to start.
    #[error(
        "hosts started elsewhere, and not there within {limit}: {}",
        list_hosts(missing)
    )]
    HostsMissing {
        nameserver: String,
        /// That name server is at that address whenever this is tried again.
        lasting: bool,
        limit: Millis,
        missing: Vec<HostName>,
    },
    #[error("the connection to the name server failed: {0}")]
    Proxy(#[from] ProxyError),
    #[error("interrupted")]
    Interrupted,
}

/// An agent that does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    pub agent: AgentId,
    /// None if it has never registered.
    pub state: Option<State>,
}

fn in_words(what: &Fixed) -> String {
    match what {
        Fixed::Security => "its security".to_owned(),
        Fixed::NameServers => "its name servers".to_owned(),
        Fixed::Host(host) => format!("how the host {host} is reached"),
        Fixed::NewHost(host) => format!("the host {host} has no daemon for it, which"),
    }
}

fn list_not_put_back(left: &[(AgentName, String)]) -> String {
    let word = |(agent, reason): &(AgentName, String)| format!("{agent} ({reason})");
    left.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn list_conflicts(conflicts: &[Conflict]) -> String {
    let name = |it: &Conflict| match it {
        Conflict::Agent { agent } | Conflict::Spawned { agent } => format!("agent {agent}"),
        Conflict::Socket { socket } => socket.to_string(),
    };
    conflicts.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn list_absent(missing: &[Absent]) -> String {
    let word = |it: &Absent| match it.state {
        Some(state) => format!("{} ({state})", it.agent),
        None => it.agent.to_string(),
    };
    missing.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn list_machines(failed: &[(HostName, SshError)]) -> String {
    let word = |(host, error): &(HostName, SshError)| format!("host {host}: {error}");
    failed.iter().map(word).collect::<Vec<_>>().join("; ")
}

fn list_left(left: &[LeftMachine]) -> String {
    let word = |it: &LeftMachine| format!("{} ({})", it.host, it.reason);
    left.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn list_hosts(names: &[HostName]) -> String {
    let names = names.iter().map(HostName::as_str);
    names.collect::<Vec<_>>().join(", ")
}

fn list(names: &[Taken]) -> String {
    let names = names.iter().map(Taken::to_string);
    names.collect::<Vec<_>>().join(", ")
}

impl UpError {
    /// The end of the log of the agent that is to blame, if one is and there is any.
    pub fn log(&self) -> &[String] {
        match self {
            UpError::Agent { log, .. } | UpError::NotRunning { log, .. } => log,
            UpError::Ended { exit, .. } => &exit.log,
            UpError::NotPutBack { cause, .. } | UpError::NotRolledBack { cause, .. } => cause.log(),
            _ => &[],
        }
    }

    /// What could not be put back is said with it.
    pub(super) fn and_left(self, left: Vec<(AgentName, String)>) -> Self {
        match left.is_empty() {
            true => self,
            false => UpError::NotPutBack {
                cause: Box::new(self),
                left,
            },
        }
    }

    /// Takes the end of the log along, before the log goes.
    pub(super) fn with_log(mut self, dir: &SystemDir) -> Self {
        if let UpError::Agent { agent, log, .. } | UpError::NotRunning { agent, log, .. } =
            &mut self
        {
            *log = end_of_logs(dir, agent, TAIL_LINES);
        }
        self
    }
}
