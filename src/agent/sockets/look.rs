//! Every message passes here, in either direction, if somebody looks at its socket. While nobody does, that is one
//! comparison for each message.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

use zmq::Message;

use super::arrival::Arrival;
use super::onlookers::{Meter, Onlookers, SharedStream};
use super::send::Envelope;
use super::slot::Slot;
use crate::model::Kind;
use crate::wire::{Passed, SocketRate, Sort, TappedSocket, Way};

impl Slot {
    /// Whether anybody looks. All that follows is for that case alone: it is kept out of the way of messages.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.onlookers.is_some()
    }

    /// A tap is at this socket from now on, if it wants to be.
    pub(crate) fn admit_tap(&mut self, stream: &SharedStream) {
        if !stream.borrow().wants(&self.alias) {
            return;
        }
        let socket = TappedSocket {
            alias: self.alias.clone(),
            kind: self.kind,
            serializer: self.serializer,
        };
        let onlookers = self.onlookers.get_or_insert_default();
        onlookers.admit(stream, socket);
        self.forget_idle();
    }

    /// A tap is here no more.
    pub(crate) fn dismiss_tap(&mut self, stream: &SharedStream) {
        if let Some(onlookers) = &mut self.onlookers {
            onlookers.dismiss(stream);
        }
        self.forget_idle();
    }

    /// Counts from now on, or goes on.
    pub(crate) fn measure(&mut self) -> &Meter {
        let onlookers = self.onlookers.get_or_insert_default();
        onlookers.meter.get_or_insert_default()
    }

    /// The same, and what it has counted.
    pub(crate) fn rate(&mut self) -> SocketRate {
        let stats = self.stats_now();
        let (kind, queued) = (self.kind, self.in_outbox());
        let meter = self.measure();
        SocketRate {
            kind,
            stats,
            queued,
            received: meter.received.traffic.clone(),
            sent: meter.sent.traffic.clone(),
        }
    }

    /// How many messages wait until the socket can take them.
    pub(crate) fn in_outbox(&self) -> u64 {
        self.outbox.len() as u64
    }

    /// Counts no more.
    pub(crate) fn stop_measuring(&mut self) {
        if let Some(onlookers) = &mut self.onlookers {
            onlookers.meter = None;
        }
        self.forget_idle();
    }

    fn forget_idle(&mut self) {
        if self.onlookers.as_deref().is_some_and(Onlookers::is_idle) {
            self.onlookers = None;
        }
    }

    /// Something has arrived.
    #[cold]
    pub(super) fn note_arrival(&mut self, arrival: &Arrival) {
        if let Some(onlookers) = &mut self.onlookers {
            onlookers.pass(&arrived(arrival));
        }
    }

    /// The same of what a PULL socket has received.
    #[cold]
    pub(super) fn note_pulled(&mut self, frame: &Result<Message, &'static str>) {
        if let Some(onlookers) = &mut self.onlookers {
            onlookers.pass(&match frame {
                Ok(frame) => passed(Way::In, Sort::Message, 0, frame),
                Err(reason) => passed(Way::In, Sort::Garbled, 0, reason.as_bytes()),
            });
        }
    }

    /// A message is about to be given to libzmq, which takes it away, or does not.
    #[cold]
    pub(super) fn keep_leaving(&mut self, body: &[u8]) {
        if let Some(onlookers) = &mut self.onlookers {
            onlookers.leaving.clear();
            onlookers.leaving.extend_from_slice(body);
        }
    }

    /// libzmq has taken it.
    #[cold]
    pub(super) fn note_left(&mut self, request: Option<u64>) {
        if let Some(onlookers) = &mut self.onlookers {
            let leaving = std::mem::take(&mut onlookers.leaving);
            let sort = match request {
                Some(_) => Sort::Request,
                None => Sort::Message,
            };
            onlookers.pass(&passed(Way::Out, sort, request.unwrap_or(0), &leaving));
            onlookers.leaving = leaving;
        }
    }

    /// A publication has left.
    #[cold]
    pub(super) fn note_published(&mut self, frame: &[u8]) {
        if let Some(onlookers) = &mut self.onlookers {
            // Before it is what tells it from an answer.
            let start = usize::from(self.kind == Kind::SyncPub);
            let frame = frame.get(start..).unwrap_or_default();
            onlookers.pass(&passed(Way::Out, Sort::Publication, 0, frame));
        }
    }

    /// An answer is about to leave. Tells the number by which it belongs to its request.
    #[cold]
    pub(super) fn begin_answer(&mut self, path: &Envelope, body: &[u8]) -> u64 {
        self.keep_leaving(body);
        pair_of(path)
    }

    /// An answer has left to the request of that number.
    #[cold]
    pub(super) fn note_answered(&mut self, pair: u64) {
        if let Some(onlookers) = &mut self.onlookers {
            let leaving = std::mem::take(&mut onlookers.leaving);
            onlookers.pass(&passed(Way::Out, Sort::Answer, pair, &leaving));
            onlookers.leaving = leaving;
        }
    }
}

fn arrived(arrival: &Arrival) -> Passed<'_> {
    let way = Way::In;
    match arrival {
        Arrival::Message(frame) => passed(way, Sort::Message, 0, frame),
        Arrival::Publication { frame, start } => {
            passed(way, Sort::Publication, 0, &frame[*start..])
        }
        Arrival::Request { path, body } | Arrival::SyncRequest { path, body } => {
            passed(way, Sort::Request, pair_of(path), body)
        }
        Arrival::Answer { id, body } => passed(way, Sort::Answer, *id, body),
        Arrival::Garbled(reason) => passed(way, Sort::Garbled, 0, reason.as_bytes()),
    }
}

fn passed(way: Way, sort: Sort, pair: u64, bytes: &[u8]) -> Passed<'_> {
    Passed {
        way,
        sort,
        pair,
        size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        bytes,
    }
}

/// The way back of a request is another for each that is under way.
fn pair_of(path: &Envelope) -> u64 {
    let mut hasher = DefaultHasher::new();
    for frame in path {
        hasher.write(frame);
        hasher.write_u8(0);
    }
    hasher.finish().max(1)
}
