//! What `osb ns` and `osb host` have in common when `up` launches them: they are tied to it until
//! it lets go, hold its lock so long, and clear up if it dies.

use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::CommandError;
use crate::keeper::Kept;
use crate::process::{ProcessId, hold_tether};
use crate::state::{Ending, SystemDir, inherit};

/// Options for processes that `up` launches.
#[derive(Debug, Clone, clap::Args)]
pub struct LaunchArgs {
    /// End if standard input does before it says that this process is released
    #[arg(long, hide = true)]
    pub tether: bool,
    /// The system's lock, held until the tether is released
    #[arg(long, hide = true, value_name = "N", requires = "tether")]
    pub lock_fd: Option<RawFd>,
    /// The system's folder
    #[arg(long, hide = true, value_name = "PATH")]
    pub dir: Option<PathBuf>,
    /// The pid by which the daemon was known in whose place it comes, and which has ended
    #[arg(long, hide = true, value_name = "PID")]
    pub succeeds: Option<u32>,
}

/// A process that may have been launched.
pub(crate) struct Launched {
    dir: Option<SystemDir>,
    /// The process that stands for this one in the system's record.
    process: ProcessId,
    /// None once `up` has released it, and for a process that it has not launched.
    tie: Arc<Mutex<Option<Tie>>>,
}

/// What ties a process to `up`.
struct Tie {
    /// Held here, so that it outlives the thread that holds the tether.
    _lock: Option<OwnedFd>,
}

impl Launched {
    /// Takes over what was inherited.
    pub(crate) fn new(args: LaunchArgs, kept: Option<&Kept>) -> Result<Self, CommandError> {
        let lock = args.lock_fd.map(inherit).transpose()?;
        Ok(Self {
            dir: args.dir.map(SystemDir::at),
            process: match kept {
                Some(kept) => kept.keeper().clone(),
                None => ProcessId::of_self()?,
            },
            tie: Arc::new(Mutex::new(args.tether.then_some(Tie { _lock: lock }))),
        })
    }

    /// Ties this process to `up`, if it was launched: `is_released` is called when it is released, or at once if there is nothing
    /// that holds it. To be called when SIGTERM is taken care of: a tether that is cut sends one.
    pub(crate) fn hold_tether(&self, is_released: impl FnOnce() + Send + 'static) {
        let tie = self.tie.lock().unwrap_or_else(PoisonError::into_inner);
        let tethered = tie.is_some();
        drop(tie);
        if !tethered {
            return is_released();
        }
        let tie = self.tie.clone();
        let (dir, process) = (self.dir.clone(), self.process.clone());
        hold_tether(
            move || dir.is_some_and(|dir| dir.is_up_with(&process)),
            move || {
                drop(take(&tie));
                is_released();
            },
        );
    }

    /// To be called at the end: if `up` has died before all stood, the last of those that share its
    /// lock removes the system's folder.
    pub(crate) fn clear_up(self) -> Result<(), CommandError> {
        if let (Some(dir), Some(tie)) = (&self.dir, take(&self.tie)) {
            drop(tie);
            // Another group of the system may stand.
            if !dir.is_up_with(&self.process) && !any_stands(dir) {
                dir.remove_if_unlocked(Ending::UpFailed)?;
            }
        }
        Ok(())
    }
}

fn any_stands(dir: &SystemDir) -> bool {
    let record = dir.record().ok().flatten();
    record.is_some_and(|record| record.groups.iter().any(|group| group.lives(dir)))
}

fn take(tie: &Mutex<Option<Tie>>) -> Option<Tie> {
    tie.lock().unwrap_or_else(PoisonError::into_inner).take()
}
