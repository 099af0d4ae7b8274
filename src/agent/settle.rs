//! Programs that are watched until they have settled, for the `up` that waits for them. What settles
//! one, `core::Settling` decides.

use super::core::{Settling, Standing, Watched};
use super::program::Exit;
use super::requests::{Outcome, Request, value};
use super::settling::SettlingFor;
use super::state::Agent;
use crate::model::Millis;
use crate::wire::Fault;

impl Agent {
    /// Answers when the program has settled: at once, if there is none.
    pub(crate) fn settle(&mut self, within: Millis, request: Request) -> Outcome {
        let settling = Settling::new(self.now, within.duration());
        match settling.look(self.standing(), self.now) {
            Some(Watched::Settled(settled)) => Some(Ok(value(&settled))),
            // It ends now, and its host tells how.
            Some(Watched::Failed) => None,
            None => {
                let requester = request.requester;
                self.settling.push(SettlingFor {
                    requester,
                    settling,
                });
                None
            }
        }
    }

    fn standing(&self) -> Standing {
        match (&self.program, self.life.code()) {
            (_, Some(code)) => Standing::Ended { success: code == 0 },
            (Some(program), None) if !program.has_answered() => Standing::Silent,
            (_, None) => Standing::Answered,
        }
    }

    /// Whether the program has settled meanwhile.
    pub(crate) fn see_to_settling(&mut self) {
        self.settle_as(self.standing());
    }

    /// The program has ended.
    pub(crate) fn settling_has_ended(&mut self, exit: Exit) {
        let success = exit.success();
        self.settle_as(Standing::Ended { success });
    }

    /// Ends the waiting for it, with an error.
    pub(crate) fn give_up_settling(&mut self, why: &str) {
        for SettlingFor { requester, .. } in std::mem::take(&mut self.settling) {
            let reason = why.to_owned();
            self.reply(requester, Err(Fault::Refused { reason }));
        }
    }

    fn settle_as(&mut self, standing: Standing) {
        let now = self.now;
        for SettlingFor {
            requester,
            settling,
        } in std::mem::take(&mut self.settling)
        {
            match settling.look(standing, now) {
                None => self.settling.push(SettlingFor {
                    requester,
                    settling,
                }),
                Some(Watched::Settled(settled)) => self.reply(requester, Ok(value(&settled))),
                Some(Watched::Failed) => {}
            }
        }
    }
}
