//! Lines that wait to be read by the program, some with a frame: a queue with bounds. Calls overtake messages.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Duration;

use super::told::Frame;

/// How many lines may wait before the sockets that feed the program are no longer read.
const LINES: usize = 1000;
/// How many bytes may.
const BYTES: usize = 16 << 20;

/// How much of what was written is kept, if another program may have to read it: what a pipe holds.
const PIPE: usize = 64 << 10;

/// In how many pieces is written at once, at most: the kernel takes 1,024.
const PIECES: usize = 512;

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// The lines that are kept: first those that are wholly written.
    lines: VecDeque<Line>,
    /// How many of them are wholly written, and how many bytes these have.
    done: usize,
    past: usize,
    /// How many bytes are written of the one after them.
    begun: usize,
    /// How many bytes are not written.
    left: usize,
    /// How many calls are not written.
    calls: usize,
    /// How many bytes are kept of what is written.
    kept: usize,
}

/// A line, or what is left of it.
#[derive(Debug)]
pub(crate) struct Line {
    /// With its end.
    text: Vec<u8>,
    /// After which a line feed comes.
    frame: Option<Frame>,
    place: Place,
    /// Another program may read it, if this one has not.
    passes: bool,
    call: Option<Call>,
}

/// A call of a method, as whoever waits for its answer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub id: u64,
    /// When the answer is of no use any more.
    pub until: Duration,
}

/// How a line stands to others that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A message, or a reply: it waits for its turn, and is overtaken.
    Yields,
    /// A call, or whatever else does not wait until messages are handled.
    Overtakes,
    /// Neither: the beginning and the end.
    Stays,
}

/// What a program has not read.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// Lines that another program may read, as such a one reads them that knows no frames.
    pub lines: Vec<Box<[u8]>>,
    /// How many others there were, or were read in part only.
    pub lost: usize,
}

impl Line {
    /// A line without its end.
    pub(crate) fn new(mut text: Vec<u8>, frame: Option<Frame>, place: Place) -> Self {
        text.push(b'\n');
        Self {
            text,
            frame,
            place,
            passes: false,
            call: None,
        }
    }

    /// It can be withdrawn as long as it is not written.
    pub(crate) fn calling(self, call: Option<Call>) -> Self {
        Self { call, ..self }
    }

    /// Another program may read it, if this one does not.
    pub(crate) fn passing(self, passes: bool) -> Self {
        Self { passes, ..self }
    }

    fn len(&self) -> usize {
        let frame = self.frame.as_ref();
        self.text.len() + frame.map_or(0, |frame| frame.bytes().len() + 1)
    }

    fn pieces(&self) -> [&[u8]; 3] {
        match &self.frame {
            None => [&self.text, b"", b""],
            Some(frame) => [&self.text, frame.bytes(), b"\n"],
        }
    }

