//! Lines that come from another machine, within limits: what is no osb may write whatever it likes, without an end.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::wire::MachineWord;

/// The longest line that is not osb's, in bytes.
pub(crate) const LONGEST_LINE: usize = 64 << 10;
/// How much may come at one stage, in bytes, besides what was asked for.
pub(crate) const MOST_OF_STAGE: usize = 1 << 20;

/// Why no line was read.
#[derive(Debug)]
pub(crate) enum End {
    /// The stream is over, or broken.
    Closed,
    TooLong,
    TooMuch,
}

impl End {
    /// In words, if it is the other side's fault.
    pub(crate) fn reason(&self) -> Option<String> {
        match self {
            End::Closed => None,
            End::TooLong => Some(format!(
                "a line of more than {} KiB came, which is not osb's",
                LONGEST_LINE >> 10
            )),
            End::TooMuch => Some("more came than was asked for".to_owned()),
        }
    }
}

/// Lines as they come. What has come of one is kept when a wait for its end is broken off.
pub(crate) struct Lines<R> {
    from: R,
    line: Vec<u8>,
    longest: usize,
    /// How much has come at this stage.
    came: usize,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(from: R) -> Self {
        Self::within(from, LONGEST_LINE)
    }

    /// The same with another bound on lines that are not osb's.
    pub(super) fn within(from: R, longest: usize) -> Self {
        Self {
            from,
            line: Vec::new(),
            longest,
            came: 0,
        }
    }

    /// Another stage begins.
    pub(crate) fn begin_stage(&mut self) {
        self.came = self.line.len();
    }

    /// The next line. In this stage no more than `most` bytes may come; a line that is not a word of osb's is short.
    pub(crate) async fn next(&mut self, most: usize) -> Result<String, End> {
        loop {
            let come = self.from.fill_buf().await.map_err(closed)?;
            if come.is_empty() {
                return Err(End::Closed);
            }
            let end = come.iter().position(|byte| *byte == b'\n');
            let (part, used) = match end {
                Some(end) => (&come[..end], end + 1),
                None => (come, come.len()),
            };
            self.came += used;
            let is_word = starts(&self.line, part);
            let long = self.line.len() + part.len() > self.longest && !is_word;
            if long || self.came > most {
                return Err(if long { End::TooLong } else { End::TooMuch });
            }
            self.line.extend_from_slice(part);
            self.from.consume(used);
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
        }
    }
}

fn closed(_: io::Error) -> End {
    End::Closed
}

/// Whether a line that begins so is a word of osb's.
fn starts(line: &[u8], next: &[u8]) -> bool {
    let mark = MachineWord::MARK.as_bytes();
    let begin = line.iter().chain(next).take(mark.len());
    begin.eq(mark)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn lines_are_read_whatever_pieces_they_come_in() {
        let (mut there, here) = tokio::io::duplex(64);
        let mut lines = Lines::new(BufReader::new(here));
        there.write_all(b"osb-fou").await.unwrap();
        // A wait that is broken off loses nothing.
        let waited = std::time::Duration::from_millis(1);
        assert!(tokio::time::timeout(waited, lines.next(99)).await.is_err());
        there.write_all(b"nd\r\n\xffmotd\n").await.unwrap();
        assert_eq!(lines.next(99).await.unwrap(), "osb-found\r");
        assert_eq!(lines.next(99).await.unwrap(), "\u{fffd}motd");
        drop(there);
        assert!(matches!(lines.next(99).await, Err(End::Closed)));
    }

    #[tokio::test]
    async fn what_has_no_end_is_not_kept() {
        let endless = BufReader::new(tokio::io::repeat(b'x').take(4 << 30));
        let mut lines = Lines::new(endless);
        let next = lines.next(MOST_OF_STAGE).await;
        assert!(matches!(next, Err(End::TooLong)));
        assert!(lines.line.len() <= LONGEST_LINE);
        let endless = BufReader::new(tokio::io::repeat(b'\n').take(4 << 30));
        let mut lines = Lines::new(endless);
        let end = loop {
            match lines.next(1000).await {
                Ok(line) => assert_eq!(line, ""),
                Err(end) => break end,
            }
        };
        assert!(matches!(end, End::TooMuch));
        assert_eq!(lines.came, 1001);
    }

    #[tokio::test]
    async fn words_of_osb_are_as_long_as_what_was_asked_for() {
        let word = format!("{}{}\n", MachineWord::MARK, "x".repeat(LONGEST_LINE * 2));
        let mut lines = Lines::new(word.as_bytes());
        assert_eq!(lines.next(word.len()).await.unwrap() + "\n", word);
        let mut lines = Lines::new(word.as_bytes());
        let most = word.len() - 1;
        assert!(matches!(lines.next(most).await, Err(End::TooMuch)));
        let mut lines = Lines::new(&b"a\nb\n"[..]);
        lines.next(2).await.unwrap();
        lines.begin_stage();
        lines.next(2).await.unwrap();
    }
}
