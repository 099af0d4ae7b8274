//! What is known of a running system: states, and the facts that `ls` shows.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    Address, AgentName, Alias, ConnectionInfo, Guard, HostId, HostName, Millis, PublicKey,
    SpecVersion, SystemName,
};

/// The state of an agent or a host, as the name server sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Registered, and not yet in its main loop.
    Starting,
    /// In its main loop.
    Running,
    /// Ended as it should: exit status 0, or asked to.
    Stopped,
    /// Ended as it should not, and not started again.
    Failed,
    /// Ended, and its host is about to start it again.
    Restarting,
    /// Ended, and no process saw how.
    Ended,
    /// In its main loop, but its program fails its health checks.
    Unhealthy,
    /// Silent for longer than it may be; or its program is.
    Suspect,
    /// Silent for so long that it is not waited for.
    Unreachable,
}

impl State {
    /// Its word, as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Stopped => "stopped",
            State::Failed => "failed",
            State::Restarting => "restarting",
            State::Ended => "ended",
            State::Unhealthy => "unhealthy",
            State::Suspect => "suspect",
            State::Unreachable => "unreachable",
        }
    }

    /// Whether it has ended, and is not started again.
    pub fn is_over(self) -> bool {
        self.ended() && self != State::Restarting
    }

    /// Whether the process has ended, as far as anyone knows.
    pub fn ended(self) -> bool {
        match self {
            State::Stopped | State::Failed | State::Restarting | State::Ended => true,
            State::Starting
            | State::Running
            | State::Unhealthy
            | State::Suspect
            | State::Unreachable => false,
        }
    }
}

/// What becomes of an agent that has ended, according to its host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterEnd {
    /// It stays so.
    #[default]
    Stays,
    /// It is started again.
    Again {
        /// In how long.
        wait: Millis,
    },
    /// It was stopped: it stays down, whatever its policy is, until it is started again by hand.
    StaysDown,
    /// It was started again so often that it is not any more.
    GivenUp {
        /// How often.
        restarts: u32,
        /// In how long.
        within: Millis,
    },
}

