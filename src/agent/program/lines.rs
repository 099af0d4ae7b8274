//! Lines out of a stream of bytes, with a limit. A line that is too long is dropped, but for its beginning, or given in
//! parts; of one that is not ended, the part that has arrived can be read. Between two lines there may be a frame: so many
//! bytes, whatever they are, as whoever has read the line before it says.

/// The longest line, in bytes.
pub(crate) const LONGEST: usize = 16 << 20;

/// How much is kept of a line that is too long.
const BEGINNING: usize = 4096;

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Of which so many bytes have been given before, as a part.
    Whole { bytes: Vec<u8>, given: usize },
    /// It goes on.
    Part(Vec<u8>),
    /// Its beginning.
    TooLong(Vec<u8>),
    /// The frame that was expected.
    Frame(Result<Vec<u8>, NoFrame>),
}

/// Why there is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoFrame {
    #[error("a frame of {length} bytes, where {longest} may come")]
    TooLong { length: u64, longest: usize },
    #[error("a frame of {length} bytes without a line feed after it: more or less than was said")]
    NotEnded { length: u64 },
    #[error("a frame of {length} bytes, of which {missing} have not come")]
    CutOff { length: u64, missing: u64 },
}

/// A frame that is on its way.
#[derive(Debug)]
struct Expected {
    length: u64,
    /// How many bytes of it have not come.
    missing: u64,
    /// What has come; nothing of one that is too long.
    bytes: Vec<u8>,
}

/// What becomes of a line that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Long {
    LetGo,
    Divide,
    /// It is dropped if it begins as a word of the protocol does: half a word says nothing.
    DivideText,
}

/// What has been read, and is not yet a whole line.
#[derive(Debug)]
pub(crate) struct Lines {
    longest: usize,
    long: Long,
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where no end of a line was found.
    scanned: usize,
    /// How much of the next line has been given as a part.
    given: usize,
    /// How many lines have ended.
    ended: u64,
    /// How a line begins that is too long, and has not ended.
    skipping: Option<Vec<u8>>,
    /// What comes next is no line.
    frame: Option<Expected>,
}

/// So much room a frame is given before it has come.
const BELIEVED: usize = 1 << 20;

impl Lines {
    pub(crate) fn new(long: Long) -> Self {
        Self::with_limit(LONGEST, long)
    }

    pub(crate) fn with_limit(longest: usize, long: Long) -> Self {
        Self {
            longest,
            long,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            given: 0,
            ended: 0,
            skipping: None,
            frame: None,
        }
    }

    /// The line that was read last says that a frame follows it.
    pub(crate) fn expect(&mut self, length: u64) {
        let room = usize::try_from(length).unwrap_or(usize::MAX);
        let room = if room > self.longest { 0 } else { room };
        self.frame = Some(Expected {
            length,
            missing: length,
            bytes: Vec::with_capacity(room.min(BELIEVED)),
        });
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let at_once = match &mut self.frame {
            Some(frame) if self.start == self.buffer.len() => frame.take(bytes, self.longest),
            _ => 0,
        };
        let bytes = &bytes[at_once..];
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line, a part of one that is too long, or the frame that is expected.
    pub(crate) fn next(&mut self) -> Option<Line> {
        if self.frame.is_some() {
            return self.next_frame();
        }
        let unseen = &self.buffer[self.scanned..];
        let Some(end) = unseen.iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.buffer.len();
            return self.too_long();
        };
        let end = self.scanned + end;
        if end - self.start > self.longest && self.divides() {
            // The rest of it comes next.
            self.scanned = self.start;
            return self.cut(self.longest);
        }
        let line = self.buffer[self.start..end].to_vec();
        self.start = end + 1;
        self.scanned = self.start;
        self.forget_if_empty();
        Some(self.judged(line))
    }

