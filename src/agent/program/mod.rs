//! The agent's program: a command in any language that speaks JSON lines. What the lines mean to the
//! agent is here; specs/commands.md is the contract with those who write programs.
//!
//! A program that does not read, or writes faster than its messages can leave, is held back by what
//! it waits for itself: a pipe. Nothing grows without bounds.

mod feed;
mod lines;
mod obey;
mod owed;
mod process;
mod words;

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use serde_json::Value;

use self::feed::Feed;
use self::lines::{Line, Lines};
use self::owed::OWED;
pub use self::owed::Owed;
use self::process::{Got, Process, status_of, words_of};
pub use self::words::ProgramId;
use self::words::{FromProgram, Outcome as Reply, ToProgram};
use super::core::Life;
use super::state::Agent;

/// How much is read from a program before others have their turn.
const CHUNK: usize = 64 << 10;

/// A program and what lies between it and the agent.
pub struct Program {
    process: Process,
    feed: Feed,
    lines: Lines,
    /// A word that cannot be obeyed yet. Until it is, nothing more is read.
    held: Option<FromProgram>,
    started: bool,
    /// Its input is closed once all has been written.
    closing: bool,
    ended: bool,
    /// How often its queue has become full.
    stalls: u64,
    /// It is full, or has not been empty since.
    stalled: bool,
}

/// What of a program the loop is to watch.
pub struct Watched {
    pub exit: i32,
    pub output: Option<i32>,
    pub input: Option<i32>,
}

impl Program {
    /// Counts how often the queue has become full; tells the count when that is worth a word.
    fn note_stall(&mut self) -> Option<u64> {
        if self.stalled {
            self.stalled = !self.feed.is_empty();
            return None;
        }
        self.stalled = !self.feed.has_room();
        self.stalls += u64::from(self.stalled);
        (self.stalled && self.stalls.is_power_of_two()).then_some(self.stalls)
    }

    fn tell(&mut self, word: &ToProgram) {
        if self.closing || self.process.input_fd().is_none() {
            return;
        }
        // Words are JSON: their maps have text for keys.
        if let Ok(line) = serde_json::to_vec(word) {
            self.feed.push(&line);
        }
    }

    fn listens(&self) -> bool {
        !self.ended && !self.closing && self.process.input_fd().is_some()
    }

    /// Writes what it takes. Tells how many lines are lost because it closed its input.
    fn flush(&mut self) -> usize {
        while !self.feed.is_empty() {
            match self.process.write(self.feed.bytes()) {
                Some(0) => return 0,
                Some(count) => self.feed.advance(count),
                None => return self.feed.clear(),
            }
        }
        if self.closing {
            self.process.close_input();
        }
        0
    }
}

impl Agent {
    /// Starts the program, if there is to be one; or tells why it cannot be.
    pub fn spawn_program(&mut self) -> Result<(), String> {
        let Some(program) = &self.boot.program else {
            return Ok(());
        };
        let env = [
            ("OSB_AGENT", self.boot.name.as_str()),
            ("OSB_NAMESERVER", self.boot.nameserver.as_str()),
        ];
        self.program = Some(Program {
            process: Process::start(program, &env)?,
            feed: Feed::default(),
            lines: Lines::default(),
            held: None,
            started: false,
            closing: false,
            ended: false,
            stalls: 0,
            stalled: false,
        });
        Ok(())
    }

    pub fn watched_program(&self) -> Option<Watched> {
        let program = self.program.as_ref().filter(|program| !program.ended)?;
        let output = program.process.output_fd();
        let input = program.process.input_fd();
        Some(Watched {
            exit: program.process.exit_fd(),
            output: output.filter(|_| program.held.is_none()),
            input: input.filter(|_| !program.feed.is_empty()),
        })
    }

    /// Whether another message for the program can be taken in.
    pub fn program_has_room(&self) -> bool {
        match &self.program {
            Some(program) if program.listens() => {
                program.started && program.feed.has_room() && self.owed.len() < OWED
            }
            _ => true,
        }
    }

    /// Whether it still runs.
    pub fn has_program(&self) -> bool {
        self.program.as_ref().is_some_and(|program| !program.ended)
    }

    /// Whether it has said something that could not be done yet.
    pub fn owes_to_program(&self) -> bool {
        let held = |program: &Program| program.held.is_some();
        self.program.as_ref().is_some_and(held)
    }

    /// The system is wired: the first line.
    pub fn start_program(&mut self) {
        let Some(program) = &mut self.program else {
            return;
        };
        program.started = true;
        let slots = self.sockets.iter();
        program.tell(&ToProgram::Start {
            agent: &self.boot.name,
            attributes: &self.attributes,
            sockets: slots.map(|slot| (&slot.alias, slot.kind)).collect(),
        });
    }

    pub fn stop_program(&mut self) {
        if let Some(program) = &mut self.program {
            program.tell(&ToProgram::Stop {});
        }
    }

    pub fn close_program_input(&mut self) {
        if let Some(program) = &mut self.program {
            program.closing = true;
        }
    }

    pub fn signal_program(&mut self, kill: bool) {
        let Some(program) = self.program.as_ref().filter(|program| !program.ended) else {
            return;
        };
        let (signal, line) = match kill {
            true => (Signal::SIGKILL, "the command is killed"),
            false => (
                Signal::SIGTERM,
                "the command does not end; it is sent SIGTERM",
            ),
        };
        program.process.signal(signal);
        self.log.warn(line);
    }

