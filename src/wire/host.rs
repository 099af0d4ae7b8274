//! What is asked of a host daemon.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Examination, Incarnation, Launch, Target};
use crate::model::{
    AgentName, AgentSpec, Alias, Amount, Credentials, Dial, ExitReport, Grace, HostId, Leftover,
    Machine, Millis, SpecVersion, Step,
};

/// A request to a host daemon: `{"method": …, "params": …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "method",
    content = "params",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum HostRequest {
    /// Start an agent by its spec, which the host keeps. Replies with its pid once the process is there; that it runs,
    /// and is what the spec says, the name server tells. The fault is `start`.
    Start {
        spec: Box<AgentSpec>,
        /// The life of the agent, at another host, whose place it is to take: it goes as far as its wires by itself, as that one's successor,
        /// and is led on when it has taken over. Otherwise nobody has its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        succeeds: Option<Incarnation>,
    },
    /// Start an agent that no topology of its names, and lead it to its work. It is ephemeral, whatever the spec says of that. Replies with
    /// its pid when it does its work, or has ended well; before that its wires are proven. If it does not come so far, it ends,
    /// and nothing is kept of it.
    Spawn { spec: Box<AgentSpec> },
    /// End an ephemeral agent for good: neither the host nor the name server keeps anything of it. Replies with [`Stopped`].
    Remove { agent: AgentName, grace: Grace },
    /// Lead these of its agents to that step, and those that others have started and that it was given the specs of. Replies with
    /// null as soon as it has told them: each announces what becomes of it.
    Lead { agents: Vec<AgentName>, to: Step },
    /// Launch the program of one of its agents, with what its references stand for, by their texts; its timers begin with it,
    /// or later by `lead`. The host keeps the values. Replies as [`AgentRequest::Launch`](super::AgentRequest::Launch) does.
    Launch {
        agent: AgentName,
        values: BTreeMap<String, String>,
        timers: bool,
        timeout: Millis,
    },
    /// The system of these agents is up: from now on the host starts them again by the policies of their specs. Replies with
    /// null.
    Keep { agents: Vec<AgentName> },
    /// Begin the next life of an agent that has ended, or that waits to be started again: from the spec that the host keeps, as if
    /// the host had never restarted it. Replies with null as soon as that is under way; that it runs, the name server tells. The
    /// fault is `start`.
    Restart { agent: AgentName },
    /// From one of its agents, which is whole: its program has ended so, in that life of the agent. Replies with [`AfterProgram`].
    ProgramEnded {
        incarnation: Incarnation,
        exit: ExitReport,
    },
    /// Make an agent the system's that others start, and make it what the spec says: its life now, as soon as that is
    /// there, and each later one. Replies with the map of its addresses, when that is done for the first time. The
    /// name server has to entrust the agent to this host.
    Attach { spec: Box<AgentSpec> },
    /// One of its agents is to be what this spec says, without a new process; the host keeps the spec. Replies with [`Altered`] when
    /// the agent has carried out what is otherwise; of an agent that has ended the spec is kept for its next life.
    Alter {
        spec: Box<AgentSpec>,
        /// It becomes again what it was, after a change that failed: see [`Alter`](super::Alter).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        back: bool,
    },
    /// These agents, which have ended or which others start, are its no more: it keeps nothing of them. Replies with null.
    Forget { agents: Vec<AgentName> },
    /// Stop one agent, by the stop stages. Replies with [`Stopped`].
    Stop {
        agent: AgentName,
        /// How long it gets to end by itself.
        grace: Grace,
        /// It stays down, and the host notes that durably, until it is to start the agent again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        hold: bool,
    },
    /// What the specs that it keeps say of other agents, and of their ends. Replies with a list of [`Ties`](crate::model::Ties).
    Ties {},
    /// Its agents that live. Replies with a list of their names.
    Agents {},
    /// What an agent of its that has ended by itself has left: the attribute of that name, or the map of all.
    Attributes {
        agent: AgentName,
        name: Option<String>,
    },
    /// What those of its agents leave running that have ended: jobs that are done. Replies with a map from an agent's
    /// name to its list of [`Leftover`]s.
    Leftovers {},
    /// How its machine does. Replies with [`MachineFacts`].
    Facts {},
    /// Its agents' logs. Replies with a list of [`AgentLogs`], of those agents that it has something of.
    Logs {
        from: Vec<LogsFrom>,
        /// How much of each of an agent's two files, at most; see [`LARGEST_LOG_PIECE`].
        bytes: u32,
        /// How long to wait until there is something, if there is nothing; [`LONGEST_LOG_WAIT`](crate::model::timing::LONGEST_LOG_WAIT) at most. Then
        /// the list is empty.
        wait: Millis,
    },
    /// Look around, and change nothing. Replies with [`Examined`](super::Examined). What was bound is listened at
    /// until [`HostRequest::EndExamination`], or for three minutes.
    Examine(Examination),
    /// Dial them all. Replies with a list of [`Dialled`](super::Dialled).
    Dial { targets: Vec<Target> },
    /// Listen no more for the examination with that token.
    EndExamination { token: String },
    /// Stop all agents, by the stop stages, and then the daemon. Replies with a list of [`Stopped`].
    Shutdown { grace: Grace },
}

