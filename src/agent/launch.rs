//! Programs that are started when the system is wired: launching one, and waiting until it is
//! ready. What it is waited for, `core::Readiness` decides; attempts at ports and by probes are made
//! here.

use std::net::{SocketAddr, TcpStream};

use regex_lite::Regex;

use super::attempt::Attempt;
use super::core::{Attempted, Readiness, Verdict};
use super::launching::Launching;
use super::program::Exit;
use super::requests::{Outcome, Request, value};
use super::state::Agent;
use crate::model::timing::PORT_PROBE_TIMEOUT;
use crate::model::{Command, Ready, Step};
use crate::wire::{Fault, Launch};

impl Agent {
    /// Starts the program, lets the agent work, and answers when the program is ready: with the
    /// agent's attributes, for commands that refer to them.
    pub(crate) fn launch(&mut self, launch: Launch, request: Request) -> Outcome {
        let Launch { program, timeout } = launch;
        if !self.awaits_program() {
            let reason = format!("{} has no program to launch", self.boot.name());
            return Some(Err(Fault::Refused { reason }));
        }
        let prepared = self.prepare(&program);
        let (probe, pattern) = match prepared {
            Ok(prepared) => prepared,
            Err(reason) => return self.not_launched(reason),
        };
        if let Err(reason) = self.start_process(&program) {
            return self.not_launched(reason);
        }
        if let Some(pattern) = pattern {
            self.look_for(pattern);
        }
        self.start();
        self.launching = Some(Launching {
            requester: request.requester,
            readiness: Readiness::new(&program.ready, self.now, timeout.duration()),
            until_healthy: program.ready_when_healthy,
            ready: program.ready,
            limit: timeout,
            probe,
            attempt: None,
            failure: None,
        });
        self.lead(Step::Settle);
        self.see_to_launch();
        None
    }

    fn not_launched(&mut self, reason: String) -> Outcome {
        self.log.error(&reason);
        let agent = self.boot.name().clone();
        Some(Err(Fault::Start { agent, reason }))
    }

    /// What will be needed to see that it is ready; or why it will never be seen.
    fn prepare(
        &self,
        program: &crate::model::Program,
    ) -> Result<(Option<Command>, Option<Regex>), String> {
        let machine = self.boot.machine(&|name| std::env::var(name).ok());
        let probe = program.probe(&machine).map_err(|it| it.to_string())?;
        let pattern = match &program.ready {
            Ready::Line(pattern) => Some(Regex::new(pattern).map_err(|it| it.to_string())?),
            Ready::Started | Ready::Done | Ready::Port(_) | Ready::Probe { .. } => None,
        };
        if let Ready::Port(at) = &program.ready
            && is_open(at)
        {
            return Err(format!(
                "port {at} is open before its command is started: something else listens there"
            ));
        }
        Ok((probe, pattern))
    }

    /// Whether the program has become ready meanwhile, or is late; and what is to be tried now.
    pub(crate) fn see_to_launch(&mut self) {
        let (found, now) = (self.has_found(), self.now);
        let Some(launching) = &mut self.launching else {
            return;
        };
        if let Some(verdict) = launching.readiness.verdict(found, now) {
            return self.end_launch(verdict, None);
        }
        if launching.readiness.begin_attempt(now) {
            self.attempt();
        }
    }

    fn attempt(&mut self) {
        let Some(launching) = &self.launching else {
            return;
        };
        let begun = match (&launching.ready, &launching.probe) {
            (Ready::Port(at), _) => Attempt::at_port(*at),
            (_, Some(probe)) => Attempt::by_probe(probe, &self.program_env()),
            (_, None) => return,
        };
        match begun {
            Ok(attempt) => {
                if let Some(launching) = &mut self.launching {
                    launching.attempt = Some(attempt);
                }
                // Some are over at once.
                self.on_attempt();
            }
            Err(reason) => self.take_attempt(Attempted::Failure, Some(reason)),
        }
    }

    /// What is to be watched of an attempt.
    pub(crate) fn watched_attempt(&self) -> Option<&Attempt> {
        self.launching.as_ref()?.attempt.as_ref()
    }

    /// Whether it is a probe that has ended with this pid.
    pub(crate) fn note_end_of_attempt(&mut self, pid: u32) -> bool {
        let attempt = self.launching.as_mut().and_then(|it| it.attempt.as_mut());
        attempt.is_some_and(|attempt| attempt.note_end(pid))
    }

    /// An attempt may have come to its end.
    pub(crate) fn on_attempt(&mut self) {
        let attempt = self.launching.as_mut().and_then(|it| it.attempt.as_mut());
        match attempt.and_then(Attempt::outcome) {
            None => {}
            Some(Ok(())) => self.take_attempt(Attempted::Success, None),
            Some(Err(reason)) => self.take_attempt(Attempted::Failure, Some(reason)),
        }
    }

    fn take_attempt(&mut self, attempted: Attempted, failure: Option<String>) {
        let now = self.now;
        let Some(launching) = &mut self.launching else {
            return;
        };
        launching.attempt = None;
        launching.failure = failure;
        if let Some(verdict) = launching.readiness.on_attempt(attempted, now) {
            self.end_launch(verdict, None);
        }
    }

    /// It is ready, and a health check has succeeded.
    pub(crate) fn launched_is_healthy(&mut self) {
        let awaits = |it: &Launching| it.readiness.awaits_health();
        if self.launching.as_ref().is_some_and(awaits) {
            self.end_launch(Verdict::Ready, None);
        }
    }

    /// The program has ended, perhaps as it should.
    pub(crate) fn launched_has_ended(&mut self, exit: Exit) {
        let found = self.has_found();
        if let Some(launching) = &self.launching {
            let verdict = launching.readiness.on_end(exit.success(), found);
            self.end_launch(verdict, Some(exit));
        }
    }

    fn end_launch(&mut self, verdict: Verdict, exit: Option<Exit>) {
        if let (Verdict::Ready, Some(launching)) = (verdict, &mut self.launching)
            && launching.until_healthy
            && exit.is_none()
            && !launching.readiness.awaits_health()
        {
            return launching.readiness.await_health();
        }
        let Some(mut launching) = self.launching.take() else {
            return;
        };
        if launching.readiness.awaits_health() {
            let last = self.watch.as_ref().and_then(|it| it.core.last_failure());
            launching.failure = last.map(str::to_owned);
        }
        let awaited = match launching.readiness.awaits_health() {
            true => "its health check".to_owned(),
            false => launching.ready.to_string(),
        };
        let Launching {
            requester,
            limit,
            failure,
            ..
        } = launching;
        let outcome = match (verdict, exit) {
            (Verdict::Ready, _) => Ok(value(&self.attributes)),
            // How it failed is the host's to tell, with the end of its log: this agent ends now.
            (Verdict::Ended, Some(exit)) if !exit.success() => return,
            (Verdict::Ended, _) => Err(Fault::Refused {
                reason: format!("its command has ended; it was waited for {awaited}"),
            }),
            (Verdict::Late, _) => {
                let last = failure.map(|reason| format!(" (the last time: {reason})"));
                let what = format!("waiting for {awaited}{}", last.unwrap_or_default());
                Err(Fault::Deadline { what, limit })
            }
        };
        self.reply(requester, outcome);
        self.watch_settling();
    }
}

/// Whether a process listens there already.
fn is_open(at: &SocketAddr) -> bool {
    TcpStream::connect_timeout(at, PORT_PROBE_TIMEOUT).is_ok()
}
