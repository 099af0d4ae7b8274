//! The end of what an agent has written: its log, and its program's output.

use std::path::Path;

use crate::logfile::last_bytes;
use crate::model::AgentId;
use crate::state::{SystemDir, stamp};

/// How much of the end is looked at, in bytes: long lines are cut rather than carried about.
const WINDOW: u64 = 16 << 10;

/// The last `lines` lines of an agent's log and its program's output together, by time.
pub(crate) fn end_of_logs(dir: &SystemDir, agent: &AgentId, lines: usize) -> Vec<String> {
    let mut all = stamped(log_tail(&dir.log_of(agent), lines));
    all.extend(stamped(log_tail(&dir.output_of(agent), lines)));
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let skipped = all.len().saturating_sub(lines);
    all.into_iter()
        .skip(skipped)
        .map(|(_, line)| line)
        .collect()
}

/// Each line with its stamp, or that of the line it belongs to.
fn stamped(lines: Vec<String>) -> Vec<(String, String)> {
    let mut last = String::new();
    let mut with_stamp = |line: String| {
        if let Some(stamp) = stamp(&line) {
            last = stamp.to_owned();
        }
        (last.clone(), line)
    };
    lines.into_iter().map(&mut with_stamp).collect()
}

/// The last `lines` lines of the file at `path`; fewer if they are long, none if there is no file.
pub(crate) fn log_tail(path: &Path, lines: usize) -> Vec<String> {
    let (window, _) = last_bytes(path, WINDOW).unwrap_or_default();
    let text = String::from_utf8_lossy(&window);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

/// The last thing that a daemon wrote to its log, without the word that it is an error.
pub(crate) fn last_words(log: &Path) -> String {
    let last = log_tail(log, 5);
    let error = last.iter().rev().find(|line| line.starts_with("error"));
    match error.or(last.last()) {
        Some(line) => line.trim_start_matches("error: ").to_owned(),
        None => "it ended without a word".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_file() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        assert!(log_tail(&path, 3).is_empty());
        let text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, text).unwrap();
        assert_eq!(log_tail(&path, 2), ["line 4998", "line 4999"]);
        std::fs::write(&path, "x".repeat(100_000)).unwrap();
        assert_eq!(log_tail(&path, 2)[0].len(), 16 << 10);
    }

    #[test]
    fn log_and_output_come_by_time() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().to_owned());
        dir.create().unwrap();
        let bob = "Bob".parse().unwrap();
        let at = |second: u32, text: &str| format!("2026-11-23T05:15:0{second}.000Z {text}\n");
        let log = at(1, "INFO  begins") + &at(4, "ERROR ended");
        let out = at(2, "ERR   Traceback") + "  of a library\n" + &at(3, "ERR   KeyError");
        std::fs::write(dir.log_of(&bob), log).unwrap();
        std::fs::write(dir.output_of(&bob), out).unwrap();
        let end: String = end_of_logs(&dir, &bob, 4).join("\n");
        insta::assert_snapshot!(end, @r"
        2026-11-23T05:15:02.000Z ERR   Traceback
          of a library
        2026-11-23T05:15:03.000Z ERR   KeyError
        2026-11-23T05:15:04.000Z ERROR ended
        ");
    }
}
