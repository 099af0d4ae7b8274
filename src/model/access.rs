//! The holder of a key, and how much the holder may do.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentId, AgentName, HostId, HostName, OperatorName, PublicKey};

/// How much a member may ask for. The table of what each may is in `access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// To become a member, once, by the key of a join file.
    Join = 1,
    /// To look: `ls`, `addr`, `logs`.
    Read = 2,
    /// To look, and into messages too: `tap`.
    Tap = 7,
    /// An agent: what it has to do to be one, under its own name.
    Agent = 3,
    /// A host daemon: to start agents and to answer for them.
    Host = 4,
    /// To bring up, configure, command and take down.
    Control = 5,
    /// Everything: also to let others in, and to put them out.
    Admin = 6,
}

impl Access {
    /// All levels, the lowest first.
    pub const ALL: [Access; 7] = [
        Access::Join,
        Access::Read,
        Access::Tap,
        Access::Agent,
        Access::Host,
        Access::Control,
        Access::Admin,
    ];

    /// Its word, as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Join => "join",
            Access::Read => "read",
            Access::Tap => "tap",
            Access::Agent => "agent",
            Access::Host => "host",
            Access::Control => "control",
            Access::Admin => "admin",
        }
    }

    /// From its number, as it is in the header of a message.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| *it as u8 == byte)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorAccess {
    /// To look.
    Read,
    /// To look, and into messages too.
    Tap,
    /// To bring up, configure, command and take down.
    Control,
    /// Everything.
    Admin,
}

impl From<OperatorAccess> for Access {
    fn from(access: OperatorAccess) -> Self {
        match access {
            OperatorAccess::Read => Access::Read,
            OperatorAccess::Tap => Access::Tap,
            OperatorAccess::Control => Access::Control,
            OperatorAccess::Admin => Access::Admin,
        }
    }
}

/// The holder that a key is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A person at the command line.
    Operator {
        /// Who.
        name: OperatorName,
        /// How much the operator may do.
        access: OperatorAccess,
    },
    /// A host daemon.
    Host(HostId),
    /// An agent.
    Agent(AgentName),
    /// An agent of another name server of the system, by its name there: it comes to data sockets only.
    Guest(AgentId),
}

impl Holder {
    /// What such a holder may do.
    pub fn access(&self) -> Access {
        match self {
            Holder::Operator { access, .. } => (*access).into(),
            Holder::Host(_) => Access::Host,
            Holder::Agent(_) => Access::Agent,
            // It has no business at a name server that is not its own.
            Holder::Guest(_) => Access::Join,
        }
    }
}

/// `agent Bob`, `guest Bob@lab`, `host lab1`, `host shop/local`, `operator ana`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Operator { name, .. } => write!(f, "operator {name}"),
            Holder::Host(name) => write!(f, "host {name}"),
            Holder::Agent(name) => write!(f, "agent {name}"),
            Holder::Guest(agent) => write!(f, "guest {agent}"),
        }
    }
}

/// A key that is admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// The key.
    pub key: PublicKey,
    /// Its holder.
    pub holder: Holder,
    /// For how long it is admitted.
    pub term: Term,
    /// The host that answers for it: an agent's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<HostId>,
    /// The holder whose key admitted it. The name server says so, whatever the requester says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_by: Option<Holder>,
    /// The key that it replaces, which is admitted until its holder first connects with this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<PublicKey>,
}

/// For how long a key is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Until it is revoked.
    Lasting,
    /// Until the system is taken down.
    Run,
    /// Once, to exchange it for another key.
    Join {
        /// Until when, in seconds since 1970.
        until: u64,
        /// For how many seconds the other one is admitted. None: until it is revoked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lasts: Option<u64>,
    },
    /// Until then, unless it is revoked before.
    Until(u64),
}

impl Term {
    /// When it is over by itself, in seconds since 1970.
    pub fn expires(self) -> Option<u64> {
        match self {
            Term::Lasting | Term::Run => None,
            Term::Join { until, .. } | Term::Until(until) => Some(until),
        }
    }
}

impl KeyEntry {
    /// One for that long.
    pub fn new(key: PublicKey, holder: Holder, term: Term) -> Self {
        Self {
            key,
            holder,
            term,
            by: None,
            admitted_by: None,
            former: None,
        }
    }

    /// One that is good until it is revoked.
    pub fn lasting(key: PublicKey, holder: Holder) -> Self {
        Self::new(key, holder, Term::Lasting)
    }

    /// What its holder may do by it.
    pub fn access(&self) -> Access {
        match self.term {
            Term::Join { .. } => Access::Join,
            Term::Lasting | Term::Run | Term::Until(_) => self.holder.access(),
        }
    }
}

/// Whose keys are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysOf {
    /// Those of an operator.
    Operator(OperatorName),
    /// Those of a host, in all systems that have one of that name: it is one machine.
    Host(HostName),
    /// Those of an agent, also where it is a guest.
    Agent(AgentName),
    /// Just this one.
    Key(PublicKey),
}

impl KeysOf {
    /// Whether such an entry is among them.
    pub fn means(&self, entry: &KeyEntry) -> bool {
        let holder = &entry.holder;
        match self {
            KeysOf::Key(key) => *key == entry.key,
            KeysOf::Operator(name) => {
                matches!(holder, Holder::Operator { name: theirs, .. } if name == theirs)
            }
            KeysOf::Host(name) => matches!(holder, Holder::Host(theirs) if *name == theirs.name),
            KeysOf::Agent(name) => match holder {
                Holder::Agent(theirs) => name == theirs,
                Holder::Guest(theirs) => *name == theirs.name,
                Holder::Operator { .. } | Holder::Host(_) => false,
            },
        }
    }
}