    fn next_frame(&mut self) -> Option<Line> {
        let mut frame = self.frame.take()?;
        self.start += frame.take(&self.buffer[self.start..], self.longest);
        let after = self.buffer.get(self.start).copied();
        let frame = match after {
            Some(b'\n') if frame.missing == 0 => {
                self.start += 1;
                frame.judged(self.longest)
            }
            Some(_) if frame.missing == 0 => {
                let length = frame.length;
                Err(NoFrame::NotEnded { length })
            }
            _ => {
                self.frame = Some(frame);
                self.scanned = self.start;
                self.forget_if_empty();
                return None;
            }
        };
        self.scanned = self.start;
        self.forget_if_empty();
        Some(Line::Frame(frame))
    }

    /// The stream has ended: what is left is the last line, or frame.
    pub(crate) fn finish(&mut self) -> Option<Line> {
        if let Some(line) = self.next_frame() {
            return Some(line);
        }
        if let Some(frame) = self.frame.take() {
            return Some(Line::Frame(frame.judged(self.longest)));
        }
        if self.buffer.len() - self.start > self.longest && self.divides() {
            return self.cut(self.longest);
        }
        let line = self.buffer.split_off(self.start);
        self.buffer.clear();
        self.start = 0;
        self.scanned = 0;
        let some = !line.is_empty() || self.skipping.is_some();
        some.then(|| self.judged(line))
    }

    /// What there is of a line that is not ended, and that could be text; without what has been given.
    pub(crate) fn unfinished(&self) -> &[u8] {
        match self.long {
            _ if self.frame.is_some() => &[],
            Long::LetGo => &[],
            Long::DivideText if self.is_word() => &[],
            _ => &self.buffer[self.start + self.given..],
        }
    }

    /// Which line that is: how many have ended before it.
    pub(crate) fn ended(&self) -> u64 {
        self.ended
    }

    /// What is unfinished, to be given out: it will not be given again. It ends with a whole character.
    pub(crate) fn take_unfinished(&mut self) -> Vec<u8> {
        let unfinished = self.unfinished();
        let part = unfinished[..whole(unfinished)].to_vec();
        self.given += part.len();
        part
    }

    fn judged(&mut self, bytes: Vec<u8>) -> Line {
        self.ended += 1;
        let given = std::mem::take(&mut self.given);
        match self.skipping.take() {
            Some(beginning) => Line::TooLong(beginning),
            None if bytes.len() > self.longest => Line::TooLong(self.beginning(&bytes)),
            None => Line::Whole { bytes, given },
        }
    }

    /// As much of it as is surely there as soon as it is too long, however it was divided.
    fn beginning(&self, line: &[u8]) -> Vec<u8> {
        line[..line.len().min(BEGINNING).min(self.longest)].to_vec()
    }

    fn too_long(&mut self) -> Option<Line> {
        let is_long = self.buffer.len() - self.start > self.longest;
        if is_long && self.divides() {
            return self.cut(self.longest);
        }
        if self.skipping.is_some() || is_long {
            let beginning = self.beginning(&self.buffer[self.start..]);
            self.skipping.get_or_insert(beginning);
            self.start = self.buffer.len();
            self.forget_if_empty();
        }
        None
    }

    /// Takes the first bytes of the next line as a part, but for what has been given of them.
    fn cut(&mut self, length: usize) -> Option<Line> {
        let line = &self.buffer[self.start..self.start + length];
        let length = match whole(line) {
            0 => line.len(),
            whole => whole,
        };
        let given = self.given.min(length);
        self.given -= given;
        let part = self.buffer[self.start + given..self.start + length].to_vec();
        self.start += length;
        self.scanned = self.scanned.max(self.start);
        self.forget_if_empty();
        Some(Line::Part(part))
    }

    fn divides(&self) -> bool {
        self.skipping.is_none()
            && match self.long {
                Long::LetGo => false,
                Long::Divide => true,
                Long::DivideText => !self.is_word(),
            }
    }

