//! Reading data sockets, a batch at a time, so that a busy one starves nobody.

use std::mem;

use zmq::{DONTWAIT, Message, Socket};

use super::answers::ReplyFrame;
use super::exchange::Ticket;
use super::handlers::Incoming;
use super::sockets::{Slot, SlotId, receive};
use super::state::Agent;
use crate::model::{Action, Kind};

/// How many messages are read from a socket before others have their turn.
pub const BATCH: usize = 1000;
/// How many frames may stand before the empty one that ends a request's return path.
const LONGEST_PATH: usize = 32;
/// How many bytes an answer's request number has.
const ID: usize = 8;

impl Agent {
    /// Reads what has arrived at a socket.
    pub fn drain(&mut self, at: SlotId) {
        let Some(slot) = self.sockets.get_mut(at) else {
            return;
        };
        match slot.kind {
            Kind::Push => {}
            Kind::Pub | Kind::SyncPub => self.drain_subscriptions(at),
            Kind::Req | Kind::AsyncReq => self.drain_answers(at),
            Kind::Rep | Kind::AsyncRep => self.drain_requests(at),
            Kind::Pull | Kind::Sub if discards(slot) => drain_and_discard(slot),
            Kind::Pull | Kind::Sub => self.drain_messages(at),
            Kind::SyncSub => self.drain_synced(at),
        }
    }

    fn drain_messages(&mut self, at: SlotId) {
        let after = self.after(at);
        let mut frame = Message::new();
        for _ in 0..BATCH {
            if !self.has_room_after(&after) {
                return;
            }
            let Some(slot) = self.sockets.get_mut(at) else {
                return;
            };
            if !receive(&slot.socket, &mut frame) {
                return;
            }
            slot.stats.received += 1;
            if frame.get_more() {
                skip_rest(&slot.socket);
                self.note_garbled(at, "a message of several frames");
                continue;
            }
            let (kind, serializer) = (slot.kind, slot.serializer);
            let frame = mem::replace(&mut frame, Message::new());
            let incoming = match kind {
                Kind::Sub => Incoming::published(at, serializer, frame, 0),
                _ => Ok(Incoming::new(at, serializer, frame, None)),
            };
            match incoming {
                Ok(incoming) => self.handle(incoming),
                Err(error) => self.note_garbled(at, &error.to_string()),
            }
        }
    }

    fn drain_subscriptions(&mut self, at: SlotId) {
        let mut frame = Message::new();
        let mut news = false;
        for _ in 0..BATCH {
            let Some(slot) = self.sockets.get_mut(at) else {
                break;
            };
            if !receive(&slot.socket, &mut frame) {
                break;
            }
            if frame.get_more() {
                skip_rest(&slot.socket);
                continue;
            }
            news |= slot.note_subscription(&frame);
        }
        if news {
            self.settle_proofs();
            self.handle_early_requests(at);
        }
    }

    /// Requests: return path, empty frame, body.
    fn drain_requests(&mut self, at: SlotId) {
        let after = self.after(at);
        for _ in 0..BATCH {
            if !self.has_room_after(&after) {
                return;
            }
            let Some(slot) = self.sockets.get_mut(at) else {
                return;
            };
            let Some(frames) = receive_all(&slot.socket) else {
                return;
            };
            slot.stats.received += 1;
            let serializer = slot.serializer;
            match divide(frames) {
                Some((path, body)) => {
                    let ticket = Some(Ticket { at, path });
                    self.handle(Incoming::new(at, serializer, body, ticket));
                }
                None => self.note_garbled(at, "a request without an empty frame before its body"),
            }
        }
    }

    /// Answers: number of the request, empty frame, body.
    fn drain_answers(&mut self, at: SlotId) {
        let after = self.after(at);
        for _ in 0..BATCH {
            if !self.has_room_after(&after) || !self.take_answer(at) {
                return;
            }
        }
    }

    /// Reads all the answers that have arrived, room or not: there are no more than were asked for,
    /// and the peer that gave them is gone.
    pub fn drain_to_the_end(&mut self, at: SlotId) {
        match self.sockets.get(at).map(|slot| slot.kind) {
            Some(Kind::SyncSub) => while self.take_synced(at) {},
            _ => while self.take_answer(at) {},
        }
    }

