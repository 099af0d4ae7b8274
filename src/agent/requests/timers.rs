//! Requests about timers.

use serde_json::Value;

use crate::agent::core::Life;
use crate::agent::state::Agent;
use crate::model::{Alias, Millis, TimerAction, TimerSpec, When};
use crate::wire::Fault;

impl Agent {
    pub(super) fn add_timer(&mut self, timer: TimerSpec) -> Result<Value, Fault> {
        self.check_timers(std::slice::from_ref(&timer))?;
        if let TimerAction::Send { alias, topic, .. } = &timer.action {
            self.sender(alias, topic.as_ref())?;
        }
        let alias = self.timers.add(timer, self.now);
        Ok(Value::String(alias.to_string()))
    }

    /// Refuses timers that could never run. Their sockets may come later.
    pub(super) fn check_timers(&self, timers: &[TimerSpec]) -> Result<(), Fault> {
        let agent = self.boot.name().clone();
        if let Some(alias) = self.timers.taken(timers) {
            let alias = alias.clone();
            return Err(Fault::TimerTaken { agent, alias });
        }
        let no_time = |timer: &TimerSpec| timer.when == When::Every(Millis::new(0));
        if timers.iter().any(no_time) {
            let reason = "every 0s is no interval: give it a millisecond (1ms) at least";
            return Err(Fault::Refused {
                reason: reason.to_owned(),
            });
        }
        if self.life == Life::Quiet && !timers.is_empty() {
            let reason = format!("{agent} was made quiet: none of its timers would run");
            return Err(Fault::Refused { reason });
        }
        Ok(())
    }

    pub(super) fn stop_timer(&mut self, alias: &Alias) -> Result<Value, Fault> {
        match self.timers.remove(alias) {
            true => Ok(Value::Null),
            false => Err(Fault::UnknownTimer {
                agent: self.boot.name().clone(),
                alias: alias.clone(),
                known: self.timers.aliases(),
            }),
        }
    }
}
