//! An agent's data sockets: made, bound, connected, watched, and written to without ever blocking.
//!
//! What is done with messages that arrive is not decided here.

mod account;
mod arrival;
mod doors;
mod drained;
mod endpoint;
mod frame;
mod id;
mod link;
mod look;
mod make;
mod onlookers;
mod outbox;
#[allow(unsafe_code, reason = "calls that the zmq crate lacks")]
mod raw;
mod request_socket;
mod send;
mod slot;
mod tap_socket;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

pub(crate) use account::Due;
pub(crate) use arrival::Arrival;
pub(crate) use drained::{is_answered, is_drained};
pub(crate) use endpoint::{BindError, Place};
pub(crate) use frame::publication;
pub(crate) use id::{LinkAt, SlotId};
pub(crate) use link::Link;
pub(crate) use make::{reads, shares, takes, writes};
pub(crate) use onlookers::SharedStream;
pub(crate) use outbox::Parcel;
pub(crate) use request_socket::RequestSocket;
pub(crate) use send::{Envelope, Offer, sync_path};
pub(crate) use slot::Slot;
pub(crate) use tap_socket::{TAP_DOOR, TapSocket, Viewer};

use crate::model::{Address, Alias, Serializer, SocketStats};
use crate::wire::SocketRate;

/// All data sockets of an agent, each with a number.
#[derive(Default)]
pub(crate) struct Sockets {
    places: Vec<Held>,
    /// By the texts of their aliases.
    by_alias: HashMap<String, SlotId>,
    /// The taps, which are at the sockets that they want, those that come too.
    taps: Vec<SharedStream>,
    /// What goes through is counted, in a new socket too.
    measuring: bool,
}

/// Where one socket after another may stand.
#[derive(Default)]
struct Held {
    /// How many have stood here before.
    generation: u64,
    slot: Option<Slot>,
}

impl Sockets {
    pub(crate) fn add(&mut self, mut slot: Slot) -> SlotId {
        self.taps.iter().for_each(|tap| slot.admit_tap(tap));
        if self.measuring {
            slot.measure();
        }
        let free = self.places.iter().position(|held| held.slot.is_none());
        let index = free.unwrap_or_else(|| {
            self.places.push(Held::default());
            self.places.len() - 1
        });
        let held = &mut self.places[index];
        let id = SlotId {
            index,
            generation: held.generation,
        };
        self.by_alias.insert(slot.alias.to_string(), id);
        held.slot = Some(slot);
        id
    }

    /// Takes the alias from a socket: it is found no more, and stays until it is removed.
    pub(crate) fn retire(&mut self, alias: &Alias) -> Option<SlotId> {
        let id = self.by_alias.remove(alias.as_str())?;
        self.get_mut(id)?.retired = true;
        Some(id)
    }

    /// Takes a socket out. From now on its number finds nothing.
    pub(crate) fn remove(&mut self, id: SlotId) -> Option<Slot> {
        let slot = self.held_mut(id)?.clear()?;
        if !slot.retired {
            self.by_alias.remove(slot.alias.as_str());
        }
        Some(slot)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_alias.len()
    }

    pub(crate) fn find(&self, alias: &str) -> Option<SlotId> {
        self.by_alias.get(alias).copied()
    }

    /// The socket of that alias, with its number.
    pub(crate) fn named(&self, alias: &str) -> Option<(SlotId, &Slot)> {
        let id = self.find(alias)?;
        Some((id, self.get(id)?))
    }

    /// The socket of that number, unless it is closed.
    pub(crate) fn get(&self, id: SlotId) -> Option<&Slot> {
        let held = self.places.get(id.index)?;
        let slot = held.slot.as_ref()?;
        (held.generation == id.generation).then_some(slot)
    }

