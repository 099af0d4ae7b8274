//! What reaches a member that did not ask for it.

use super::ProxyError;
use crate::wire::{Envelope, Presence};

/// What reaches a member unasked, other than what it watches.
#[derive(Debug)]
pub enum Incoming {
    /// A request (or a one-way message) for this member. Answer it by [`Link::reply`](super::Link::reply).
    Request {
        /// The requester, and how to answer it.
        envelope: Envelope,
        /// What is asked, as JSON.
        body: Vec<u8>,
    },
    /// To a host: where the sockets of an agent are that it has started.
    Presence(Presence),
    /// The name server does not know this member: announce it again.
    Unregistered,
    /// To a host: it is to have another key.
    Renew,
    /// The name server does not let this member in: there will be nothing more.
    NotLetIn(ProxyError),
}
