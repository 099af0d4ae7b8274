//! What a topology asks for, resolved: defaults applied, names checked, every reference followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Admits, AgentId, AgentName, Alias, Endpoint, HostName, HostSpec, Kind, LogLimits, MethodName,
    Millis, NameError, NameServerName, Program, Ready, Replies, Restart, Serializer, SocketId,
    Speaks, SystemName, TimerSpec, Update,
};
use crate::model::timing::{SETTLE_TIME, START_TIMEOUT};

/// A whole system, ready to be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    pub name: SystemName,
    pub security: Security,
    /// One at least. Agents that say nothing else are registered at the first.
    pub nameservers: Vec<NameServerEntry>,
    pub hosts: Vec<HostSpec>,
    /// In the order of the file.
    pub agents: Vec<AgentSpec>,
}

impl Topology {
    /// All wires, each with the agent that keeps it.
    pub fn wires(&self) -> impl Iterator<Item = (&AgentSpec, &WireSpec)> {
        let agents = self.agents.iter();
        agents.flat_map(|agent| agent.wires.iter().map(move |wire| (agent, wire)))
    }

    /// Whether other machines have to do with it, or can reach a socket of it.
    pub fn reaches_out(&self) -> bool {
        let is_open = |ip: IpAddr| !ip.to_canonical().is_loopback();
        let sockets = self.agents.iter().flat_map(|agent| &agent.bind);
        let mut sockets = sockets.filter_map(|bind| bind.endpoint.as_ref()?.exposed());
        let mut nameservers = self.nameservers.iter();
        sockets.any(is_open)
            || self.hosts.iter().any(|host| !host.reach.is_local())
            || nameservers.any(|it| match it.at {
                NameServerSpec::Launch(at) | NameServerSpec::Attach(at) => is_open(at.ip()),
            })
    }
}

/// How a system is protected against unknown peers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Not at all: every peer that can reach a socket can use it.
    #[default]
    None,
    /// By keys: everything is encrypted, and only members are admitted.
    Curve,
}

/// The name server of a system: launched with it, or there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameServerSpec {
    /// Port 0 takes any free one.
    Launch(SocketAddr),
    Attach(SocketAddr),
}

/// A name server by its name within the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameServerEntry {
    pub name: NameServerName,
    pub at: NameServerSpec,
    /// The other machine that it is launched on, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
}

/// The configuration of an agent: all that the daemon which starts it, the agent itself and commands that show it
/// need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSpec {
    pub name: AgentId,
    pub host: HostName,
    /// Others start it: it is waited for.
    pub attach: bool,
    pub program: Option<Program>,
    pub attributes: BTreeMap<String, Value>,
    /// In the order of the file.
    pub bind: Vec<BindSpec>,
    /// The connections that it makes, in the order of the file.
    #[serde(default)]
    pub wires: Vec<WireSpec>,
    pub timers: Vec<TimerSpec>,
    /// How long each stage of its start may take.
    pub start_timeout: Millis,
    /// How long its program, if that says nothing, has to live before it counts as running. 0: not at all.
    pub settle: Millis,
    /// How long it and its program get to end by themselves before they are killed. None: as long as is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<Millis>,
    /// How much is kept of what it and its program write.
    #[serde(default)]
    pub logs: LogLimits,
    /// Whether it is started again when it has ended by itself.
    #[serde(default)]
    pub restart: Restart,
    /// What its host runs when it has failed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failed: Option<OnFailed>,
    /// Attributes that a life takes over from the one before it, if that could leave them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keep: BTreeSet<String>,
    /// The agents that it is restarted with, each with those that it then waits for: it is after them, and they are restarted for
    /// the same reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<AgentId, BTreeSet<AgentId>>,
    /// How it is replaced with others when all of them begin anew. None: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    /// No file names it: it was asked for while its system was up. None: a file does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawned: Option<Spawned>,
}

/// How long an agent stays that was asked for at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spawned {
    /// It is a part of what its system is meant to be, until `up` of the file or `remove` takes it away.
    Kept,
    /// Its host alone knows of it: it ends with the system, and does not come back when the machine has started again.
    Ephemeral,
}