    pub(crate) fn get_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.held_mut(id)?.slot.as_mut()
    }

    fn held_mut(&mut self, id: SlotId) -> Option<&mut Held> {
        let held = self.places.get_mut(id.index)?;
        (held.generation == id.generation).then_some(held)
    }

    pub(crate) fn serializer(&self, id: SlotId) -> Option<Serializer> {
        self.get(id).map(|slot| slot.serializer)
    }

    /// The connection of these numbers, unless its socket is closed.
    pub(crate) fn link(&self, at: LinkAt) -> Option<&Link> {
        self.get(at.socket)?.link(at.link)
    }

    /// What people are told of a socket: its alias, as long as it is there.
    pub(crate) fn name(&self, id: SlotId) -> &str {
        self.get(id)
            .map_or("a closed socket", |slot| slot.alias.as_str())
    }

    /// Those that have their alias, with their numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        let places = self.places.iter().enumerate();
        let slots = places.filter_map(|(index, held)| {
            let generation = held.generation;
            Some((SlotId { index, generation }, held.slot.as_ref()?))
        });
        slots.filter(|(_, slot)| !slot.retired)
    }

    /// Their numbers.
    pub(crate) fn ids(&self) -> Vec<SlotId> {
        self.numbered().map(|(id, _)| id).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.numbered().map(|(_, slot)| slot)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        let slots = self.places.iter_mut();
        let slots = slots.filter_map(|held| held.slot.as_mut());
        slots.filter(|slot| !slot.retired)
    }

    pub(crate) fn aliases(&self) -> Vec<Alias> {
        let mut aliases: Vec<Alias> = self.iter().map(|slot| slot.alias.clone()).collect();
        aliases.sort();
        aliases
    }

    pub(crate) fn addresses(&self) -> BTreeMap<Alias, Address> {
        self.iter()
            .filter_map(|slot| Some((slot.alias.clone(), slot.address()?)))
            .collect()
    }

    pub(crate) fn stats(&mut self) -> BTreeMap<Alias, SocketStats> {
        self.iter_mut()
            .map(|slot| (slot.alias.clone(), slot.stats_now()))
            .collect()
    }

    /// A tap is at the sockets that it wants, from now on.
    pub(crate) fn tap(&mut self, stream: SharedStream) {
        self.iter_mut().for_each(|slot| slot.admit_tap(&stream));
        self.taps.push(stream);
    }

    /// It is there no more.
    pub(crate) fn untap(&mut self, stream: &SharedStream) {
        self.iter_mut().for_each(|slot| slot.dismiss_tap(stream));
        self.taps.retain(|it| !Rc::ptr_eq(it, stream));
    }

    /// What goes through each, counted from the first time on.
    pub(crate) fn rates(&mut self) -> BTreeMap<Alias, SocketRate> {
        self.measuring = true;
        self.iter_mut()
            .map(|slot| (slot.alias.clone(), slot.rate()))
            .collect()
    }

    /// What waits in the agent for each, where something does.
    pub(crate) fn queued_by_alias(&self) -> BTreeMap<Alias, u64> {
        let queued = self
            .iter()
            .map(|slot| (slot.alias.clone(), slot.in_outbox()));
        queued.filter(|(_, queued)| *queued > 0).collect()
    }

    /// It is counted no more.
    pub(crate) fn stop_measuring(&mut self) {
        self.measuring = false;
        self.iter_mut().for_each(Slot::stop_measuring);
    }

    /// The agents that each bound socket admits in a closed system, in words.
    pub(crate) fn doors(&self) -> BTreeMap<Alias, Vec<String>> {
        let doors = |slot: &Slot| Some((slot.alias.clone(), slot.doors()?));
        self.iter().filter_map(doors).collect()
    }

    /// Closes them all; libzmq still sends what it has, for the time of their linger.
    /// If `skip_linger`, it does not.
    pub(crate) fn close(&mut self, skip_linger: bool) {
        for slot in self.places.iter_mut().filter_map(Held::clear) {
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
    pub(crate) fn queued(&self) -> bool {
        self.iter().any(|slot| !slot.outbox.is_empty())
    }

    /// The same, but for what libzmq has taken and not handed to a connection: at the end, that counts too.
    pub(crate) fn unsent(&mut self) -> BTreeMap<Alias, u64> {
        let unsent = self
            .iter_mut()
            .map(|slot| (slot.alias.clone(), slot.unsent()));
        unsent.filter(|(_, count)| *count > 0).collect()
    }
}

impl Held {
    /// Takes out what stands here; its number finds nothing from now on.
    fn clear(&mut self) -> Option<Slot> {
        let slot = self.slot.take()?;
        self.generation += 1;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::id::LinkId;
    use super::*;
    use crate::model::{Handlers, Kind};

    fn slot(alias: &str) -> Slot {
        let (alias, context) = (alias.parse().unwrap(), zmq::Context::new());
        Slot::new(
            &context,
            alias,
            Kind::Pull,
            Serializer::Json,
            Handlers::All(Vec::new()),
            None,
        )
        .unwrap()
    }

    #[test]
    fn a_number_that_is_out_of_date_finds_nothing() {
        let mut sockets = Sockets::default();
        let (a, b) = (sockets.add(slot("a")), sockets.add(slot("b")));
        let first = LinkAt {
            socket: a,
            link: LinkId(0),
        };
        assert_eq!((sockets.name(a), sockets.name(b)), ("a", "b"));
        assert!(sockets.link(first).is_none(), "it has no connections");
        assert!(sockets.remove(a).is_some());
        let c = sockets.add(slot("c"));
        assert_eq!((c.index, sockets.name(c)), (a.index, "c"));
        assert!(sockets.get(a).is_none() && sockets.get_mut(a).is_none());
        assert!(sockets.remove(a).is_none() && sockets.link(first).is_none());
        assert_eq!(sockets.name(a), "a closed socket");
        assert_eq!(sockets.ids(), [c, b]);
        sockets.close(true);
        assert!(sockets.get(b).is_none() && sockets.get(c).is_none());
    }

    #[test]
    fn a_retired_socket_has_its_number_until_it_is_removed() {
        let mut sockets = Sockets::default();
        let old = sockets.add(slot("a"));
        assert_eq!(sockets.retire(&"a".parse().unwrap()), Some(old));
        assert!(sockets.find("a").is_none() && sockets.get(old).is_some());
        let new = sockets.add(slot("a"));
        assert!(sockets.remove(old).is_some());
        assert_eq!(sockets.find("a"), Some(new), "the alias is the new one's");
    }
}