    fn without_frame(&self) -> Box<[u8]> {
        let text = &self.text[..self.text.len() - 1];
        match &self.frame {
            None => text.into(),
            Some(frame) => super::words::without_frame(text, frame.bytes()).into(),
        }
    }
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
        self.waiting() < LINES && self.left < BYTES
    }

    /// Whether another line may overtake those that wait.
    pub(crate) fn has_lane(&self) -> bool {
        let waiting = self.lines.iter().skip(self.done);
        waiting.filter(|line| line.place != Place::Yields).count() < LINES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    /// How many lines wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lines.len() - self.done
    }

    /// How many lines wait that the next one does not overtake, which overtakes what yields.
    pub(crate) fn ahead(&self) -> usize {
        self.place_of(Place::Overtakes) - self.done
    }

    /// Adds a line; the bounds are the caller's to keep.
    pub(crate) fn push(&mut self, line: Line) {
        self.left += line.len();
        self.calls += usize::from(line.call.is_some());
        let at = self.place_of(line.place);
        self.lines.insert(at, line);
    }

    fn place_of(&self, place: Place) -> usize {
        let mut at = self.lines.len();
        let first = self.done + usize::from(self.begun > 0);
        if place == Place::Overtakes {
            while at > first && self.lines[at - 1].place == Place::Yields {
                at -= 1;
            }
        }
        at
    }

    /// What is to be written next.
    pub(crate) fn pieces(&self) -> Vec<IoSlice<'_>> {
        let mut pieces = Vec::with_capacity(PIECES.min(3 * self.waiting()));
        let mut skip = self.begun;
        for line in self.lines.iter().skip(self.done) {
            if pieces.len() + 3 > PIECES {
                break;
            }
            for piece in line.pieces() {
                let skipped = skip.min(piece.len());
                skip -= skipped;
                if skipped < piece.len() {
                    pieces.push(IoSlice::new(&piece[skipped..]));
                }
            }
        }
        pieces
    }

    /// So many bytes of it have been written. Tells how many lines that makes.
    pub(crate) fn advance(&mut self, count: usize) -> usize {
        let before = self.done;
        self.left -= count;
        self.begun += count;
        while let Some(line) = self.lines.get(self.done)
            && line.len() <= self.begun
        {
            self.begun -= line.len();
            self.past += line.len();
            self.done += 1;
            self.calls -= usize::from(line.call.is_some());
        }
        let written = self.done - before;
        while self.done > 0
            && let Some(line) = self.lines.front()
            && line.len() + self.kept <= self.past + self.begun
        {
            self.past -= line.len();
            self.done -= 1;
            self.lines.pop_front();
        }
        written
    }

    /// Whether calls wait.
    pub(crate) fn has_calls(&self) -> bool {
        self.calls > 0
    }

    /// Takes back the calls that come too late, if so many lines are before each; but none that is begun.
    pub(crate) fn withdraw(&mut self, late: impl Fn(Call, usize) -> bool) -> Vec<u64> {
        let mut withdrawn = Vec::new();
        let mut at = self.done + usize::from(self.begun > 0);
        while let Some(line) = self.lines.get(at) {
            match line.call.filter(|call| late(*call, at - self.done)) {
                Some(call) => {
                    withdrawn.push(call.id);
                    self.left -= line.len();
                    self.calls -= 1;
                    self.lines.remove(at);
                }
                None => at += 1,
            }
        }
        withdrawn
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
        let read = (self.past + self.begun).saturating_sub(unread);
        let mut begin = 0;
        let mut taken = Unread::default();
        for line in &self.lines {
            let end = begin + line.len();
            if line.passes && begin >= read {
                taken.lines.push(line.without_frame());
            } else if end > read {
                taken.lost += 1;
            }
            begin = end;
        }
        self.clear();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(text: Vec<u8>) -> Line {
        Line::new(text, None, Place::Yields).passing(true)
    }

    fn next_bytes(feed: &Feed, most: usize) -> Vec<u8> {
        let pieces = feed.pieces();
        let all: Vec<u8> = pieces.iter().flat_map(|it| it.iter().copied()).collect();
        all[..most.min(all.len())].to_vec()
    }

    /// Writes all of it, so much at a time.
    fn write(feed: &mut Feed, most: usize) -> Vec<u8> {
        let mut written = Vec::new();
        while !feed.is_empty() {
            let bytes = next_bytes(feed, most);
            feed.advance(bytes.len());
            written.extend(bytes);
        }
        written
    }

    #[test]
    fn both_bounds_hold() {
        let mut feed = Feed::default();
        while feed.has_room() {
            feed.push(message(b"x".to_vec()));
        }
        assert_eq!(feed.waiting(), LINES);
        feed.advance(1);
        assert!(!feed.has_room());
        feed.advance(1);
        assert!(feed.has_room());
        assert_eq!(feed.clear(), LINES - 1);
        let frame = Some(Frame::Own(vec![0; BYTES]));
        feed.push(Line::new(Vec::new(), frame, Place::Yields));
        assert!(!feed.has_room());
    }

    #[test]
    fn calls_overtake_messages_and_nothing_else() {
        let mut feed = Feed::default();
        let mut push = |text: &str, place| {
            feed.push(Line::new(text.into(), None, place));
        };
        push("start", Place::Stays);
        push("m1", Place::Yields);
        push("call 1", Place::Overtakes);
        push("m2", Place::Yields);
        push("call 2", Place::Overtakes);
        push("stop", Place::Stays);
        push("m3", Place::Yields);
        push("call 3", Place::Overtakes);
        let expected = "start\ncall 1\ncall 2\nm1\nm2\nstop\ncall 3\nm3\n";
        assert_eq!(String::from_utf8(write(&mut feed, 5)).unwrap(), expected);
    }

    #[test]
    fn a_line_that_is_begun_is_not_broken() {
        let mut feed = Feed::default();
        let frame = Frame::Own(b"\0\n\xff".to_vec());
        feed.push(Line::new(b"m1".to_vec(), Some(frame), Place::Yields));
        feed.push(message(b"m2".to_vec()));
        feed.advance(4);
        assert_eq!(feed.ahead(), 1);
        feed.push(Line::new(b"call".to_vec(), None, Place::Overtakes));
        assert_eq!(write(&mut feed, 2), b"\n\xff\ncall\nm2\n");
    }

    #[test]
    fn calls_are_taken_back_until_they_are_begun() {
        let mut feed = Feed::default();
        for id in 1..=3 {
            let until = Duration::from_secs(id);
            let call = Some(Call { id, until });
            feed.push(Line::new(b"call".to_vec(), None, Place::Overtakes).calling(call));
        }
        feed.push(message(b"m".to_vec()));
        feed.advance(2);
        assert_eq!(feed.withdraw(|call, ahead| ahead > 0 && call.id < 3), [2]);
        assert_eq!(feed.withdraw(|_, ahead| ahead == 0), [0; 0]);
        assert!(feed.has_calls());
        assert_eq!(write(&mut feed, 9), b"ll\ncall\nm\n");
        assert!(!feed.has_calls());
        assert_eq!(feed.left, 0);
    }

    proptest! {
        /// What comes out is what went in, and the count is of lines not wholly written.
        #[test]
        fn nothing_is_lost(steps in prop::collection::vec((any::<bool>(), any::<bool>(), 0usize..20), 0..100)) {
            let (mut feed, mut put, mut got) = (Feed::default(), Vec::new(), Vec::new());
            for (push, framed, size) in steps {
                if push {
                    let frame = framed.then(|| Frame::Own(vec![b'y'; size]));
                    feed.push(Line::new(vec![b'x'; size], frame, Place::Yields));
                    put.extend(vec![b'x'; size]);
                    put.push(b'\n');
                    if framed {
                        put.extend(vec![b'y'; size]);
                        put.push(b'\n');
                    }
                } else {
                    let bytes = next_bytes(&feed, size);
                    feed.advance(bytes.len());
                    got.extend(bytes);
                }
                prop_assert_eq!(feed.left, put.len() - got.len());
            }
            got.extend(write(&mut feed, 7));
            prop_assert_eq!(got, put);
        }

        /// Whatever was written and read: each line was read in part, or is among those that pass on; in order, and whole.
        #[test]
        fn what_is_not_read_passes_on(sizes in prop::collection::vec(0usize..30_000, 1..60), part in 0usize..1000, left in 0usize..PIPE) {
            let mut feed = Feed::new(true);
            let (mut length, mut ends) = (0, Vec::new());
            for (at, size) in sizes.iter().enumerate() {
                feed.push(message(vec![b'a' + (at % 26) as u8; *size]));
                length += size + 1;
                ends.push(length);
            }
            let written = length * part / 1000;
            for step in [written / 2, written - written / 2] {
                feed.advance(step);
            }
            let unread = left.min(written);
            let read = written - unread;
            let expected = ends.iter().position(|end| *end > read).unwrap_or(ends.len());
            let begin = expected.checked_sub(1).map_or(0, |it| ends[it]);
            let begun = begin < read && begin < length;
            let taken = feed.take_unread(unread);
            let first = expected + usize::from(begun);
            let sizes: Vec<usize> = sizes[first.min(sizes.len())..].to_vec();
            prop_assert_eq!(taken.lines.iter().map(|it| it.len()).collect::<Vec<_>>(), sizes);
            prop_assert_eq!(taken.lost, usize::from(begun));
            prop_assert!(feed.is_empty());
        }
    }
}
