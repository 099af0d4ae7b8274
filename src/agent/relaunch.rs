//! A program that has ended, or was killed because it is not well, is started anew, and the agent keeps its sockets meanwhile. `core::Relaunch` says when; the host daemon,
//! whether. The next program begins as the first one did: with the attributes and timers of the spec, but for what is to be kept.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::core::{Condition, Next};
use super::handlers::expect_to_collect;
use super::health::UNHEALTHY;
use super::lookups::Lookup;
use super::program::Exit;
use super::requests::Request;
use super::state::Agent;
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{Alias, ExitReport, RestartPolicy};
use crate::wire::{AfterProgram, AgentRequest, Fault, HostRequest, Launch, Peer};

impl Agent {
    /// Whether its program may be started anew: a daemon has the agent, by a policy.
    pub(crate) fn is_relaunched(&self) -> bool {
        let spec = &self.boot.spec;
        spec.program.is_some()
            && spec.restart.policy != RestartPolicy::Never
            && self.boot.host.is_some()
            && self.boot.version.is_some()
    }

    /// Whether the agent works on, now that its program has ended so: if nobody wants the program to end, and the policy wants
    /// it to be started anew.
    pub(crate) fn is_whole_without(&self, exit: Exit) -> bool {
        let spec = &self.boot.spec;
        self.is_relaunched()
            && self.life.working()
            && self.program.as_ref().is_some_and(|it| it.pid().is_some())
            && spec.restart.policy.wants(&exit.report(None), spec.is_job())
    }

    /// Kills the program, which is not well; when it has ended, it is as if it had ended by itself.
    pub(crate) fn kill_for_relaunch(&mut self) {
        self.relaunching.core.on_kill(self.now);
        self.signal_program(true);
    }

    /// The program has ended: its daemon is asked what becomes of it.
    pub(crate) fn ask_for_relaunch(&mut self, exit: Exit) {
        let report = exit.report(self.cause.take());
        self.part_with_program();
        self.ask_host(report, exit.status());
    }

    fn ask_host(&mut self, exit: ExitReport, code: i32) {
        let Some(host) = self.boot.host.clone() else {
            return self.end_with_program(code);
        };
        self.relaunching.core.on_end(exit.clone(), code, self.now);
        self.membership.note_change();
        let incarnation = self.boot.incarnation;
        let question = HostRequest::ProgramEnded { incarnation, exit };
        let request = Request::new(None, CONTROL_TIMEOUT, self.now);
        self.send_lookup(Peer::Host(host), &question, Lookup::Relaunch, request);
    }

    /// Nothing of the program is left: no process, and nobody who waits for it, or that it waits for.
    fn part_with_program(&mut self) {
        self.watch = None;
        self.shown = Condition::Well;
        self.settling = None;
        self.kill_leftovers();
        self.waiting.iter_mut().for_each(|it| it.forget_program());
        for (id, request) in self.exchange.take_of_program() {
            if let Some(slot) = self.sockets.get_mut(request.at) {
                slot.outbox.withdraw(id);
            }
        }
    }

    /// The daemon has answered, or has not.
    pub(crate) fn on_relaunch_answered(&mut self, answer: Result<Value, Fault>) {
        let read = |answer: Value| {
            serde_json::from_value::<AfterProgram>(answer).map_err(|error| error.to_string())
        };
        let answer = answer.map_err(|fault| fault.to_string()).and_then(read);
        if let Err(reason) = &answer {
            let line = format!("its host does not say what becomes of the command: {reason}");
            self.log.warn(&line);
        }
        match self.relaunching.core.on_answer(answer.ok(), self.now) {
            Next::Waits => self.membership.note_change(),
            Next::AgentEnds { code } => {
                self.cause = self.relaunching.core.cause().cloned();
                self.note_not_passed_on();
                self.end_with_program(code);
            }
            Next::Nothing => {}
        }
    }

    /// The agent ends: no program is started anew.
    pub(crate) fn give_up_relaunch(&mut self) {
        self.relaunching.core.give_up();
        self.note_not_passed_on();
    }

    fn note_not_passed_on(&mut self) {
        let count = std::mem::take(&mut self.relaunching.unread).len();
        self.note_unread(count);
    }

    pub(crate) fn relaunch_wakes_at(&self) -> Option<Duration> {
        let core = Some(&self.relaunching.core).filter(|_| self.life.working());
        core?.wakes_at(self.owes_to_program())
    }

    /// Starts the program anew, if it is time. With one that does not end the agent ends itself.
    pub(crate) fn see_to_relaunch(&mut self) {
        let (is_owed, now) = (self.owes_to_program(), self.now);
        if !self.life.working() {
            return;
        }
        if self.relaunching.core.is_stuck(now) {
            self.log.error("the command was killed, and does not end");
            return self.end(UNHEALTHY);
        }
        if let Some(launch) = self.relaunching.core.begin(is_owed, now) {
            self.relaunch(launch);
        }
    }

    fn relaunch(&mut self, launch: Option<Box<Launch>>) {
        self.begin_as_specified();
        self.program = None;
        self.membership.note_change();
        let started = match (launch, self.boot.spec.program.clone()) {
            (Some(launch), _) => {
                let request = Request::new(None, launch.timeout.duration(), self.now);
                match self.launch(*launch, request) {
                    Some(Err(fault)) => Err(fault.to_string()),
                    Some(Ok(_)) | None => Ok(()),
                }
            }
            (None, Some(program)) if !program.is_launched() => self
                .start_process(&program)
                .inspect_err(|reason| self.log.error(reason))
                .map(|()| self.start()),
            (None, _) => Err("what its command refers to is not known".to_owned()),
        };
        match started {
            Ok(()) => {
                self.log.info("the command is started anew");
                let unread = std::mem::take(&mut self.relaunching.unread);
                self.pass_on_unread(unread);
                self.watch_settling();
            }
            // As an end of it.
            Err(_) => {
                let code = i32::from(ExitReport::NOT_STARTED);
                self.ask_host(Exit::Status(code).report(None), code);
            }
        }
    }

    /// The sockets, timers and attributes are what the spec says, but for attributes that are to be kept.
    fn begin_as_specified(&mut self) {
        let made = std::mem::take(&mut self.relaunching.made);
        let made = made
            .into_iter()
            .filter(|it| self.sockets.find(it.as_str()).is_some());
        let made: Vec<Alias> = made.collect();
        if !made.is_empty() {
            self.close(made, None, None);
            self.finish_closing();
        }
        self.timers.clear();
        for timer in self.boot.spec.timers.clone() {
            self.timers.add(timer, self.now);
        }
        let mut attributes: BTreeMap<String, Value> = self.boot.spec.attributes.clone();
        for slot in self.sockets.iter() {
            expect_to_collect(&mut attributes, slot.handlers.actions());
        }
        let former = std::mem::replace(&mut self.attributes, attributes);
        let keep = &self.boot.spec.keep;
        let kept = former.into_iter().filter(|(name, _)| keep.contains(name));
        self.attributes.extend(kept);
    }

    /// The program asks for this: a socket that it makes goes with it.
    pub(crate) fn note_made_by_program(&mut self, asked: &AgentRequest) {
        let alias = match asked {
            AgentRequest::Bind(bind) => &bind.alias,
            AgentRequest::Connect(connect) => &connect.alias,
            AgentRequest::ConnectTo(connect) => &connect.alias,
            _ => return,
        };
        if self.is_relaunched() && self.sockets.find(alias.as_str()).is_none() {
            self.relaunching.made.insert(alias.clone());
        }
    }
}
