//! An agent's data sockets: made, bound, connected, watched, and written to without ever blocking.
//!
//! What is done with messages that arrive is not decided here.

mod account;
mod endpoint;
mod link;
mod make;
mod outbox;
mod raw;
mod request_socket;
mod send;
mod slot;

use std::collections::{BTreeMap, HashMap};

pub use account::Due;
pub use endpoint::{BindError, Place};
pub use link::Link;
pub use make::{reads, receive, writes};
pub use outbox::Parcel;
pub use request_socket::RequestSocket;
pub use send::{Envelope, Offer, sync_path};
pub use slot::Slot;

use crate::model::{Address, Alias, SocketStats};
use crate::zeromq;

/// All data sockets of an agent, each with a number. The number of one that was closed is given to
/// another only when nobody refers to it any more.
#[derive(Default)]
pub struct Sockets {
    slots: Vec<Option<Slot>>,
    /// By the texts of their aliases.
    by_alias: HashMap<String, usize>,
}

impl Sockets {
    pub fn add(&mut self, slot: Slot) -> usize {
        let free = self.slots.iter().position(Option::is_none);
        let at = free.unwrap_or(self.slots.len());
        self.by_alias.insert(slot.alias.to_string(), at);
        match free {
            Some(at) => self.slots[at] = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        at
    }

    /// Takes the alias from a socket: it is found no more, and stays until it is removed.
    pub fn retire(&mut self, alias: &Alias) -> Option<usize> {
        let at = self.by_alias.remove(alias.as_str())?;
        self.at_mut(at).retired = true;
        Some(at)
    }

    /// Takes a socket out. Nobody may refer to its number any more.
    pub fn remove(&mut self, at: usize) -> Option<Slot> {
        let slot = self.slots.get_mut(at)?.take()?;
        if !slot.retired {
            self.by_alias.remove(slot.alias.as_str());
        }
        Some(slot)
    }

    /// Whether there is a socket of this number.
    pub fn has(&self, at: usize) -> bool {
        self.slots.get(at).is_some_and(Option::is_some)
    }

    pub fn len(&self) -> usize {
        self.by_alias.len()
    }

    pub fn find(&self, alias: &str) -> Option<usize> {
        self.by_alias.get(alias).copied()
    }

    pub fn at(&self, at: usize) -> &Slot {
        match &self.slots[at] {
            Some(slot) => slot,
            None => unreachable!("whatever refers to a socket is settled before it is removed"),
        }
    }

    pub fn at_mut(&mut self, at: usize) -> &mut Slot {
        match &mut self.slots[at] {
            Some(slot) => slot,
            None => unreachable!("whatever refers to a socket is settled before it is removed"),
        }
    }

    /// Those that have their alias, with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Slot)> {
        let slots = self.slots.iter().enumerate();
        let slots = slots.filter_map(|(at, slot)| Some((at, slot.as_ref()?)));
        slots.filter(|(_, slot)| !slot.retired)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.numbered().map(|(_, slot)| slot)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        let slots = self.slots.iter_mut().flatten();
        slots.filter(|slot| !slot.retired)
    }

    pub fn aliases(&self) -> Vec<Alias> {
        let mut aliases: Vec<Alias> = self.iter().map(|slot| slot.alias.clone()).collect();
        aliases.sort();
        aliases
    }

    pub fn addresses(&self) -> BTreeMap<Alias, Address> {
        self.iter()
            .filter_map(|slot| Some((slot.alias.clone(), slot.address()?)))
            .collect()
    }

    /// Where they are bound, as the kernel knows it.
    pub fn places(&self) -> Vec<zeromq::Place> {
        self.iter().flat_map(Slot::places).collect()
    }

    pub fn stats(&mut self) -> BTreeMap<Alias, SocketStats> {
        self.iter_mut()
            .map(|slot| (slot.alias.clone(), slot.stats_now()))
            .collect()
    }

    /// Closes them all; libzmq still sends what it has, for the time of their linger.
    /// If `skip_linger`, it does not.
    pub fn close(&mut self, skip_linger: bool) {
        for slot in self.slots.drain(..).flatten() {
            if skip_linger {
                // An option that every socket has.
                let _ = slot.socket.set_linger(0);
                let _ = slot
                    .request_socket
                    .as_ref()
                    .map(|request_socket| request_socket.socket().set_linger(0));
            }
            slot.close();
        }
        self.by_alias.clear();
    }

    /// Whether messages wait to leave.
    pub fn queued(&self) -> bool {
        self.iter().any(|slot| !slot.outbox.is_empty())
    }

    /// The same, but for what libzmq has taken and not handed to a connection: at the end, that counts too.
    pub fn unsent(&mut self) -> BTreeMap<Alias, u64> {
        let unsent = self
            .iter_mut()
            .map(|slot| (slot.alias.clone(), slot.unsent()));
        unsent.filter(|(_, count)| *count > 0).collect()
    }
}
