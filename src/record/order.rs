//! Messages in the order of their times: those of several agents come some milliseconds out of order. Pure.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use super::Heard;

/// By how much a message may come too late. Later ones keep their places.
const WINDOW: Duration = Duration::from_secs(2);
/// How many bytes may wait for those.
const ROOM: usize = 64 << 20;
/// What one message takes beside its bytes.
const BESIDE: usize = 96;

/// The messages that wait.
#[derive(Default)]
pub(crate) struct InOrder {
    waiting: BinaryHeap<Reverse<Waiting>>,
    count: u64,
    newest: u64,
    taken: usize,
    is_over: bool,
}

struct Waiting {
    /// The time, and the place in the file.
    at: (u64, u64),
    heard: Heard,
}

impl InOrder {
    pub(crate) fn push(&mut self, heard: Heard) {
        self.newest = self.newest.max(heard.time);
        self.taken += BESIDE + heard.data.len();
        self.count += 1;
        let at = (heard.time, self.count);
        self.waiting.push(Reverse(Waiting { at, heard }));
    }

    /// No more will come.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    /// The next one, if none can come before it.
    pub(crate) fn pop(&mut self) -> Option<Heard> {
        let Reverse(first) = self.waiting.peek()?;
        let window = u64::try_from(WINDOW.as_nanos()).unwrap_or(u64::MAX);
        let is_old = self.newest.saturating_sub(first.at.0) > window;
        if !(is_old || self.is_over || self.taken > ROOM) {
            return None;
        }
        let Reverse(Waiting { heard, .. }) = self.waiting.pop()?;
        self.taken -= BESIDE + heard.data.len();
        Some(heard)
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Waiting {}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::record::Track;

    fn heard(ms: u64, sequence: u32) -> Heard {
        let track = Track {
            name: "Alice.main".into(),
            encoding: "json".into(),
            lane: None,
        };
        Heard {
            track: Rc::new(track),
            sequence,
            time: ms * 1_000_000,
            data: Vec::new(),
        }
    }

    fn ripe(order: &mut InOrder) -> Vec<u32> {
        let next = std::iter::from_fn(|| order.pop());
        next.map(|it| it.sequence).collect()
    }

    #[test]
    fn what_comes_a_little_late_finds_its_place() {
        let mut order = InOrder::default();
        for (ms, sequence) in [(10, 1), (5, 0), (10, 2), (2000, 4)] {
            order.push(heard(ms, sequence));
        }
        assert!(ripe(&mut order).is_empty());
        order.push(heard(2011, 5));
        assert_eq!(ripe(&mut order), [0, 1, 2]);
        order.push(heard(1000, 3));
        order.end();
        assert_eq!(ripe(&mut order), [3, 4, 5]);
    }
}
