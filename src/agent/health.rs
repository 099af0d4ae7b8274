//! The agent watches its program while that runs: it makes the checks and sends the pings that `core::Health` wants, and
//! tells, or ends, what is not well.

use std::time::Duration;

use serde_json::Value;

use super::attempt::Attempt;
use super::core::{Condition, HealthEffect, Life};
use super::launching::Launching;
use super::program::Exit;
use super::requester::Requester;
use super::requests::Request;
use super::state::Agent;
use super::watch::{Trial, Watch};
use crate::model::{self, Cause, Millis, State, Then};
use crate::wire::Fault;

/// The exit status of an agent that ends because its program is not well.
pub(super) const UNHEALTHY: i32 = 1;

impl Agent {
    /// From when it begins, this program is watched.
    pub(crate) fn watch_over(&mut self, program: &model::Program) -> Result<(), String> {
        let then = Then::fitting(self.boot.spec.restart.policy);
        let machine = self.boot.machine(&|name| std::env::var(name).ok());
        let watch = Watch::of(program, then, &machine).map_err(|it| it.to_string())?;
        self.watch = Some(watch);
        Ok(())
    }

    /// What is to be tried, told or ended by now.
    pub(crate) fn see_to_health(&mut self) {
        let (now, is_held) = (self.now, self.owes_to_program());
        let is_watched = self.is_watched();
        let Some(watch) = self.watch.as_mut().filter(|_| is_watched) else {
            return;
        };
        if is_held {
            watch.core.on_held(now);
        }
        watch.core.begin(now);
        watch.core.on_time(now);
        self.follow_health();
        let watch = self.watch.as_ref();
        if watch.is_some_and(|watch| watch.core.has_succeeded()) {
            self.launched_is_healthy();
        }
    }

    /// Whether its program works, and is not about to end. Otherwise nothing is tried, and nothing follows.
    fn is_watched(&self) -> bool {
        let works = matches!(self.life, Life::Working | Life::Quiet);
        let is_ready = |it: &Launching| it.readiness.awaits_health();
        works && self.has_program() && self.launching.as_ref().is_none_or(is_ready)
    }

    /// When something is to be tried, told or ended.
    pub(crate) fn health_wakes_at(&self) -> Option<Duration> {
        let watch = self.watch.as_ref().filter(|_| self.is_watched());
        watch.and_then(|watch| watch.core.wakes_at())
    }

