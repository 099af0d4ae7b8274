//! The agent starts its program, tells it what happens, and ends it.

use std::collections::BTreeMap;
use std::time::Duration;

use regex_lite::Regex;
use serde_json::Value;

use super::body::Body;
use super::output::Output;
use super::pipes::Pipes;
use super::process::{Process, Streams};
use super::words::{Heard, Outcome as Reply, Payload, ProgramId, ToProgram};
use super::{Guest, Program, Watched};
use crate::agent::core::Life;
use crate::agent::state::Agent;
use crate::model;
use crate::process::{MemoryWatch, RUN};

impl Agent {
    /// Starts the program, if it is to be there from the beginning; or tells why it cannot be.
    pub(crate) fn spawn_program(&mut self) -> Result<(), String> {
        match self.boot.spec.program.clone() {
            Some(program) if !program.is_launched() => self.start_process(&program),
            _ => Ok(()),
        }
    }

    /// Whether its program is yet to be launched.
    pub(crate) fn awaits_program(&self) -> bool {
        let launched = |program: &model::Program| program.is_launched();
        self.program.is_none() && self.boot.spec.program.as_ref().is_some_and(launched)
    }

    /// Whether there is, or will be, a program that messages and calls can be handed to.
    pub(crate) fn has_words(&self) -> bool {
        match (&self.program, &self.boot.spec.program) {
            (Some(program), _) => program.body.speaks(),
            (None, Some(program)) => program.speaks.hears(),
            (None, None) => false,
        }
    }

    /// What a program's environment has besides its own part.
    pub(crate) fn program_env(&self) -> [(&str, &str); 3] {
        [
            (RUN, self.run.as_str()),
            ("OSB_AGENT", self.boot.name().as_str()),
            ("OSB_NAMESERVER", self.boot.nameserver.as_str()),
        ]
    }

    /// Starts the process of a program.
    pub(crate) fn start_process(&mut self, program: &model::Program) -> Result<(), String> {
        let machine = self.boot.machine(&|name| std::env::var(name).ok());
        let command = program.command(&machine).map_err(|it| it.to_string())?;
        let speaks = program.speaks.hears();
        let output = match &self.boot.output {
            None => None,
            Some(path) => Some(Output::open(path, self.boot.spec.logs).map_err(|error| {
                format!(
                    "cannot keep what the command prints in {}: {error}",
                    path.display()
                )
            })?),
        };
        let streams = match output {
            _ if !speaks => Streams::Printed,
            Some(_) => Streams::Words,
            None => Streams::WordsWithoutErrors,
        };
        self.watch_over(program)?;
        self.memory = MemoryWatch::begin();
        let process = Process::start(&command, &self.program_env(), streams)?;
        let pipes = Pipes::new(process, speaks, output, self.is_relaunched());
        self.program = Some(Program::new(Body::Process(Box::new(pipes))));
        Ok(())
    }

    /// Takes a thread of this process for its program.
    pub(crate) fn host_guest(&mut self, guest: Guest) {
        let watched = match self.boot.spec.program.clone() {
            Some(program) => self.watch_over(&program),
            None => Ok(()),
        };
        if let Err(reason) = watched {
            self.log
                .error(&format!("its health is not watched: {reason}"));
        }
        self.program = Some(Program::new(Body::Thread(Box::new(guest))));
    }

    pub(crate) fn watched_program(&self) -> Option<Watched> {
        let program = self.program.as_ref().filter(|program| !program.ended)?;
        let watched = program.body.watched();
        Some(Watched {
            output: watched.output.filter(|_| program.held.is_none()),
            ..watched
        })
    }

    /// Whether another message for the program can be taken in.
    pub(crate) fn program_has_room(&self) -> bool {
        match &self.program {
            Some(program) if program.body.may_have_ended() => false,
            _ if self.relaunching.core.is_under_way() => false,
            Some(program) if program.listens() => {
                program.started && program.body.has_room() && self.exchange.may_owe()
            }
            Some(_) => true,
            None => !self.awaits_program(),
        }
    }

    /// Keeps what it has printed of lines that are not ended for too long.
    pub(crate) fn keep_unfinished(&mut self) {
        if let Some(program) = self.program.as_mut().filter(|program| !program.ended) {
            program.body.on_time(self.now);
        }
        self.log.on_time();
    }

    /// When that is due next.
    pub(crate) fn unfinished_at(&self) -> Option<Duration> {
        let program = self.program.as_ref().filter(|program| !program.ended);
        program.and_then(|program| program.body.wakes_at())
    }

    /// Whether it is the program, or a probe of it, that has ended with this pid. It is waited for then.
    pub(crate) fn note_end(&mut self, pid: u32) -> bool {
        let program = self.program.as_mut();
        program.is_some_and(|program| program.body.note_end(pid))
            || self.note_end_of_attempt(pid)
            || self.note_end_of_check(pid)
    }

    /// Whether it still runs.
    pub(crate) fn has_program(&self) -> bool {
        self.program.as_ref().is_some_and(|program| !program.ended)
    }

    /// Whether it has said something that could not be done yet.
    pub(crate) fn owes_to_program(&self) -> bool {
        let held = |program: &Program| program.held.is_some();
        self.program.as_ref().is_some_and(held)
    }

    /// The system is wired: the first line, which is said once.
    pub(crate) fn start_program(&mut self) {
        let Some(program) = self.program.as_mut().filter(|program| !program.started) else {
            return;
        };
        program.started = true;
        let slots = || self.sockets.iter();
        program.tell(&ToProgram::Start {
            agent: self.boot.name(),
            attributes: &self.attributes,
            sockets: slots().map(|slot| (&slot.alias, slot.kind)).collect(),
            serializers: slots().map(|slot| (&slot.alias, slot.serializer)).collect(),
            frames: true,
        });
    }