/// A command that is run when an agent has failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnFailed {
    /// The program, and its arguments.
    pub argv: Vec<String>,
    /// The topology's folder, where its machine has that.
    pub cwd: PathBuf,
}

impl AgentSpec {
    /// An agent of this machine that nothing else is said of.
    pub fn named(name: AgentName) -> Self {
        Self {
            name: name.into(),
            host: HostName::local(),
            attach: false,
            program: None,
            attributes: BTreeMap::new(),
            bind: Vec::new(),
            wires: Vec::new(),
            timers: Vec::new(),
            start_timeout: START_TIMEOUT,
            settle: SETTLE_TIME,
            stop_timeout: None,
            logs: LogLimits::default(),
            restart: Restart::default(),
            on_failed: None,
            keep: BTreeSet::new(),
            with: BTreeMap::new(),
            update: None,
            spawned: None,
        }
    }

    /// Whether its program is a job, which is done when it has ended well.
    pub fn is_job(&self) -> bool {
        let program = self.program.as_ref();
        program.is_some_and(|program| program.ready == Ready::Done)
    }

    /// Whether its host alone knows of it.
    pub fn is_ephemeral(&self) -> bool {
        self.spawned == Some(Spawned::Ephemeral)
    }

    /// Whether its program is launched when all is wired.
    pub fn is_launched(&self) -> bool {
        self.program.as_ref().is_some_and(Program::is_launched)
    }

    /// Whether its program is watched until it has settled: nothing else says that it works. Of those
    /// that others start it is not known whether they have a program.
    pub fn settles(&self) -> bool {
        let unsaid =
            |program: &Program| program.speaks != Speaks::Osb && program.ready == Ready::Started;
        let may_fail = self.program.as_ref().map_or(self.attach, unsaid);
        may_fail && self.settle.get() > 0
    }

    /// Where its sockets are to be bound.
    pub fn endpoints(&self) -> impl Iterator<Item = (&Alias, &Endpoint)> {
        let sockets = self.bind.iter();
        sockets.filter_map(|socket| Some((&socket.alias, socket.endpoint.as_ref()?)))
    }

    /// The socket by which it makes a connection.
    pub fn client(&self, wire: &WireSpec) -> SocketId {
        SocketId {
            agent: self.name.clone(),
            alias: wire.alias.clone(),
        }
    }
}

/// A socket to bind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindSpec {
    pub alias: Alias,
    pub kind: Kind,
    /// None: any free port of the agent's own address.
    pub endpoint: Option<Endpoint>,
    pub serializer: Serializer,
    /// None: the agent's own choice, its program or else `log`.
    pub handlers: Option<Handlers>,
    /// The agents that may connect, in a closed system.
    #[serde(default = "Admits::anyone")]
    pub admits: Admits,
}

/// A connection that an agent makes, and keeps: its socket `alias`, of the twin kind, on the socket `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireSpec {
    pub alias: Alias,
    pub to: SocketId,
    /// The client's kind: the twin of the target's.
    pub kind: Kind,
    /// That of the target, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serializer: Option<Serializer>,
    pub handlers: Handlers,
    /// Where it asks: how answers are handled.
    #[serde(default, skip_serializing_if = "Replies::is_empty")]
    pub replies: Replies,
    /// The agent at the other end is about to be another process: the socket stays, and is not connected there meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resting: bool,
}

/// What happens to messages that arrive at a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handlers {
    /// Each in order, for every message. Empty for sockets at which nothing arrives.
    All(Vec<Action>),
    /// SUB and SYNC_SUB: topic prefix to handlers. As in osBrain, every entry whose topic begins the message's
    /// topic runs; the entries are also the subscriptions.
    ByTopic(BTreeMap<String, Vec<Action>>),
}

impl Handlers {
    pub fn one(action: Action) -> Self {
        Handlers::All(vec![action])
    }

    pub fn none() -> Self {
        Handlers::All(Vec::new())
    }

    /// All the actions, by whatever topic.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        let (all, by_topic) = match self {
            Handlers::All(actions) => (Some(actions), None),
            Handlers::ByTopic(topics) => (None, Some(topics)),
        };
        let by_topic = by_topic.into_iter().flat_map(|topics| topics.values());
        all.into_iter().chain(by_topic).flatten()
    }

    /// What a subscriber with these handlers subscribes to.
    pub fn subscriptions(&self) -> Vec<&str> {
        match self {
            Handlers::All(_) => vec![""],
            Handlers::ByTopic(topics) => topics.keys().map(String::as_str).collect(),
        }
    }
}

