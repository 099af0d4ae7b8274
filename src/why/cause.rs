//! Causes, the surest first: what is wrong, by which evidence, and what to do about it.

use crate::model::{AfterEnd, AgentId, HostName, Millis, SocketId, State};

/// Why nothing arrives, or that it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The host is not there, and so its agents are not.
    HostGone { host: HostName, state: State },
    /// It has ended.
    Ended {
        agent: AgentId,
        state: State,
        exit: Option<String>,
        then: AfterEnd,
    },
    /// It is silent.
    Silent {
        agent: AgentId,
        state: State,
        since: Millis,
    },
    /// Its program is not well.
    Unwell {
        agent: AgentId,
        state: State,
        why: String,
    },
    /// Its program is busy with one thing.
    Busy { agent: AgentId, since: Millis },
    /// It does not begin, or has not yet.
    Starting { agent: AgentId, why: Option<String> },
    /// No such agent or socket is there.
    Missing { wire: Ends },
    /// The two ends do not go together.
    Mismatch {
        wire: Ends,
        what: &'static str,
        here: String,
        there: String,
    },
    /// The other end does not let it in.
    Refused { wire: Ends },
    /// The machine that connects cannot dial the other one.
    NotDialable {
        wire: Ends,
        address: String,
        failure: String,
    },
    /// It is dialled and not connected.
    Unconnected {
        wire: Ends,
        lost: bool,
        since: Millis,
        address: String,
    },
    /// What comes cannot be read.
    Unreadable { socket: SocketId, garbled: u64 },
    /// It subscribes to nothing.
    Unsubscribed { socket: SocketId },
    /// What is published is not what is subscribed to.
    Topics {
        wire: Ends,
        subscribed: Vec<String>,
        /// None: nobody could look.
        published: Option<Vec<String>>,
    },
    /// A timer that was to send does not run.
    TimerStopped {
        writer: SocketId,
        timers: Vec<String>,
    },
    /// Nothing is sent.
    NothingSent { writer: SocketId, sent: u64 },
    /// Messages wait, for the reader does not take them.
    QueueFull {
        writer: SocketId,
        waiting: u64,
        slow: Option<AgentId>,
    },
    /// The reader was too slow, and messages were dropped.
    Dropped { writer: SocketId, dropped: u64 },
    /// It arrives, and is thrown away.
    Discarded { reader: SocketId, received: u64 },
    /// There is no wire at the socket.
    NoWire { socket: SocketId },
    /// The agent does not tell.
    Untold { agent: AgentId },
    /// Others have taken what was sent.
    TakenByOthers { wire: Ends },
    /// All is well.
    Flows { wire: Ends, messages: u64 },
}

/// The ends of a wire, in the direction of its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    pub writer: String,
    pub reader: String,
}

impl Cause {
    /// Its word, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Cause::HostGone { .. } => "host_gone",
            Cause::Ended { .. } => "ended",
            Cause::Silent { .. } => "silent",
            Cause::Unwell { .. } => "unwell",
            Cause::Busy { .. } => "busy",
            Cause::Starting { .. } => "starting",
            Cause::Missing { .. } => "missing",
            Cause::Mismatch { .. } => "mismatch",
            Cause::Refused { .. } => "refused",
            Cause::NotDialable { .. } => "not_dialable",
            Cause::Unconnected { .. } => "unconnected",
            Cause::Unreadable { .. } => "unreadable",
            Cause::Unsubscribed { .. } => "unsubscribed",
            Cause::Topics { .. } => "topics",
            Cause::TimerStopped { .. } => "timer_stopped",
            Cause::NothingSent { .. } => "nothing_sent",
            Cause::QueueFull { .. } => "queue_full",
            Cause::Dropped { .. } => "dropped",
            Cause::Discarded { .. } => "discarded",
            Cause::NoWire { .. } => "no_wire",
            Cause::Untold { .. } => "untold",
            Cause::TakenByOthers { .. } => "taken_by_others",
            Cause::Flows { .. } => "flows",
        }
    }

    /// How sure it is, and how much it explains: the first is told first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Cause::HostGone { .. } => 0,
            Cause::Ended { .. } => 1,
            Cause::Silent { .. } => 2,
            Cause::Refused { .. } => 3,
            Cause::Mismatch { .. } => 4,
            Cause::NotDialable { .. } => 5,
            Cause::Missing { .. } => 6,
            Cause::Unconnected { .. } => 7,
            Cause::Starting { .. } => 8,
            Cause::Unwell { .. } => 9,
            Cause::Busy { .. } => 10,
            Cause::NoWire { .. } => 11,
            Cause::Unsubscribed { .. } => 12,
            Cause::Unreadable { .. } => 13,
            Cause::Topics { .. } => 14,
            Cause::TimerStopped { .. } => 15,
            Cause::QueueFull { .. } => 16,
            Cause::Discarded { .. } => 17,
            Cause::NothingSent { .. } => 18,
            Cause::Dropped { .. } => 19,
            Cause::TakenByOthers { .. } => 20,
            Cause::Untold { .. } => 21,
            Cause::Flows { .. } => 22,
        }
    }

    /// Whether it says that all is well.
    pub fn is_well(&self) -> bool {
        matches!(self, Cause::Flows { .. })
    }
}
