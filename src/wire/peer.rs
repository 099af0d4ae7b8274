//! Peers: members of a system, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::{AgentName, HostId, NameError};

/// A party to the control protocol.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Peer {
    /// Empty on the wire.
    NameServer,
    /// The bare name.
    Agent(AgentName),
    /// `successor:NAME`: the process that is to take the agent's place.
    Successor(AgentName),
    /// `host:NAME`, or `host:SYSTEM/NAME` for a daemon that was started for a system alone.
    Host(HostId),
    /// `client:HEX`: a command line or a program with proxies. Given by the name server.
    Client(ClientId),
}

/// The number of a client, given by the name server when it first speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientId(pub u64);

/// The text names no peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPeer {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("{0:?} is no client's number")]
    Client(String),
}

impl FromStr for Peer {
    type Err = BadPeer;

    fn from_str(text: &str) -> Result<Self, BadPeer> {
        if text.is_empty() {
            return Ok(Peer::NameServer);
        }
        if let Some(agent) = text.strip_prefix("successor:") {
            return Ok(Peer::Successor(agent.parse()?));
        }
        if let Some(host) = text.strip_prefix("host:") {
            return Ok(Peer::Host(host.parse()?));
        }
        if let Some(number) = text.strip_prefix("client:") {
            return u64::from_str_radix(number, 16)
                .map(|id| Peer::Client(ClientId(id)))
                .map_err(|_| BadPeer::Client(number.to_owned()));
        }
        Ok(Peer::Agent(text.parse()?))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::NameServer => Ok(()),
            Peer::Agent(name) => f.write_str(name.as_str()),
            Peer::Successor(name) => write!(f, "successor:{name}"),
            Peer::Host(name) => write!(f, "host:{name}"),
            Peer::Client(ClientId(id)) => write!(f, "client:{id:x}"),
        }
    }
}

impl TryFrom<String> for Peer {
    type Error = BadPeer;

    fn try_from(text: String) -> Result<Self, BadPeer> {
        text.parse()
    }
}

impl From<Peer> for String {
    fn from(peer: Peer) -> String {
        peer.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn peers_come_back_from_their_text() {
        for text in [
            "",
            "Alice",
            "successor:Alice",
            "host:local",
            "host:shop/local",
            "client:1f",
        ] {
            assert_eq!(text.parse::<Peer>().unwrap().to_string(), text);
        }
        for bad in [
            "successor:",
            "host:",
            "host:/x",
            "host:a/b/c",
            "client:",
            "client:zz",
            "a b",
            "/",
        ] {
            assert!(bad.parse::<Peer>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = text.parse::<Peer>();
        }
    }
}
