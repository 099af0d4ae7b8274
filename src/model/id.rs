//! Names of agents and sockets in a system that has several name servers: `Alice@lab`,
//! `Alice@lab.main`. Within one name server, and on the wire, names are bare.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AgentName, Alias, HostName, NameError, SystemName, Target};

/// The name of a name server within its system. It has no dot, so that `Alice@lab.main` can be
/// read in one way only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NameServerName(AgentName);

impl NameServerName {
    /// What the only name server of a system is called.
    pub const ONLY: &str = "main";

    /// The name of a system's only name server.
    pub fn only() -> Self {
        Self(AgentName::fixed(Self::ONLY))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for NameServerName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.contains('.') {
            true => Err(NameError::Dot),
            false => text.parse().map(Self),
        }
    }
}

/// An agent of a system: `Alice`, or `Alice@lab` if it is registered at the name server `lab`.
/// Without one it is at the system's first, or, in what people write, at the only one that has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentId {
    /// Its name at its name server.
    pub name: AgentName,
    /// The name server, if it is given.
    pub nameserver: Option<NameServerName>,
}

impl From<AgentName> for AgentId {
    fn from(name: AgentName) -> Self {
        Self {
            name,
            nameserver: None,
        }
    }
}

impl FromStr for AgentId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, nameserver) = match text.split_once('@') {
            Some((name, nameserver)) => (name, Some(nameserver.parse()?)),
            None => (text, None),
        };
        Ok(Self {
            name: name.parse()?,
            nameserver,
        })
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nameserver {
            Some(nameserver) => f.pad(&format!("{}@{}", self.name, nameserver.as_str())),
            None => f.pad(self.name.as_str()),
        }
    }
}

/// A socket of an agent: `Alice.main`, `Alice@lab.main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SocketId {
    /// The agent.
    pub agent: AgentId,
    /// The alias of its socket.
    pub alias: Alias,
}

impl SocketId {
    /// Every way to read `text` as AGENT.ALIAS: names may contain dots, so there may be several.
    /// Only a caller that knows the agents can tell which one is meant.
    pub fn readings(text: &str) -> impl Iterator<Item = SocketId> {
        text.match_indices('.').filter_map(|(dot, _)| {
            Some(SocketId {
                agent: text[..dot].parse().ok()?,
                alias: text[dot + 1..].parse().ok()?,
            })
        })
    }
}

impl AgentId {
    /// Whether it is registered at the name server of the members that call it so.
    pub fn is_at_home(&self) -> bool {
        self.nameserver.is_none()
    }
}

impl SocketId {
    /// The same for members at the same name server; None if it is registered at another.
    pub fn at_home(self) -> Option<Target> {
        self.agent.nameserver.is_none().then(|| self.into())
    }
}

impl From<Target> for SocketId {
    fn from(target: Target) -> Self {
        Self {
            agent: target.agent.into(),
            alias: target.alias,
        }
    }
}

impl FromStr for SocketId {
    type Err = NameError;

    /// Divided at the first dot that leaves a name on either side.
    fn from_str(text: &str) -> Result<Self, NameError> {
        SocketId::readings(text).next().ok_or(NameError::NotATarget)
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.agent, self.alias))
    }
}

/// As text, to and fro.
macro_rules! by_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> String {
                it.to_string()
            }
        }
    )*};
}

by_text!(NameServerName, AgentId, SocketId);

impl fmt::Display for NameServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A host daemon among all that one name server knows: `local`, or `shop/local` for one that was started for the system
/// `shop` alone. Several systems may have a host of one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostId {
    /// None: others have started it, for all systems.
    pub system: Option<SystemName>,
    /// Its name in topologies.
    pub name: HostName,
}

impl HostId {
    /// The daemon that was started for a system.
    pub fn of(system: &SystemName, name: &HostName) -> Self {
        Self {
            system: Some(system.clone()),
            name: name.clone(),
        }
    }

    /// A daemon that others have started.
    pub fn shared(name: &HostName) -> Self {
        Self {
            system: None,
            name: name.clone(),
        }
    }
}

impl FromStr for HostId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (system, name) = match text.split_once('/') {
            Some((system, name)) => (Some(system.parse()?), name),
            None => (None, text),
        };
        let name = name.parse()?;
        Ok(Self { system, name })
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.system {
            Some(system) => write!(f, "{system}/{}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

impl TryFrom<String> for HostId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<HostId> for String {
    fn from(id: HostId) -> String {
        id.to_string()
    }
}

/// One life of a member: random, drawn when the process starts. Two members of one name are told
/// apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

impl Incarnation {
    /// A new life: the hasher's keys are random, for each process and each call.
    pub fn draw() -> Self {
        Self(RandomState::new().hash_one(std::process::id()))
    }

    /// The mark of what is started in this life.
    pub fn run(self) -> String {
        format!("{:016x}", self.0)
    }

    /// The life that has this mark.
    pub fn of_run(run: &str) -> Option<Self> {
        u64::from_str_radix(run, 16).ok().map(Self)
    }
}

/// Which spec of an agent it is: each that differs from the one before has the next number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpecVersion(pub u64);

impl SpecVersion {
    /// That of the first spec.
    pub const FIRST: Self = Self(1);

    /// That of the spec after it.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_may_say_its_name_server() {
        let id: AgentId = "a.b@lab".parse().unwrap();
        assert_eq!(id.name.as_str(), "a.b");
        assert_eq!(id.nameserver.as_ref().unwrap().as_str(), "lab");
        assert_eq!(id.to_string(), "a.b@lab");
        assert_eq!("Alice".parse::<AgentId>().unwrap().nameserver, None);
        for bad in [
            "",
            "@lab",
            "Alice@",
            "Alice@a.b",
            "Alice@a@b",
            "Alice/x@lab",
        ] {
            assert!(bad.parse::<AgentId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_socket_behind_a_name_server_is_read_in_one_way() {
        let readings: Vec<SocketId> = SocketId::readings("a.b@lab.c").collect();
        assert_eq!(readings.len(), 1);
        assert_eq!(readings[0].agent.to_string(), "a.b@lab");
        assert_eq!(readings[0].alias.as_str(), "c");
        assert_eq!(SocketId::readings("a@lab.b.c").count(), 1);
        assert_eq!(SocketId::readings("a.b.c").count(), 2);
        assert!("Alice@lab".parse::<SocketId>().is_err());
    }
}
