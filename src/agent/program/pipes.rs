//! A program in a process of its own: JSON lines through two pipes.

use std::os::fd::RawFd;
use std::time::Duration;

use regex_lite::Regex;

use super::feed::{self, Call, Feed, Place, Unread};
use super::lag::{Behind, Lag, PATIENCE};
use super::lines::{self, Line, Lines, Long};
use super::output::{Output, Stream, as_text};
use super::pause::Pause;
use super::process::{Got, Process};
use super::told::Frame;
use super::words::{self, FromProgram, NoWord, ToProgram};
use super::{Exit, Watched};
use crate::model::Millis;

/// How much is read from a program before others have their turn.
const CHUNK: usize = 64 << 10;

/// The process, what waits to be read by it, and what of its output is not yet a line.
pub(crate) struct Pipes {
    process: Process,
    feed: Feed,
    /// What of it has been written and not been read.
    lag: Lag,
    /// When it was looked whether calls come too late.
    looked_at: Duration,
    lines: Lines,
    /// It has said that bytes are to travel as frames.
    frames: bool,
    /// The line that has announced the frame which is read.
    announced: Vec<u8>,
    /// Its input is closed once all has been written.
    closing: bool,
    hearing: Hearing,
    /// What it prints may be words.
    speaks: bool,
    output: Option<Output>,
    pause: Pause,
    /// How much of the text that is about to be kept has been.
    given: usize,
    /// The last line that was too long, and came in parts.
    divided: Option<u64>,
}

/// Whether it takes what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    Hears,
    /// Its input was closed a moment ago: perhaps because it has ended.
    Unsure,
    /// It lives, and has closed its input.
    Deaf,
}

impl Pipes {
    /// A program that speaks, or one that knows nothing of osb. Of one that is `relaunched` the next one gets what it has not read.
    pub(crate) fn new(
        process: Process,
        speaks: bool,
        output: Option<Output>,
        relaunched: bool,
    ) -> Self {
        let long = match (&output, speaks) {
            // There is no place for parts.
            (None, _) => Long::LetGo,
            (Some(_), true) => Long::DivideText,
            (Some(_), false) => Long::Divide,
        };
        Self {
            process,
            speaks,
            output,
            feed: Feed::new(relaunched),
            lag: Lag::default(),
            looked_at: Duration::ZERO,
            frames: false,
            announced: Vec::new(),
            hearing: Hearing::Hears,
            lines: Lines::new(long),
            closing: false,
            pause: Pause::default(),
            given: 0,
            divided: None,
        }
    }

    pub(crate) fn watched(&self) -> Watched {
        let input = self.process.input_fd();
        Watched {
            exit: self.process.exit_fd(),
            output: self.process.output_fd(),
            errors: self.process.errors_fd(),
            input: input.filter(|_| !self.feed.is_empty()),
        }
    }

    pub(crate) fn tell(&mut self, word: &ToProgram, frame: Option<Frame>) {
        self.tell_as(word, frame, None);
    }

    /// A call, which is of use until then.
    pub(crate) fn call(&mut self, word: &ToProgram, call: Call) {
        self.tell_as(word, None, Some(call));
    }

    fn tell_as(&mut self, word: &ToProgram, frame: Option<Frame>, call: Option<Call>) {
        // Words are JSON: their maps have text for keys.
        if let Ok(line) = serde_json::to_vec(word) {
            let line = feed::Line::new(line, frame, place_of(word));
            self.feed.push(line.passing(is_message(word)).calling(call));
        }
    }

    /// From now on bytes travel as frames, both ways.
    pub(crate) fn begin_frames(&mut self) {
        self.frames = true;
    }

    pub(crate) fn has_frames(&self) -> bool {
        self.frames
    }

    /// Why the program will not read a call in time that it is told now, if it goes on as it does.
    pub(crate) fn late(&mut self, until: Duration, now: Duration) -> Option<String> {
        self.lag.look(self.process.unread(), now);
        let behind = self.lag.behind(now)?;
        let is_late = behind.wait(self.feed.ahead()) > until.saturating_sub(now);
        is_late.then(|| self.why_late(&behind))
    }

