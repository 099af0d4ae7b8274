//! What an agent that is about to go has still to take in.

use std::collections::BTreeMap;

use super::sockets::SlotId;

/// What is still to be taken in.
pub(crate) struct Draining {
    /// The number under which the requester waits.
    pub waiting: u64,
    /// How many writers have not answered.
    pub asked: usize,
    /// What the writers have given to lines that were dialled from here.
    pub given: BTreeMap<(SlotId, Box<str>), u64>,
}
