//! The requester: a member, or the agent's program, that asked the agent for something.

use super::core::TimerId;
use super::program::ProgramId;
use crate::model::Alias;
use crate::wire::Peer;

/// The requester, and the request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Requester {
    /// Another member, with the number of its request.
    Member { peer: Peer, id: u64 },
    /// The agent's own program. Without an id it hears of errors only, in the log.
    Program(Option<ProgramId>),
    /// The agent itself, which goes on when its wires are proven.
    Itself,
    /// A timer, which calls a method: its answer is dropped.
    Timer { id: TimerId, alias: Alias },
    /// The health check of this number.
    Health { number: u64 },
}
