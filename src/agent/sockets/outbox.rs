//! Messages that a socket could not take yet: a queue with bounds.

use std::collections::VecDeque;

use zmq::Message;

/// How many messages may wait for one socket.
const MESSAGES: usize = 1000;
/// How many bytes may wait for one socket. One message more than that is admitted, so that large
/// ones can be sent at all.
const BYTES: usize = 64 << 20;

/// A message to be sent; a request with the number of its request.
pub(crate) struct Parcel {
    pub request: Option<u64>,
    pub body: Message,
}

impl Parcel {
    pub(crate) fn plain(body: Message) -> Self {
        Self {
            request: None,
            body,
        }
    }
}

/// The queue.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Parcel>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < MESSAGES && self.bytes < BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The parcel comes back if there is no room.
    pub(crate) fn push(&mut self, parcel: Parcel) -> Result<(), Parcel> {
        if !self.has_room() {
            return Err(parcel);
        }
        self.bytes += parcel.body.len();
        self.queue.push_back(parcel);
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Option<Parcel> {
        let parcel = self.queue.pop_front()?;
        self.bytes -= parcel.body.len();
        if self.queue.is_empty() {
            // An agent that was busy once need not stay large.
            self.queue.shrink_to(16);
        }
        Some(parcel)
    }

    /// Gives back what was popped last and could not be sent.
    pub(crate) fn put_back(&mut self, parcel: Parcel) {
        self.bytes += parcel.body.len();
        self.queue.push_front(parcel);
    }

    /// Whether a request has not been sent yet.
    pub(crate) fn holds(&self, request: u64) -> bool {
        let is = |parcel: &Parcel| parcel.request == Some(request);
        self.queue.iter().any(is)
    }

    /// Takes back a request for which no caller waits any more.
    pub(crate) fn withdraw(&mut self, request: u64) {
        let bytes = &mut self.bytes;
        self.queue.retain(|parcel| {
            let stays = parcel.request != Some(request);
            if !stays {
                *bytes -= parcel.body.len();
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold() {
        let mut outbox = Outbox::default();
        while outbox.push(Parcel::plain(Message::from("x"))).is_ok() {}
        assert_eq!(outbox.len(), MESSAGES);
        while outbox.pop().is_some() {}
        assert!(
            outbox
                .push(Parcel::plain(Message::with_size(BYTES)))
                .is_ok()
        );
        assert!(outbox.push(Parcel::plain(Message::new())).is_err());
    }

    #[test]
    fn a_request_can_be_withdrawn() {
        let mut outbox = Outbox::default();
        let body = Message::from("x");
        assert!(
            outbox
                .push(Parcel {
                    request: Some(7),
                    body
                })
                .is_ok()
        );
        assert!(outbox.holds(7) && !outbox.holds(8));
        outbox.withdraw(8);
        assert_eq!((outbox.len(), outbox.bytes), (1, 1));
        outbox.withdraw(7);
        assert_eq!((outbox.len(), outbox.bytes), (0, 0));
    }
}
