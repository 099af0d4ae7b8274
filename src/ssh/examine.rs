//! A look around on another machine, which leaves nothing there: no daemon, and no copy of osb.

use std::time::Duration;

use super::error::{SshError, Stage};
use super::script::Copied;
use super::session::Session;
use crate::model::SshSpec;
use crate::model::timing::{SSH_DIAL_TIMEOUT, SSH_EXAMINE_TIMEOUT};
use crate::wire::{Dialled, Examination, Examined, MachineRequest, MachineWord, Target};

/// The most that is said of a thing that was asked for, in bytes: a path.
const PER_THING: usize = 8 << 10;

/// A connection to an osb that has looked around, and listens at what it could bind. Dropped, all that ends.
pub(crate) struct Visit(Session);

/// Looks around at `spec`.
pub(crate) async fn examine(
    spec: SshSpec,
    examination: Examination,
) -> Result<(Visit, Examined), SshError> {
    let things = examination.programs.len() + examination.bind.len();
    let request = MachineRequest::Examine(examination);
    let mut session = Session::open(spec, &request, Copied::Borrowed).await?;
    let more = things * PER_THING;
    let word = session.long_word(SSH_EXAMINE_TIMEOUT, Stage::Examine, more);
    match word.await? {
        MachineWord::Examined(examined) => Ok((Visit(session), examined)),
        other => Err(session.unexpected(Stage::Examine, other)),
    }
}

impl Visit {
    /// What there was instead of this version, if osb had to be copied; empty: nothing.
    pub(crate) fn instead_of(&self) -> Option<&str> {
        self.0.instead_of()
    }

    /// Has others dialled from there.
    pub(crate) async fn dial(&mut self, targets: Vec<Target>) -> Result<Vec<Dialled>, SshError> {
        let more = targets.len() * PER_THING;
        self.0.say(&MachineRequest::Dial { targets }).await?;
        let word = self.0.long_word(SSH_DIAL_TIMEOUT, Stage::Examine, more);
        match word.await? {
            MachineWord::Dialled { outcomes } => Ok(outcomes),
            other => Err(self.0.unexpected(Stage::Examine, other)),
        }
    }

    /// Waits until nothing is left there.
    pub(crate) async fn end(self) {
        self.0.cut(Duration::ZERO).await;
    }
}
