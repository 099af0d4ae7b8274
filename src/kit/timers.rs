//! What an agent does by the clock.

use std::time::Duration;

use serde::Serialize;

use super::context::{decoded, encoded, name};
use super::error::limit;
use super::{CallError, Context, Result};
use crate::agent::{FromProgram, TimerWord};
use crate::model::{Alias, TimerInfo};

/// What the names of a timer's own code begin with.
const OWN: &str = "timer-";

impl<S> Context<S> {
    /// Runs `code` again and again. A call that comes late, because a handler takes its time, is left
    /// out rather than made up for. The timer's alias, by which it is stopped, comes back.
    pub fn every(
        &mut self,
        interval: Duration,
        code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Result<String, CallError> {
        let method = self.own_code(code);
        let timer = TimerWord {
            every: Some(limit(interval)),
            call: Some(method),
            ..TimerWord::default()
        };
        self.add_timer(timer)
    }

    /// Runs `code` once.
    pub fn after(
        &mut self,
        delay: Duration,
        code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Result<String, CallError> {
        let method = self.own_code(code);
        self.once.push(method.clone());
        let timer = TimerWord {
            after: Some(limit(delay)),
            call: Some(method),
            ..TimerWord::default()
        };
        self.add_timer(timer)
    }

    /// Calls a method again and again; the timer has that alias.
    pub fn call_every(
        &mut self,
        interval: Duration,
        alias: &str,
        method: &str,
        params: impl Serialize,
    ) -> Result<String, CallError> {
        let timer = TimerWord {
            alias: Some(name(alias)?),
            every: Some(limit(interval)),
            call: Some(method.to_owned()),
            params: Some(encoded(params)?),
            ..TimerWord::default()
        };
        self.add_timer(timer)
    }

    fn own_code(
        &mut self,
        mut code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> String {
        self.last_timer += 1;
        let name = format!("{OWN}{}", self.last_timer);
        self.add_method(&name, move |agent, _: serde_json::Value| code(agent));
        name
    }

    fn add_timer(&mut self, timer: TimerWord) -> Result<String, CallError> {
        let alias = self.line.ask(|id| {
            FromProgram::Timer(TimerWord {
                id: Some(id),
                ..timer
            })
        })?;
        decoded(alias, || "the alias of a timer".to_owned())
    }

    /// The timers that run.
    pub fn timers(&mut self) -> Result<Vec<TimerInfo>, CallError> {
        let timers = self.line.ask(|id| FromProgram::Timers { id })?;
        decoded(timers, || "the list of timers".to_owned())
    }

    /// Stops a timer.
    pub fn stop_timer(&mut self, alias: &str) -> Result<(), CallError> {
        let timer: Alias = name(alias)?;
        self.line.ask(|id| FromProgram::StopTimer {
            alias: timer,
            id: Some(id),
        })?;
        Ok(())
    }

    /// Stops all timers.
    pub fn stop_all_timers(&mut self) -> Result<(), CallError> {
        self.line
            .ask(|id| FromProgram::StopTimers { id: Some(id) })?;
        Ok(())
    }
}