    /// Carries out what the core wants; what comes of that may want more.
    fn follow_health(&mut self) {
        while let Some(watch) = &mut self.watch {
            let effects = watch.core.effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.follow_one(effect);
            }
        }
    }

    fn follow_one(&mut self, effect: HealthEffect) {
        match effect {
            HealthEffect::Check(number) => self.check(number),
            HealthEffect::GiveUpCheck => {
                if let Some(watch) = &mut self.watch {
                    watch.attempt = None;
                }
            }
            HealthEffect::Ping => self.ping_program(),
            HealthEffect::Show => self.show_condition(),
            HealthEffect::End(condition) => self.end_unwell(&condition),
        }
    }

    /// The program says that it answers pings.
    pub(crate) fn on_willing(&mut self) {
        let now = self.now;
        if let Some(watch) = &mut self.watch {
            watch.core.on_willing(now);
        }
    }

    /// The program says that it lives, and for how long it has been busy with one thing.
    pub(crate) fn on_pong(&mut self, busy: Option<Millis>) {
        let (now, is_watched) = (self.now, self.is_watched());
        let busy = busy.map(Millis::duration);
        if let Some(watch) = &mut self.watch {
            match is_watched {
                true => watch.core.on_pong(busy, now),
                false => watch.core.note_pong(busy, now),
            }
        }
        self.follow_health();
    }

    /// The program is killed and started anew, as one that has ended by itself; the agent keeps its sockets. Where no program is
    /// started anew, the agent ends with it. One that hangs would not notice that it is to end.
    fn end_unwell(&mut self, condition: &Condition) {
        let why = condition.why().unwrap_or_default();
        self.log.error(&format!("ends its program: {why}"));
        self.cause = Some(Cause::Unhealthy(why.to_owned()));
        if self.is_whole_without(Exit::KILLED) {
            return self.kill_for_relaunch();
        }
        self.end(UNHEALTHY);
        if let Condition::Hung(_) = condition {
            self.signal_program(true);
        }
    }

    fn check(&mut self, number: u64) {
        let Some(watch) = &self.watch else {
            return;
        };
        let begun = match &watch.trial {
            None => return,
            Some(Trial::Call(method)) => {
                let (name, limit) = (method.to_string(), watch.core.timeout());
                let requester = Some(Requester::Health { number });
                let request = Request::new(requester.clone(), limit, self.now);
                if let Some(outcome) = self.invoke(name, Value::Null, request) {
                    self.reply(requester, outcome);
                }
                return;
            }
            Some(Trial::Command(command)) => Attempt::by_probe(command, &self.program_env()),
            Some(Trial::Port(at)) => Attempt::at_port(*at),
            Some(Trial::Http(url)) => Attempt::by_http(url),
        };
        match begun {
            Ok(attempt) => {
                if let Some(watch) = &mut self.watch {
                    watch.attempt = Some((number, attempt));
                }
                // Some are over at once.
                self.on_check();
            }
            Err(reason) => self.take_check(number, Err(reason)),
        }
    }

    /// What is to be watched of a check.
    pub(crate) fn watched_check(&self) -> Option<&Attempt> {
        let (_, attempt) = self.watch.as_ref()?.attempt.as_ref()?;
        Some(attempt)
    }

    /// Whether it is a check that has ended with this pid.
    pub(crate) fn note_end_of_check(&mut self, pid: u32) -> bool {
        let attempt = self.watch.as_mut().and_then(|it| it.attempt.as_mut());
        attempt.is_some_and(|(_, attempt)| attempt.note_end(pid))
    }

    /// A check may have come to its end.
    pub(crate) fn on_check(&mut self) {
        let attempt = self.watch.as_mut().and_then(|it| it.attempt.as_mut());
        let Some((number, attempt)) = attempt else {
            return;
        };
        let number = *number;
        if let Some(outcome) = attempt.outcome() {
            self.take_check(number, outcome);
        }
    }

    /// The program has answered the call of a check, or has not.
    pub(crate) fn on_called(&mut self, number: u64, outcome: Result<Value, Fault>) {
        let outcome = match outcome {
            Ok(_) => Ok(()),
            Err(Fault::Deadline { limit, .. }) => Err(format!("no answer within {limit}")),
            Err(fault) => Err(fault.to_string()),
        };
        self.take_check(number, outcome);
    }

    fn take_check(&mut self, number: u64, outcome: Result<(), String>) {
        let (now, is_watched) = (self.now, self.is_watched());
        if let Some(watch) = &mut self.watch {
            watch.attempt.take_if(|(of, _)| *of == number);
            if is_watched {
                watch.core.on_checked(number, outcome, now);
            }
        }
        self.follow_health();
    }

    fn show_condition(&mut self) {
        self.membership.note_change();
        let Some(condition) = self.watch.as_ref().map(|it| it.core.condition().clone()) else {
            return;
        };
        if condition == self.shown {
            return;
        }
        match &condition {
            Condition::Well => self.log.info("healthy again"),
            Condition::Unhealthy(why) => self.log.warn(&format!("unhealthy: {why}")),
            Condition::Hung(why) => self.log.warn(&format!("suspect: {why}")),
        }
        self.shown = condition;
    }

    /// In which state the agent is, by its own account, and why.
    pub(crate) fn own_state(&self) -> (State, Option<String>) {
        if let Some(why) = self.relaunching.core.why() {
            return (State::Starting, Some(why));
        }
        let state = match &self.shown {
            Condition::Well => State::Running,
            Condition::Unhealthy(_) => State::Unhealthy,
            Condition::Hung(_) => State::Suspect,
        };
        (state, self.shown.why().map(str::to_owned))
    }

    /// Since how long its program is busy with one thing, in milliseconds, if that is long.
    pub(crate) fn busy_ms(&self) -> Option<u64> {
        let busy = self.watch.as_ref()?.core.busy(self.now)?;
        u64::try_from(busy.as_millis()).ok()
    }
}
