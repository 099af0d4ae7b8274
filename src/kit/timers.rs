//! What an agent does by the clock.

use std::time::Duration;

use super::convert::name;
use super::{CallError, Context, Result};
use crate::model::{Alias, TimerAction, TimerInfo, TimerSpec, When};
use crate::wire::AgentRequest;

/// What the names of a timer's own code begin with.
const OWN: &str = "timer-";

impl<S> Context<S> {
    /// Runs `code` again and again. A call that comes late, because a handler takes its time, is left
    /// out rather than made up for. The timer's alias, by which it is stopped, comes back.
    pub fn every(
        &mut self,
        interval: Duration,
        code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Result<Alias, CallError> {
        let method = self.own_code(code);
        self.timer(
            When::Every(interval.into()),
            TimerAction::call(&method, ()),
            None,
        )
    }

    /// Runs `code` once.
    pub fn after(
        &mut self,
        delay: Duration,
        code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Result<Alias, CallError> {
        let method = self.own_code(code);
        self.once.push(method.clone());
        self.timer(
            When::After(delay.into()),
            TimerAction::call(&method, ()),
            None,
        )
    }

    /// Adds a timer that does what one of a topology can: send, call a method, set attributes. Tells
    /// its alias, which the agent chooses if it is None here.
    pub fn timer(
        &mut self,
        when: When,
        action: TimerAction,
        alias: Option<&str>,
    ) -> Result<Alias, CallError> {
        let request = AgentRequest::Timer(TimerSpec {
            alias: alias.map(name).transpose()?,
            when,
            action,
        });
        self.ask_for("an alias", request)
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

    /// The timers that run.
    pub fn timers(&mut self) -> Result<Vec<TimerInfo>, CallError> {
        self.ask_for("timers", AgentRequest::Timers {})
    }

    /// Stops a timer.
    pub fn stop_timer(&mut self, alias: &str) -> Result<(), CallError> {
        let alias = name(alias)?;
        self.ask_for("nothing", AgentRequest::StopTimer { alias })
    }

    /// Stops all timers.
    pub fn stop_timers(&mut self) -> Result<(), CallError> {
        self.ask_for("nothing", AgentRequest::StopTimers {})
    }
}
