//! What is asked of an agent, through its proxy.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TapRequest, TapToken};
use crate::model::{
    Address, AgentSpec, Alias, BindSpec, Edit, Handlers, Holder, Level, Millis, Program, Replies,
    SocketId, SocketStats, SpecVersion, State, Step, SystemName, Target, TimerSpec, Topic,
};

/// A request to an agent: `{"method": …, "params": …}`. It is carried out in the agent's loop,
/// between messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "method",
    content = "params",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum AgentRequest {
    /// Address of one alias, or of all. Replies with an [`Address`] or a map of them.
    Addr { alias: Option<Alias> },
    /// Bind a socket. Replies with its [`Address`].
    Bind(BindSpec),
    /// Connect a socket to an address and wait until the connection is proven. Replies with a
    /// [`ConnectionInfo`](crate::model::ConnectionInfo).
    Connect(ConnectRequest),
    /// Connect a socket to another agent's, wherever that is now, and wait until the connection is
    /// proven, subscriptions and all. Replies with the connection.
    ConnectTo(ConnectToRequest),
    /// Admit the holder of a key at a bound socket, as a wire would. Replies with whether it was not admitted before.
    Admit { alias: Alias, holder: Holder },
    /// Admit it no more, and end its connections to that socket; but for what its spec says. Replies with whether it
    /// was admitted by `admit`.
    Dismiss { alias: Alias, holder: Holder },
    /// The sockets that it has, with all that is needed to make them again. Replies with a list of
    /// [`HeldSocket`](crate::model::HeldSocket).
    Sockets {},
    /// Close a socket. What it has taken may leave for as long as `linger`, or else a second.
    /// Replies with a map: alias → how many messages never left the agent.
    Close {
        alias: Alias,
        linger: Option<Millis>,
    },
    /// Close all sockets. Replies as `close` does.
    CloseAll { linger: Option<Millis> },
    /// SUB: subscribe to topics and handle them so from now on; handlers for all messages are
    /// those for the topic "", and no actions leave them to the agent. Replies with null, when the
    /// publishers have seen it.
    Subscribe { alias: Alias, handlers: Handlers },
    /// SUB: take subscriptions back, with their handlers. Replies with null.
    Unsubscribe { alias: Alias, topics: Vec<String> },
    /// Be what the spec says: attributes, sockets, timers; all of them or nothing. Replies with the map of
    /// addresses. An agent that is started with its spec does the same by itself.
    Configure(Configure),
    /// Be what another version of the spec says, by these steps: all of them, or none. Replies with the map of addresses; that
    /// its wires are proven, the agent announces as a step that is done.
    Alter(Alter),
    /// Connect by these wires of the spec, or by all, and keep them: wherever the other sockets are, the agent
    /// connects to them and proves that. Replies with a list of connection infos, when all are proven.
    Wire { aliases: Option<Vec<Alias>> },
    /// SUB: subscribe to a token that its publisher is then asked to have seen. Replies with null.
    Probe { alias: Alias, token: ProofToken },
    /// PUB: wait until these tokens have been subscribed to. Replies with null.
    Prove {
        alias: Alias,
        tokens: Vec<ProofToken>,
    },
    /// SUB: take the token's subscription back. Replies with null.
    Unprobe { alias: Alias, token: ProofToken },
    /// A reader that has connected: how many messages have come by its lines. Replies with null.
    Confirm { alias: Alias, lines: Vec<Arrived> },
    /// To a reader that has bound: how many messages have come by these lines. Replies with a list of
    /// [`Arrived`], of those that it knows.
    Arrived { alias: Alias, lines: Vec<Box<str>> },
    /// It is about to go: take in and answer all that is under way, while the writers that it has connected to leave its
    /// connections out. Replies with null when that is done; the fault is `refused` if a writer is connected that no wire of the
    /// system leads to.
    Drain {},
    /// It stays after all: the connections that `drain` had left out are made anew. Replies with null.
    Resume {},
    /// To a writer that has bound, from a reader that is about to go: give no more to these lines. Replies with a list of
    /// [`Given`], of those that it knows.
    LeaveOut { alias: Alias, lines: Vec<Box<str>> },
    /// To a reader that has bound, from a writer that leaves: no more comes by these lines. Replies with a list of [`Arrived`], when
    /// all has come that was given to them.
    Left { alias: Alias, lines: Vec<Given> },
    /// An agent that was started elsewhere becomes this system's: what it is given from now on is
    /// the system's, until it is released. Replies with null; if another system has it, and lets it
    /// work, the fault is `refused`.
    Adopt { system: SystemName },
    /// The system releases the agent, which is again what it was when it was adopted. Replies
    /// with whether it was this system's.
    Release { system: SystemName },
    /// Take the steps up to that one, from where it is, as soon as each can be taken. Replies with null at once: that a step is
    /// done, or why not, the agent announces.
    Lead { to: Step },
    /// Run the program, which was not started with the agent, and be led to the step `settle`. Replies with the map of
    /// attributes when the program is ready; faults `start`, `deadline`, `refused`.
    Launch(Launch),
    /// Replies with the value. Unknown: the fault `unknown_attribute`.
    GetAttr { name: String },
    /// Replies with null.
    SetAttr { attributes: BTreeMap<String, Value> },
    /// All attributes. Replies with a map.
    Attributes {},
    /// For so long, in milliseconds, each attribute that gets another value is an event. Replies with null.
    FollowAttributes { for_ms: u32 },
    /// Send a message. Replies with null when the socket has taken it.
    Send {
        alias: Alias,
        message: Value,
        topic: Option<Topic>,
    },
    /// Send a request whose answer goes to handlers, those of the connection where `replies` says
    /// nothing. Replies with null when it is sent, or waits in the socket's queue.
    Ask {
        alias: Alias,
        message: Value,
        #[serde(default)]
        replies: Replies,
    },
    /// REQ and channels: send a request and wait for the answer. Replies with the answer.
    SendRecv { alias: Alias, message: Value },
    /// REQ and channels: how long the connection waits for an answer. Replies with milliseconds, or null if it says
    /// nothing of that.
    Wait { alias: Alias },
    /// Call a method of the agent's program. Replies with what the program answers.
    Call { name: String, params: Value },
    /// Add a timer; it runs from now on, or from the start of the system. Replies with its alias.
    Timer(TimerSpec),
    /// The timers that run. Replies with a list of [`TimerInfo`](crate::model::TimerInfo).
    Timers {},
    /// Stop a timer. Replies with null.
    StopTimer { alias: Alias },
    /// Stop all timers. Replies with null.
    StopTimers {},
    /// Whether its main loop runs. Replies with true or false.
    IsRunning {},
    /// Replies with an [`AgentStatus`].
    Status {},
    /// Show what passes at its sockets to the requester. Replies with a [`Tapping`](super::Tapping).
    Tap(TapRequest),
    /// Go on with that: it ends 10 seconds after the last word of the requester. Replies with null; the fault is `refused` if it has
    /// ended.
    KeepTap { token: TapToken },
    /// What has passed since the last time, by this connection, for a requester that cannot dial the agent. Replies with a batch in
    /// base64, as soon as there is one; or an empty one, after `wait`.
    Tapped { token: TapToken, wait: Millis },
    /// Look no more. Replies with null.
    Untap { token: TapToken },
    /// How much goes through its sockets: counted from the first time on, as long as somebody asks every 30 seconds. Replies with
    /// [`Rates`](super::Rates).
    Rate {},
    /// Write an entry to its log. Replies with null.
    Log { level: Level, text: String },
    /// Send no more of its own accord: timers off, the program told to stop. Replies with null.
    Quiet {},
    /// End. Replies with null, then ends, after its sockets' linger.
    Shutdown {
        /// How long its program gets to end by itself. None: as long as its spec says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace: Option<Millis>,
    },
}

