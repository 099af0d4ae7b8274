//! An agent's data sockets: made, bound, connected, watched, and written to without ever blocking.
//!
//! What is done with messages that arrive is not decided here.

mod desk;
mod endpoint;
mod link;
mod outbox;
mod raw;
mod send;
mod slot;

use std::collections::BTreeMap;

pub use desk::Desk;
pub use endpoint::{BindError, Place};
pub use link::Link;
pub use outbox::Parcel;
pub use send::{Envelope, Offer, sync_path};
use slot::make;
pub use slot::{Slot, receive};

use crate::model::{Address, Alias, ConnectionInfo, SocketStats};

/// All data sockets of an agent, in the order in which they were made.
#[derive(Default)]
pub struct Sockets {
    slots: Vec<Slot>,
    by_alias: BTreeMap<Alias, usize>,
}

impl Sockets {
    pub fn add(&mut self, slot: Slot) -> usize {
        let at = self.slots.len();
        self.by_alias.insert(slot.alias.clone(), at);
        self.slots.push(slot);
        at
    }

    /// Takes the newest sockets away until `count` are left.
    pub fn truncate(&mut self, count: usize) {
        for slot in self.slots.drain(count..) {
            self.by_alias.remove(&slot.alias);
            slot.close();
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn find(&self, alias: &str) -> Option<usize> {
        self.by_alias.get(alias).copied()
    }

    pub fn at(&self, at: usize) -> &Slot {
        &self.slots[at]
    }

    pub fn at_mut(&mut self, at: usize) -> &mut Slot {
        &mut self.slots[at]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    pub fn aliases(&self) -> Vec<Alias> {
        self.by_alias.keys().cloned().collect()
    }

    pub fn addresses(&self) -> BTreeMap<Alias, Address> {
        self.slots
            .iter()
            .filter_map(|slot| Some((slot.alias.clone(), slot.address()?)))
            .collect()
    }

    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.slots.iter().flat_map(Slot::connections).collect()
    }

    pub fn stats(&self) -> BTreeMap<Alias, SocketStats> {
        self.slots
            .iter()
            .map(|slot| (slot.alias.clone(), slot.stats))
            .collect()
    }

    /// Closes them all; libzmq still sends what it has, for the time of their linger.
    /// If `hasty`, it does not.
    pub fn close(&mut self, hasty: bool) {
        for slot in self.slots.iter().filter(|_| hasty) {
            // An option that every socket has.
            let _ = slot.socket.set_linger(0);
            let _ = slot.desk.as_ref().map(|desk| desk.socket().set_linger(0));
        }
        self.truncate(0);
    }

    /// Whether messages wait to leave.
    pub fn queued(&self) -> bool {
        self.slots.iter().any(|slot| !slot.outbox.is_empty())
    }
}
