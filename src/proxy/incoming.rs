//! What reaches a member that did not ask for it.

use super::ProxyError;
use crate::wire::Envelope;

/// What reaches a member unasked, other than what it watches.
#[derive(Debug)]
pub enum Incoming {
    /// A request (or a one-way message) for this member. Answer it by [`Link::reply`](super::Link::reply).
    Request {
        /// By which it is answered.
        envelope: Envelope,
        /// As JSON.
        body: Vec<u8>,
    },
    /// The name server does not know this member: announce it again.
    Unregistered,
    /// The name server does not let this member in: there will be nothing more.
    NotLetIn(ProxyError),
}
