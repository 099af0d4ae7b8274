//! Where a socket can be reached, and where it is to be bound.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{BadIp, Kind, PublicKey, read_ip_and_port, read_ip_maybe_port};

/// How bytes travel between two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// A Unix socket, on one machine.
    Ipc,
}

/// Which end of a connection a socket is: the server binds, the client connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It is bound.
    Server,
    /// It is connected.
    Client,
}

/// How a message becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Serializer {
    /// JSON.
    Json,
    /// Bytes as they are.
    Raw,
    /// MessagePack.
    Msgpack,
    /// Python's pickle, in closed systems alone: to osb it is bytes, which it passes on and never reads.
    Pickle,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $type {
            /// All of them.
            pub const ALL: &[$type] = &[$($type::$variant),*];

            /// Its word, in topologies and on the wire.
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
words!(Serializer { Json = "json", Raw = "raw", Msgpack = "msgpack", Pickle = "pickle" });

impl Serializer {
    /// Those that osb itself writes and reads.
    pub const UNDERSTOOD: &[Serializer] = &[Self::Json, Self::Raw, Self::Msgpack];

    /// Whether a topic is divided from the message behind it. If it is not, a topic is whatever the message
    /// begins with.
    pub fn divides(self) -> bool {
        match self {
            Serializer::Json | Serializer::Msgpack | Serializer::Pickle => true,
            Serializer::Raw => false,
        }
    }
}

/// Where a socket can be reached and how to talk to it, as osBrain's `AgentAddress`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The kind of the socket.
    pub kind: Kind,
    /// Whether it is bound or connected.
    pub role: Role,
    /// How bytes travel to it.
    pub transport: Transport,
    /// What ZeroMQ dials: `tcp://127.0.0.1:40123`, `ipc:///run/…`.
    pub address: String,
    /// SYNC_PUB and SYNC_SUB: what ZeroMQ dials for requests; publications come from `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<String>,
    /// How messages become bytes.
    pub serializer: Serializer,
    /// In a closed system: the key by which its owner is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
}

impl Address {
    /// The port, if it is one of tcp.
    pub fn port(&self) -> Option<u16> {
        match self.transport {
            Transport::Tcp => self.address.rsplit_once(':')?.1.parse().ok(),
            Transport::Ipc => None,
        }
    }

    /// Whether a text is an address, and not the name of a socket.
    pub fn is_one(text: &str) -> bool {
        text.contains("://") || read_ip_and_port(text).is_ok()
    }

    /// The address of a server of `kind`, given by hand as ZeroMQ dials it, or as `IP:port`. None if it
    /// is neither that nor begins with `tcp://` or `ipc://`.
    pub fn dialled(address: &str, kind: Kind, serializer: Serializer) -> Option<Self> {
        let printed = read_ip_and_port(address).map(|at| format!("tcp://{at}"));
        let address = printed.as_deref().unwrap_or(address);
        let transport = match address.split_once("://")? {
            ("tcp", _) => Transport::Tcp,
            ("ipc", _) => Transport::Ipc,
            _ => return None,
        };
        Some(Self {
            kind,
            role: Role::Server,
            transport,
            address: address.to_owned(),
            requests: match kind.answers_beside() {
                true => Some(beside(address)?),
                false => None,
            },
            serializer,
            key: None,
        })
    }

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

/// Where a SYNC_PUB takes requests that publishes at `address`: at the port after, or at the path with
/// `~requests` behind it. None if there is no such port.
pub fn beside(address: &str) -> Option<String> {
    if address.starts_with("ipc://") {
        // No alias has this character in it.
        return Some(format!("{address}~requests"));
    }
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse::<u16>().ok()?.checked_add(1)?;
    Some(format!("{host}:{port}"))
}

/// Where to bind what is to be open at `ip` on a machine that peers dial at `advertise`. No peer reaches the wildcard of
/// version 4 by version 6; that of version 6 takes both.
pub fn bound_for(ip: IpAddr, advertise: IpAddr) -> IpAddr {
    match ip.is_unspecified() && advertise.to_canonical().is_ipv6() {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => ip,
    }
}

/// Where a socket is to be bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "transport", rename_all = "lowercase", deny_unknown_fields)]
pub enum Endpoint {
    /// Port 0 takes any free one.
    Tcp {
        /// The address of an interface, or the wildcard.
        ip: IpAddr,
        /// 0 takes any free one.
        port: u16,
    },
    /// No path: one of the agent's own choice, in its system's folder.
    Ipc {
        /// Absolute.
        path: Option<PathBuf>,
    },
}

impl Endpoint {
    /// Where `addr` says, as in a topology: an IP, `IP:port`, or for ipc a path, or as it is printed. None: a free port
    /// of the agent's own address, if `transport` does not say otherwise.
    pub fn read(
        transport: Option<Transport>,
        addr: Option<&str>,
    ) -> Result<Option<Self>, BadEndpoint> {
        match (transport.unwrap_or(Transport::Tcp), addr) {
            (Transport::Tcp, None) => Ok(None),
            (Transport::Tcp, Some(text)) => {
                let at = read_ip_maybe_port(text).map_err(|bad| BadEndpoint::of(text, bad))?;
                Ok(Some(Endpoint::Tcp {
                    ip: at.ip(),
                    port: at.port(),
                }))
            }
            (Transport::Ipc, addr) => Ok(Some(Endpoint::Ipc {
                path: addr.map(|addr| addr.strip_prefix("ipc://").unwrap_or(addr).into()),
            })),
        }
    }

