//! The agent's program: a command in any language that speaks JSON lines. What the lines mean to the
//! agent is here; specs/commands.md is the contract with those who write programs.
//!
//! A program that does not read, or writes faster than its messages can leave, is held back by what
//! it waits for itself: a pipe. Nothing grows without bounds.

mod feed;
mod lines;
mod obey;
mod process;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use self::feed::Feed;
use self::lines::{Line, Lines};
use self::process::{Got, Process, status_of, words_of};
pub use self::words::ProgramId;
use self::words::{FromProgram, Outcome as Reply, ToProgram};
use super::control::Asker;
use super::core::Life;
use super::handlers::Incoming;
use super::requests::{Outcome, Request};
use super::state::{Agent, DEFAULT_LIMIT, Ticket};
use crate::model::Millis;
use crate::wire::{CodecError, Fault};

/// How much is read from a program before others have their turn.
const CHUNK: usize = 64 << 10;

/// How many answers a program may owe before no more messages are handed to it.
const OWED: usize = 4096;

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
}

/// What the program owes an answer to.
pub enum Owed {
    Answer(Ticket),
    Call {
        asker: Option<Asker>,
        name: String,
        limit: Duration,
    },
}

/// What of a program the loop is to watch.
pub struct Watched {
    pub exit: i32,
    pub output: Option<i32>,
    pub input: Option<i32>,
}

impl Program {
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

    pub fn hand_to_program(&mut self, incoming: &mut Incoming) -> Result<(), CodecError> {
        let topic = incoming.topic();
        incoming.message()?;
        let ticket = incoming.ticket.take();
        let Some(program) = self.program.as_mut().filter(|program| program.listens()) else {
            self.note_dropped(incoming.at, "the command does not read any more");
            if let Some(ticket) = ticket {
                self.answer_error(ticket, "the command does not read any more");
            }
            return Ok(());
        };
        let deadline = self.now + DEFAULT_LIMIT;
        let owed = &mut self.owed;
        let id = ticket.map(|ticket| owed.add(deadline, Owed::Answer(ticket)));
        let slot = self.sockets.at(incoming.at);
        program.tell(&ToProgram::Message {
            alias: &slot.alias,
            kind: slot.kind,
            topic,
            id,
            message: incoming.message()?,
        });
        Ok(())
    }

    /// Somebody calls a method of the program.
    pub fn call(&mut self, name: String, params: Value, request: Request) -> Outcome {
        let Some(program) = self.program.as_mut().filter(|program| !program.ended) else {
            let agent = self.boot.name.clone();
            return Some(Err(Fault::UnknownMethod {
                agent,
                method: name,
            }));
        };
        let refused = |reason: &str| {
            let reason = format!("cannot call {name}: {reason}");
            Some(Err(Fault::Refused { reason }))
        };
        match program {
            program if !program.started => return refused("the system has not started yet"),
            program if !program.listens() => return refused("the command does not read any more"),
            program if !program.feed.has_room() => {
                return refused("the command is behind with reading");
            }
            _ => {}
        }
        let owed = Owed::Call {
            name: name.clone(),
            limit: request.limit,
            asker: request.asker.clone(),
        };
        let id = self.owed.add(self.now + request.patience(), owed);
        program.tell(&ToProgram::Call {
            id,
            name: &name,
            params: &params,
        });
        None
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

    /// The program has given an answer, or will not.
    fn settle_owed(&mut self, owed: Owed, outcome: Result<Value, String>) {
        match (owed, outcome) {
            (Owed::Answer(ticket), Ok(value)) => self.answer_value(ticket, &value),
            (Owed::Answer(ticket), Err(reason)) => self.answer_error(ticket, &reason),
            (Owed::Call { asker, .. }, outcome) => {
                self.reply(asker, outcome.map_err(|reason| Fault::Handler { reason }));
            }
        }
    }

    pub fn expire_owed(&mut self) {
        while let Some((_, owed)) = self.owed.expired(self.now) {
            match owed {
                Owed::Call { asker, name, limit } => {
                    let what = format!("{}.{name}", self.boot.name);
                    let limit = Millis::from(limit);
                    self.reply(asker, Err(Fault::Deadline { what, limit }));
                }
                answer @ Owed::Answer(_) => {
                    let limit = Millis::from(DEFAULT_LIMIT);
                    let reason = format!("{} gave no answer within {limit}", self.boot.name);
                    self.settle_owed(answer, Err(reason));
                }
            }
        }
    }

    /// Writes what waits for the program.
    pub fn flush_program(&mut self) {
        let program = self.program.as_mut().filter(|program| !program.ended);
        let lost = program.map_or(0, Program::flush);
        if lost > 0 {
            let line =
                format!("{lost} lines were not read by the command: it has closed its input");
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
                let line = format!("{count} lines were not read by the command");
                self.log.warn(&line);
            }
        }
        for (_, owed) in self.owed.take_all() {
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
