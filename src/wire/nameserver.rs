//! What members ask of the name server, and what it tells those that watch.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Fault, Incarnation, OwnEvent, Peer};
use crate::model::{
    Address, AfterEnd, AgentInfo, AgentName, Alias, ConnectionInfo, ExitReport, Guard, Holder,
    HostId, HostInfo, HostName, KeyEntry, KeysOf, PublicKey, Relaunches, SpecVersion, State, Step,
};

/// A request to the name server: `{"method": …, "params": …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "method",
    content = "params",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum NameServerRequest {
    /// "This is what I am." The whole truth about the sender, each time: the owner of a fact
    /// restores it. Replies with null, or the fault `name_taken`.
    Announce(Announcement),
    /// "I still work." One-way, every second. A name server that does not know the sender answers
    /// with the event `unregistered`.
    Heartbeat {},
    /// The sender ends, and an agent tells how. Replies with null.
    Leave {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<End>,
    },
    /// Address of one alias. Replies with an [`Address`].
    Addr { agent: AgentName, alias: Alias },
    /// Replies with a list of [`AgentInfo`]; of one agent, or of all in order of their names.
    Agents { name: Option<AgentName> },
    /// Replies with a list of [`HostInfo`].
    Hosts {},
    /// From now on, events. Replies with a [`Snapshot`] of what is already so.
    Watch {},
    /// From the host daemon that started the agent: its process has ended. Replies with null.
    Exited {
        agent: AgentName,
        incarnation: Incarnation,
        exit: ExitReport,
        asked: bool,
        #[serde(default, skip_serializing_if = "AfterEnd::stays")]
        then: AfterEnd,
    },
    /// Agents that others start are that host's from now on: it is told by events how they stand, and may lead them.
    /// Replies with null.
    Entrust { agents: Vec<AgentName>, to: HostId },
    /// From a host: it is told by events how these agents stand, whoever has started them, and of no others that it has said
    /// before. Replies with null.
    Follow { agents: BTreeSet<AgentName> },
    /// These agents have ended, and are to be known no more. Those that live are not touched. Replies with null.
    Forget { agents: Vec<AgentName> },
    /// Replies with a list of [`AgentInfo`] of those that are to take the place of an agent.
    Successors {},
    /// The successor of an agent takes its place, in one step: it has the name from now on, and those that are connected to
    /// the agent hear of that once. Replies with null; the fault is `refused`.
    TakeOver {
        agent: AgentName,
        /// Which life is to have the name.
        incarnation: Incarnation,
    },
    /// Replies with the name server's version as text.
    Ping {},
    /// Let a key in: a host those of agents that it starts, an operator any. Replies with null.
    Admit(KeyEntry),
    /// By the key of a join file: from now on I have this one. Replies with null.
    Join { key: PublicKey },
    /// Asks for the holder of that key. Replies with a [`Holder`](crate::model::Holder); if there is none: the fault `refused`.
    Whose { key: PublicKey },
    /// Replies with a list of [`KeyEntry`].
    Keys {},
    /// Put a holder out: its keys, those of its agents if it is a host, and their connections.
    /// Replies with the list of the keys that were revoked.
    Revoke(KeysOf),
    /// That host gets another key, until then, in seconds since 1970, or until it is revoked. Replies with null when it
    /// has come by it, and the former one is admitted no more.
    Rotate {
        host: HostName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
    },
    /// From a host that was told to: from now on I have this key too. Replies with null.
    Renew { key: PublicKey },
    /// The name server draws another key; members may dial by its former one for so many seconds. Replies with
    /// [`NameserverRotated`].
    RotateNameserver { grace: u64 },
    /// Replies with a list of [`Expiring`]: keys that expire within two weeks, the first first.
    Expiring {},
    /// Replies with the next events of the journal, in order: a list of [`Record`](super::Record), which is empty if
    /// there are none behind that number.
    Journal { after: u64 },
    /// From an agent or a host: what has happened to it, the first first, of that life of it. Those up to `kept` were told
    /// before, and the name server has said that it has them. Replies with the number up to which it has them now.
    Happened {
        life: Incarnation,
        kept: u64,
        events: Vec<OwnEvent>,
    },
    /// Replies with an [`EventPage`](super::EventPage): events behind that number, in order. None: no events, but
    /// the number of the last one. If there are none yet, it waits so long for one, in milliseconds.
    Events {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        #[serde(default, skip_serializing_if = "is_zero")]
        wait_ms: u32,
    },
    /// End the name server. Replies with null, then ends.
    Shutdown {},
}

/// A key that is about to expire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expiring {
    pub holder: Holder,
    /// When, in seconds since 1970.
    pub until: u64,
}

/// The name server's other key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameserverRotated {
    pub key: PublicKey,
    /// Until when the former one is good, in seconds since 1970.
    pub until: u64,
}

/// How an agent ends, in its own word. Its host, if it sees the end, knows better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    pub exit: ExitReport,
    /// A member has asked it to.
    pub asked: bool,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case", deny_unknown_fields)]