    /// The IP by which other machines reach it, if they can.
    pub fn exposed(&self) -> Option<IpAddr> {
        match self {
            Endpoint::Tcp { ip, .. } if !ip.to_canonical().is_loopback() => Some(*ip),
            Endpoint::Tcp { .. } | Endpoint::Ipc { .. } => None,
        }
    }

    /// How bytes travel to it.
    pub fn transport(&self) -> Transport {
        match self {
            Endpoint::Tcp { .. } => Transport::Tcp,
            Endpoint::Ipc { .. } => Transport::Ipc,
        }
    }
}

/// The text says no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// It is neither an IP address, with a port or without, nor a path with `ipc`.
    #[error(
        "{0:?} is no address to bind: it is an IP or IP:PORT, for a path with the transport ipc"
    )]
    NoAddress(String),
    /// It has a zone, which means nothing to peers.
    #[error(transparent)]
    Zone(BadIp),
}

impl BadEndpoint {
    fn of(text: &str, bad: BadIp) -> Self {
        match bad {
            zone @ BadIp::Zone { .. } => BadEndpoint::Zone(zone),
            BadIp::NoIp(_) | BadIp::NoPort(_) => BadEndpoint::NoAddress(text.to_owned()),
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
    fn a_synced_publisher_given_by_hand_has_its_second_address() {
        let of = |address: &str| {
            let dialled = Address::dialled(address, Kind::SyncPub, Serializer::Json)?;
            dialled.requests
        };
        assert_eq!(of("tcp://[::1]:5000").unwrap(), "tcp://[::1]:5001");
        assert_eq!(of("ipc:///run/feed").unwrap(), "ipc:///run/feed~requests");
        assert_eq!(of("tcp://10.0.0.1:65535"), None);
        assert_eq!(of("[::1]:5000").unwrap(), "tcp://[::1]:5001");
    }

    #[test]
    fn the_twin_of_the_twin_is_the_address() {
        let address = Address {
            kind: Kind::Push,
            role: Role::Server,
            transport: Transport::Tcp,
            address: "tcp://127.0.0.1:1".into(),
            requests: None,
            serializer: Serializer::Json,
            key: None,
        };
        assert_eq!(address.twin().kind, Kind::Pull);
        assert_eq!(address.twin().role, Role::Client);
        assert_eq!(address.twin().twin(), address);
    }

    #[test]
    fn an_endpoint_is_read_as_in_a_topology() {
        let read = |addr| Endpoint::read(None, Some(addr)).map(|it| it.unwrap().to_string());
        assert_eq!(read("127.0.0.1").unwrap(), "tcp://127.0.0.1:0");
        assert_eq!(read("[::1]:5").unwrap(), "tcp://[::1]:5");
        assert_eq!(read("::1").unwrap(), "tcp://[::1]:0");
        assert_eq!(read("tcp://[::1]:5").unwrap(), "tcp://[::1]:5");
        assert!(read("/run/x").is_err() && read("localhost").is_err());
        let zone = read("[fe80::1%eth0]:5").unwrap_err().to_string();
        assert!(zone.contains("interface of one machine"), "{zone}");
        assert_eq!(Endpoint::read(None, None), Ok(None));
        let path = Endpoint::read(Some(Transport::Ipc), Some("x.sock")).unwrap();
        assert_eq!(path.as_ref().unwrap().to_string(), "ipc://x.sock");
        let printed = Endpoint::read(Some(Transport::Ipc), Some("ipc://x.sock")).unwrap();
        assert_eq!(printed, path);
        assert_eq!(path.unwrap().exposed(), None);
        let open = Endpoint::read(None, Some("0.0.0.0:1")).unwrap().unwrap();
        assert!(open.exposed().is_some());
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
