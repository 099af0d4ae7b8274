//! What a program says is read, understood and executed; and its end, with its last words.

use super::words::{FromProgram, NoWord, Waits};
use super::{Exit, Got};
use crate::agent::state::Agent;

impl Agent {
    /// The program has written.
    pub(crate) fn drain_program(&mut self) {
        self.read_program();
        self.work_off_program();
    }

    fn read_program(&mut self) -> Got {
        let program = self.program.as_mut();
        program.map_or(Got::End, |program| program.body.read())
    }

    /// Obeys what has been read, as far as possible.
    fn work_off_program(&mut self) {
        while let Some(program) = &mut self.program {
            let word = match program.held.take() {
                Some(word) => word,
                None => match program.body.next() {
                    Some(said) => match self.understand(said) {
                        Some(word) => word,
                        None => continue,
                    },
                    None => return,
                },
            };
            let held = self.execute(word);
            self.finish_closing();
            if let Some(word) = held {
                if let Some(program) = &mut self.program {
                    program.held = Some(word);
                }
                return;
            }
        }
    }

    fn understand(&mut self, said: Result<FromProgram, NoWord>) -> Option<FromProgram> {
        match said {
            Ok(word) => {
                if let Some(program) = &mut self.program {
                    program.answered = true;
                }
                return Some(word);
            }
            Err(NoWord::Blank) => {}
            Err(NoWord::Plain(text)) => {
                self.garbage_lines += 1;
                self.keep_printed(&text);
            }
            Err(NoWord::Printed(text)) => self.keep_printed(&text),
            Err(NoWord::Wrong { reason, waits }) => self.tell_garbage(&reason, waits),
        }
        None
    }

    /// A line that is no word was printed, for people.
    fn keep_printed(&mut self, text: &str) {
        let program = self.program.as_mut();
        if !program.is_some_and(|program| program.body.keep_printed(text)) {
            self.log.info(&format!("stdout: {text}"));
        }
    }

    /// The program has written to standard error.
    pub(crate) fn drain_program_errors(&mut self) {
        if let Some(program) = &mut self.program {
            program.body.read_errors(false);
        }
    }

    /// Counts a line of the program that says nothing, and tells.
    pub(crate) fn note_garbage(&mut self, reason: &str) {
        self.garbage_lines += 1;
        self.log.warn(&format!("the command: {reason}"));
    }

    /// The same of a line that a requester waits for: the requester is told, too.
    fn tell_garbage(&mut self, reason: &str, waits: Waits) {
        self.note_garbage(reason);
        let answer = match waits {
            Waits::Nobody => return,
            Waits::Program(id) => return self.reply_to_program(&id, &Err(reason.to_owned())),
            Waits::Requester(id) => self.exchange.take_reply(id),
            Waits::OldestRequester => self.exchange.take_oldest_reply(),
        };
        if let Some(reply) = answer {
            let name = self.boot.name();
            let reason = format!("the answer of {name} cannot be read: {reason}");
            self.settle_pending_reply(reply, Err(reason));
        }
    }

    /// Something has happened that may let a word be executed that could not be before.
    pub(crate) fn resume_program(&mut self) {
        if !self.owes_to_program() {
            return;
        }
        match self.has_program() {
            true => self.work_off_program(),
            false => self.read_last_words(),
        }
    }

    /// The program's process has ended, or so it seems.
    pub(crate) fn on_program_exit(&mut self) {
        let Some(exit) = self
            .program
            .as_mut()
            .and_then(|program| program.body.exit())
        else {
            return;
        };
        self.read_last_words();
        let is_whole = self.is_whole_without(exit);
        if let Some(program) = &mut self.program {
            program.body.read_errors(true);
            program.ended = true;
            let lost = match is_whole {
                true => {
                    let unread = program.body.take_unread();
                    self.relaunching.unread = unread.lines;
                    unread.lost
                }
                false => program.body.clear(),
            };
            self.note_unread(lost);
        }
        for reply in self.exchange.take_replies() {
            self.settle_pending_reply(reply, Err("the command has ended".into()));
        }
        let what = match &self.program {
            Some(program) => program.noun(),
            None => "the command",
        };
        let line = format!("{what} has ended: {exit}");
        match exit.success() || self.life.ending() {
            true => self.log.info(&line),
            false => self.log.error(&line),
        }
        self.look_for_want_of_memory(exit);
        self.launched_has_ended(exit);
        self.settling_has_ended(exit);
        match is_whole {
            true => self.ask_for_relaunch(exit),
            false => self.end_with_program(exit.status()),
        }
    }

    /// The agent ends, because its program has.
    pub(crate) fn end_with_program(&mut self, code: i32) {
        if !self.life.ending() {
            self.timers.stop();
            self.relaunching.core.give_up();
            self.life.flush(code, self.now);
        }
    }

    pub(crate) fn note_unread(&mut self, count: usize) {
        if count > 0 {
            let line = format!("lines not read by the command: {count}");
            self.log.warn(&line);
        }
    }

    /// One that was killed, and not by this agent, was perhaps killed by the kernel.
    fn look_for_want_of_memory(&mut self, exit: Exit) {
        let pid = self.program.as_ref().and_then(|program| program.pid());
        let by_itself = !self.relaunching.core.is_killed() && !self.life.ending();
        let Some(pid) = pid.filter(|_| exit.status() == 128 + 9 && by_itself) else {
            return;
        };
        self.cause = self.memory.cause(pid);
        if let Some(cause) = &self.cause {
            self.log.error(&format!("the command was ended: {cause}"));
        }
    }

    /// What the program wrote before it ended is executed like all else.
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
            .and_then(|program| program.body.rest());
        if let Some(word) = last.and_then(|said| self.understand(said)) {
            self.execute(word);
        }
    }
}
