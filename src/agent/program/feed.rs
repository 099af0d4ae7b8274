//! Lines that wait to be read by the program: a queue with bounds.

use std::collections::VecDeque;

/// How many lines may wait before the sockets that feed the program are no longer read.
const LINES: usize = 1000;
/// How many bytes may.
const BYTES: usize = 16 << 20;

/// The queue, ready to be written in as few pieces as possible.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    buffer: Vec<u8>,
    written: usize,
    /// Where in the buffer the lines end that are not yet wholly written.
    ends: VecDeque<usize>,
}

impl Feed {
    pub(crate) fn has_room(&self) -> bool {
        self.ends.len() < LINES && self.buffer.len() - self.written < BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many lines wait.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a line; the bounds are the caller's to keep.
    pub(crate) fn push(&mut self, line: &[u8]) {
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        self.ends.push_back(self.buffer.len());
    }

    /// What is to be written next.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.written..]
    }

    /// So many bytes of it have been written.
    pub(crate) fn advance(&mut self, count: usize) {
        self.written += count;
        while self.ends.front().is_some_and(|end| *end <= self.written) {
            self.ends.pop_front();
        }
        if self.written == self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(64 << 10);
            self.written = 0;
        } else if self.written > BYTES {
            self.buffer.drain(..self.written);
            for end in &mut self.ends {
                *end -= self.written;
            }
            self.written = 0;
        }
    }

    /// Drops all lines and tells how many.
    pub(crate) fn clear(&mut self) -> usize {
        std::mem::take(self).ends.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_bounds_hold() {
        let mut feed = Feed::default();
        while feed.has_room() {
            feed.push(b"x");
        }
        assert_eq!(feed.len(), LINES);
        feed.advance(1);
        assert!(!feed.has_room());
        feed.advance(1);
        assert!(feed.has_room());
        assert_eq!(feed.clear(), LINES - 1);
        feed.push(&vec![0; BYTES]);
        assert!(!feed.has_room());
    }

    proptest! {
        /// What comes out is what went in, and the count is of lines not wholly written.
        #[test]
        fn nothing_is_lost(steps in prop::collection::vec((any::<bool>(), 0usize..20), 0..100)) {
            let (mut feed, mut put, mut got) = (Feed::default(), Vec::new(), Vec::new());
            for (push, size) in steps {
                if push {
                    feed.push(&vec![b'x'; size]);
                    put.extend(vec![b'x'; size]);
                    put.push(b'\n');
                } else {
                    let count = size.min(feed.bytes().len());
                    got.extend_from_slice(&feed.bytes()[..count]);
                    feed.advance(count);
                }
                let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
                prop_assert_eq!(feed.len(), lines(&put) - lines(&got));
            }
            got.extend_from_slice(feed.bytes());
            prop_assert_eq!(got, put);
        }
    }
}