    /// The name server knows the agent. A thread waits for this; a process was there before.
    pub(crate) fn tell_registered(&mut self) {
        if let Some(Body::Thread(guest)) = self.program.as_mut().map(|program| &mut program.body) {
            guest.tell(Heard::Registered);
        }
    }

    /// The system has released the agent: what the program says to its sockets is held again.
    pub(crate) fn release_program(&mut self) {
        if let Some(program) = &mut self.program {
            program.started = false;
            program.tell(&ToProgram::Release {});
        }
        for reply in self.exchange.take_pending() {
            self.settle_pending_reply(reply, Err("its system is taken down".into()));
        }
    }

    /// What the program before this one has not read of messages that nobody waits for an answer to.
    pub(crate) fn pass_on_unread(&mut self, lines: Vec<Box<[u8]>>) {
        if let Some(program) = &mut self.program {
            program.body.pass_on(lines);
        }
    }

    pub(crate) fn stop_program(&mut self) {
        if let Some(program) = &mut self.program {
            program.tell(&ToProgram::Stop {});
        }
    }

    /// The end of its input tells a program to end; one that has none is sent SIGTERM.
    pub(crate) fn end_program(&mut self) {
        match self.program.as_mut().filter(|program| !program.ended) {
            Some(program) if program.body.speaks() => program.body.close(),
            Some(program) => program.body.terminate(),
            None => {}
        }
    }

    /// From now on a line is looked for in what it prints.
    pub(crate) fn look_for(&mut self, pattern: Regex) {
        if let Some(Body::Process(pipes)) = self.program.as_mut().map(|it| &mut it.body) {
            pipes.look_for(pattern);
        }
    }

    /// Whether that line has been printed.
    pub(crate) fn has_found(&self) -> bool {
        match self.program.as_ref().map(|program| &program.body) {
            Some(Body::Process(pipes)) => pipes.has_found(),
            _ => false,
        }
    }

    pub(crate) fn signal_program(&mut self, kill: bool) {
        let Some(program) = self.program.as_ref().filter(|program| !program.ended) else {
            return;
        };
        match kill {
            true => program.body.kill(),
            false => program.body.terminate(),
        }
        self.log.warn(match (&program.body, kill) {
            (Body::Process(_), true) => "the command is killed",
            (Body::Process(_), false) => "the command does not end; it is sent SIGTERM",
            (Body::Thread(_), true) => "the program is not waited for any longer",
            (Body::Thread(_), false) => "the program does not come to its end",
        });
    }

    /// Attributes were set from outside.
    pub(crate) fn tell_attributes(&mut self, attributes: &BTreeMap<String, Value>) {
        if let Some(program) = self.program.as_mut().filter(|program| program.started)
            && program.body.has_lane()
        {
            program.tell(&ToProgram::Attributes { attributes });
        }
    }

    /// The answer to a question of the program.
    pub(crate) fn reply_to_program(&mut self, id: &ProgramId, outcome: &Result<Value, String>) {
        let outcome = match outcome {
            Ok(message) => Reply::Message { message },
            Err(error) => Reply::Error { error },
        };
        if let Some(program) = &mut self.program {
            program.tell(&ToProgram::Reply { id, outcome });
        }
    }

    /// The answer to a request of a program that takes frames.
    pub(crate) fn frame_reply(&mut self, id: &ProgramId, outcome: Result<Payload, String>) {
        let told = outcome.and_then(|payload| {
            let told = payload.told();
            told.map_err(|error| format!("an answer that is {error}"))
        });
        let mut told = match told {
            Ok(told) => told,
            Err(reason) => return self.reply_to_program(id, &Err(reason)),
        };
        let (outcome, frame) = told.parts();
        if let Some(program) = &mut self.program {
            program.tell_framed(&ToProgram::Reply { id, outcome }, frame);
        }
    }

    /// Whether bytes travel to the program as frames after lines.
    pub(crate) fn program_has_frames(&self) -> bool {
        self.program.as_ref().is_some_and(Program::has_frames)
    }

    /// Whether answers are for a thread, which reads them itself.
    pub(crate) fn program_reads_payloads(&self) -> bool {
        self.program.as_ref().is_some_and(Program::reads_payloads)
    }

    /// The answer to a request of a thread, as it has come.
    pub(crate) fn hand_reply(&mut self, id: ProgramId, outcome: Result<Payload, String>) {
        if let Some(Body::Thread(guest)) = self.program.as_mut().map(|program| &mut program.body) {
            guest.tell(Heard::Reply { id, outcome });
        }
    }

    /// A question to which the program answers by itself.
    pub(crate) fn ping_program(&mut self) {
        match self.program.as_mut().filter(|program| program.listens()) {
            Some(program) => program.tell(&ToProgram::Ping {}),
            None => {
                if let Some(watch) = &mut self.watch {
                    watch.core.on_deaf();
                }
            }
        }
    }

    /// Writes what waits for the program.
    pub(crate) fn flush_program(&mut self) {
        let program = self.program.as_mut().filter(|program| !program.ended);
        let now = self.now;
        let lost = program.map_or(0, |program| program.body.flush(now));
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

    /// A program that is still there when the agent ends would have no owner.
    pub(crate) fn abandon_program(&mut self) {
        if let Some(program) = self.program.as_ref().filter(|program| !program.ended) {
            program.body.kill();
        }
    }

    /// Whether the program's messages may leave.
    pub(super) fn may_send(&self) -> bool {
        self.life != Life::Preparing
    }
}
