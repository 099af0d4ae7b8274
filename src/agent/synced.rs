//! Requests at a SYNC_PUB: each waits until its requester will get the answer.

use zmq::Message;

use super::sockets::{Envelope, RequestSocket, SlotId, sync_path};
use super::state::Agent;

impl Agent {
    /// A request is handled when its requester is known to have subscribed to the answer.
    pub(crate) fn take_sync_request(&mut self, at: SlotId, path: Envelope, body: Message) {
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
    pub(crate) fn handle_early_requests(&mut self, at: SlotId) {
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
}
