//! Reading SYNC channels: requests at a publisher's request socket, and what arrives at a subscriber,
//! publications and answers.

use zmq::Message;

use super::exchange::Ticket;
use super::handlers::Incoming;
use super::receive::{BATCH, divide, receive_all, skip_rest};
use super::sockets::{Envelope, RequestSocket, SlotId, receive, sync_path};
use super::state::Agent;
use crate::wire::SyncFrame;

impl Agent {
    /// SYNC_PUB: requests, with return path, token and number before the empty frame.
    pub fn drain_request_socket(&mut self, at: SlotId) {
        let after = self.after(at);
        for _ in 0..BATCH {
            if !self.has_room_after(&after) {
                return;
            }
            let Some(slot) = self.sockets.get_mut(at) else {
                return;
            };
            let Some(frames) = slot
                .request_socket
                .as_ref()
                .and_then(|it| receive_all(it.socket()))
            else {
                return;
            };
            slot.stats.received += 1;
            match divide(frames) {
                Some((path, body)) => self.take_request(at, path, body),
                None => self.note_garbled(at, "a request without an empty frame before its body"),
            }
        }
    }

    /// A request is handled when its requester is known to have subscribed to the answer.
    fn take_request(&mut self, at: SlotId, path: Envelope, body: Message) {
        let Some((token, _)) = sync_path(&path) else {
            return self.note_garbled(at, "a request that does not say where the answer goes");
        };
        if !self.knows_requester(at, &path) {
            // The subscription may be waiting to be read.
            self.drain(at);
        }
        if self.knows_requester(at, &path) {
            return self.handle_request(at, path, body);
        }
        if let Some(RequestSocket::Answers(request_socket)) = self.request_socket(at)
            && request_socket.keep(token, path, body)
        {
            self.note_dropped(at, "a request of someone who has not subscribed");
        }
    }

    fn knows_requester(&self, at: SlotId, path: &Envelope) -> bool {
        let slot = self.sockets.get(at);
        let request_socket = slot.and_then(|slot| slot.request_socket.as_deref());
        match (request_socket, sync_path(path)) {
            (Some(RequestSocket::Answers(request_socket)), Some((token, _))) => {
                request_socket.knows(&token)
            }
            _ => false,
        }
    }

    /// Requests that came before the subscription of their requester, which has come by now.
    pub fn handle_early_requests(&mut self, at: SlotId) {
        loop {
            let Some(RequestSocket::Answers(request_socket)) = self.request_socket(at) else {
                return;
            };
            let Some(early) = request_socket.next_known() else {
                return;
            };
            self.handle_request(at, early.path, early.body);
        }
    }

    fn request_socket(&mut self, at: SlotId) -> Option<&mut RequestSocket> {
        self.sockets.get_mut(at)?.request_socket.as_deref_mut()
    }

    fn handle_request(&mut self, at: SlotId, path: Envelope, body: Message) {
        if let Some(serializer) = self.sockets.serializer(at) {
            let ticket = Some(Ticket { at, path });
            self.handle(Incoming::new(at, serializer, body, ticket));
        }
    }

    /// SYNC_SUB: publications and answers, in the order in which they were sent.
    pub fn drain_synced(&mut self, at: SlotId) {
        let after = self.after(at);
        for _ in 0..BATCH {
            if !self.has_room_after(&after) || !self.take_synced(at) {
                return;
            }
        }
    }

    /// False if there is nothing.
    pub fn take_synced(&mut self, at: SlotId) -> bool {
        let Some(slot) = self.sockets.get_mut(at) else {
            return false;
        };
        let mut frame = Message::new();
        if !receive(&slot.socket, &mut frame) {
            return false;
        }
        slot.stats.received += 1;
        if frame.get_more() {
            skip_rest(&slot.socket);
            self.note_garbled(at, "a message of several frames");
            return true;
        }
        let token = slot
            .request_socket
            .as_ref()
            .and_then(|request_socket| request_socket.token());
        let serializer = slot.serializer;
        match token.and_then(|token| SyncFrame::read(&frame, token)) {
            Some(SyncFrame::Answer { id, body }) => self.answered(at, id, Message::from(body)),
            Some(SyncFrame::Publication { after }) => {
                match Incoming::published(at, serializer, frame, after) {
                    Ok(incoming) => self.handle(incoming),
                    Err(error) => self.note_garbled(at, &error.to_string()),
                }
            }
            None => self.note_garbled(at, "neither a publication nor an answer"),
        }
        true
    }
}