pub enum Announcement {
    Agent {
        name: AgentName,
        incarnation: Incarnation,
        /// The host that started it.
        host: Option<HostId>,
        pid: u32,
        state: State,
        /// Why it is in that state, if it is not well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// For how long its program has been busy with one thing, if that is long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        busy_ms: Option<u64>,
        /// How long it has been up.
        uptime_ms: u64,
        addresses: BTreeMap<Alias, Address>,
        connections: Vec<ConnectionInfo>,
        /// Which spec it goes by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spec_version: Option<SpecVersion>,
        #[serde(default, skip_serializing_if = "Reached::is_none")]
        reached: Box<Reached>,
        /// How it stands with its program, if that has ended while the agent went on.
        #[serde(default, skip_serializing_if = "Relaunches::are_none")]
        relaunches: Box<Relaunches>,
        /// How often its host had started it before this life.
        #[serde(default, skip_serializing_if = "is_zero")]
        former_lives: u32,
        /// It is to take the place of that life of the agent, which has the name until then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        successor_of: Option<Incarnation>,
        /// The life of the agent in whose process it lives, if that is another: it ends with that process.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<Incarnation>,
        /// What its sockets have. A member that says nothing has a libzmq of its own.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        guards: Vec<Guard>,
    },
    Host {
        name: HostId,
        incarnation: Incarnation,
        pid: u32,
        version: String,
        uptime_ms: u64,
        /// What peers dial to reach its machine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// The pid of the daemon before it, whose end has been seen: its name is free at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        succeeds: Option<u32>,
        /// The pids by which it was known before, while other keepers had it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        former_pids: Vec<u32>,
    },
}

impl Announcement {
    pub fn peer(&self) -> Peer {
        match self {
            Announcement::Agent {
                name,
                successor_of: Some(_),
                ..
            } => Peer::Successor(name.clone()),
            Announcement::Agent { name, .. } => Peer::Agent(name.clone()),
            Announcement::Host { name, .. } => Peer::Host(name.clone()),
        }
    }

    /// The pid of the process in whose place it comes.
    pub fn succeeded(&self) -> Option<u32> {
        match self {
            Announcement::Agent { .. } => None,
            Announcement::Host { succeeds, .. } => *succeeds,
        }
    }
}

/// How far an agent has come from its spec to its work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// The steps that it has taken.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub done: BTreeSet<Step>,
    /// Why it is not what its spec says, or is led no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

impl Reached {
    /// Whether there is nothing to tell: it goes by no spec.
    pub fn is_none(&self) -> bool {
        self.done.is_empty() && self.fault.is_none()
    }

    /// Whether others may go on that wait for it. One that goes by no spec does its work as soon as it is there.
    pub fn is_ready(&self) -> bool {
        self.done.contains(&Step::Settle) || self.is_none()
    }
}

/// What is so when a member begins to watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub agents: Vec<AgentInfo>,
    pub hosts: Vec<HostInfo>,
    /// How far agents have come that go by a spec.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reached: BTreeMap<AgentName, Reached>,
}

/// The body of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    Agent {
        change: Change,
        agent: Box<AgentInfo>,
        #[serde(default, skip_serializing_if = "Reached::is_none")]
        reached: Reached,
    },
    Host {
        change: Change,
        host: HostInfo,
    },
    /// A process that is to take the place of an agent is there, or has changed.
    Successor {
        agent: Box<AgentInfo>,
        #[serde(default, skip_serializing_if = "Reached::is_none")]
        reached: Reached,
    },
    /// To a successor: it is the agent now.
    TookOver {},
    /// To a member that the name server does not know, or an agent that was unreachable, so that what it said is
    /// outdated: announce yourself.
    Unregistered {},
    /// To an agent that has just registered: what its sockets lack, and where it is written what that means. The
    /// name server lets it in all the same.
    Unguarded {
        lacks: Vec<Guard>,
        see: String,
    },
    /// To agents: these keys are revoked.
    Revoked {
        keys: Vec<PublicKey>,
    },
    /// To all members, by the connection that they have: by this key the name server is to be dialled next time.
    NameserverKey {
        key: PublicKey,
    },
    /// To a host: draw another key, and tell it by `renew`.
    Renew {},
    /// To an agent that is connected to another, or wants to be, and to the host that has started that one or that it
    /// was entrusted to: how it stands now.
    Presence(Presence),
}

/// How an agent stands, for those that are connected to it and for its host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    pub agent: AgentName,
    pub incarnation: Incarnation,
    pub state: State,
    /// How long this life of it has been up.
    pub uptime_ms: u64,
    /// How often its program was started anew in this life.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub relaunches: u32,
    /// It does its work, and its program, if it has one, is ready.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
    /// Why it is not what its spec says, or is led no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Box<Fault>>,
    /// Where its sockets are that others can connect to.
    pub addresses: BTreeMap<Alias, Address>,
    /// Which spec it goes by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec_version: Option<SpecVersion>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What happened to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there before.
    Registered,
    /// Its state is another.
    State,
    /// Its sockets or connections are others.
    Sockets,
}