impl AfterEnd {
    /// Whether nothing more is to be said of it.
    pub fn stays(&self) -> bool {
        *self == AfterEnd::Stays
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One agent, as `osb ls agents -o json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentInfo {
    /// Its name at its name server.
    pub name: AgentName,
    /// None if it was started by hand.
    pub host: Option<HostName>,
    /// The system for which its host daemon was started. None: none in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemName>,
    /// Where the name server listens that knows it.
    pub nameserver: String,
    /// The state it is in.
    pub state: State,
    /// None when it has ended.
    pub pid: Option<u32>,
    /// For how long its process has run, in seconds.
    pub uptime_s: f64,
    /// How long it has been in this state.
    #[serde(default)]
    pub state_ms: u64,
    /// Why it is unhealthy, or suspect by its own account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// For how long its program has been busy with one thing, if that is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_ms: Option<u64>,
    /// How often it was restarted.
    pub restarts: u32,
    /// Which life of the agent this is: the mark of all that is started in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    /// The life of the agent in whose process it lives, if that is another: it ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Which spec it goes by. None: none, or it could not be carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec_version: Option<SpecVersion>,
    /// Its sockets, by their aliases.
    pub addresses: BTreeMap<Alias, Address>,
    /// Absent from `ls agents -o json`: `ls connections` shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<ConnectionInfo>,
    /// How it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitReport>,
    /// What becomes of it then.
    #[serde(default, skip_serializing_if = "AfterEnd::stays")]
    pub then: AfterEnd,
    /// How the life before this one ended, if it was restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<ExitReport>,
    /// In a closed system: by which it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// What its sockets lack, because it has a libzmq of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<Guard>,
}

impl AgentInfo {
    /// The daemon that has started it.
    pub fn host_id(&self) -> Option<HostId> {
        Some(HostId {
            system: self.system.clone(),
            name: self.host.clone()?,
        })
    }

    /// Whether it has ended, and its host is about to tell how, and what becomes of it.
    pub fn is_about_to_be_told(&self) -> bool {
        let has_ended = matches!(self.state, State::Stopped | State::Failed);
        has_ended && self.exit.is_none() && self.host.is_some()
    }
}

/// How it stands with a program that is started anew whenever it has ended, while its agent goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relaunches {
    /// How often it was started anew, in this life of the agent.
    pub count: u32,
    /// How it ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<ExitReport>,
    /// It has ended, and is started in so many milliseconds. None: it runs, or its host is still to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

impl Relaunches {
    /// Whether there is nothing to say.
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A process that an agent's program had started, and that was left running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// The process.
    pub pid: u32,
    /// Its command line, as far as it says what it is.
    pub command: String,
}

impl Leftover {
    /// For logs: their outcome.
    pub fn were_killed(all: &[Self]) -> String {
        let all: Vec<String> = all.iter().map(Self::to_string).collect();
        format!("killed what was left running: {}", all.join(", "))
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.command, self.pid)
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitReport {
    /// Exit status, unless a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// The last lines of its log.
    pub log: Vec<String>,
    /// Why it was ended, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// Why a process was ended, or its program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its program was not healthy, or did not answer, and this was wrong.
    Unhealthy(String),
    /// The kernel has killed it, for want of memory.
    OutOfMemory,
    /// It was killed, and the kernel has killed something for want of memory meanwhile.
    PerhapsOutOfMemory,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Unhealthy(why) => write!(f, "unhealthy: {why}"),
            Cause::OutOfMemory => f.write_str("killed for want of memory"),
            Cause::PerhapsOutOfMemory => f.write_str(
                "perhaps for want of memory: the kernel has killed a process for that meanwhile",
            ),
        }
    }
}

impl ExitReport {
    /// The status of what could not be started, as shells have it.
    pub const NOT_STARTED: u8 = 127;

    /// The signal that ended it, or that ended what it ran: a status of 128 + N tells of signal N.
    pub fn ended_by(&self) -> Option<i32> {
        self.signal.or_else(|| {
            self.status
                .filter(|status| *status > 128)
                .map(|status| status - 128)
        })
    }
}

impl fmt::Display for ExitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cause @ Cause::OutOfMemory) = &self.cause {
            return cause.fmt(f);
        }
        match (self.status, self.signal) {
            (Some(status), _) => write!(f, "exit status {status}")?,
            (None, Some(signal)) => write!(f, "signal {signal}")?,
            (None, None) => f.write_str("status unknown")?,
        }
        match &self.cause {
            Some(cause) => write!(f, "; {cause}"),
            None => Ok(()),
        }
    }
}

/// One machine, as `osb ls hosts -o json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostInfo {
    /// Its name in topologies.
    pub name: HostName,
    /// The system for which it was started. None: others have started it, for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemName>,
    /// What peers dial to reach the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The state it is in.
    pub state: State,
    /// The process of its daemon, or that of the daemon's keeper.
    pub pid: u32,
    /// The pids by which it was known before, while other keepers had it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_pids: Vec<u32>,
    /// The version of osb that its daemon is of.
    pub version: String,
    /// For how long its daemon has run, in seconds.
    pub uptime_s: f64,
    /// How many agents it has running.
    pub agents: usize,
}

impl HostInfo {
    /// Whether this is the daemon that was started with that pid.
    pub fn has_pid(&self, pid: u32) -> bool {
        self.pid == pid || self.former_pids.contains(&pid)
    }

    /// Which daemon it is, among all that the name server knows.
    pub fn id(&self) -> HostId {
        HostId {
            system: self.system.clone(),
            name: self.name.clone(),
        }
    }
}

/// What went through a socket. Nothing is lost in silence: of what a socket has sent, in sum, once for each
/// subscriber that matched, so much has been received, or was `dropped`, or is `waiting` or `unconfirmed`; but for
/// what is on its way just now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketStats {
    /// Messages that have arrived.
    pub received: u64,
    /// Messages that have left.
    pub sent: u64,
    /// Messages that are lost.
    pub dropped: u64,
    /// What libzmq has taken and no connection yet.
    #[serde(default)]
    pub waiting: u64,
    /// What was given to connections that have ended, and whose readers have not said that it came.
    #[serde(default)]
    pub unconfirmed: u64,
    /// Publishers: how many subscribers its messages have matched, in sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<u64>,
    /// Messages that the serializer of the socket could not read.
    pub garbled: u64,
}
