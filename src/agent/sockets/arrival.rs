//! What arrives at a socket, as its kind has it: one message at a time, counted.

use std::mem;

use zmq::{DONTWAIT, Message, Socket};

use super::make::receive;
use super::send::Envelope;
use super::{RequestSocket, Slot};
use crate::model::Kind;
use crate::wire::{ReplyToken, SyncFrame};

/// How many frames may stand before the empty one that ends a request's return path.
const LONGEST_PATH: usize = 32;
/// How many bytes an answer's request number has.
const ID: usize = 8;
/// Why a message of more than one frame is none.
const SEVERAL: &str = "a message of several frames";

/// A message that has arrived.
pub(crate) enum Arrival {
    /// Sent to this socket.
    Message(Message),
    /// Topic and body, after so many bytes of the frame.
    Publication { frame: Message, start: usize },
    /// Its answer goes back by that path.
    Request { path: Envelope, body: Message },
    /// The same at a SYNC_PUB: the answer goes out among the publications.
    SyncRequest { path: Envelope, body: Message },
    /// To a request of this socket.
    Answer { id: u64, body: Message },
    /// Why it is none of these.
    Garbled(&'static str),
}

impl Slot {
    /// The next message that has arrived, of which who looks is told. What a publisher hears of its subscribers is none.
    #[inline]
    pub(crate) fn next_seen(&mut self) -> Option<Arrival> {
        let arrival = self.next_arrival();
        if self.is_watched()
            && let Some(arrival) = &arrival
        {
            self.note_arrival(arrival);
        }
        arrival
    }

    fn next_arrival(&mut self) -> Option<Arrival> {
        let arrival = match self.kind {
            Kind::Push | Kind::Pub => None,
            Kind::Pull => self.next_frame().map(|frame| match frame {
                Some(frame) => Arrival::Message(frame),
                None => Arrival::Garbled(SEVERAL),
            }),
            Kind::Sub => self.next_frame().map(|frame| match frame {
                Some(frame) => Arrival::Publication { frame, start: 0 },
                None => Arrival::Garbled(SEVERAL),
            }),
            Kind::SyncSub => self.next_frame().map(|frame| match frame {
                Some(frame) => self.synced(frame),
                None => Arrival::Garbled(SEVERAL),
            }),
            Kind::Req | Kind::AsyncReq => receive_all(&self.socket).map(answer),
            Kind::Rep | Kind::AsyncRep => receive_all(&self.socket)
                .map(|frames| request(frames, |path, body| Arrival::Request { path, body })),
            Kind::SyncPub => {
                let socket = self.request_socket.as_deref().map(RequestSocket::socket);
                let frames = socket.and_then(receive_all);
                frames
                    .map(|frames| request(frames, |path, body| Arrival::SyncRequest { path, body }))
            }
        };
        self.stats.received += u64::from(arrival.is_some());
        arrival
    }

    /// The next message of a PULL socket, or why it is none. The shortest way for very many of them.
    pub(crate) fn next_pulled(&mut self) -> Option<Result<Message, &'static str>> {
        let frame = self.next_frame()?.ok_or(SEVERAL);
        self.stats.received += 1;
        if self.is_watched() {
            self.note_pulled(&frame);
        }
        Some(frame)
    }

    /// A message of one frame; none within, if it has more.
    fn next_frame(&self) -> Option<Option<Message>> {
        let mut frame = Message::new();
        if !receive(&self.socket, &mut frame) {
            return None;
        }
        if frame.get_more() {
            skip_rest(&self.socket);
            return Some(None);
        }
        Some(Some(frame))
    }

    /// SYNC_SUB: publications and answers, in the order in which they were sent.
    fn synced(&self, frame: Message) -> Arrival {
        let token: Option<&ReplyToken> = self.request_socket.as_ref().and_then(|it| it.token());
        match token.and_then(|token| SyncFrame::read(&frame, token)) {
            Some(SyncFrame::Answer { id, body }) => Arrival::Answer {
                id,
                body: Message::from(body),
            },
            Some(SyncFrame::Publication { after: start }) => Arrival::Publication { frame, start },
            None => Arrival::Garbled("neither a publication nor an answer"),
        }
    }

    /// A publisher reads what its subscribers want, up to so many words. True if a token of a proof, or
    /// a requester, is new.
    pub(crate) fn read_subscriptions(&mut self, most: usize) -> bool {
        let mut frame = Message::new();
        let mut news = false;
        for _ in 0..most {
            if !receive(&self.socket, &mut frame) {
                break;
            }
            if frame.get_more() {
                skip_rest(&self.socket);
                continue;
            }
            news |= self.note_subscription(&frame);
        }
        news
    }

    /// Counts messages, up to so many, and lets them go: nothing is looked at but the end of each, unless somebody looks.
    pub(crate) fn discard(&mut self, most: usize) {
        if self.is_watched() {
            (0..most).map_while(|_| self.next_seen()).for_each(drop);
            return;
        }
        let mut frame = Message::new();
        let mut count = 0;
        for _ in 0..most {
            if !receive(&self.socket, &mut frame) {
                break;
            }
            count += 1;
            if frame.get_more() {
                skip_rest(&self.socket);
            }
        }
        self.stats.received += count;
    }
}

/// A request: return path, empty frame, body.
fn request(frames: Vec<Message>, made: fn(Envelope, Message) -> Arrival) -> Arrival {
    match divide(frames) {
        Some((path, body)) => made(path, body),
        None => Arrival::Garbled("a request without an empty frame before its body"),
    }
}

/// An answer: number of the request, empty frame, body.
fn answer(frames: Vec<Message>) -> Arrival {
    match numbered(frames) {
        Some((id, body)) => Arrival::Answer { id, body },
        None => Arrival::Garbled("an answer without the number of its request"),
    }
}

/// Reads the rest of a message of which one frame has been read. All frames of a message arrive
/// together.
fn skip_rest(socket: &Socket) {
    let mut frame = Message::new();
    while socket.recv(&mut frame, DONTWAIT).is_ok() && frame.get_more() {}
}

fn receive_all(socket: &Socket) -> Option<Vec<Message>> {
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
fn divide(mut frames: Vec<Message>) -> Option<(Vec<Message>, Message)> {
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
