//! What the agent's program has started and leaves running: the agent adopts it, waits for its ends, and ends it when
//! it ends itself, in whatever session it is.

use super::state::Agent;
use crate::model::{Leftover, Ready};
use crate::process::{Kin, descendants, has_children, kill_found, reap_orphans};
use crate::state::SystemDir;

impl Agent {
    /// Children of this process have ended. This reaps those that nothing else waits for.
    pub(crate) fn reap_orphans(&mut self) {
        reap_orphans(|pid| match self.note_end(pid) {
            true => Kin::Waited,
            false => Kin::Orphan,
        });
    }

    /// Kills what its program has left running, and names it. What a job leaves, which has done its work, its host
    /// keeps as long as the system is up.
    pub(crate) fn end_leftovers(&mut self) {
        if self.is_done() {
            return;
        }
        let killed = self.kill_leftovers();
        if killed.is_empty() {
            return;
        }
        if let Some(dir) = self.boot.dir.clone().map(SystemDir::at)
            && let Err(error) = dir.write_killed(self.boot.incarnation, &killed)
        {
            let line = format!("that cannot be written down for its host: {error}");
            self.log.warn(&line);
        }
    }

    /// Kills what its program, which has ended, has left running.
    pub(crate) fn kill_leftovers(&mut self) -> Vec<Leftover> {
        if !self.adopts || !has_children() {
            return Vec::new();
        }
        let run = self.run.clone();
        let ours = |of: Option<&str>| of.is_none_or(|it| it == run);
        let mut killed = kill_found(|| {
            self.reap_orphans();
            descendants(|_| false, ours)
        });
        self.reap_orphans();
        let program = self.program.as_ref().and_then(|program| program.pid());
        killed.retain(|it| Some(it.process.pid) != program);
        let killed: Vec<Leftover> = killed.into_iter().map(Leftover::from).collect();
        if !killed.is_empty() {
            self.log.warn(&Leftover::were_killed(&killed));
        }
        killed
    }

    fn is_done(&self) -> bool {
        let is_job = |program: &crate::model::Program| program.ready == Ready::Done;
        let hosted = self.boot.host.is_some();
        hosted && self.boot.spec.program.as_ref().is_some_and(is_job) && self.life.code() == Some(0)
    }
}
