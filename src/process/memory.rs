//! Whether the kernel has killed a process for want of memory: by its own record, where that can be read; by the count of the
//! cgroup that a life of an agent has for itself; or, as far as that goes, by the count of the whole machine.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc::O_NONBLOCK;

use super::cgroup::{is_of_one_life, own_group};
use super::proc_file;
use crate::model::Cause;

/// The longest record of the kernel.
const LONGEST_RECORD: usize = 8 << 10;

/// How often the kernel had killed something, when something began.
#[derive(Debug, Default)]
pub struct MemoryWatch {
    machine: Option<u64>,
    /// The group that this process has for one life of an agent.
    group: Option<(PathBuf, u64)>,
}

impl MemoryWatch {
    /// From now on.
    pub fn begin() -> Self {
        let group = own_group().filter(|path| is_of_one_life(path));
        let events = group.map(|path| path.join("memory.events"));
        Self {
            machine: kills(Path::new("/proc/vmstat")),
            group: events.and_then(|path| Some((path.clone(), kills(&path)?))),
        }
    }

    /// The process that had this pid was ended by SIGKILL: why, if this is why. Begins anew.
    pub fn cause(&mut self, pid: u32) -> Option<Cause> {
        let now = Self::begin();
        let before = std::mem::replace(self, now);
        let has_grown = |before: u64, now: Option<u64>| now.is_some_and(|now| now > before);
        let in_group = before.group.zip(self.group.as_ref());
        if in_group.is_some_and(|((_, before), (_, now))| before < *now) {
            return Some(Cause::OutOfMemory);
        }
        match before.machine {
            Some(before) if !has_grown(before, self.machine) => None,
            _ if is_recorded(pid) => Some(Cause::OutOfMemory),
            Some(_) => Some(Cause::PerhapsOutOfMemory),
            None => None,
        }
    }
}

/// The number behind `oom_kill`.
fn kills(path: &Path) -> Option<u64> {
    let text = match path.starts_with("/proc") {
        true => proc_file(path.to_str()?).ok()?,
        false => fs::read_to_string(path).ok()?,
    };
    count(&text)
}

fn count(text: &str) -> Option<u64> {
    let mut numbers = text
        .lines()
        .filter_map(|line| line.strip_prefix("oom_kill "));
    numbers.next()?.trim().parse().ok()
}

/// Whether the kernel's record, which only some may read, says that it has killed this process.
fn is_recorded(pid: u32) -> bool {
    let mut options = File::options();
    let Ok(mut record) = options
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open("/dev/kmsg")
    else {
        return false;
    };
    let mut line = vec![0; LONGEST_RECORD];
    loop {
        match record.read(&mut line) {
            Ok(0) => return false,
            Ok(length) if tells(&String::from_utf8_lossy(&line[..length]), pid) => return true,
            Ok(_) => {}
            // Others were written over it.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

fn tells(record: &str, pid: u32) -> bool {
    record.contains("ut of memory") && record.contains(&format!("Killed process {pid} ("))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_records_are_read() {
        assert_eq!(
            count("low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
            Some(2)
        );
        assert_eq!(count("nr_free 1\noom_kill 17\n"), Some(17));
        assert_eq!(count("low 0\n"), None);
        let record =
            "3,100,5,-;Memory cgroup out of memory: Killed process 71 (python3) total-vm:1kB";
        assert!(tells(record, 71) && !tells(record, 7) && !tells(record, 171));
        assert!(tells(
            "3,1,5,-;Out of memory: Killed process 71 (x y) total",
            71
        ));
        assert!(!tells("3,1,5,-;Killed process 71 (x)", 71));
    }
}
