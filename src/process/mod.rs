//! Processes of the operating system: how to identify one, whether it lives, how to signal and outlive it.
//!
//! A bare pid is never signalled: pids are used again. A process is known by its pid, its start
//! time and the boot it belongs to, and is signalled through a pidfd.

mod cgroup;
mod descent;
#[allow(unsafe_code, reason = "what runs between fork and exec")]
mod descriptors;
#[allow(
    unsafe_code,
    reason = "a descriptor that is watched is owned beside it"
)]
mod ended;
mod groups;
mod ignored;
#[allow(
    unsafe_code,
    reason = "descriptors that are known by their numbers only"
)]
mod inherited;
mod members;
mod memory;
#[allow(
    unsafe_code,
    reason = "waitid leaves a child to be waited for, which nix does not offer by status"
)]
mod orphans;
mod own;
mod progress;
mod runs;
mod start;
mod tether;
mod usage;
mod working;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

pub use cgroup::{Cgroup, Cgroups, remove as remove_cgroup};
pub use descent::{descendants, has_ending, has_others};
pub use descriptors::{descriptors_before, limit_descriptors, raise_descriptors};
use ended::until_ended;
pub use ended::{end_of, wait_for_end};
pub use groups::kill_groups;
pub use ignored::is_ignored;
pub use inherited::{hand_descriptor, keep_descriptors};
pub use members::{Member, kill_found, marked};
pub use memory::MemoryWatch;
pub use orphans::{Ended, Kin, adopt_orphans, ended_child, has_children, reap, reap_orphans};
pub use own::{assert_osb, note_is_osb, own_osb};
pub use progress::{progress, progress_of_threads};
pub use runs::{RUN, drop_run, of_its_own};
pub use start::not_started;
pub use tether::{Tether, hold_tether};
pub use usage::{Usage, own_usage, usage_of_all};
pub use working::{Working, working_for};

/// A process, told apart from any later one with the same pid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    pub pid: u32,
    /// In clock ticks since boot, as `/proc` has it.
    pub start: u64,
    /// The kernel's id of this boot.
    pub boot: String,
}

impl ProcessId {
    /// The process that has `pid` now.
    pub fn of(pid: u32) -> io::Result<Self> {
        Ok(Self {
            pid,
            start: start_time(pid)?,
            boot: boot_id()?,
        })
    }

    /// The child that has `pid`, which may have ended and was not waited for.
    pub fn of_child(pid: u32) -> io::Result<Self> {
        Ok(Self {
            pid,
            start: Stat::of(pid)?.start,
            boot: boot_id()?,
        })
    }

    pub fn of_self() -> io::Result<Self> {
        Self::of(std::process::id())
    }

    /// Whether it still runs. A zombie does not.
    pub fn is_alive(&self) -> bool {
        boot_id().is_ok_and(|boot| boot == self.boot)
            && start_time(self.pid).is_ok_and(|start| start == self.start)
    }

    /// Whether it has ended, and nothing of it is left: its parent has waited for it.
    pub fn was_waited_for(&self) -> bool {
        !Self::of_child(self.pid).is_ok_and(|there| there == *self)
    }

    /// Whether it was begun since this machine was.
    pub fn is_of_this_boot(&self) -> bool {
        boot_id().is_ok_and(|boot| boot == self.boot)
    }

    /// A descriptor that stands for this very process, if it still runs.
    pub fn open(&self) -> Option<OwnedFd> {
        let pid = Pid::from_raw(i32::try_from(self.pid).ok()?)?;
        // Opened first and compared then: what the descriptor stands for cannot change any more.
        let fd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        self.is_alive().then_some(fd)
    }

    /// Sends SIGTERM. Tells whether there was a process to get it.
    pub fn terminate(&self) -> bool {
        self.signal(Signal::TERM)
    }

    /// Sends SIGQUIT, by which a host daemon learns that there is no time to ask. Tells whether
    /// there was a process to get it.
    pub fn hurry(&self) -> bool {
        self.signal(Signal::QUIT)
    }

    /// Sends SIGKILL. Tells whether it could.
    pub fn kill(&self) -> bool {
        self.signal(Signal::KILL)
    }

    fn signal(&self, signal: Signal) -> bool {
        self.open()
            .is_some_and(|fd| pidfd_send_signal(fd, signal).is_ok())
    }

    /// Sends SIGKILL to it and to the process group that it leads, if it does by now. Tells whether
    /// there was a process to get it.
    pub fn kill_group(&self) -> bool {
        let Some(fd) = self.open() else {
            return false;
        };
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
        pidfd_send_signal(&fd, Signal::KILL).is_ok()
    }
}

/// The parent of a process that was not waited for.
pub fn parent_of(process: &ProcessId) -> Option<u32> {
    let stat = Stat::of(process.pid).ok()?;
    (stat.start == process.start).then_some(stat.parent)
}

/// A process that has ended and was not waited for counts as ended.
fn start_time(pid: u32) -> io::Result<u64> {
    let stat = Stat::of(pid)?;
    match stat.ended {
        true => Err(io::ErrorKind::NotFound.into()),
        false => Ok(stat.start),
    }
}

/// Some of what `/proc/PID/stat` says.
struct Stat {
    ended: bool,
    parent: u32,
    group: u32,
    session: u32,
    /// It is a thread of the kernel.
    is_kernels: bool,
    start: u64,
}

/// PF_KTHREAD, of the flags in `/proc/PID/stat`.
const OF_KERNEL: u32 = 0x0020_0000;

impl Stat {
    fn of(pid: u32) -> io::Result<Self> {
        let text = proc_file(&format!("/proc/{pid}/stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::other("/proc/PID/stat is not understood"))
    }

    /// The second field is the program's name in parentheses, which may contain anything.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.get(text.rfind(')')? + 2..)?;
        let fields: Vec<&str> = rest.split(' ').collect();
        Some(Self {
            ended: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            is_kernels: fields.get(6)?.parse::<u32>().ok()? & OF_KERNEL != 0,
            start: fields.get(19)?.parse().ok()?,
        })
    }
}

/// Of all processes of this machine.
fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A file of /proc as text. It does not tell its size, so there is room for it beforehand: what grows as it is read takes
/// ten times as many calls, for each process of the machine.
fn proc_file(path: &str) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(PROC_FILE);
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What most files of /proc have room in.
const PROC_FILE: usize = 8 << 10;

/// It is read once: no process outlives a boot.
fn boot_id() -> io::Result<String> {
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(id) = BOOT.get() {
        return Ok(id.clone());
    }
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(BOOT.get_or_init(|| id.trim().to_owned()).clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_is_alive_until_it_ends() {
        let own = ProcessId::of_self().unwrap();
        assert!(own.is_alive());
        assert!(
            !ProcessId {
                start: own.start + 1,
                ..own.clone()
            }
            .is_alive()
        );
        assert!(
            !ProcessId {
                boot: "another".into(),
                ..own
            }
            .is_alive()
        );
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let id = ProcessId::of(child.id()).unwrap();
        assert!(id.terminate());
        wait_for_end(
            std::slice::from_ref(&id),
            std::time::Duration::from_secs(10),
        );
        assert!(!id.is_alive(), "a zombie is not alive");
        child.wait().unwrap();
        assert!(!id.terminate());
    }
}
