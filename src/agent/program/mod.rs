//! The agent's program: a command in any language that speaks JSON lines.

use super::handlers::Incoming;
use super::requests::{Outcome, Request};
use super::state::Agent;
use crate::wire::{CodecError, Fault};
use serde_json::Value;

impl Agent {
    pub fn program_has_room(&self) -> bool {
        false
    }
    pub fn has_program(&self) -> bool {
        false
    }
    pub fn garbage_lines(&self) -> u64 {
        0
    }
    pub fn start_program(&mut self) {}
    pub fn stop_program(&mut self) {}
    pub fn close_program_input(&mut self) {}
    pub fn signal_program(&mut self, _kill: bool) {}
    pub fn hand_to_program(&mut self, _incoming: &mut Incoming) -> Result<(), CodecError> {
        Ok(())
    }
    pub fn call(&mut self, name: String, _params: Value, _request: Request) -> Outcome {
        Some(Err(Fault::UnknownMethod {
            agent: self.boot.name.clone(),
            method: name,
        }))
    }
}