    fn why_late(&self, behind: &Behind) -> String {
        let words = behind.lines + self.feed.waiting() as u64;
        let tenths = u64::try_from(behind.time.as_millis() / 100).unwrap_or(u64::MAX);
        let time = Millis::from(Duration::from_millis(tenths.saturating_mul(100)));
        format!("the command is behind: {words} words wait until it reads them, since {time}")
    }

    /// Takes back the calls that it will not read in time, if none was looked at for a while; and why.
    pub(crate) fn take_late(&mut self, now: Duration) -> Option<(Vec<u64>, String)> {
        if !self.feed.has_calls() || now < self.looked_at + PATIENCE {
            return None;
        }
        self.looked_at = now;
        self.lag.look(self.process.unread(), now);
        let behind = self.lag.behind(now)?;
        let why = self.why_late(&behind);
        let late = |call: Call, ahead: usize| behind.wait(ahead) > call.until.saturating_sub(now);
        Some((self.feed.withdraw(late), why))
    }

    /// Whether it can be told something that does not wait for its turn.
    pub(crate) fn has_lane(&self) -> bool {
        self.feed.has_lane()
    }

    /// Lines that another program has not read.
    pub(crate) fn pass_on(&mut self, lines: Vec<Box<[u8]>>) {
        for line in lines {
            let line = feed::Line::new(line.into_vec(), None, Place::Yields);
            self.feed.push(line.passing(true));
        }
    }

    /// Takes what it has not read.
    pub(crate) fn take_unread(&mut self) -> Unread {
        self.feed.take_unread(self.process.unread())
    }

    pub(crate) fn may_have_ended(&self) -> bool {
        self.hearing == Hearing::Unsure
    }

    pub(crate) fn listens(&self) -> bool {
        !self.closing && self.input_fd().is_some()
    }

    fn input_fd(&self) -> Option<RawFd> {
        self.process.input_fd()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.feed.has_room()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.feed.is_empty()
    }

    /// Writes what it takes. Tells how many lines are lost because it closed its input.
    pub(crate) fn flush(&mut self, now: Duration) -> usize {
        if self.feed.is_empty() && self.lag.is_none() {
            self.close_if_done();
            return 0;
        }
        self.lag.look(self.process.unread(), now);
        let lost = self.write();
        self.lag.look(self.process.unread(), now);
        lost
    }

    fn write(&mut self) -> usize {
        if self.hearing == Hearing::Unsure {
            self.hearing = Hearing::Deaf;
        }
        while !self.feed.is_empty() {
            if self.hearing == Hearing::Deaf {
                return self.feed.clear();
            }
            match self.process.write(&self.feed.pieces()) {
                Some(0) => return 0,
                Some(count) => {
                    let lines = self.feed.advance(count);
                    self.lag.wrote(count, lines);
                }
                None => {
                    self.hearing = Hearing::Unsure;
                    return 0;
                }
            }
        }
        self.close_if_done();
        0
    }

    fn close_if_done(&mut self) {
        if self.closing {
            self.process.close_input();
        }
    }

    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    /// Drops what has not been read, and tells how many lines that is.
    pub(crate) fn clear(&mut self) -> usize {
        self.feed.clear()
    }

    pub(crate) fn read(&mut self) -> Got {
        let mut chunk = vec![0; CHUNK];
        let got = self.process.read(&mut chunk);
        if let Got::Bytes(count) = got {
            self.lines.push(&chunk[..count]);
        }
        got
    }

    /// Keeps what it has written to standard error: one chunk of it, or all.
    pub(crate) fn read_errors(&mut self, all: bool) {
        let Some(output) = &mut self.output else {
            return;
        };
        let mut chunk = vec![0; CHUNK];
        loop {
            match self.process.read_errors(&mut chunk) {
                Got::Bytes(count) => output.errors(&chunk[..count]),
                Got::Nothing => break,
                Got::End => return output.finish(),
            }
            if !all {
                return;
            }
        }
        if all {
            output.finish();
        }
    }

    /// Keeps what it has printed to standard output. False if there is no place for it.
    pub(crate) fn keep_printed(&mut self, text: &str) -> bool {
        let given = std::mem::take(&mut self.given);
        let output = self.output.as_mut();
        output.is_some_and(|output| {
            output.line(Stream::Output, text, given);
            true
        })
    }

