//! Lines that wait to be read by the program: a queue with bounds.

use std::collections::VecDeque;

/// How many lines may wait before the sockets that feed the program are no longer read.
const LINES: usize = 1000;
/// How many bytes may.
const BYTES: usize = 16 << 20;

/// How much of what was written is kept, if another program may have to read it: what a pipe holds.
const PIPE: usize = 64 << 10;

/// The queue, ready to be written in as few pieces as possible.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    buffer: Vec<u8>,
    /// Where in the buffer the first line begins that is kept.
    start: usize,
    written: usize,
    /// The lines that are kept: first those that are wholly written.
    lines: VecDeque<Line>,
    /// How many of them are wholly written.
    done: usize,
    /// How many bytes are kept of what is written.
    kept: usize,
}

#[derive(Debug)]
struct Line {
    /// Where in the buffer it ends.
    end: usize,
    /// Another program may read it, if this one has not.
    passes: bool,
}

/// What a program has not read.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// Lines that another program may read.
    pub lines: Vec<Box<[u8]>>,
    /// How many others there were, or were read in part only.
    pub lost: usize,
}

impl Feed {
    /// Of a program that is `relaunched` what it has not read is kept for the next one.
    pub(crate) fn new(relaunched: bool) -> Self {
        Self {
            kept: if relaunched { PIPE } else { 0 },
            ..Self::default()
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting() < LINES && self.bytes().len() < BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    /// How many lines wait.
    fn waiting(&self) -> usize {
        self.lines.len() - self.done
    }

    /// Adds a line; the bounds are the caller's to keep. `passes`: another program may read it, if this one does not.
    pub(crate) fn push(&mut self, line: &[u8], passes: bool) {
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        let end = self.buffer.len();
        self.lines.push_back(Line { end, passes });
    }

    /// What is to be written next.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.written..]
    }

    /// So many bytes of it have been written.
    pub(crate) fn advance(&mut self, count: usize) {
        self.written += count;
        while let Some(line) = self.lines.get(self.done)
            && line.end <= self.written
        {
            self.done += 1;
        }
        while self.done > 0
            && let Some(line) = self.lines.front()
            && line.end + self.kept <= self.written
        {
            self.start = line.end;
            self.lines.pop_front();
            self.done -= 1;
        }
        self.forget_read();
    }

    /// Lets go of what comes before the first line, now and then.
    fn forget_read(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(64 << 10);
        } else if self.start > PIPE && self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
        } else {
            return;
        }
        let gone = std::mem::take(&mut self.start);
        self.written -= gone;
        for line in &mut self.lines {
            line.end -= gone;
        }
    }

    /// Drops all lines and tells how many were not written.
    pub(crate) fn clear(&mut self) -> usize {
        let waiting = self.waiting();
        *self = Self {
            kept: self.kept,
            ..Self::default()
        };
        waiting
    }

    /// Takes all lines, of which the program has not read the last `unread` bytes that were written.
    pub(crate) fn take_unread(&mut self, unread: usize) -> Unread {
        let read = self.written.saturating_sub(unread);
        let mut begin = self.start;
        let mut taken = Unread::default();
        for line in &self.lines {
            let bytes = &self.buffer[begin..line.end];
            if line.passes && begin >= read {
                taken.lines.push(bytes[..bytes.len() - 1].into());
            } else if line.end > read {
                taken.lost += 1;
            }
            begin = line.end;
        }
        self.clear();
        taken
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
            feed.push(b"x", true);
        }
        assert_eq!(feed.waiting(), LINES);
        feed.advance(1);
        assert!(!feed.has_room());
        feed.advance(1);
        assert!(feed.has_room());
        assert_eq!(feed.clear(), LINES - 1);
        feed.push(&vec![0; BYTES], true);
        assert!(!feed.has_room());
    }

    proptest! {
        /// What comes out is what went in, and the count is of lines not wholly written.
        #[test]
        fn nothing_is_lost(steps in prop::collection::vec((any::<bool>(), 0usize..20), 0..100)) {
            let (mut feed, mut put, mut got) = (Feed::default(), Vec::new(), Vec::new());
            for (push, size) in steps {
                if push {
                    feed.push(&vec![b'x'; size], true);
                    put.extend(vec![b'x'; size]);
                    put.push(b'\n');
                } else {
                    let count = size.min(feed.bytes().len());
                    got.extend_from_slice(&feed.bytes()[..count]);
                    feed.advance(count);
                }
                let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
                prop_assert_eq!(feed.waiting(), lines(&put) - lines(&got));
            }
            got.extend_from_slice(feed.bytes());
            prop_assert_eq!(got, put);
        }

        /// Whatever was written and read: each line was read in part, or is among those that pass on; in order, and whole.
        #[test]
        fn what_is_not_read_passes_on(sizes in prop::collection::vec(0usize..30_000, 1..60), part in 0usize..1000, left in 0usize..PIPE) {
            let mut feed = Feed::new(true);
            let (mut stream, mut ends) = (Vec::new(), Vec::new());
            for (at, size) in sizes.iter().enumerate() {
                let line = vec![b'a' + (at % 26) as u8; *size];
                feed.push(&line, true);
                stream.extend(line);
                stream.push(b'\n');
                ends.push(stream.len());
            }
            let written = stream.len() * part / 1000;
            for step in [written / 2, written - written / 2] {
                feed.advance(step);
            }
            let unread = left.min(written);
            let read = written - unread;
            let expected = ends.iter().position(|end| *end > read).unwrap_or(ends.len());
            let begin = expected.checked_sub(1).map_or(0, |it| ends[it]);
            let begun = begin < read && begin < stream.len();
            let taken = feed.take_unread(unread);
            let first = expected + usize::from(begun);
            let sizes: Vec<usize> = sizes[first.min(sizes.len())..].to_vec();
            prop_assert_eq!(taken.lines.iter().map(|it| it.len()).collect::<Vec<_>>(), sizes);
            prop_assert_eq!(taken.lost, usize::from(begun));
            prop_assert!(feed.is_empty());
        }
    }
}
