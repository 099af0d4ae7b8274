//! An agent that begins in a system that is up: `up` does not lead it through the stages. It proves its wires, and then starts
//! its program and its timers.

use serde_json::Value;

use super::requester::Requester;
use super::requests::Request;
use super::state::Agent;
use crate::model::ExitReport;
use crate::wire::{Fault, Launch};

/// The exit status of an agent that could not become what its spec says.
const NOT_AS_SPECIFIED: i32 = 1;

impl Agent {
    /// Once, as soon as it is there for all; if it was started to do so. One that could not become what its spec says, for
    /// its port is another's now, ends: its host tries again later.
    pub(super) fn go_to_work(&mut self) {
        if self.membership.is_hidden() || self.boot.works.is_none() {
            return;
        }
        if self.given.fault.is_some() {
            return self.end(NOT_AS_SPECIFIED);
        }
        if self.given.wires.is_empty() {
            return self.work(None);
        }
        let limit = self.given.timeout.duration();
        let request = Request::new(Some(Requester::Itself), limit, self.now);
        if let Some(outcome) = self.wire(None, request) {
            self.work(outcome.err());
        }
    }

    /// Its wires are proven. One that is not, because what it leads to is not there, is proven when that comes: nothing
    /// goes by it until then.
    pub(super) fn work(&mut self, unproven: Option<Fault>) {
        let Some(works) = self.boot.works.take() else {
            return;
        };
        if let Some(fault) = unproven {
            self.log
                .warn(&format!("goes to work all the same: {fault}"));
        }
        if let Some(launch) = works.launch {
            self.launch_at_work(launch);
        }
        self.go();
    }

    fn launch_at_work(&mut self, launch: Launch) {
        let request = Request::new(None, launch.timeout.duration(), self.now);
        let outcome: Option<Result<Value, Fault>> = self.launch(launch, request);
        if let Some(Err(_)) = outcome {
            // Its log says why. Its host decides whether it is tried again.
            self.end(ExitReport::NOT_STARTED.into());
        }
    }
}
