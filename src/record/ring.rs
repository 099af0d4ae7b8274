//! A flight recorder: what has passed lately, in a bounded room, and of what passes rarely the last message. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Message;
use crate::model::Alias;
use crate::wire::{Passed, Sort, TappedSocket, Way, split_topic};

/// What one message takes beside its bytes.
const BESIDE: usize = size_of::<Kept>() + 48;

/// What is kept.
pub(crate) struct Ring {
    span: Duration,
    room: usize,
    kept: VecDeque<Kept>,
    taken: usize,
    /// Of each channel, what has passed there last and is kept no more.
    last: BTreeMap<Key, Kept>,
    /// What is older had no room.
    short: bool,
}

/// What a channel is of.
type Key = (usize, Alias, Way, u8, Box<[u8]>);

/// A message.
struct Kept {
    came: Duration,
    agent: usize,
    socket: TappedSocket,
    count: u64,
    time: u64,
    way: Way,
    sort: Sort,
    pair: u64,
    size: u32,
    bytes: Box<[u8]>,
}

impl Ring {
    /// Keeps messages for so long, as long as they are no more than so many bytes.
    pub(crate) fn new(span: Duration, room: usize) -> Self {
        Self {
            span,
            room,
            kept: VecDeque::new(),
            taken: 0,
            last: BTreeMap::new(),
            short: false,
        }
    }

    /// A message has come, so long after the beginning.
    pub(crate) fn push(&mut self, message: &Message<'_>, now: Duration) {
        let kept = Kept::of(message, now);
        self.taken += kept.takes();
        self.kept.push_back(kept);
        while self.taken > self.room && self.kept.len() > 1 {
            self.short = true;
            self.drop_oldest();
        }
        self.age(now);
    }

    /// It is that late now: what is too old goes. Times of other machines do not matter to that.
    pub(crate) fn age(&mut self, now: Duration) {
        let oldest = now.saturating_sub(self.span);
        while self.kept.front().is_some_and(|it| it.came < oldest) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(kept) = self.kept.pop_front() {
            self.taken -= kept.takes();
            self.last.insert(kept.key(), kept);
        }
    }

    /// How many are kept, and how many bytes they take.
    pub(crate) fn holds(&self) -> (usize, usize) {
        (self.kept.len(), self.taken)
    }

    /// Whether there was no room for all of the span.
    pub(crate) fn is_short(&self) -> bool {
        self.short
    }

    /// All that is kept: first the last of the channels on which nothing has passed since, then the others in their order.
    pub(crate) fn each<E>(
        &self,
        mut write: impl FnMut(&Message<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut last: Vec<&Kept> = self.last.values().collect();
        last.sort_by_key(|it| it.time);
        let mut all = last.into_iter().chain(&self.kept);
        all.try_for_each(|it| write(&it.message()))
    }
}

impl Kept {
    fn of(message: &Message<'_>, came: Duration) -> Self {
        let passed = &message.passed;
        Self {
            came,
            agent: message.agent,
            socket: message.socket.clone(),
            count: message.count,
            time: message.time,
            way: passed.way,
            sort: passed.sort,
            pair: passed.pair,
            size: passed.size,
            bytes: passed.bytes.into(),
        }
    }

    fn takes(&self) -> usize {
        BESIDE + self.bytes.len()
    }

    fn key(&self) -> Key {
        let topic = match self.sort {
            Sort::Publication if self.socket.serializer.divides() => {
                split_topic(&self.bytes, self.socket.serializer).map_or(&[][..], |it| it.0)
            }
            _ => &[],
        };
        let alias = self.socket.alias.clone();
        (self.agent, alias, self.way, self.sort as u8, topic.into())
    }

    fn message(&self) -> Message<'_> {
        Message {
            agent: self.agent,
            socket: &self.socket,
            count: self.count,
            time: self.time,
            passed: Passed {
                way: self.way,
                sort: self.sort,
                pair: self.pair,
                size: self.size,
                bytes: &self.bytes,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, Serializer};

    fn socket() -> TappedSocket {
        TappedSocket {
            alias: "news".parse().unwrap(),
            kind: Kind::Pub,
            serializer: Serializer::Json,
        }
    }

    fn push(ring: &mut Ring, text: &str, time: u64) {
        let bytes = text.replace('|', "\u{80}");
        let bytes: Vec<u8> = bytes.chars().map(|it| it as u8).collect();
        let socket = socket();
        let message = Message {
            agent: 0,
            socket: &socket,
            count: 1,
            time,
            passed: Passed {
                way: Way::Out,
                sort: Sort::Publication,
                pair: 0,
                size: u32::try_from(bytes.len()).unwrap(),
                bytes: &bytes,
            },
        };
        ring.push(&message, Duration::from_micros(time));
    }

    fn kept(ring: &Ring) -> Vec<u64> {
        let mut times = Vec::new();
        let told: Result<(), ()> = ring.each(|it| {
            times.push(it.time);
            Ok(())
        });
        told.unwrap();
        times
    }

    #[test]
    fn the_last_of_each_topic_is_kept_for_ever() {
        let mut ring = Ring::new(Duration::from_micros(10), 1 << 20);
        for (text, time) in [("map|1", 1), ("map|2", 2), ("pose|1", 3), ("pose|2", 14)] {
            push(&mut ring, text, time);
        }
        assert_eq!(kept(&ring), [2, 3, 14]);
        ring.age(Duration::from_micros(30));
        assert_eq!(kept(&ring), [2, 14]);
        assert_eq!(ring.holds().0, 0);
        assert!(!ring.is_short());
    }

    #[test]
    fn there_is_a_bound() {
        let mut ring = Ring::new(Duration::from_secs(1), 3 * (BESIDE + 3));
        for time in 1..=9 {
            push(&mut ring, "x|1", time);
        }
        assert!(ring.is_short());
        assert_eq!(kept(&ring), [6, 7, 8, 9]);
        assert!(ring.holds().1 <= 3 * (BESIDE + 3));
    }
}
