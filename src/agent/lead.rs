//! The one way from an agent's spec to its work: it proves its wires, begins its program, and begins its timers. How far it
//! goes, `core::Steps` says; it announces each step that it has taken.
//!
//! The host daemon leads the agents of a system that `up` brings up. An agent that begins in a system that is up goes alone; when
//! its machine has started again, perhaps only until its wires are proven, and from there when its host leads it on.

use serde_json::Value;

use super::core::{Settling, Standing, Watched};
use super::program::Exit;
use super::requester::Requester;
use super::requests::Request;
use super::state::Agent;
use crate::model::{ExitReport, Step};
use crate::wire::{Fault, Launch};

/// The exit status of an agent that could not become what its spec says.
const NOT_AS_SPECIFIED: i32 = 1;

impl Agent {
    /// To that step, from where it is.
    pub(crate) fn lead(&mut self, to: Step) {
        self.steps.lead(to);
        self.take_steps();
    }

    /// As soon as it is there for all, if it was started to go alone. One that could not become what its spec says, for its
    /// port is another's now, ends: its host tries again later.
    pub(super) fn go_alone(&mut self) {
        let Some(works) = self.boot.works.as_ref() else {
            return;
        };
        let to = match works.waits {
            true => Step::Wire,
            false => Step::Go,
        };
        let strict = works.strict;
        if self.membership.is_hidden() {
            return;
        }
        if self.given.fault.is_some() {
            return self.end(NOT_AS_SPECIFIED);
        }
        match strict {
            true => self.steps.lead(to),
            false => self.steps.lead_alone(to),
        }
        self.take_steps();
    }

    /// All steps that can be taken now.
    pub(super) fn take_steps(&mut self) {
        while !self.life.ending()
            && let Some(step) = self.steps.begin()
        {
            match step {
                // It was taken before the agent was there.
                Step::Configure => {}
                Step::Wire => self.prove_wires(),
                Step::Settle => self.begin_program(),
                Step::Go => {
                    self.go();
                    self.note_step(Step::Go);
                }
            }
        }
    }

    fn note_step(&mut self, step: Step) {
        if step == Step::Wire && !self.leave_former_ends() {
            // It is taken when all have answered that are left.
            return;
        }
        if self.steps.on_done(step) {
            self.membership.note_change();
        }
    }

    /// Ends that are left may have answered meanwhile.
    pub(super) fn go_on_leaving(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        self.see_to_leaving();
        if self.leaving.is_empty() && self.steps.is_under_way(Step::Wire) {
            self.note_step(Step::Wire);
            self.take_steps();
        }
    }

    fn prove_wires(&mut self) {
        if self.given.wires.is_empty() {
            return self.note_step(Step::Wire);
        }
        let limit = self.given.timeout.duration();
        let request = Request::new(Some(Requester::Itself), limit, self.now);
        if let Some(outcome) = self.wire(None, request) {
            self.on_wired(outcome.err());
        }
    }

    /// All wires are proven; or one is not, because what it leads to is not there. That one is proven when that comes: nothing
    /// goes by it until then.
    pub(super) fn on_wired(&mut self, unproven: Option<Fault>) {
        match unproven {
            None => self.note_step(Step::Wire),
            Some(fault) => {
                if self.steps.is_alone() {
                    self.log
                        .warn(&format!("goes to work all the same: {fault}"));
                }
                self.steps.on_failed(Step::Wire, fault);
                self.membership.note_change();
            }
        }
        self.take_steps();
    }

    fn begin_program(&mut self) {
        if let Some(launch) = self.boot.works.take().and_then(|works| works.launch) {
            self.launch_alone(launch);
        }
        self.start();
        self.watch_settling();
    }

    fn launch_alone(&mut self, launch: Launch) {
        let request = Request::new(None, launch.timeout.duration(), self.now);
        let outcome: Option<Result<Value, Fault>> = self.launch(launch, request);
        if let Some(Err(_)) = outcome {
            // Its log says why. Its host decides whether it is tried again.
            self.end(ExitReport::NOT_STARTED.into());
        }
    }

    /// From now on, unless it is not ready yet: whether the program settles.
    pub(super) fn watch_settling(&mut self) {
        if self.steps.is_under_way(Step::Settle) && self.launching.is_none() {
            self.settling = Some(Settling::new(self.now, self.given.settle.duration()));
            self.see_to_settling();
        }
    }

    /// Whether the program has settled meanwhile.
    pub(crate) fn see_to_settling(&mut self) {
        let standing = match (&self.program, self.life.code()) {
            (_, Some(code)) => Standing::Ended { success: code == 0 },
            (Some(program), None) if !program.has_answered() => Standing::Silent,
            (_, None) => Standing::Answered,
        };
        self.settle_as(standing);
    }

    /// The program has ended.
    pub(crate) fn settling_has_ended(&mut self, exit: Exit) {
        let success = exit.success();
        self.settle_as(Standing::Ended { success });
    }

    fn settle_as(&mut self, standing: Standing) {
        let Some(settling) = self.settling else {
            return;
        };
        match settling.look(standing, self.now) {
            None => return,
            Some(Watched::Settled) => self.note_step(Step::Settle),
            // How it has failed, its host tells.
            Some(Watched::Failed) => {}
        }
        self.settling = None;
        self.take_steps();
    }
}
