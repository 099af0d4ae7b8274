//! Where a socket can be reached, and where it is to be bound.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Kind;

/// How bytes travel between two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Tcp,
    Ipc,
}

/// Which end of a connection a socket is: the server binds, the client connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Server,
    Client,
}

/// How a message becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Serializer {
    Json,
    Raw,
    Msgpack,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $type {
            pub const ALL: &[$type] = &[$($type::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $word),* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words!(Transport { Tcp = "tcp", Ipc = "ipc" });
words!(Role { Server = "server", Client = "client" });
words!(Serializer { Json = "json", Raw = "raw", Msgpack = "msgpack" });

/// Where a socket can be reached and how to talk to it, as osBrain's `AgentAddress`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub kind: Kind,
    pub role: Role,
    pub transport: Transport,
    /// What ZeroMQ dials: `tcp://127.0.0.1:40123`, `ipc:///run/…`.
    pub address: String,
    /// SYNC_PUB and SYNC_SUB: what ZeroMQ dials for requests; publications come from `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<String>,
    pub serializer: Serializer,
}

impl Address {
    /// The other end's address: the twin kind and the other role.
    pub fn twin(&self) -> Address {
        Address {
            kind: self.kind.twin(),
            role: match self.role {
                Role::Server => Role::Client,
                Role::Client => Role::Server,
            },
            ..self.clone()
        }
    }
}

/// Where a socket is to be bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "transport", rename_all = "lowercase", deny_unknown_fields)]
pub enum Endpoint {
    /// Port 0 takes any free one.
    Tcp { ip: IpAddr, port: u16 },
    /// No path: one of the agent's own choice, in its system's folder.
    Ipc { path: Option<PathBuf> },
}

impl Endpoint {
    pub fn transport(&self) -> Transport {
        match self {
            Endpoint::Tcp { .. } => Transport::Tcp,
            Endpoint::Ipc { .. } => Transport::Ipc,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { ip, port } => write!(f, "tcp://{}", SocketAddr::new(*ip, *port)),
            Endpoint::Ipc { path: Some(path) } => write!(f, "ipc://{}", path.display()),
            Endpoint::Ipc { path: None } => f.write_str("ipc://"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twin_of_the_twin_is_the_address() {
        let address = Address {
            kind: Kind::Push,
            role: Role::Server,
            transport: Transport::Tcp,
            address: "tcp://127.0.0.1:1".into(),
            requests: None,
            serializer: Serializer::Json,
        };
        assert_eq!(address.twin().kind, Kind::Pull);
        assert_eq!(address.twin().role, Role::Client);
        assert_eq!(address.twin().twin(), address);
    }

    #[test]
    fn the_json_shape_is_flat() {
        let endpoint = Endpoint::Tcp {
            ip: "::1".parse().unwrap(),
            port: 5,
        };
        let json = serde_json::to_string(&endpoint).unwrap();
        assert_eq!(json, r#"{"transport":"tcp","ip":"::1","port":5}"#);
        assert_eq!(serde_json::from_str::<Endpoint>(&json).unwrap(), endpoint);
        assert_eq!(endpoint.to_string(), "tcp://[::1]:5");
    }
}