/// One thing to do with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Action {
    /// Write it to the agent's log.
    Log,
    /// REP, ASYNC_REP, SYNC_PUB: answer with the message itself.
    Echo,
    /// Append it to the attribute `received`.
    Collect,
    /// Send it on by another alias. A request that is sent on as a request brings the answer back.
    Forward(Alias),
    /// Count it and let it go.
    Discard,
    /// Hand it to the agent's program.
    Command,
    /// Hand it to the handler of that name in the agent's program.
    Call(MethodName),
}

/// The text names no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    #[error("no handler is called {0:?}")]
    Unknown(String),
    #[error("forward needs an alias, as in forward:out: {0}")]
    BadAlias(#[from] NameError),
    #[error("call needs the name of a handler, as in call:on_price: {0}")]
    BadMethod(NameError),
}

impl Action {
    /// The words a file may use, for did-you-mean.
    pub const WORDS: [&str; 7] = [
        "log",
        "echo",
        "collect",
        "forward:ALIAS",
        "discard",
        "command",
        "call:NAME",
    ];

    /// Whether the agent must have a program for it.
    pub fn needs_program(&self) -> bool {
        match self {
            Action::Command | Action::Call(_) => true,
            Action::Log | Action::Echo | Action::Collect | Action::Forward(_) | Action::Discard => {
                false
            }
        }
    }
}

impl FromStr for Action {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, ActionError> {
        if let Some(alias) = text.strip_prefix("forward:") {
            return Ok(Action::Forward(alias.trim().parse()?));
        }
        if let Some(method) = text.strip_prefix("call:") {
            let method = method.trim().parse().map_err(ActionError::BadMethod)?;
            return Ok(Action::Call(method));
        }
        match text {
            "log" => Ok(Action::Log),
            "echo" => Ok(Action::Echo),
            "collect" => Ok(Action::Collect),
            "forward" => Err(ActionError::BadAlias(NameError::Empty)),
            "discard" => Ok(Action::Discard),
            "command" => Ok(Action::Command),
            "call" => Err(ActionError::BadMethod(NameError::Empty)),
            other => Err(ActionError::Unknown(other.to_owned())),
        }
    }
}

impl TryFrom<String> for Action {
    type Error = ActionError;

    fn try_from(text: String) -> Result<Self, ActionError> {
        text.parse()
    }
}

impl From<Action> for String {
    fn from(action: Action) -> String {
        action.to_string()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Log => f.write_str("log"),
            Action::Echo => f.write_str("echo"),
            Action::Collect => f.write_str("collect"),
            Action::Forward(alias) => write!(f, "forward:{alias}"),
            Action::Discard => f.write_str("discard"),
            Action::Command => f.write_str("command"),
            Action::Call(method) => write!(f, "call:{method}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_come_back_from_their_text() {
        for text in [
            "log",
            "echo",
            "collect",
            "forward:out",
            "discard",
            "command",
            "call:on_price",
        ] {
            assert_eq!(text.parse::<Action>().unwrap().to_string(), text);
        }
        assert!(matches!(
            "ehco".parse::<Action>(),
            Err(ActionError::Unknown(_))
        ));
        assert!(matches!(
            "forward".parse::<Action>(),
            Err(ActionError::BadAlias(_))
        ));
        assert!(matches!(
            "forward:".parse::<Action>(),
            Err(ActionError::BadAlias(_))
        ));
    }

    #[test]
    fn handlers_list_actions_and_subscriptions() {
        let all = Handlers::All(vec![Action::Log, Action::Collect]);
        assert_eq!(all.actions().count(), 2);
        assert_eq!(all.subscriptions(), [""]);
        let topics = BTreeMap::from([
            ("sport".to_owned(), vec![Action::Log]),
            (String::new(), vec![Action::Collect]),
        ]);
        let by_topic = Handlers::ByTopic(topics);
        assert_eq!(by_topic.actions().count(), 2);
        assert_eq!(by_topic.subscriptions(), ["", "sport"]);
    }
}