/// The spec by which an agent goes from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Altered {
    pub version: SpecVersion,
    /// The agent lives, and goes by it now; else in its next life.
    pub lives: bool,
}

/// What becomes of a program that has ended, and whose agent is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AfterProgram {
    /// It is not started anew: its agent ends.
    AgentEnds,
    /// Its agent starts it anew.
    Again {
        /// In how long.
        wait: Millis,
        /// With everything filled in that its own machine does not know, if it was launched. Null: as it was started before.
        launch: Option<Box<Launch>>,
    },
}

/// How a machine does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineFacts {
    /// Processes that run or wait to, on average over the last minute.
    pub load: f64,
    /// In bytes.
    pub memory: u64,
    /// In bytes: what is free without swapping.
    pub memory_available: u64,
    /// Its clock, in microseconds since 1970.
    pub clock_us: u64,
    /// The files that have come to it with agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Amount>,
}

/// The most that is read of one log for one answer, in bytes.
pub const LARGEST_LOG_PIECE: u32 = 256 << 10;

/// From where on an agent's two files are wanted, in bytes; None: their ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsFrom {
    pub agent: AgentName,
    pub log: Option<u64>,
    pub output: Option<u64>,
}

/// An agent's log, and what its program prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentLogs {
    pub agent: AgentName,
    pub log: LogPiece,
    pub output: LogPiece,
}

/// A piece of a file, in whole lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPiece {
    pub lines: Vec<String>,
    /// Where it goes on.
    pub end: u64,
    /// Of an end: what is there of a line that is not ended.
    pub unfinished: Option<String>,
    /// Of an end: there is more before it.
    pub cut: bool,
}

impl LogPiece {
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.unfinished.is_none()
    }
}

/// How an agent was stopped: which stage it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    pub agent: AgentName,
    pub stage: StopStage,
    /// How many messages had not left its sockets when it ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unsent: BTreeMap<Alias, u64>,
    /// What its program had left running, and was killed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub killed: Vec<Leftover>,
}

impl Stopped {
    pub fn at(agent: AgentName, stage: StopStage) -> Self {
        let unsent = BTreeMap::new();
        Self {
            agent,
            stage,
            unsent,
            killed: Vec::new(),
        }
    }
}

/// The stages by which an agent is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopStage {
    /// It had ended before.
    Already,
    /// It ended when it was asked to.
    Asked,
    /// It ended at SIGTERM.
    Terminated,
    /// It had to be killed.
    Killed,
}

/// All that an agent's process needs to begin. The host daemon writes it as one line of JSON to
/// the standard input of `osb agent` and closes it, so that nothing of it shows in a process list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentBoot {
    pub spec: Box<AgentSpec>,
    /// Which spec it is; the agent is to be what it says. None: it is started by hand, and has no spec yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<SpecVersion>,
    /// The system is up, and the agent goes to work by itself. None: it waits to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub works: Option<Works>,
    /// Of sockets that may have any port: what they had in the life before this one. They have these again, if they are
    /// free.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<Alias, u16>,
    pub incarnation: Incarnation,
    /// It is to take the place of that life of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor_of: Option<Incarnation>,
    /// The life of the agent in whose process it lives, if that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Incarnation>,
    /// The host that starts it.
    pub host: Option<HostId>,
    /// What peers dial to reach sockets bound to a wildcard on this machine.
    pub advertise: IpAddr,
    /// What to dial for control: `tcp://…`.
    pub nameserver: String,
    /// By which it is let in; none in a system that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Credentials>,
    /// A folder of the system's own for ipc sockets.
    pub ipc_dir: PathBuf,
    /// The agent's log. None: standard error.
    pub log: Option<PathBuf>,
    /// Where its program's own output goes; if nowhere, to the log.
    pub output: Option<PathBuf>,
    /// The system's folder, for what is to be known of it after its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// How many descriptors its program may have open. None: as many as the agent is started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u64>,
    /// How often its host had started the agent before.
    #[serde(default)]
    pub former_lives: u32,
}

/// How an agent goes to work by itself: it proves its wires, and starts its program and its timers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Works {
    /// Its program, if that is launched only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<Launch>,
    /// Its program and its timers wait until its host leads it to them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// It goes no further than its wires if they are not proven in time, and says so: a requester waits for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
}

impl AgentBoot {
    /// The environment variable that tells a program of the library where to read how to begin.
    pub const VARIABLE: &str = "OSB_BOOT";
    /// Its only value: standard input.
    pub const BY_STDIN: &str = "stdin";

    /// The agent's name at its name server.
    pub fn name(&self) -> &AgentName {
        &self.spec.name.name
    }

    /// How to dial the name server.
    pub fn dial(&self) -> Dial {
        Dial {
            address: self.nameserver.clone(),
            keys: self.keys.clone(),
        }
    }

    /// Where its program runs, with that environment.
    pub fn machine<'b>(&'b self, env: &'b dyn Fn(&str) -> Option<String>) -> Machine<'b> {
        Machine {
            host: self.host.as_ref().map(|host| &host.name),
            address: self.advertise,
            env,
        }
    }
}
