//! Everything that arrives at a data socket passes here: read a batch at a time, so that a busy socket
//! starves no other, and handed on by its kind.

use zmq::Message;

use super::answers::ReplyFrame;
use super::exchange::Ticket;
use super::handlers::Incoming;
use super::sockets::{Arrival, Envelope, Slot, SlotId};
use super::state::Agent;
use crate::model::{Action, Kind, Serializer};

/// How many messages are read from a socket before others have their turn.
const BATCH: usize = 1000;

impl Agent {
    /// Reads what has arrived at a socket.
    pub(crate) fn drain(&mut self, at: SlotId) {
        let Some(slot) = self.sockets.get_mut(at) else {
            return;
        };
        match slot.kind {
            Kind::Push => {}
            Kind::Pub | Kind::SyncPub => self.drain_subscriptions(at),
            // The shortest way: nothing is looked at.
            Kind::Pull | Kind::Sub if discards(slot) => slot.discard(BATCH),
            Kind::Pull
            | Kind::Sub
            | Kind::Req
            | Kind::AsyncReq
            | Kind::Rep
            | Kind::AsyncRep
            | Kind::SyncSub => self.drain_messages(at),
        }
    }

    fn drain_subscriptions(&mut self, at: SlotId) {
        let slot = self.sockets.get_mut(at);
        if slot.is_some_and(|slot| slot.read_subscriptions(BATCH)) {
            self.settle_proofs();
            self.handle_early_requests(at);
        }
    }

    /// Reads messages as long as what they lead to has room. Of a SYNC_PUB, these are requests.
    pub(crate) fn drain_messages(&mut self, at: SlotId) {
        if self.hand_all(at, BATCH) {
            return;
        }
        let after = self.after(at);
        for _ in 0..BATCH {
            if !self.has_room_after(&after) || !self.take_next(at) {
                return;
            }
        }
    }

    /// Reads all the answers that have arrived, room or not: there are no more than were asked for,
    /// and the peer that gave them is gone.
    pub(crate) fn drain_to_the_end(&mut self, at: SlotId) {
        while self.take_next(at) {}
    }

    /// False if there is nothing.
    fn take_next(&mut self, at: SlotId) -> bool {
        let Some(slot) = self.sockets.get_mut(at) else {
            return false;
        };
        let Some(arrival) = slot.next_seen() else {
            return false;
        };
        let serializer = slot.serializer;
        self.take_in(at, serializer, arrival);
        true
    }

    fn take_in(&mut self, at: SlotId, by: Serializer, arrival: Arrival) {
        match arrival {
            Arrival::Message(frame) => self.handle(Incoming::new(at, by, frame, None)),
            Arrival::Publication { frame, start } => {
                match Incoming::published(at, by, frame, start) {
                    Ok(incoming) => self.handle(incoming),
                    Err(error) => self.note_garbled(at, &error.to_string()),
                }
            }
            Arrival::Request { path, body } => self.handle_request(at, path, body),
            Arrival::SyncRequest { path, body } => self.take_sync_request(at, path, body),
            Arrival::Answer { id, body } => self.answered(at, id, body),
            Arrival::Garbled(reason) => self.note_garbled(at, reason),
        }
    }

    /// A request: its answer goes back by that path.
    pub(crate) fn handle_request(&mut self, at: SlotId, path: Envelope, body: Message) {
        if let Some(serializer) = self.sockets.serializer(at) {
            let ticket = Some(Ticket { at, path });
            self.handle(Incoming::new(at, serializer, body, ticket));
        }
    }

    fn answered(&mut self, at: SlotId, id: u64, frame: Message) {
        let request = self.exchange.take_sent_by(at, id);
        match request.zip(self.sockets.serializer(at)) {
            Some((request, serializer)) => {
                self.resolve(request, Ok(ReplyFrame { frame, serializer }));
            }
            None => self.note_unanswered(at, "an answer that came too late is dropped"),
        }
    }

    /// Counts a message that cannot be read, and says so now and then.
    pub(crate) fn note_garbled(&mut self, at: SlotId, reason: &str) {
        let Some(slot) = self.sockets.get_mut(at) else {
            return;
        };
        slot.stats.garbled += 1;
        let count = slot.stats.garbled;
        if count.is_power_of_two() {
            let line = format!(
                "{}: cannot read a message: {reason} ({count} so far)",
                slot.alias
            );
            self.log.warn(&line);
        }
    }

    /// Counts a message that is lost, and says so now and then.
    pub(crate) fn note_dropped(&mut self, at: SlotId, reason: &str) {
        self.note_loss(at, "a message is lost: ", reason);
    }

    /// Counts a request without an answer, or an answer without a request, and says so now and then.
    pub(crate) fn note_unanswered(&mut self, at: SlotId, reason: &str) {
        self.note_loss(at, "", reason);
    }

    fn note_loss(&mut self, at: SlotId, what: &str, reason: &str) {
        let Some(slot) = self.sockets.get_mut(at) else {
            return;
        };
        slot.stats.dropped += 1;
        let count = slot.stats.dropped;
        if count.is_power_of_two() {
            let line = format!("{}: {what}{reason} ({count} so far)", slot.alias);
            self.log.warn(&line);
        }
    }
}

fn discards(slot: &Slot) -> bool {
    slot.handlers
        .actions()
        .all(|action| *action == Action::Discard)
}
