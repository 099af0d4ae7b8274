//! A topology as it was read, part by part, before its references are followed. What could not be
//! read is missing here, and reported.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde_json::Value;

use super::review::{Span, Spanned};
use super::yaml::Part;
use crate::model::{
    Action, Admits, AgentId, Alias, Endpoint, HostSpec, HttpUrl, Kind, LogLimits, MethodName,
    Millis, NameServerEntry, NameServerName, OnFailed, Restart, Security, Serializer, Speaks,
    SyncSpec, SystemName, Then, Transport, Update, When,
};

pub(super) struct Draft {
    pub name: Option<SystemName>,
    /// One at least: the first is the one of agents that name none.
    pub nameservers: Vec<Spanned<NameServerEntry>>,
    /// None: as much as it takes.
    pub security: Option<Security>,
    /// `local` first.
    pub hosts: Vec<Spanned<HostSpec>>,
    pub agents: Vec<AgentDraft>,
    /// Some agents could not be read, so that no message says that they do not exist.
    pub agents_missing: bool,
    /// Names that stand for several agents, and for how many.
    pub replicated: BTreeMap<AgentId, usize>,
    pub connections: Vec<ConnectionDraft>,
    /// Some connections could not be read, and so their aliases are not known.
    pub connections_missing: bool,
}

/// What holds for an agent, or a socket, that says nothing else.
#[derive(Clone)]
pub(super) struct Defaults {
    pub transport: Transport,
    pub serializer: Serializer,
    pub start_timeout: Millis,
    pub settle: Millis,
    pub stop_timeout: Option<Millis>,
    /// What sockets are bound to: the host's address.
    pub ip: IpAddr,
    /// Files that go with it.
    pub sync: Option<SyncDraft>,
    /// What its files of variables say.
    pub env: BTreeMap<String, LateText>,
    pub logs: LogLimits,
    pub restart: Restart,
    pub on_failed: Option<OnFailed>,
    pub health: Option<HealthDraft>,
}

#[derive(Clone)]
pub(super) struct AgentDraft {
    pub name: Spanned<AgentId>,
    /// Where it is registered.
    pub at: NameServerName,
    /// The hosts that it may run on, by their places: one at least. Replicas are spread over them.
    pub hosts: Vec<usize>,
    /// How many agents the entry stands for: they are numbered. None: for one, of this name.
    pub replicas: Option<usize>,
    /// One like it stands before it, so that what is wrong with both has been said.
    pub repeats: bool,
    /// It is started elsewhere, perhaps with a program.
    pub attach: bool,
    /// A command is given, even if it could not be read.
    pub has_command: bool,
    pub program: Option<ProgramDraft>,
    pub attributes: BTreeMap<String, Value>,
    pub bind: Vec<BindDraft>,
    /// Some sockets could not be read, so that no message says that they do not exist.
    pub sockets_missing: bool,
    pub timers: Vec<TimerDraft>,
    pub start_timeout: Millis,
    pub settle: Millis,
    pub stop_timeout: Option<Millis>,
    pub logs: LogLimits,
    pub restart: Restart,
    pub on_failed: Option<OnFailed>,
    pub keep: BTreeSet<String>,
    pub with: Vec<Spanned<AgentId>>,
    pub update: Option<Update>,
}

/// A text whose references have not been followed.
pub(super) type LateText = Spanned<Vec<Part>>;

#[derive(Clone)]
pub(super) struct ProgramDraft {
    pub argv: Vec<LateText>,
    pub env: BTreeMap<String, LateText>,
    pub cwd: PathBuf,
    /// Where it is said; None if it is not.
    pub cwd_at: Option<Span>,
    /// Also where the agent runs on this machine, and nothing is copied.
    pub sync: Option<SyncDraft>,
    pub speaks: Speaks,
    pub ready: ReadyDraft,
    pub timeout: Option<Millis>,
    pub once: bool,
    pub after: Vec<Spanned<AfterDraft>>,
    pub health: Option<HealthDraft>,
}

/// An agent whose program has to be there before.
#[derive(Clone)]
pub(super) struct AfterDraft {
    pub agent: AgentId,
    /// It has to be healthy, too.
    pub healthy: bool,
}