    /// Attributes were set from outside.
    pub fn tell_attributes(&mut self, attributes: &BTreeMap<String, Value>) {
        if let Some(program) = self.program.as_mut().filter(|program| program.started)
            && program.feed.has_room()
        {
            program.tell(&ToProgram::Attributes { attributes });
        }
    }

    /// The answer to a question of the program.
    pub fn reply_to_program(&mut self, id: &ProgramId, outcome: &Result<Value, String>) {
        let outcome = match outcome {
            Ok(message) => Reply::Message(message),
            Err(reason) => Reply::Error(reason),
        };
        if let Some(program) = &mut self.program {
            program.tell(&ToProgram::Reply { id, outcome });
        }
    }

    /// Writes what waits for the program.
    pub fn flush_program(&mut self) {
        let program = self.program.as_mut().filter(|program| !program.ended);
        let lost = program.map_or(0, Program::flush);
        if lost > 0 {
            let line = format!("lines not read by the command, which has closed its input: {lost}");
            self.log.warn(&line);
        }
        if let Some(stalls) = self.program.as_mut().and_then(Program::note_stall) {
            let line = format!(
                "the command does not read: what feeds it waits until it does ({stalls} times so far)"
            );
            self.log.warn(&line);
        }
    }

    /// The program has written.
    pub fn drain_program(&mut self) {
        self.read_program();
        self.work_off_program();
    }

    fn read_program(&mut self) -> Got {
        let Some(program) = &mut self.program else {
            return Got::End;
        };
        let mut chunk = vec![0; CHUNK];
        let got = program.process.read(&mut chunk);
        if let Got::Bytes(count) = got {
            program.lines.push(&chunk[..count]);
        }
        got
    }

    /// Obeys what has been read, as far as possible.
    fn work_off_program(&mut self) {
        while let Some(program) = &mut self.program {
            let word = match program.held.take() {
                Some(word) => word,
                None => match program.lines.next() {
                    Some(line) => match self.understand(&line) {
                        Some(word) => word,
                        None => continue,
                    },
                    None => return,
                },
            };
            if let Some(word) = self.obey(word) {
                if let Some(program) = &mut self.program {
                    program.held = Some(word);
                }
                return;
            }
        }
    }

    fn understand(&mut self, line: &Line) -> Option<FromProgram> {
        let Line::Whole(line) = line else {
            self.note_garbage(&format!("a line of more than {} bytes", lines::LONGEST));
            return None;
        };
        match words::read(line) {
            Ok(word) => return Some(word),
            Err(words::NoWord::Blank) => {}
            Err(words::NoWord::Plain(text)) => {
                self.garbage_lines += 1;
                self.log.info(&format!("stdout: {text}"));
            }
            Err(words::NoWord::Wrong(reason)) => self.note_garbage(&reason),
        }
        None
    }

    /// Counts a line of the program that says nothing, and tells.
    fn note_garbage(&mut self, reason: &str) {
        self.garbage_lines += 1;
        self.log.warn(&format!("the command: {reason}"));
    }

    /// Something has happened that may let a word be obeyed that could not be before.
    pub fn resume_program(&mut self) {
        if !self.owes_to_program() {
            return;
        }
        match self.has_program() {
            true => self.work_off_program(),
            false => self.read_last_words(),
        }
    }

    /// The program's process has ended, or so it seems.
    pub fn on_program_exit(&mut self) {
        let Some(exit) = self
            .program
            .as_mut()
            .and_then(|program| program.process.exit())
        else {
            return;
        };
        self.read_last_words();
        if let Some(program) = &mut self.program {
            program.ended = true;
            let count = program.feed.clear();
            if count > 0 {
                let line = format!("lines not read by the command: {count}");
                self.log.warn(&line);
            }
        }
        let promised = std::mem::take(&mut self.promised).into_values();
        let promised = promised.map(Owed::Answer);
        let owed = self.owed.take_all().into_iter().map(|(_, owed)| owed);
        for owed in owed.chain(promised) {
            self.settle_owed(owed, Err("the command has ended".into()));
        }
        let line = format!("the command has ended: {}", words_of(exit));
        match exit.success() || self.life.ending() {
            true => self.log.info(&line),
            false => self.log.error(&line),
        }
        if !self.life.ending() {
            self.timers.stop();
            self.life.flush(status_of(exit), self.now);
        }
    }

    /// What the program wrote before it ended is obeyed like all else.
    fn read_last_words(&mut self) {
        loop {
            self.work_off_program();
            if self.owes_to_program() {
                return;
            }
            match self.read_program() {
                Got::Bytes(_) => {}
                Got::Nothing | Got::End => break,
            }
        }
        let last = self
            .program
            .as_mut()
            .and_then(|program| program.lines.finish());
        if let Some(word) = last.and_then(|line| self.understand(&line)) {
            self.obey(word);
        }
    }

    /// A program that is still there when the agent goes would be nobody's.
    pub fn abandon_program(&mut self) {
        if let Some(program) = self.program.as_ref().filter(|program| !program.ended) {
            program.process.signal(Signal::SIGKILL);
        }
    }

    /// Whether the program's messages may leave.
    fn may_send(&self) -> bool {
        self.life != Life::Preparing
    }
}
