//! What timers do when they are due.

use std::collections::BTreeMap;

use serde_json::Value;

use super::core::{Tick, TickEnd, TimerId};
use super::requester::Requester;
use super::requests::Request;
use super::state::Agent;
use crate::model::timing::REQUEST_TIMEOUT;
use crate::model::{Alias, TimerAction, Topic};
use crate::wire::{AgentRequest, Fault};

impl Agent {
    /// Carries out what is due, in the order in which the timers were added.
    pub(crate) fn run_timers(&mut self) {
        if !self.life.working() {
            return;
        }
        for tick in self.timers.due(self.now) {
            self.run_timer(tick);
        }
    }

    fn run_timer(&mut self, tick: Tick) {
        let Tick { id, alias, action } = tick;
        match action.as_deref() {
            None => self.note_skipped(&alias, "its last call is still under way"),
            Some(TimerAction::Send {
                alias: by,
                message,
                topic,
            }) => match self.send_by_timer(by, message, topic.as_ref()) {
                Ok(()) => self.timers.end(id, TickEnd::Done),
                Err(reason) => self.skip(id, &alias, &reason),
            },
            Some(TimerAction::Set { attributes }) => {
                self.set_by_timer(attributes);
                self.timers.end(id, TickEnd::Done);
            }
            Some(TimerAction::Call { method, params }) => {
                let requester = Some(Requester::Timer { id, alias });
                let request = Request::new(requester, REQUEST_TIMEOUT, self.now);
                let (name, params) = (method.clone(), params.clone());
                self.serve(AgentRequest::Call { name, params }, request);
            }
        }
    }

    fn set_by_timer(&mut self, attributes: &BTreeMap<String, Value>) {
        self.set_attributes(attributes.clone());
    }

    fn send_by_timer(
        &mut self,
        by: &Alias,
        message: &Value,
        topic: Option<&Topic>,
    ) -> Result<(), String> {
        let (at, slot) = self.sender(by, topic).map_err(|fault| fault.to_string())?;
        let frame = slot
            .frame(message, topic)
            .map_err(|error| error.to_string())?;
        match self.send_frame(at, frame) {
            true => Ok(()),
            false => Err(format!("the queue of {by} is full")),
        }
    }

    /// A timer's call is answered, or will not be. That never ends anything but the call.
    pub(crate) fn end_call(&mut self, id: TimerId, alias: &Alias, outcome: Result<Value, Fault>) {
        match outcome {
            Ok(_) => self.timers.end(id, TickEnd::Done),
            Err(fault) => {
                self.timers.end(id, TickEnd::Failed);
                self.note_tick(alias, "has failed", &fault.to_string());
            }
        }
    }

    fn skip(&mut self, id: TimerId, alias: &Alias, reason: &str) {
        self.timers.end(id, TickEnd::Skipped);
        self.note_skipped(alias, reason);
    }

    fn note_skipped(&mut self, alias: &Alias, reason: &str) {
        self.note_tick(alias, "is skipped", reason);
    }

    /// Counts a tick that came to nothing, and says so now and then.
    fn note_tick(&mut self, alias: &Alias, what: &str, reason: &str) {
        self.skipped_ticks += 1;
        if self.skipped_ticks.is_power_of_two() {
            let count = self.skipped_ticks;
            self.log.warn(&format!(
                "a tick of the timer {alias} {what}: {reason} ({count} so far)"
            ));
        }
    }
}