/// What has come by a line: a connection from its handshake to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrived {
    /// What both ends call it: the place of the one that has connected, `10.0.0.12:50412`.
    pub line: Box<str>,
    pub received: u64,
    /// It has ended: no more will come.
    pub last: bool,
}

/// What a writer has given to a line, all in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// As in [`Arrived`].
    pub line: Box<str>,
    pub given: u64,
}

/// A connection to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectRequest {
    pub alias: Alias,
    /// The server's address.
    pub server: Address,
    /// The server's name, which lists of connections show.
    pub to: Option<SocketId>,
    /// None: the agent's own choice, its program or else `log`.
    pub handlers: Option<Handlers>,
    /// Where it asks: how answers are handled.
    #[serde(default, skip_serializing_if = "Replies::is_empty")]
    pub replies: Replies,
    /// SUB: subscribed to besides, so that the publisher can be asked to have seen it.
    pub token: Option<ProofToken>,
    /// How long the proof may take.
    pub timeout: Millis,
}

/// A connection to make to another agent's socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectToRequest {
    pub alias: Alias,
    pub to: Target,
    /// None: the agent's own choice, its program or else `log`.
    pub handlers: Option<Handlers>,
    /// Where it asks: how answers are handled.
    #[serde(default, skip_serializing_if = "Replies::is_empty")]
    pub replies: Replies,
}