    fn is_word(&self) -> bool {
        let line = self.buffer[self.start..].trim_ascii_start();
        line.first().is_none_or(|byte| *byte == b'{')
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

impl Expected {
    /// Takes what belongs to it, and tells how much that is.
    fn take(&mut self, bytes: &[u8], longest: usize) -> usize {
        let missing = usize::try_from(self.missing).unwrap_or(usize::MAX);
        let count = missing.min(bytes.len());
        self.missing -= count as u64;
        if self.length <= longest as u64 {
            self.bytes.extend_from_slice(&bytes[..count]);
        }
        count
    }

    /// No more of it comes.
    fn judged(self, longest: usize) -> Result<Vec<u8>, NoFrame> {
        let Self {
            length,
            missing,
            bytes,
        } = self;
        match missing {
            0 if length > longest as u64 => Err(NoFrame::TooLong { length, longest }),
            0 => Ok(bytes),
            missing => Err(NoFrame::CutOff { length, missing }),
        }
    }
}

/// How many bytes of it are whole characters, if the last one is only begun.
fn whole(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(4);
    let begins = bytes[tail..].iter().rposition(|byte| byte & 0xc0 != 0x80);
    let Some(last) = begins.map(|at| tail + at) else {
        return bytes.len();
    };
    match std::str::from_utf8(&bytes[last..]) {
        Err(error) if error.error_len().is_none() => last,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(chunks: &[&[u8]], longest: usize) -> Vec<Line> {
        let mut lines = Lines::with_limit(longest, Long::LetGo);
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            found.extend(std::iter::from_fn(|| lines.next()));
        }
        found.extend(std::iter::from_fn(|| lines.finish()));
        found
    }

    #[test]
    fn a_line_that_is_too_long_is_one_line() {
        let whole = |text: &[u8]| Line::Whole {
            bytes: text.to_vec(),
            given: 0,
        };
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

    /// What is read by one who takes a line of `#N` for the announcement of a frame.
    fn framed(chunks: &[&[u8]], longest: usize) -> Vec<Line> {
        let mut lines = Lines::with_limit(longest, Long::LetGo);
        let mut found = Vec::new();
        let announced = |line: &Line| match line {
            Line::Whole { bytes, .. } => std::str::from_utf8(bytes.strip_prefix(b"#")?)
                .ok()?
                .parse()
                .ok(),
            _ => None,
        };
        let mut take = |lines: &mut Lines, line: Line| {
            if let Some(length) = announced(&line) {
                lines.expect(length);
            }
            found.push(line);
        };
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.next() {
                take(&mut lines, line);
            }
        }
        while let Some(line) = lines.finish() {
            take(&mut lines, line);
        }
        found
    }

    #[test]
    fn frames_are_told_from_lines() {
        let line = |text: &[u8]| Line::Whole {
            bytes: text.to_vec(),
            given: 0,
        };
        let frame = |bytes: &[u8]| Line::Frame(Ok(bytes.to_vec()));
        let found = framed(&[b"#5\n\n{}\0\xff\nnext\n#0\n\n#2\nab"], 9);
        let expected = [
            line(b"#5"),
            frame(b"\n{}\0\xff"),
            line(b"next"),
            line(b"#0"),
            frame(b""),
            line(b"#2"),
            frame(b"ab"),
        ];
        assert_eq!(found, expected);
        let bad = |bytes: &[u8]| framed(&[bytes], 3).remove(1);
        let (length, longest) = (4, 3);
        let too_long = NoFrame::TooLong { length, longest };
        assert_eq!(bad(b"#4\nabcd\n"), Line::Frame(Err(too_long)));
        let length = 3;
        let not_ended = NoFrame::NotEnded { length };
        assert_eq!(bad(b"#3\nabcd\n"), Line::Frame(Err(not_ended)));
        let missing = 1;
        let cut_off = NoFrame::CutOff { length, missing };
        assert_eq!(bad(b"#3\nab"), Line::Frame(Err(cut_off)));
        let endless = framed(&[b"#18446744073709551615\n", b"{}\n"], 99);
        assert_eq!(endless.len(), 2);
    }

    #[test]
    fn of_a_frame_nothing_is_given_in_parts() {
        let mut lines = Lines::with_limit(20, Long::DivideText);
        lines.push(b"#9\nPassword");
        assert!(lines.next().is_some());
        lines.expect(9);
        assert_eq!(lines.next(), None);
        assert_eq!(lines.take_unfinished(), b"");
        lines.push(b":\n");
        assert_eq!(lines.next(), Some(Line::Frame(Ok(b"Password:".to_vec()))));
    }

    proptest! {
        /// However lines and frames are divided, they are the same.
        #[test]
        fn the_division_of_frames_does_not_matter(
            parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..30), 0_u64..3), 0..10),
            cuts in prop::collection::vec(0_usize..400, 0..20),
        ) {
            let (mut bytes, mut expected) = (Vec::new(), Vec::new());
            let mut sound = true;
            for (is_frame, part, wrong) in &parts {
                if !is_frame {
                    let text: Vec<u8> = part.iter().map(|byte| b'a' + byte % 26).collect();
                    bytes.extend([&text[..], b"\n"].concat());
                    expected.push(Line::Whole { bytes: text, given: 0 });
                    continue;
                }
                sound &= *wrong == 0;
                let length = part.len() as u64 + wrong;
                let line = format!("#{length}");
                bytes.extend([line.as_bytes(), b"\n", part, b"\n"].concat());
                expected.push(Line::Whole { bytes: line.into_bytes(), given: 0 });
                expected.push(Line::Frame(Ok(part.clone())));
            }
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let whole = framed(&[&bytes], 100);
            prop_assert_eq!(framed(&chunks, 100), whole.clone());
            if sound {
                prop_assert_eq!(whole, expected);
            }
        }

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
                    true => Line::Whole { bytes: line.to_vec(), given: 0 },
                    false => Line::TooLong(line[..longest].to_vec()),
                })
                .collect();
            if expected.last() == Some(&Line::Whole { bytes: Vec::new(), given: 0 }) {
                expected.pop();
            }
            prop_assert_eq!(read(&chunks, longest), expected);
        }

        /// However the bytes are divided and whenever what is unfinished is taken, nothing is lost and nothing comes
        /// twice, and lines end where they end.
        #[test]
        fn what_is_given_in_parts_is_what_came(
            chunks in prop::collection::vec(("[aé\n]{0,12}", any::<bool>()), 0..20), longest in 4_usize..20,
        ) {
            let mut lines = Lines::with_limit(longest, Long::Divide);
            let (mut all, mut seen) = (String::new(), String::new());
            let mut take = |line: Line| {
                let (bytes, end) = match line {
                    Line::Whole { bytes, given } => (bytes[given..].to_vec(), "\n"),
                    Line::Part(bytes) => (bytes, ""),
                    Line::TooLong(_) | Line::Frame(_) => panic!("{line:?}"),
                };
                seen.push_str(std::str::from_utf8(&bytes).unwrap());
                seen.push_str(end);
            };
            for (chunk, pause) in chunks {
                all.push_str(&chunk);
                // Half a character at a time.
                for byte in chunk.as_bytes() {
                    lines.push(&[*byte]);
                    std::iter::from_fn(|| lines.next()).for_each(&mut take);
                }
                if pause {
                    take(Line::Part(lines.take_unfinished()));
                    prop_assert!(lines.unfinished().is_empty());
                }
            }
            std::iter::from_fn(|| lines.finish()).for_each(&mut take);
            prop_assert_eq!(seen.trim_end_matches('\n'), all.trim_end_matches('\n'));
        }
    }

    #[test]
    fn words_are_not_given_in_parts() {
        let mut lines = Lines::with_limit(20, Long::DivideText);
        lines.push(b" {\"half\": ");
        assert_eq!(lines.take_unfinished(), b"");
        lines.push(b"\"a word that is far too long\"}\n");
        assert!(matches!(lines.next(), Some(Line::TooLong(_))));
        lines.push(b"Password: ");
        assert_eq!(lines.take_unfinished(), b"Password: ");
        lines.push(b"ok\n");
        let bytes = b"Password: ok".to_vec();
        assert_eq!(lines.next(), Some(Line::Whole { bytes, given: 10 }));
    }
}
