//! Sending, by kind of socket, without ever waiting: what the socket cannot take now is queued,
//! within bounds.

use zmq::{DONTWAIT, Message, POLLOUT, SNDMORE, Socket};

use super::outbox::Parcel;
use super::{RequestSocket, Slot, raw};
use crate::wire::ReplyToken;

/// The frames before a request's body: the way back. The last one is empty.
pub(crate) type Envelope = Vec<Message>;

/// The outcome of a message that was to be sent.
pub(crate) enum Offer {
    /// libzmq has it.
    Taken,
    /// It waits in the queue.
    Queued,
    /// There is no room for it.
    Full(Parcel),
}

impl Slot {
    /// Sends, or queues if `may_queue` and there is room.
    pub(crate) fn offer(&mut self, parcel: Parcel, may_queue: bool) -> Offer {
        if self.kind.publishes() {
            if self.publish(&parcel.body) && self.is_watched() {
                self.note_published(&parcel.body);
            }
            return Offer::Taken;
        }
        let unsent = match self.outbox.is_empty() {
            true => self.try_send(parcel),
            false => Err(parcel),
        };
        let Err(parcel) = unsent else {
            return Offer::Taken;
        };
        if !may_queue {
            return Offer::Full(parcel);
        }
        match self.outbox.push(parcel) {
            Ok(()) => Offer::Queued,
            Err(parcel) => Offer::Full(parcel),
        }
    }

    /// Whether another message would find room.
    pub(crate) fn has_room(&self) -> bool {
        self.kind.publishes() || self.outbox.has_room()
    }

    /// Sends of the queue what the socket can take.
    pub(crate) fn flush(&mut self) {
        while let Some(parcel) = self.outbox.pop() {
            if let Err(parcel) = self.try_send(parcel) {
                return self.outbox.put_back(parcel);
            }
        }
    }

    /// Sends if the socket can take it now. To ask it first is a system call: that is done for
    /// messages of several frames only.
    fn try_send(&mut self, mut parcel: Parcel) -> Result<(), Parcel> {
        if parcel.request.is_some() {
            if !self.writable() {
                return Err(parcel);
            }
            self.transmit(parcel);
            return Ok(());
        }
        if self.is_watched() {
            self.keep_leaving(&parcel.body);
        }
        match raw::send(&mut self.socket, &mut parcel.body) {
            Err(error) if error.is_for_now() => return Err(parcel),
            Err(_) => {
                self.count(false);
            }
            Ok(()) => {
                self.count(true);
                if self.is_watched() {
                    self.note_left(None);
                }
            }
        }
        Ok(())
    }

    /// Answers a request. A peer that has gone, or does not read, does not get it: that is counted.
    pub(crate) fn answer(&mut self, envelope: Envelope, body: Message) {
        let pair = self
            .is_watched()
            .then(|| self.begin_answer(&envelope, &body));
        let is_sent = match self.request_socket.as_deref() {
            Some(RequestSocket::Answers(_)) => self.answer_in_public(&envelope, &body),
            Some(RequestSocket::Asks { .. }) | None => self.answer_by(envelope, body),
        };
        if let Some(pair) = pair.filter(|_| is_sent) {
            self.note_answered(pair);
        }
    }

    fn answer_by(&mut self, envelope: Envelope, body: Message) -> bool {
        let sent = envelope
            .into_iter()
            .try_for_each(|frame| self.socket.send(frame, DONTWAIT | SNDMORE))
            .and_then(|()| self.socket.send(body, DONTWAIT));
        self.count(sent.is_ok())
    }

    /// SYNC_PUB: the answer goes out among the publications, so that it is in order with them; only
    /// the requester gets it.
    fn answer_in_public(&mut self, envelope: &Envelope, body: &[u8]) -> bool {
        let Some((token, id)) = sync_path(envelope) else {
            return self.count(false);
        };
        match self.request_socket.as_deref() {
            Some(RequestSocket::Answers(request_socket)) if request_socket.knows(&token) => {
                self.publish(&token.answer(id, body))
            }
            _ => self.count(false),
        }
    }

    /// By which messages leave. Of a SYNC_SUB, those are requests.
    pub(crate) fn outlet(&self) -> &Socket {
        match self.request_socket.as_deref() {
            Some(RequestSocket::Asks { socket, .. }) => socket,
            Some(RequestSocket::Answers(_)) | None => &self.socket,
        }
    }

    /// Whether libzmq takes a message now.
    pub(crate) fn writable(&self) -> bool {
        self.outlet()
            .get_events()
            .is_ok_and(|events| events.contains(POLLOUT))
    }

    /// The socket is writable, so it takes all frames of one message.
    fn transmit(&mut self, parcel: Parcel) {
        if self.is_watched() {
            self.keep_leaving(&parcel.body);
        }
        let request = parcel.request;
        let sent = match request {
            None => self.socket.send(parcel.body, DONTWAIT),
            Some(request) => self.send_request(request, parcel.body),
        };
        self.count(sent.is_ok());
        if sent.is_ok() && self.is_watched() {
            self.note_left(request);
        }
    }

    fn send_request(&self, request: u64, body: Message) -> zmq::Result<()> {
        let (id, outlet) = (request.to_be_bytes(), self.outlet());
        if let Some(token) = self
            .request_socket
            .as_ref()
            .and_then(|request_socket| request_socket.token())
        {
            outlet.send(token.as_bytes(), DONTWAIT | SNDMORE)?;
        }
        outlet.send(&id[..], DONTWAIT | SNDMORE)?;
        outlet.send(&[0u8; 0][..], DONTWAIT | SNDMORE)?;
        outlet.send(body, DONTWAIT)
    }

    /// To every subscriber that keeps up; libzmq counts for which of them there was no room.
    fn publish(&mut self, frame: &[u8]) -> bool {
        let sent = self.socket.send(frame, DONTWAIT);
        self.count(sent.is_ok())
    }

    /// Counts what was sent or not; tells which.
    fn count(&mut self, sent: bool) -> bool {
        if sent {
            self.stats.sent += 1;
        } else {
            self.stats.dropped += 1;
        }
        sent
    }
}

/// The requester to answer at a SYNC_PUB, and the number of its request: between its address and the empty
/// frame.
pub(crate) fn sync_path(envelope: &Envelope) -> Option<(ReplyToken, &[u8])> {
    let [_, token, id, _] = &envelope[..] else {
        return None;
    };
    let id = Some(&id[..]).filter(|id| id.len() == size_of::<u64>())?;
    Some((ReplyToken::from_frame(token)?, id))
}
