//! Processes of a life, found by its mark or by descent, and their end.

use std::collections::HashSet;
use std::fs;
use std::time::Instant;

use super::runs::{Mark, mark_of};
use super::{ProcessId, pids, wait_for_end};
use crate::model::Leftover;
use crate::model::timing::KILL_TIMEOUT;

/// A process that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub process: ProcessId,
    /// None if it has none, or none that may be read.
    pub run: Option<String>,
    /// Its command line, as far as it says what it is.
    pub command: String,
}

/// All processes of this machine that bear one of these marks, but for this one.
pub fn marked(runs: &HashSet<String>) -> Vec<Member> {
    if runs.is_empty() {
        return Vec::new();
    }
    let own = std::process::id();
    let others = pids().filter(|pid| *pid != own);
    // Nearly all bear none of them, and nothing else is to be known of those.
    let bears = |mark: &Mark| matches!(mark, Mark::Of(run) if runs.contains(run));
    let found = others.filter(|pid| bears(&mark_of(*pid)));
    let found = found.filter_map(|pid| match Member::of(pid, None) {
        Seen::Lives(member) => Some(member),
        Seen::Ending => None,
    });
    found
        .filter(|it| it.run.as_ref().is_some_and(|run| runs.contains(run)))
        .collect()
}

/// Kills what `find` finds, again and again until there is nothing more, for it may have started others meanwhile.
/// Gives what was killed.
pub fn kill_found(find: impl FnMut() -> Vec<Member>) -> Vec<Member> {
    let deadline = Instant::now() + KILL_TIMEOUT;
    let wait = |killed: &[ProcessId]| {
        let left = deadline.saturating_duration_since(Instant::now());
        wait_for_end(killed, left) && !left.is_zero()
    };
    kill_all(find, kill, wait)
}

/// What has become of one that was to be killed.
enum Shot {
    Killed,
    /// It had ended by itself by then.
    Ended,
    /// This user may not signal it.
    Refused,
}

fn kill(process: &ProcessId) -> Shot {
    match process.kill() {
        true => Shot::Killed,
        false if process.is_alive() => Shot::Refused,
        false => Shot::Ended,
    }
}

/// `wait` waits for the ends of what was killed, and tells whether there is time for another look. What one leaves that ended by
/// itself has not been looked at.
fn kill_all(
    mut find: impl FnMut() -> Vec<Member>,
    mut kill: impl FnMut(&ProcessId) -> Shot,
    mut wait: impl FnMut(&[ProcessId]) -> bool,
) -> Vec<Member> {
    let mut killed: Vec<Member> = Vec::new();
    let mut refused: Vec<ProcessId> = Vec::new();
    loop {
        let mut found = find();
        found.retain(|it| !refused.contains(&it.process));
        if found.is_empty() {
            return killed;
        }
        let mut ending = Vec::new();
        for member in found {
            match kill(&member.process) {
                Shot::Killed => {
                    ending.push(member.process.clone());
                    if !killed.iter().any(|it| it.process == member.process) {
                        killed.push(member);
                    }
                }
                Shot::Refused => refused.push(member.process),
                Shot::Ended => {}
            }
        }
        if !wait(&ending) {
            return killed;
        }
    }
}

impl From<Member> for Leftover {
    fn from(member: Member) -> Self {
        Self {
            pid: member.process.pid,
            command: member.command,
        }
    }
}

/// What a look at a process has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Lives(Member),
    /// It has ended, or is ending, and whose it was cannot be told.
    Ending,
}

impl Member {
    /// `above` counts for its mark if it has none. Known before and after it is looked at: what is found out is of this
    /// very process, or of none.
    pub(super) fn of(pid: u32, above: Option<String>) -> Seen {
        let Ok(process) = ProcessId::of(pid) else {
            return Seen::Ending;
        };
        let run = match mark_of(pid) {
            Mark::Of(run) => Some(run),
            Mark::None => above,
            Mark::Ending => return Seen::Ending,
        };
        let command = command_of(pid);
        match process.is_alive() {
            true => Seen::Lives(Self {
                process,
                run,
                command,
            }),
            false => Seen::Ending,
        }
    }
}

/// How much of a command line is told.
const TOLD: usize = 80;

fn command_of(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    match words.trim() {
        "" => {
            let name = fs::read_to_string(format!("/proc/{pid}/comm"));
            name.unwrap_or_default().trim().to_owned()
        }
        words => words.chars().take(TOLD).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RUN;
    use super::*;
    use std::process::{Command, Stdio};

    fn marked_by(runs: &[&str]) -> Vec<Member> {
        marked(&runs.iter().map(|run| (*run).to_owned()).collect())
    }

    #[test]
    fn what_bears_a_mark_is_found_and_killed_with_what_it_starts_meanwhile() {
        let run = format!("test-{}", std::process::id());
        let other = format!("{run}-other");
        let start = |run: &str, script: &str| {
            let mut command = Command::new("sh");
            command
                .args(["-c", script])
                .env(RUN, run)
                .stdin(Stdio::null());
            command.spawn().unwrap()
        };
        let mut first = start(
            &run,
            "setsid sleep 600 & while :; do sleep 600 & wait $!; done",
        );
        let mut second = start(&other, "exec sleep 600");
        let killed = kill_found(|| marked_by(&[&run]));
        assert!(!killed.is_empty());
        assert_eq!(marked_by(&[&run]), []);
        first.wait().unwrap();
        let left = marked_by(&[&run, &other]);
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(
            (left[0].process.pid, left[0].command.as_str()),
            (second.id(), "sleep 600")
        );
        second.kill().unwrap();
        second.wait().unwrap();
    }

    fn member(pid: u32) -> Member {
        Member {
            process: ProcessId {
                pid,
                start: 1,
                boot: String::new(),
            },
            run: None,
            command: String::new(),
        }
    }

    fn pids_of(members: &[Member]) -> Vec<u32> {
        members.iter().map(|it| it.process.pid).collect()
    }

    #[test]
    fn one_that_ended_before_it_was_killed_may_have_left_another() {
        let mut looks = vec![vec![], vec![member(2)], vec![member(1)]];
        let kill = |process: &ProcessId| match process.pid {
            1 => Shot::Ended,
            _ => Shot::Killed,
        };
        let killed = kill_all(|| looks.pop().unwrap(), kill, |_| true);
        assert_eq!(pids_of(&killed), [2]);
        assert_eq!(looks.len(), 0);
    }

    #[test]
    fn what_may_not_be_killed_is_tried_once_and_time_ends_the_looking() {
        let mut tried = Vec::new();
        let kill = |process: &ProcessId| {
            tried.push(process.pid);
            Shot::Refused
        };
        assert_eq!(kill_all(|| vec![member(1)], kill, |_| true), []);
        assert_eq!(tried, [1]);
        let killed = kill_all(|| vec![member(1)], |_| Shot::Killed, |_| false);
        assert_eq!(pids_of(&killed), [1]);
    }
}
