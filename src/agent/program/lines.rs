//! Lines out of a stream of bytes, with a limit. Of a line that is too long its beginning is kept, and
//! all else let go of, to its end.

/// The longest line, in bytes.
pub const LONGEST: usize = 16 << 20;

/// How much is kept of a line that is too long.
const BEGINNING: usize = 4096;

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Whole(Vec<u8>),
    /// Its beginning.
    TooLong(Vec<u8>),
}

/// What has been read, and is not yet a whole line.
#[derive(Debug)]
pub struct Lines {
    longest: usize,
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where no end of a line was found.
    scanned: usize,
    /// How a line begins that is too long, and has not ended.
    skipping: Option<Vec<u8>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self::with_limit(LONGEST)
    }
}

impl Lines {
    pub fn with_limit(longest: usize) -> Self {
        Self {
            longest,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            skipping: None,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line.
    pub fn next(&mut self) -> Option<Line> {
        let unseen = &self.buffer[self.scanned..];
        let Some(end) = unseen.iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.buffer.len();
            self.let_go_if_too_long();
            return None;
        };
        let end = self.scanned + end;
        let line = self.buffer[self.start..end].to_vec();
        self.start = end + 1;
        self.scanned = self.start;
        self.forget_if_empty();
        Some(self.judged(line))
    }

    /// The stream has ended: what is left is the last line.
    pub fn finish(&mut self) -> Option<Line> {
        let line = self.buffer.split_off(self.start);
        self.buffer.clear();
        self.start = 0;
        self.scanned = 0;
        let some = !line.is_empty() || self.skipping.is_some();
        some.then(|| self.judged(line))
    }

    fn judged(&mut self, line: Vec<u8>) -> Line {
        match self.skipping.take() {
            Some(beginning) => Line::TooLong(beginning),
            None if line.len() > self.longest => Line::TooLong(self.beginning(&line)),
            None => Line::Whole(line),
        }
    }

    /// As much of it as is surely there as soon as it is too long, however it was divided.
    fn beginning(&self, line: &[u8]) -> Vec<u8> {
        line[..line.len().min(BEGINNING).min(self.longest)].to_vec()
    }

    fn let_go_if_too_long(&mut self) {
        let line = &self.buffer[self.start..];
        if self.skipping.is_some() || line.len() > self.longest {
            let beginning = self.beginning(line);
            self.skipping.get_or_insert(beginning);
            self.start = self.buffer.len();
            self.forget_if_empty();
        }
    }

    fn forget_if_empty(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(128 << 10);
            self.start = 0;
            self.scanned = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(chunks: &[&[u8]], longest: usize) -> Vec<Line> {
        let mut lines = Lines::with_limit(longest);
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            found.extend(std::iter::from_fn(|| lines.next()));
        }
        found.extend(lines.finish());
        found
    }

    #[test]
    fn a_line_that_is_too_long_is_one_line() {
        let whole = |text: &[u8]| Line::Whole(text.to_vec());
        let too_long = |text: &[u8]| Line::TooLong(text.to_vec());
        let found = read(&[b"a\nbbbb", b"bbbb", b"b\nc\n\nd"], 3);
        let expected = [
            whole(b"a"),
            too_long(b"bbb"),
            whole(b"c"),
            whole(b""),
            whole(b"d"),
        ];
        assert_eq!(found, expected);
        assert_eq!(read(&[b"aaaa"], 3), [too_long(b"aaa")]);
        assert_eq!(read(&[b"aaaa", b"a"], 3), [too_long(b"aaa")]);
    }

    proptest! {
        /// However the bytes are divided, the lines are the same.
        #[test]
        fn the_division_does_not_matter(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            cuts in prop::collection::vec(0usize..200, 0..20),
            longest in 0usize..20,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let mut expected: Vec<Line> = bytes
                .split(|byte| *byte == b'\n')
                .map(|line| match line.len() <= longest {
                    true => Line::Whole(line.to_vec()),
                    false => Line::TooLong(line[..longest].to_vec()),
                })
                .collect();
            if expected.last() == Some(&Line::Whole(Vec::new())) {
                expected.pop();
            }
            prop_assert_eq!(read(&chunks, longest), expected);
        }
    }
}
