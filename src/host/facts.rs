//! How this machine does, as `/proc` tells.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Amount;
use crate::wire::MachineFacts;

/// What cannot be read is 0.
pub(crate) fn machine_facts(files: Option<Amount>) -> MachineFacts {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_micros();
    MachineFacts {
        load: first_number(&load),
        memory: bytes(&memory, "MemTotal:"),
        memory_available: bytes(&memory, "MemAvailable:"),
        clock_us: u64::try_from(now).unwrap_or(u64::MAX),
        files,
    }
}

fn first_number(loadavg: &str) -> f64 {
    let word = loadavg.split_whitespace().next();
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// A line such as `MemTotal:  16384 kB`.
fn bytes(meminfo: &str, key: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(key));
    let word = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = word.and_then(|word| word.parse().ok()).unwrap_or_default();
    kib << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_understood() {
        assert_eq!(first_number("0.25 0.10 0.05 1/300 4711\n"), 0.25);
        let meminfo = "MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n";
        assert_eq!(bytes(meminfo, "MemAvailable:"), 1 << 20);
        assert_eq!(bytes("", "MemTotal:"), 0);
        let facts = machine_facts(None);
        assert!(facts.memory >= facts.memory_available && facts.memory > 0);
    }
}
