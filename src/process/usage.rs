//! What processes take of their machine: time of its processors, and memory.

use rustix::param::{clock_ticks_per_second, page_size};

use super::descent::children;
use super::proc_file;

/// What a process has taken so far, or several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many processes they are.
    pub processes: u32,
    /// In microseconds, as exact as the kernel's clock ticks.
    pub cpu_us: u64,
    /// What is in memory, in bytes. What processes share counts for each.
    pub memory: u64,
}

/// A program of very many processes does not keep who asks from its work.
const MOST: u32 = 64;

/// What this process has taken, without its children. None if that cannot be told.
pub fn own_usage() -> Option<Usage> {
    Some(Times::of("/proc/self/stat")?.own())
}

/// What a process has taken, with all that descends from it, and what of that has ended and was waited for. None if it has ended,
/// or if that cannot be told.
pub fn usage_of_all(pid: u32) -> Option<Usage> {
    let mut all = Times::of(&format!("/proc/{pid}/stat"))?.with_children();
    let mut next = children(pid);
    while let Some(pid) = next.pop().filter(|_| all.processes < MOST) {
        // One that ends meanwhile is its parent's to count.
        if let Some(times) = Times::of(&format!("/proc/{pid}/stat")) {
            let one = times.with_children();
            all.processes += 1;
            all.cpu_us += one.cpu_us;
            all.memory += one.memory;
            next.extend(children(pid));
        }
    }
    Some(all)
}

/// Some of what `/proc/PID/stat` says, in clock ticks and pages.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    own: u64,
    /// Of its children that have ended and were waited for.
    of_ended: u64,
    pages: u64,
}

impl Times {
    fn of(path: &str) -> Option<Self> {
        Self::parse(&proc_file(path).ok()?)
    }

    /// The second field is the program's name in parentheses, which may contain anything.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.get(text.rfind(')')? + 2..)?;
        let mut fields = rest.split(' ').skip(11);
        let mut number = || fields.next()?.trim().parse::<u64>().ok();
        let own = number()? + number()?;
        let of_ended = number()? + number()?;
        // Priority, niceness, threads, and two that do not matter.
        let mut pages = fields.skip(5).map(|it| it.trim().parse::<u64>().ok());
        let (_size, pages) = (pages.next()?, pages.next()?);
        Some(Self {
            own,
            of_ended,
            pages: pages?,
        })
    }

    fn own(&self) -> Usage {
        self.usage(self.own)
    }

    fn with_children(&self) -> Usage {
        self.usage(self.own + self.of_ended)
    }

    fn usage(&self, ticks: u64) -> Usage {
        Usage {
            processes: 1,
            cpu_us: ticks.saturating_mul(1_000_000) / clock_ticks_per_second().max(1),
            memory: self.pages.saturating_mul(page_size() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let line =
            "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 12 3 40 5 20 0 1 0 900 8192 77 184 1 1 0\n";
        let times = Times::parse(line).unwrap();
        assert_eq!((times.own, times.of_ended, times.pages), (15, 45, 77));
        for bad in [
            "",
            "7 (a",
            "7 (a) S 1",
            "7 (a) S x x x x x x x x x x x x x x",
        ] {
            assert_eq!(Times::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_process_counts_with_what_descends_from_it() {
        assert!(own_usage().unwrap().memory > 100_000);
        let script = "sh -c 'sleep 1000 & echo; exec sleep 1000' & read x";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let all = usage_of_all(shell.id()).unwrap();
        assert_eq!(all.processes, 3);
        assert!(all.memory > 100_000, "{all:?}");
        let group = rustix::process::Pid::from_child(&shell);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        shell.wait().unwrap();
        assert_eq!(usage_of_all(shell.id()), None);
    }
}
