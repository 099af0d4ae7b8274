//! What the kernel says of processes: memory and time.

use std::fs;

/// The share of memory that is a process's own, in MiB: pages that several map count in parts.
pub(crate) fn pss_mib(pid: u32) -> Option<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// The mean of several processes.
pub(crate) fn mean_pss_mib(pids: &[u32]) -> f64 {
    let all: Vec<f64> = pids.iter().filter_map(|pid| pss_mib(*pid)).collect();
    all.iter().sum::<f64>() / all.len() as f64
}

/// The time a process has had of a core in all its threads, in seconds. What `utime + stime` says
/// in ticks, this says in nanoseconds.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let of_task = |path: std::path::PathBuf| -> Option<f64> {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    let nanos: f64 = tasks
        .flatten()
        .filter_map(|task| of_task(task.path()))
        .sum();
    nanos / 1e9
}
