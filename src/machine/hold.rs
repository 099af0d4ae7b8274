//! A process that hangs on the ssh connection until it is released.

use std::io;
use std::process::Child;

use super::MachineError;
use crate::down::{ForOthers, down};
use crate::host::last_words;
use crate::model::timing::DAEMON_CUT_TIMEOUT;
use crate::model::{Grace, beyond_usual};
use crate::process::{ProcessId, Tether, end_of, wait_for_end};
use crate::state::{Lock, Phase, StateDir, SystemDir, SystemRecord};
use crate::wire::MachineWord;

/// How the end of the waiting came about.
enum Outcome {
    Released,
    Cut,
    Ended,
}

/// A process that was started, and all that is known of it.
pub(super) struct Held {
    pub all: StateDir,
    pub dir: SystemDir,
    pub lock: Lock,
    pub record: SystemRecord,
    pub child: Child,
    pub process: ProcessId,
    /// What its log is called.
    pub log: &'static str,
    /// It comes in the place of one that has ended. Until it is released, what that has left stays as it is.
    pub again: bool,
}

impl Held {
    /// Waits: for its release, for the end of the connection, or for its own. Whatever goes wrong, nothing is left
    /// of a process that was not released.
    pub(crate) async fn hold(
        mut self,
        started: MachineWord,
        speak: &mut impl FnMut(MachineWord) -> io::Result<()>,
    ) -> Result<(), MachineError> {
        let tether = self.child.stdin.take().map(Tether::new);
        let over = self.wait(started, tether, speak).await;
        if let Ok(true) = over {
            return Ok(());
        }
        let cleaned = self.clean_up().await;
        over.and(cleaned)
    }

    /// Tells whether it was released. If not, the tether is cut.
    async fn wait(
        &self,
        started: MachineWord,
        tether: Option<Tether>,
        speak: &mut impl FnMut(MachineWord) -> io::Result<()>,
    ) -> Result<bool, MachineError> {
        if !self.again {
            self.dir.write_record(&self.record)?;
        }
        if speak(started).is_err() {
            // The one that wanted it is gone already.
            return Ok(false);
        }
        match outcome(&self.process).await? {
            Outcome::Released => self.release(tether).map(|()| true),
            Outcome::Cut => Ok(false),
            Outcome::Ended => {
                let reason = last_words(&self.dir.daemon_log(self.log));
                speak(MachineWord::Ended { reason })?;
                Ok(false)
            }
        }
    }

    fn release(&self, tether: Option<Tether>) -> Result<(), MachineError> {
        let record = with_phase(self.record.clone(), Phase::Up);
        self.dir.write_record(&record)?;
        tether.map(Tether::release).transpose()?;
        Ok(())
    }

    async fn clean_up(mut self) -> Result<(), MachineError> {
        let patience = DAEMON_CUT_TIMEOUT + beyond_usual(self.dir.longest_stop());
        if !wait_for_end(std::slice::from_ref(&self.process), patience) {
            self.process.kill_group();
        }
        let _ = self.child.wait();
        drop(self.lock);
        if self.again {
            return Ok(());
        }
        // Agents that outlived it, too.
        down(
            &self.all,
            &self.record.name,
            &[],
            Grace::SHORT,
            ForOthers::Lose,
        )
        .await?;
        self.all.remove_if_empty();
        Ok(())
    }
}

fn with_phase(mut record: SystemRecord, phase: Phase) -> SystemRecord {
    record
        .groups
        .iter_mut()
        .for_each(|group| group.phase = phase);
    record
}

async fn outcome(process: &ProcessId) -> io::Result<Outcome> {
    let end = async {
        if let Some(Ok(end)) = process.open().map(end_of) {
            end.await;
        }
    };
    let mut lines = super::lines();
    tokio::select! {
        () = end => Ok(Outcome::Ended),
        line = lines.recv() => Ok(match line.as_deref().map(str::trim_end) {
            Some(MachineWord::RELEASE) => Outcome::Released,
            _ => Outcome::Cut,
        }),
    }
}
