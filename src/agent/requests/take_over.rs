//! Sockets that were made by hand, or by the agent's program, and that a spec has just so: from then on they are the spec's.
//! If that spec is taken back, they are again what they were.

use std::rc::Rc;

use crate::agent::given::ByHand;
use crate::agent::sockets::{Slot, SlotId};
use crate::agent::state::Agent;
use crate::model::{Alias, BindSpec, Endpoint, HeldSocket, bound_for};
use crate::wire::Fault;

impl Agent {
    /// All sockets, with what is needed to make them again.
    pub(super) fn held_sockets(&self) -> Vec<HeldSocket> {
        let mut all: Vec<HeldSocket> = self.sockets.iter().map(Slot::held).collect();
        all.sort_by(|one, other| one.alias.cmp(&other.alias));
        all
    }

    /// The socket that a request has made just so.
    pub(super) fn made_by_hand(&self, socket: &BindSpec) -> Option<SlotId> {
        let at = self.bound_so(socket)?;
        self.sockets.get(at)?.by_hand.then_some(at)
    }

    /// The socket that the spec has just so, with the same handlers.
    pub(super) fn specified(&self, socket: &BindSpec) -> Option<SlotId> {
        let at = self.bound_so(socket)?;
        let slot = self.sockets.get(at).filter(|it| !it.by_hand)?;
        let asked = self.handlers_for(&socket.alias, socket.kind, socket.handlers.clone());
        (asked.as_ref() == Ok(&*slot.handlers)).then_some(at)
    }

    fn bound_so(&self, socket: &BindSpec) -> Option<SlotId> {
        let (at, slot) = self.sockets.named(socket.alias.as_str())?;
        let is_so = slot.kind == socket.kind
            && slot.serializer == socket.serializer
            && slot.is_bound()
            && self.endpoint(slot.asked.clone()) == self.endpoint(socket.endpoint.clone());
        is_so.then_some(at)
    }

    /// Where a socket is to be bound, if nothing else is said.
    pub(super) fn endpoint(&self, asked: Option<Endpoint>) -> Endpoint {
        let advertise = self.boot.advertise;
        match asked {
            None => Endpoint::Tcp {
                ip: advertise,
                port: 0,
            },
            Some(Endpoint::Tcp { ip, port }) => Endpoint::Tcp {
                ip: bound_for(ip, advertise),
                port,
            },
            Some(ipc @ Endpoint::Ipc { .. }) => ipc,
        }
    }

    /// It stays bound, and is handled as the spec says.
    pub(super) fn take_over(&mut self, at: SlotId, socket: BindSpec) -> Result<(), Fault> {
        let handlers = self.handlers_for(&socket.alias, socket.kind, socket.handlers)?;
        self.note_taken_over(&socket.alias);
        if let Some(slot) = self.sockets.get_mut(at) {
            slot.admits = socket.admits;
        }
        self.set_handlers(at, handlers);
        Ok(())
    }

    /// It is the spec's from now on; its program's end does not end it.
    pub(super) fn note_taken_over(&mut self, alias: &Alias) {
        let at = self.sockets.find(alias.as_str());
        let Some(slot) = at.and_then(|at| self.sockets.get_mut(at)) else {
            return;
        };
        slot.by_hand = false;
        let before = ByHand {
            handlers: (*slot.handlers).clone(),
            replies: (*slot.replies).clone(),
            admits: slot.admits.clone(),
        };
        self.given.taken_over.insert(alias.clone(), before);
        self.relaunching.made.remove(alias);
    }

    /// The spec has it no more: it is again what it was.
    pub(super) fn give_back(&mut self, alias: &Alias) {
        self.given.wires.retain(|wire| wire.alias != *alias);
        let before = self.given.taken_over.remove(alias);
        let Some((at, before)) = self.sockets.find(alias.as_str()).zip(before) else {
            return;
        };
        if let Some(slot) = self.sockets.get_mut(at) {
            slot.by_hand = true;
            slot.admits = before.admits;
            slot.replies = Rc::new(before.replies);
        }
        self.set_handlers(at, before.handlers);
    }
}
