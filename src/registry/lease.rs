//! Leases: how long a member may be silent.
//!
//! One entry for each living member, looked at when it may have run out. A sign of life does not
//! touch the queue: the entry finds out when its time comes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::Now;
use crate::model::timing::SUSPECT_TIMEOUT;
use crate::wire::Peer;

#[derive(Default)]
pub(crate) struct Leases {
    queue: BinaryHeap<Reverse<(Now, Peer)>>,
    /// Who is in the queue, so that nobody is in it twice.
    queued: HashSet<Peer>,
}

impl Leases {
    /// A member lives, perhaps again.
    pub(crate) fn start(&mut self, peer: Peer, now: Now) {
        self.renew(peer, now + SUSPECT_TIMEOUT);
    }

    /// Look at the member again at `due`.
    pub(crate) fn renew(&mut self, peer: Peer, due: Now) {
        if self.queued.insert(peer.clone()) {
            self.queue.push(Reverse((due, peer)));
        }
    }

    pub(crate) fn next(&self) -> Option<Now> {
        self.queue.peek().map(|Reverse((due, _))| *due)
    }

    /// A member whose lease may have run out by now.
    pub(crate) fn due(&mut self, now: Now) -> Option<Peer> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, peer)) = self.queue.pop()?;
        self.queued.remove(&peer);
        Some(peer)
    }
}
