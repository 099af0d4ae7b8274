//! The sockets that an agent has, whoever has asked for them: in the words of specs, so that they can be laid beside one.

use serde::{Deserialize, Serialize};

use super::{Admits, Alias, Endpoint, Handlers, Kind, Replies, Serializer, SocketId};

/// A socket as its agent has it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldSocket {
    /// Its name within the agent.
    pub alias: Alias,
    /// Its kind.
    pub kind: Kind,
    /// How messages become bytes.
    pub serializer: Serializer,
    /// What is done with what arrives.
    pub handlers: Handlers,
    /// Where it asks: how answers are handled.
    #[serde(default, skip_serializing_if = "Replies::is_empty")]
    pub replies: Replies,
    /// Which end of connections it is.
    pub end: HeldEnd,
}

/// Which end of connections a socket is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HeldEnd {
    /// Others connect to it.
    Bound {
        /// Where it was asked to be bound. None: nothing was said.
        endpoint: Option<Endpoint>,
        /// Whom it admits, in a closed system.
        admits: Admits,
    },
    /// It has connected.
    Connected {
        /// Where it leads.
        to: Vec<HeldLink>,
    },
}

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldLink {
    /// The socket's name. None for an address that was given by hand.
    pub to: Option<SocketId>,
    /// Its address.
    pub address: String,
}
