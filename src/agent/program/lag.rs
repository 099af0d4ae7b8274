//! How far a program is behind with what is written to it, and how long that takes it at the pace at which it reads. A pipe
//! tells only how many of the written bytes it still holds.

use std::collections::VecDeque;
use std::time::Duration;

/// How far one looks back for the pace.
const WINDOW: Duration = Duration::from_secs(5);
/// One that has read nothing for less may be busy with what it has read at once: programs read in pieces of many lines.
const QUIET: Duration = Duration::from_secs(1);
/// A program that has been behind for less may just have been given a lot.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// How much was written after each write that is not known to be read, and after the last one that is.
    marks: VecDeque<Mark>,
    known: Mark,
    written: Mark,
    /// How many lines are read.
    read: u64,
    /// Since when something is unread.
    since: Option<Duration>,
    /// How many lines were read earlier, and when: the pace is what was read since the first.
    samples: Option<[Sample; 2]>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Mark {
    bytes: u64,
    lines: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Duration,
    read: u64,
}

/// How far it is behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    /// How many lines it has not read, of those that are written.
    pub lines: u64,
    /// For how long some have waited.
    pub time: Duration,
    /// Within this time it has read so many lines.
    window: Duration,
    pace: u32,
}

impl Behind {
    /// How long it takes, at its pace, until it reads what is written after so many more lines.
    pub(crate) fn wait(&self, more: usize) -> Duration {
        let ahead = u32::try_from(self.lines + more as u64).unwrap_or(u32::MAX);
        self.window.saturating_mul(ahead) / self.pace
    }
}

impl Lag {
    /// Whether everything was read when it was looked at last.
    pub(crate) fn is_none(&self) -> bool {
        self.since.is_none() && self.marks.is_empty()
    }

    /// So many bytes were written, with the ends of so many lines.
    pub(crate) fn wrote(&mut self, bytes: usize, lines: usize) {
        self.written.bytes += bytes as u64;
        self.written.lines += lines as u64;
        self.marks.push_back(self.written);
    }

    /// The pipe holds so many bytes of what was written.
    pub(crate) fn look(&mut self, unread: usize, now: Duration) {
        let read = self.written.bytes.saturating_sub(unread as u64);
        if unread == 0 {
            *self = Self {
                written: self.written,
                known: self.written,
                read: self.written.lines,
                ..Self::default()
            };
            return;
        }
        while let Some(mark) = self.marks.front().filter(|mark| mark.bytes <= read) {
            self.known = *mark;
            self.marks.pop_front();
        }
        self.read = self.lines_until(read);
        self.since.get_or_insert(now);
        let sample = Sample {
            at: now,
            read: self.read,
        };
        let [first, last] = self.samples.get_or_insert([sample; 2]);
        if now.saturating_sub(last.at) >= WINDOW / 2 {
            (*first, *last) = (*last, sample);
        }
    }

    /// How many lines end within the first so many bytes; within a write, as if they were equally long.
    fn lines_until(&self, bytes: u64) -> u64 {
        let before = self.known;
        let Some(after) = self.marks.front() else {
            return before.lines;
        };
        let part = bytes.saturating_sub(before.bytes);
        let whole = after.bytes - before.bytes;
        before.lines + (after.lines - before.lines) * part / whole.max(1)
    }

    /// How far it is behind, if it has been for a while.
    pub(crate) fn behind(&self, now: Duration) -> Option<Behind> {
        let ([first, _], since) = (self.samples?, self.since?);
        let (time, window) = (now.saturating_sub(since), now.saturating_sub(first.at));
        let lines = self.written.lines - self.read;
        let pace = self.read - first.read;
        let patience = if pace == 0 { QUIET } else { PATIENCE };
        let pace = u32::try_from(pace).unwrap_or(u32::MAX).max(1);
        (time >= patience).then_some(Behind {
            lines,
            time,
            window,
            pace,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn one_that_reads_nothing_takes_ever_longer() {
        let mut lag = Lag::default();
        lag.look(0, ms(0));
        assert!(lag.is_none());
        lag.wrote(1000, 10);
        lag.look(1000, ms(0));
        assert_eq!(lag.behind(ms(999)), None);
        lag.look(1000, ms(2000));
        let behind = lag.behind(ms(2000)).unwrap();
        assert_eq!((behind.lines, behind.time), (10, ms(2000)));
        assert_eq!(behind.wait(2), ms(2000) * 12);
        lag.look(0, ms(3000));
        assert!(lag.is_none());
        assert_eq!(lag.behind(ms(9000)), None);
    }

    #[test]
    fn the_pace_is_that_of_the_last_seconds() {
        let mut lag = Lag::default();
        lag.wrote(100, 10);
        lag.look(100, ms(0));
        // A line each second, and new ones: as many wait as ever.
        for second in 1..=20 {
            lag.wrote(10, 1);
            lag.look(100, ms(1000 * second));
        }
        let behind = lag.behind(ms(20_000)).unwrap();
        assert_eq!((behind.lines, behind.time), (10, ms(20_000)));
        assert_eq!(behind.wait(0), ms(10_000));
        // Then it reads fast.
        for tenth in 1..=60 {
            lag.wrote(1000, 100);
            lag.look(100, ms(20_000 + 100 * tenth));
        }
        let behind = lag.behind(ms(26_000)).unwrap();
        assert!(behind.wait(0) < ms(200), "{behind:?}");
        assert!(lag.marks.len() < 4);
    }

    #[test]
    fn within_a_write_lines_are_equally_long() {
        let mut lag = Lag::default();
        lag.wrote(100, 10);
        lag.wrote(1000, 10);
        lag.look(1050, ms(0));
        assert_eq!(lag.read, 5);
        lag.look(500, ms(1));
        assert_eq!(lag.read, 15);
    }
}
