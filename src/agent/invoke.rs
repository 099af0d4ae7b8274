//! Calling a method of the agent's own code, for another member or for a timer.

use serde_json::Value;

use super::requests::{Outcome, Request};
use super::state::Agent;
use crate::wire::Fault;

impl Agent {
    /// Calls the method `name`. The answer, if it is not there at once, goes to the request's requester.
    pub(crate) fn invoke(&mut self, name: String, params: Value, request: Request) -> Outcome {
        if let Some(outcome) = self.call_program(&name, &params, &request) {
            return outcome;
        }
        Some(Err(Fault::UnknownMethod {
            agent: self.boot.name().clone(),
            method: name,
            known: Vec::new(),
        }))
    }
}
