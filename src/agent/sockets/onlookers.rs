//! Who looks at what passes at a socket: taps, and the count of how much and how evenly.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::agent::core::Stream;
use crate::model::Traffic;
use crate::wire::{Passed, TappedSocket, Way};

/// The streams of taps, which the agent and its sockets share.
pub(crate) type SharedStream = Rc<RefCell<Stream>>;

/// All who look at one socket.
#[derive(Default)]
pub(crate) struct Onlookers {
    /// With the number of the socket there.
    streams: Vec<(SharedStream, u16)>,
    pub(super) meter: Option<Meter>,
    /// A message that is about to leave: libzmq takes it away.
    pub(super) leaving: Vec<u8>,
}

/// How much goes through, since somebody has begun to count.
#[derive(Default)]
pub(crate) struct Meter {
    pub received: Measured,
    pub sent: Measured,
}

/// One way.
#[derive(Default)]
pub(crate) struct Measured {
    pub traffic: Traffic,
    last: Option<Instant>,
}

impl Measured {
    fn note(&mut self, size: usize) {
        let now = Instant::now();
        let after = self.last.replace(now).map(|last| now - last);
        self.traffic.note(size, after);
    }
}

impl Onlookers {
    pub(super) fn pass(&mut self, passed: &Passed<'_>) {
        if let Some(meter) = &mut self.meter {
            match passed.way {
                Way::In => &mut meter.received,
                Way::Out => &mut meter.sent,
            }
            .note(passed.size as usize);
        }
        if self.streams.is_empty() {
            return;
        }
        let time = now_us();
        for (stream, number) in &self.streams {
            stream.borrow_mut().pass(*number, passed, time);
        }
    }

    /// A tap is at this socket from now on, if it is not already.
    pub(super) fn admit(&mut self, stream: &SharedStream, socket: TappedSocket) {
        if self.streams.iter().any(|(its, _)| Rc::ptr_eq(its, stream)) {
            return;
        }
        if let Some(number) = stream.borrow_mut().enter(socket) {
            self.streams.push((Rc::clone(stream), number));
        }
    }

    /// It is here no more.
    pub(super) fn dismiss(&mut self, stream: &SharedStream) {
        self.streams.retain(|(its, number)| {
            let stays = !Rc::ptr_eq(its, stream);
            if !stays {
                its.borrow_mut().leave(*number);
            }
            stays
        });
    }

    pub(super) fn is_idle(&self) -> bool {
        self.streams.is_empty() && self.meter.is_none()
    }
}

impl Drop for Onlookers {
    fn drop(&mut self) {
        for (stream, number) in &self.streams {
            stream.borrow_mut().leave(*number);
        }
    }
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| u64::try_from(it.as_micros()).unwrap_or(u64::MAX))
}
