//! A process that hangs on the ssh connection until it is released.

use std::process::Child;

use super::{GRACE, MachineError, PATIENCE};
use crate::down::down;
use crate::host::last_words;
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
}

impl Held {
    /// Waits: for its release, for the end of the connection, or for its own.
    pub async fn hold(
        mut self,
        started: MachineWord,
        speak: &mut impl FnMut(MachineWord) -> std::io::Result<()>,
    ) -> Result<(), MachineError> {
        let tether = self.child.stdin.take().map(Tether::new);
        speak(started)?;
        match outcome(&self.process).await? {
            Outcome::Released => {
                self.dir.write_record(&with_phase(self.record, Phase::Up))?;
                tether.map(Tether::release).transpose()?;
                return Ok(());
            }
            Outcome::Cut => {
                drop(tether);
                if !wait_for_end(std::slice::from_ref(&self.process), PATIENCE) {
                    self.process.kill_group();
                }
            }
            Outcome::Ended => {
                let reason = last_words(&self.dir.daemon_log(self.log));
                speak(MachineWord::Ended { reason })?;
            }
        }
        let _ = self.child.wait();
        drop(self.lock);
        // Agents that outlived it, too.
        down(&self.all, &self.record.name, &[], GRACE).await?;
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

async fn outcome(process: &ProcessId) -> std::io::Result<Outcome> {
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
