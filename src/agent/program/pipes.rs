//! A program in a process of its own: JSON lines through two pipes.

use std::os::fd::RawFd;
use std::time::Duration;

use regex_lite::Regex;

use super::feed::{Feed, Unread};
use super::lines::{self, Line, Lines, Long};
use super::output::{Output, Stream, as_text};
use super::pause::Pause;
use super::process::{Got, Process};
use super::words::{self, FromProgram, NoWord, ToProgram};
use super::{Exit, Watched};

/// How much is read from a program before others have their turn.
const CHUNK: usize = 64 << 10;

/// The process, what waits to be read by it, and what of its output is not yet a line.
pub(crate) struct Pipes {
    process: Process,
    feed: Feed,
    lines: Lines,
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

    pub(crate) fn tell(&mut self, word: &ToProgram) {
        // Words are JSON: their maps have text for keys.
        if let Ok(line) = serde_json::to_vec(word) {
            self.feed.push(&line, is_message(word));
        }
    }

    /// Lines that another program has not read.
    pub(crate) fn pass_on(&mut self, lines: Vec<Box<[u8]>>) {
        for line in lines {
            self.feed.push(&line, true);
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
    pub(crate) fn flush(&mut self) -> usize {
        if self.hearing == Hearing::Unsure {
            self.hearing = Hearing::Deaf;
        }
        while !self.feed.is_empty() {
            if self.hearing == Hearing::Deaf {
                return self.feed.clear();
            }
            match self.process.write(self.feed.bytes()) {
                Some(0) => return 0,
                Some(count) => self.feed.advance(count),
                None => {
                    self.hearing = Hearing::Unsure;
                    return 0;
                }
            }
        }
        if self.closing {
            self.process.close_input();
        }
        0
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
        self.pause.wakes_at().into_iter().chain(errors).min()
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

/// Whether it is a message that nobody waits for an answer to.
fn is_message(word: &ToProgram<'_>) -> bool {
    matches!(word, ToProgram::Message { id: None, .. })
}
