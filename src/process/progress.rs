//! Whether a process does anything: one whose threads are never switched to stands still.

use std::fs;

use super::proc_file;

/// How often the threads of a process have been switched to: another number when any of them has run meanwhile. None if
/// that cannot be told.
pub fn progress(pid: u32) -> Option<u64> {
    switches(&format!("/proc/{pid}"))
}

/// The same of all threads, for a process of which it is not known which one does its work.
pub fn progress_of_threads(pid: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let threads = threads.filter_map(Result::ok);
    let switches = threads.filter_map(|it| switches(&it.path().display().to_string()));
    let all: Vec<u64> = switches.collect();
    (!all.is_empty()).then(|| all.iter().sum())
}

fn switches(folder: &str) -> Option<u64> {
    let status = proc_file(&format!("{folder}/status")).ok()?;
    let counts = status.lines().filter_map(|line| {
        let (_, count) = line.split_once("voluntary_ctxt_switches:")?;
        count.trim().parse::<u64>().ok()
    });
    let counts: Vec<u64> = counts.collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn who_works_gets_on_and_who_sleeps_does_not() {
        let mut sleeper = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = sleeper.id();
        let deadline = Instant::now() + Duration::from_secs(10);
        // It has begun when it stands still.
        let is_still = || {
            let before = (progress(pid).unwrap(), progress_of_threads(pid).unwrap());
            std::thread::sleep(Duration::from_millis(50));
            before == (progress(pid).unwrap(), progress_of_threads(pid).unwrap())
        };
        while !is_still() {
            assert!(Instant::now() < deadline);
        }
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        let own = std::process::id();
        let before = progress_of_threads(own).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert_ne!(progress_of_threads(own), Some(before));
        assert_eq!(progress(u32::MAX), None);
        assert_eq!(progress_of_threads(u32::MAX), None);
    }
}