/// The configuration of an agent from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configure {
    pub spec: Box<AgentSpec>,
    pub version: SpecVersion,
}

/// The way of an agent from one version of its spec to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alter {
    /// The version that it has to go by.
    pub from: SpecVersion,
    pub version: SpecVersion,
    /// What it is in the end.
    pub spec: Box<AgentSpec>,
    /// What it does to become that.
    pub edits: Vec<Edit>,
    /// It becomes again what it was: what the other version had taken over that was made by hand is given back, and not closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
}

/// A program to launch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// With everything filled in that its own machine does not know.
    pub program: Program,
    /// How long it may take until it is ready.
    pub timeout: Millis,
}

/// A subscription that no message matches, made only so that a publisher can say it has seen it
/// and all that were made before it. On the wire it begins with a byte that
/// no text has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProofToken(pub String);

impl ProofToken {
    /// No topic begins with this byte: there is none like it in UTF-8. And it comes after all others,
    /// as does the token: libzmq tells a new or returned peer all subscriptions in order of their bytes.
    const MARK: &[u8] = b"\xffosb-proof\xff";

    /// The subscription as bytes.
    pub fn subscription(&self) -> Vec<u8> {
        [Self::MARK, self.0.as_bytes()].concat()
    }

    /// The token, if `subscription` is one.
    pub fn from_subscription(subscription: &[u8]) -> Option<Self> {
        let token = subscription.strip_prefix(Self::MARK)?;
        Some(Self(std::str::from_utf8(token).ok()?.to_owned()))
    }
}

impl fmt::Display for ProofToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What an agent says of its inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentStatus {
    pub state: State,
    pub sockets: BTreeMap<Alias, SocketStats>,
    /// Lines of the program that were none of the protocol's.
    pub garbage_lines: u64,
    /// Ticks of timers that came to nothing.
    pub skipped_ticks: u64,
    /// In a closed system: the agents that each bound socket admits, in words as a topology has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub admits: BTreeMap<Alias, Vec<String>>,
    /// How many messages wait in the agent until the socket can take them, where there are some.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queued: BTreeMap<Alias, u64>,
    /// What it takes of its machine, where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<AgentUsage>,
}

/// What an agent takes of its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentUsage {
    /// When this was so, in microseconds of a clock of the agent's own.
    pub at_us: u64,
    /// Its own process, in which other agents may live, too.
    pub agent: ProcessUsage,
    /// Its program, if that is a process that runs, with all that descends from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProcessUsage>,
}

/// What a process takes of its machine, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessUsage {
    /// The first of them.
    pub pid: u32,
    /// How many they are.
    pub processes: u32,
    /// Time of processors so far, in microseconds.
    pub cpu_us: u64,
    /// In bytes. What processes share counts for each.
    pub memory: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_its_subscription_and_nowhere_else() {
        let token = ProofToken("Bob.news/1".into());
        assert_eq!(
            ProofToken::from_subscription(&token.subscription()),
            Some(token)
        );
        assert_eq!(ProofToken::from_subscription(b"sport"), None);
    }

    #[test]
    fn requests_are_method_and_params() {
        let request = AgentRequest::GetAttr { name: "x".into() };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(json, r#"{"method":"get_attr","params":{"name":"x"}}"#);
        let lead = serde_json::to_string(&AgentRequest::Lead { to: Step::Go }).unwrap();
        assert_eq!(lead, r#"{"method":"lead","params":{"to":"go"}}"#);
        let stop = r#"{"method":"stop","params":{"x":1}}"#;
        assert!(serde_json::from_str::<AgentRequest>(stop).is_err());
    }
}