    /// Keeps what of lines is there that are not ended for too long.
    pub(crate) fn on_time(&mut self, now: Duration) {
        let Some(output) = &mut self.output else {
            return;
        };
        if self.pause.is_over(&self.lines, now) {
            let part = self.lines.take_unfinished();
            output.part(Stream::Output, &String::from_utf8_lossy(&part));
        }
        output.on_time(now);
    }

    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        let errors = self.output.as_ref().and_then(Output::wakes_at);
        let calls = self.feed.has_calls().then_some(self.looked_at + PATIENCE);
        let others = errors.into_iter().chain(calls);
        self.pause.wakes_at().into_iter().chain(others).min()
    }

    /// The next word of what has been read.
    pub(crate) fn next(&mut self) -> Option<Result<FromProgram, NoWord>> {
        loop {
            let line = self.lines.next()?;
            if let Some(word) = self.understand(line) {
                return Some(word);
            }
        }
    }

    /// What is left after the last line's end.
    pub(crate) fn rest(&mut self) -> Option<Result<FromProgram, NoWord>> {
        loop {
            let line = self.lines.finish()?;
            if let Some(word) = self.understand(line) {
                return Some(word);
            }
        }
    }

    /// None for a part of a line, which is kept at once.
    fn understand(&mut self, line: Line) -> Option<Result<FromProgram, NoWord>> {
        match line {
            Line::Whole { bytes, .. } if self.frames && self.speaks && self.announces(&bytes) => {
                self.announced = bytes;
                None
            }
            Line::Frame(frame) => {
                let line = std::mem::take(&mut self.announced);
                Some(words::read_framed(&line, frame))
            }
            Line::Whole { bytes, given } => {
                let (text, given) = as_text(&bytes, given);
                self.given = given;
                Some(match self.speaks {
                    true => words::read(&bytes),
                    false => Err(NoWord::Printed(text)),
                })
            }
            Line::Part(part) => {
                if let Some(output) = &mut self.output {
                    output.part(Stream::Output, &String::from_utf8_lossy(&part));
                }
                // It may have been meant for a word, and is said to be none: once.
                let line = Some(self.lines.ended());
                let is_first = std::mem::replace(&mut self.divided, line) != line;
                let too_long = || Err(words::too_long(&part, lines::LONGEST));
                (self.speaks && is_first).then(too_long)
            }
            Line::TooLong(beginning) => Some(Err(words::too_long(&beginning, lines::LONGEST))),
        }
    }

    /// Whether a frame follows the line, which is what is read next then.
    fn announces(&mut self, line: &[u8]) -> bool {
        let length = words::announced(line);
        length
            .inspect(|length| self.lines.expect(*length))
            .is_some()
    }

    /// Whether it may be told anything, ever.
    pub(crate) fn speaks(&self) -> bool {
        self.speaks
    }

    /// From now on a line is looked for that the pattern matches.
    pub(crate) fn look_for(&mut self, pattern: Regex) {
        if let Some(output) = &mut self.output {
            output.look_for(pattern);
        }
    }

    /// Whether that line has been printed.
    pub(crate) fn has_found(&self) -> bool {
        self.output.as_ref().is_some_and(Output::has_found)
    }

    pub(crate) fn exit(&mut self) -> Option<Exit> {
        self.process.exit().map(Exit::of_process)
    }

    pub(crate) fn note_end(&mut self, pid: u32) -> bool {
        self.process.note_end(pid)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn terminate(&self) {
        self.process.signal(nix::sys::signal::Signal::SIGTERM);
    }

    pub(crate) fn kill(&self) {
        self.process.signal(nix::sys::signal::Signal::SIGKILL);
    }
}

/// Which words do not wait until those before them are handled.
fn place_of(word: &ToProgram<'_>) -> Place {
    match word {
        ToProgram::Message { .. } | ToProgram::Reply { .. } => Place::Yields,
        ToProgram::Call { .. } | ToProgram::Attributes { .. } | ToProgram::Ping {} => {
            Place::Overtakes
        }
        ToProgram::Start { .. } | ToProgram::Release {} | ToProgram::Stop {} => Place::Stays,
    }
}

/// Whether it is a message that nobody waits for an answer to.
fn is_message(word: &ToProgram<'_>) -> bool {
    matches!(word, ToProgram::Message { id: None, .. })
}
