//! Taps: members that look at what passes at the sockets. Each is shown it by a socket that is there for that, as far as it has
//! granted, or by the control connection if it cannot dial the agent; and nothing any more when it has not asked for some seconds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::core::Stream;
use super::requester::Requester;
use super::sockets::{SharedStream, TapSocket, Viewer};
use crate::model::PublicKey;
use crate::model::timing::{TAP_PIECE_INTERVAL, TAP_TIMEOUT};
use crate::wire::{TapRequest, TapToken, Tapping};

/// How many may look at one agent at a time.
const MOST: usize = 64;
/// How much one may grant in advance, in bytes.
const LARGEST_CREDIT: i64 = 64 << 20;
/// How much the control connection is given at a time.
const PIECE: usize = 256 << 10;

/// All taps of an agent.
#[derive(Default)]
pub(crate) struct Taps {
    /// As long as there is one.
    socket: Option<TapSocket>,
    taps: BTreeMap<TapToken, Tap>,
    /// Until when the sockets count what goes through, and since when.
    pub measuring: Option<Measuring>,
}

/// What the control connection is given: for whom, and a batch.
pub(crate) type Piece = (Option<Requester>, Vec<u8>);

/// For how long it is counted what goes through.
#[derive(Clone, Copy)]
pub(crate) struct Measuring {
    pub since: Duration,
    pub until: Duration,
}

struct Tap {
    stream: SharedStream,
    /// It ends then, unless it is asked for again.
    until: Duration,
    key: Option<PublicKey>,
    viewer: Option<Viewer>,
    /// It has come, and has been shown nothing yet.
    greets: bool,
    /// How many bytes more may be shown.
    credit: i64,
    asked: Option<Asked>,
    /// When the control connection may be given the next piece.
    next_piece: Duration,
}

/// A piece is waited for.
struct Asked {
    requester: Option<Requester>,
    /// An empty one is the answer then.
    until: Duration,
}

impl Taps {
    pub(crate) fn has_room(&self) -> bool {
        self.taps.len() < MOST
    }

    pub(crate) fn socket(&self) -> Option<&TapSocket> {
        self.socket.as_ref()
    }

    /// Where all taps are dialled: at the socket that is there, or else one that `bind` makes.
    pub(crate) fn open<E>(
        &mut self,
        bind: impl FnOnce() -> Result<TapSocket, E>,
    ) -> Result<Tapping, E> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => bind()?,
        };
        Ok(self.socket.insert(socket).tapping())
    }

    /// That tap goes on. False if there is none such.
    pub(crate) fn keep(&mut self, token: &TapToken, now: Duration) -> bool {
        let tap = self.taps.get_mut(token);
        tap.map(|tap| tap.until = now + TAP_TIMEOUT).is_some()
    }

    /// A new one. Tells its stream.
    pub(crate) fn add(&mut self, request: &TapRequest, now: Duration) -> SharedStream {
        let stream = Rc::new(RefCell::new(Stream::new(request)));
        let tap = Tap {
            stream: Rc::clone(&stream),
            until: now + TAP_TIMEOUT,
            key: request.key,
            viewer: None,
            greets: false,
            credit: 0,
            asked: None,
            next_piece: now,
        };
        self.taps.insert(request.token, tap);
        stream
    }

    /// Takes one out. With the last, the socket is closed.
    pub(crate) fn remove(&mut self, token: &TapToken) -> Option<SharedStream> {
        let tap = self.taps.remove(token)?;
        if self.taps.is_empty() {
            self.socket = None;
        }
        Some(tap.stream)
    }

    /// Those that nobody has asked for lately.
    pub(crate) fn expired(&self, now: Duration) -> Vec<TapToken> {
        let over = self.taps.iter().filter(|(_, tap)| tap.until <= now);
        over.map(|(token, _)| *token).collect()
    }

    /// Whether one who looks dials by that key.
    pub(crate) fn expects(&self, key: &PublicKey) -> bool {
        self.taps.values().any(|tap| tap.key.as_ref() == Some(key))
    }

    /// Reads what those who look have granted.
    pub(crate) fn read_grants(&mut self) {
        let Some(socket) = &self.socket else {
            return;
        };
        while let Some((viewer, token, bytes)) = socket.next_grant() {
            if let Some(tap) = self.taps.get_mut(&token) {
                // It sees by that that it is connected.
                tap.greets |= tap.viewer.as_ref() != Some(&viewer);
                tap.viewer = Some(viewer);
                tap.credit = (tap.credit + i64::from(bytes)).min(LARGEST_CREDIT);
            }
        }
    }

    /// A piece is asked for by the control connection, and the tap goes on by that. False if there is no such tap, or a piece is
    /// waited for already.
    pub(crate) fn ask(
        &mut self,
        token: &TapToken,
        requester: Option<Requester>,
        until: Duration,
    ) -> bool {
        let tap = self.taps.get_mut(token).filter(|it| it.asked.is_none());
        let Some(tap) = tap else {
            return false;
        };
        tap.until = until + TAP_TIMEOUT;
        tap.asked = Some(Asked { requester, until });
        true
    }

    /// Shows what waits, as far as it may. Tells what the control connection is to be given.
    pub(crate) fn show(&mut self, now: Duration) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for tap in self.taps.values_mut() {
            if let Some(socket) = &self.socket {
                tap.show(socket);
            }
            pieces.extend(tap.piece(now));
        }
        pieces
    }

    /// When something is to be done even if nothing happens.
    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        let taps = self.taps.values().map(Tap::wakes_at);
        taps.chain(self.measuring.map(|it| it.until)).min()
    }
}

impl Tap {
    fn show(&mut self, socket: &TapSocket) {
        let Some(viewer) = self.viewer.as_deref().filter(|_| self.credit > 0) else {
            return;
        };
        let mut stream = self.stream.borrow_mut();
        if stream.is_empty() && !self.greets {
            return;
        }
        let batch = stream.take(usize::MAX);
        let len = i64::try_from(batch.len()).unwrap_or(i64::MAX);
        match socket.show(viewer, batch) {
            Ok(()) => {
                self.credit -= len;
                self.greets = false;
            }
            // It is shown when the next grant comes.
            Err(batch) => {
                stream.put_back(batch);
                self.credit = 0;
            }
        }
    }

    fn piece(&mut self, now: Duration) -> Option<Piece> {
        let mut stream = self.stream.borrow_mut();
        let has_something = !stream.is_empty() && self.next_piece <= now;
        let asked = self
            .asked
            .take_if(|asked| has_something || asked.until <= now)?;
        if !has_something {
            return Some((asked.requester, Vec::new()));
        }
        self.next_piece = now + TAP_PIECE_INTERVAL;
        Some((asked.requester, stream.take(PIECE)))
    }

    fn wakes_at(&self) -> Duration {
        let asked = self.asked.as_ref().map(|asked| {
            let next = (!self.stream.borrow().is_empty()).then_some(self.next_piece);
            next.map_or(asked.until, |next| next.min(asked.until))
        });
        asked.map_or(self.until, |asked| asked.min(self.until))
    }
}
