//! Requests and answers that are under way by data sockets: what the agent has asked, what its
//! program is to answer, and to whom answers go.

use std::time::Duration;

use super::program::ProgramId;
use super::requester::Requester;
use super::sockets::{Envelope, SlotId};
use crate::model::Replies;

/// How many answers a program may owe before no more messages are handed to it.
pub const MAX_PENDING_REPLIES: usize = 4096;

/// A request that was sent.
pub struct SentRequest {
    pub at: SlotId,
    pub origin: Origin,
    pub limit: Duration,
}

/// On whose behalf a request was sent.
pub enum Origin {
    /// A timer's or a plain send: the answer goes to the socket's handlers.
    Handlers,
    /// The answer goes to handlers of its own.
    Given(Replies),
    Proxy {
        requester: Requester,
        /// What he allows; the agent gives up a little earlier.
        limit: Duration,
    },
    Program(ProgramId),
    /// Somebody else's request was passed on: the answer goes back to him.
    Forward(Ticket),
}

/// The right to answer a request, once.
pub struct Ticket {
    pub at: SlotId,
    pub path: Envelope,
}

/// What the program owes an answer to.
pub enum PendingReply {
    Answer(Ticket),
    Call {
        requester: Option<Requester>,
        name: String,
        limit: Duration,
    },
}
