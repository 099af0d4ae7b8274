//! What an agent does by the clock.

use std::time::Duration;

use super::convert::name;
use super::{CallError, Context, Result};
use crate::model::{Alias, TimerAction, TimerInfo, TimerSpec, When};
use crate::wire::AgentRequest;

/// What the method of a timer is called, with its number behind.
const OWN: &str = "timer-";
/// The same, with its alias behind, which no name of a method of the user's can be.
const NAMED: &str = "timer:";

/// Whether a method is the code of a timer, and not for others to call.
pub(super) fn is_own(method: &str) -> bool {
    let number = method.strip_prefix(OWN);
    method.starts_with(NAMED)
        || number.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit()))
}

impl<S> Context<S> {
    /// Runs `code` again and again. A call that comes late, because a handler takes its time, is left
    /// out rather than made up for. The timer's alias, by which it is stopped, comes back.
    pub fn every(
        &mut self,
        interval: Duration,
        code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Result<Alias, CallError> {
        self.run_by(When::Every(interval.into()), None, code)
    }

    /// The same, with an alias of your own: by that it is stopped, and shown by `osb timers`.
    ///
    /// ```no_run
    /// # use osb::kit::Agent;
    /// # use std::time::Duration;
    /// # let _ =
    /// Agent::new(0u64).on_init(|agent| {
    ///     agent.every_named("heartbeat", Duration::from_secs(1), |agent| {
    ///         agent.state += 1;
    ///         Ok(())
    ///     })?;
    ///     Ok(())
    /// })
    /// # ;
    /// ```
    pub fn every_named(
        &mut self,
        alias: &str,
        interval: Duration,
        code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Result<(), CallError> {
        let when = When::Every(interval.into());
        self.run_by(when, Some(alias), code).map(drop)
    }

    /// Runs `code` once.
    pub fn after(
        &mut self,
        delay: Duration,
        code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Result<Alias, CallError> {
        self.run_by(When::After(delay.into()), None, code)
    }

    /// The same, with an alias of your own.
    pub fn after_named(
        &mut self,
        alias: &str,
        delay: Duration,
        code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Result<(), CallError> {
        let when = When::After(delay.into());
        self.run_by(when, Some(alias), code).map(drop)
    }

    fn run_by(
        &mut self,
        when: When,
        alias: Option<&str>,
        mut code: impl FnMut(&mut Context<S>) -> Result<()> + 'static,
    ) -> Result<Alias, CallError> {
        let method = match alias {
            Some(alias) => format!("{NAMED}{alias}"),
            None => {
                self.last_timer += 1;
                format!("{OWN}{}", self.last_timer)
            }
        };
        // Only then: the code of a timer that has that alias stays.
        let alias = self.timer(when, TimerAction::call(&method, ()), alias)?;
        if let When::After(_) = when {
            self.once.push(method.clone());
        }
        self.add_method(&method, move |agent, _: serde_json::Value| code(agent));
        Ok(alias)
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