/// How a program is watched while it runs, as far as that is said.
#[derive(Clone, Default)]
pub(super) struct HealthDraft {
    pub check: Option<CheckDraft>,
    pub every: Option<Millis>,
    pub timeout: Option<Millis>,
    pub failures: Option<u32>,
    pub grace: Option<Millis>,
    pub then: Option<Then>,
    pub max_busy: Option<Millis>,
}

#[derive(Clone)]
pub(super) enum CheckDraft {
    Call(MethodName),
    Command(Vec<LateText>),
    Port(SocketAddr),
    Http(HttpUrl),
}

#[derive(Clone)]
pub(super) enum ReadyDraft {
    Started,
    Port(SocketAddr),
    Line(String),
    Probe { argv: Vec<LateText>, every: Millis },
    Done,
}

#[derive(Clone)]
pub(super) struct BindDraft {
    pub alias: Spanned<Alias>,
    pub kind: Option<Kind>,
    pub endpoint: Option<EndpointDraft>,
    pub serializer: Serializer,
    pub handler: Given<HandlerDraft>,
    /// But for wires, which are not followed yet.
    pub admits: Admits,
}

#[derive(Clone)]
pub(super) struct EndpointDraft {
    /// At `addr`, or at the alias if there is none.
    pub at: Spanned<Endpoint>,
    /// No `addr` was given: the host's address was taken.
    pub by_default: bool,
}

/// A connection; as it stands in the file, `C` may be several agents.
#[derive(Clone)]
pub(super) struct ConnectionDraft<C = AgentId> {
    pub agent: Spanned<C>,
    pub to: Spanned<String>,
    /// None: that of the target.
    pub alias: Option<Spanned<Alias>>,
    pub kind: Option<Spanned<Kind>>,
    pub handler: Given<HandlerDraft>,
    pub replies: RepliesDraft,
    /// One from the same entry stands before it, so that what is wrong with both has been said.
    pub repeats: bool,
}

/// A part that may be left out.
#[derive(Clone)]
pub(super) enum Given<T> {
    Absent,
    /// It is there, and could not be read.
    Broken,
    There(Spanned<T>),
}

pub(super) type Actions = Vec<Spanned<Action>>;

#[derive(Clone)]
pub(super) enum HandlerDraft {
    All(Actions),
    ByTopic(Vec<(Spanned<String>, Actions)>),
}

/// How answers are to be handled, with the places where it is said.
#[derive(Clone, Default)]
pub(super) struct RepliesDraft {
    pub on_reply: Option<Spanned<Actions>>,
    pub wait: Option<Spanned<Millis>>,
    pub on_error: Option<Spanned<Actions>>,
}

#[derive(Clone)]
pub(super) struct TimerDraft {
    pub alias: Option<Spanned<Alias>>,
    pub when: When,
    pub action: TimerActionDraft,
}

#[derive(Clone)]
pub(super) enum TimerActionDraft {
    Send {
        by: Spanned<Alias>,
        message: Spanned<Value>,
        topic: Option<Spanned<String>>,
    },
    Call {
        method: Spanned<String>,
        params: Value,
    },
    Set(BTreeMap<String, Value>),
}

impl AgentDraft {
    /// The place of the host that it runs on.
    pub(crate) fn host(&self) -> usize {
        self.hosts.first().copied().unwrap_or(0)
    }

    /// Puts it on one of the hosts that it may run on, and its sockets with it.
    pub(crate) fn place(&mut self, host: usize, ip: IpAddr) {
        self.hosts = vec![host];
        let endpoints = self
            .bind
            .iter_mut()
            .filter_map(|bind| bind.endpoint.as_mut());
        for endpoint in endpoints.filter(|endpoint| endpoint.by_default) {
            if let Endpoint::Tcp { ip: own, .. } = &mut endpoint.at.value {
                *own = ip;
            }
        }
    }

    /// Its name with that of its name server, which is never mistaken for another's.
    pub(crate) fn full_name(&self) -> AgentId {
        AgentId {
            name: self.name.value.name.clone(),
            nameserver: Some(self.at.clone()),
        }
    }
}

/// What is to be copied, and where that is said.
#[derive(Debug, Clone)]
pub(super) struct SyncDraft {
    pub spec: SyncSpec,
    pub span: Span,
    /// Its folder is said to be another than the topology's.
    pub elsewhere: bool,
}