    /// False if there is none.
    fn take_answer(&mut self, at: SlotId) -> bool {
        let Some(slot) = self.sockets.get_mut(at) else {
            return false;
        };
        let Some(frames) = receive_all(&slot.socket) else {
            return false;
        };
        slot.stats.received += 1;
        match numbered(frames) {
            Some((id, body)) => self.answered(at, id, body),
            None => self.note_garbled(at, "an answer without the number of its request"),
        }
        true
    }

    pub fn answered(&mut self, at: SlotId, id: u64, frame: Message) {
        let request = self.exchange.take_sent_by(at, id);
        match request.zip(self.sockets.serializer(at)) {
            Some((request, serializer)) => {
                self.resolve(request, Ok(ReplyFrame { frame, serializer }));
            }
            None => self.note_unanswered(at, "an answer that came too late is let go"),
        }
    }

    /// Counts a message that cannot be read, and says so now and then.
    pub fn note_garbled(&mut self, at: SlotId, reason: &str) {
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
    pub fn note_dropped(&mut self, at: SlotId, reason: &str) {
        self.note_loss(at, "a message is lost: ", reason);
    }

    /// Counts a request without an answer, or an answer without a request, and says so now and then.
    pub fn note_unanswered(&mut self, at: SlotId, reason: &str) {
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

/// The shortest way: nothing is looked at but the end of the message.
fn drain_and_discard(slot: &mut Slot) {
    let mut frame = Message::new();
    let mut count = 0;
    for _ in 0..BATCH {
        if !receive(&slot.socket, &mut frame) {
            break;
        }
        count += 1;
        if frame.get_more() {
            skip_rest(&slot.socket);
        }
    }
    slot.stats.received += count;
}

/// Reads the rest of a message of which one frame has been read. All frames of a message arrive
/// together.
pub fn skip_rest(socket: &Socket) {
    let mut frame = Message::new();
    while socket.recv(&mut frame, DONTWAIT).is_ok() && frame.get_more() {}
}

pub fn receive_all(socket: &Socket) -> Option<Vec<Message>> {
    let mut frames = Vec::with_capacity(4);
    let mut frame = Message::new();
    if !receive(socket, &mut frame) {
        return None;
    }
    while frame.get_more() && frames.len() <= LONGEST_PATH {
        frames.push(mem::replace(&mut frame, Message::new()));
        if !receive(socket, &mut frame) {
            return None;
        }
    }
    if frame.get_more() {
        skip_rest(socket);
    }
    frames.push(frame);
    Some(frames)
}

/// The return path, with its empty frame, and the body behind it.
pub fn divide(mut frames: Vec<Message>) -> Option<(Vec<Message>, Message)> {
    let body = frames.pop()?;
    let complete = frames.len() > 1 && frames.last().is_some_and(|frame| frame.is_empty());
    let early = frames.iter().rev().skip(1).any(|frame| frame.is_empty());
    (complete && !early).then_some((frames, body))
}

fn numbered(frames: Vec<Message>) -> Option<(u64, Message)> {
    let [id, empty, body] = <[Message; 3]>::try_from(frames).ok()?;
    let id: [u8; ID] = id[..].try_into().ok()?;
    empty.is_empty().then_some((u64::from_be_bytes(id), body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(parts: &[&[u8]]) -> Vec<Message> {
        parts.iter().map(|part| Message::from(*part)).collect()
    }

    #[test]
    fn the_return_path_ends_with_the_empty_frame() {
        let (path, body) = divide(frames(&[b"peer", b"id", b"", b"hi"])).unwrap();
        assert_eq!((path.len(), &body[..]), (3, &b"hi"[..]));
        assert!(divide(frames(&[b"peer", b"", b"hi"])).is_some());
        assert!(divide(frames(&[b"peer", b"hi"])).is_none());
        assert!(divide(frames(&[b"peer", b""])).is_none());
        assert!(divide(frames(&[b"peer", b"", b"two", b"bodies"])).is_none());
        assert!(divide(frames(&[b"peer", b"", b"", b"x"])).is_none());
    }

    #[test]
    fn answers_carry_the_number() {
        let id = 7u64.to_be_bytes();
        assert_eq!(numbered(frames(&[&id, b"", b"x"])).unwrap().0, 7);
        assert!(numbered(frames(&[b"", b"x"])).is_none());
        assert!(numbered(frames(&[&id, b"x", b"x"])).is_none());
    }

    proptest! {
        #[test]
        fn no_frames_panic(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..10), 0..6)) {
            let made = || parts.iter().map(|part| Message::from(&part[..])).collect::<Vec<_>>();
            let _ = divide(made());
            let _ = numbered(made());
        }
    }
}
