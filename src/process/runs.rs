//! What an agent's program has started, and what that has started in its turn, in whatever sessions: found by
//! descent from the process that adopts orphans, and by a mark, which is new for each life of an agent: in the
//! environment, and in the name of the cgroup where there is one.
//!
//! A process with another mark is of another life, or one of osb's own daemons, and so is what descends from it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{ProcessId, Stat, cgroup, proc_file, wait_for_end};
use crate::model::Leftover;
use crate::model::timing::KILL_TIMEOUT;

/// The environment variable with the mark.
pub const RUN: &str = "OSB_RUN";
/// The mark of osb's own daemons, and of agents that are not to end with another agent's program: of no life.
const NO_RUN: &str = "none";

/// A process that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub process: ProcessId,
    /// None if it has none, or none that may be read.
    pub run: Option<String>,
    /// Its command line, as far as it says what it is.
    pub command: String,
}

/// By these systemd tells a service how to answer, and only that one.
const OF_SERVICE: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// What `command` starts belongs to no agent's life, even if an agent's process starts it.
fn of_no_run(command: &mut Command) {
    command.env(RUN, NO_RUN);
}

/// The same of a daemon that outlives what starts it, and does not speak for the service that this may be in.
pub fn of_its_own(command: &mut Command) {
    of_no_run(command);
    OF_SERVICE.iter().for_each(|name| {
        command.env_remove(name);
    });
}

/// Begins this process anew if it has inherited the mark of a life, which is not to take it along: what is in the
/// environment from the beginning can be seen until the end.
pub fn drop_run() -> io::Result<()> {
    if std::env::var_os(RUN).is_none_or(|run| run == NO_RUN) {
        return Ok(());
    }
    let mut words = std::env::args_os();
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    of_no_run(command.args(words));
    Err(command.exec())
}

/// What descends from this process, alive, but for its children that are `known` and what descends from those, and
/// for what is not `ours` by its mark. What has no mark is taken to have that of the process it descends from.
pub fn descendants(
    known: impl Fn(u32) -> bool,
    ours: impl Fn(Option<&str>) -> bool,
) -> Vec<Member> {
    let mut roots = children(std::process::id());
    roots.retain(|pid| !known(*pid));
    let mut next: Vec<(u32, Option<String>)> = roots.into_iter().map(|pid| (pid, None)).collect();
    let mut found = Vec::new();
    while let Some((pid, above)) = next.pop() {
        until_begun(pid);
        let Some(member) = Member::of(pid, |own| own.or(above)) else {
            continue;
        };
        if ours(member.run.as_deref()) {
            let below = children(pid).into_iter();
            next.extend(below.map(|child| (child, member.run.clone())));
            found.push(member);
        }
    }
    found
}

/// A process that is just beginning another program (execve(2)) has neither variables nor words for a moment: its mark cannot be
/// read then, and nothing tells when it can.
fn until_begun(pid: u32) {
    for _ in 0..BEGINNING_LOOKS {
        let is_empty = |file: &str| {
            let content = fs::read(format!("/proc/{pid}/{file}"));
            content.is_ok_and(|content| content.is_empty())
        };
        let lives = || Stat::of(pid).is_ok_and(|stat| !stat.ended);
        if !is_empty("environ") || !is_empty("cmdline") || !lives() {
            return;
        }
        std::thread::sleep(BEGINNING_INTERVAL);
    }
}

/// How often it is looked at, and how long is waited in between.
const BEGINNING_LOOKS: u32 = 100;
const BEGINNING_INTERVAL: Duration = Duration::from_millis(1);

/// Whether this process has any child that is not `known`, dead or alive.
pub fn has_others(known: impl Fn(u32) -> bool) -> bool {
    children(std::process::id())
        .into_iter()
        .any(|pid| !known(pid))
}

/// All processes of this machine that bear one of these marks, but for this one.
pub fn marked(runs: &HashSet<String>) -> Vec<Member> {
    if runs.is_empty() {
        return Vec::new();
    }
    let own = std::process::id();
    let others = pids().filter(|pid| *pid != own);
    // Nearly all bear none of them, and nothing else is to be known of those.
    let bears = |pid: &u32| mark_of(*pid).is_some_and(|it| runs.contains(&it));
    let found = others.filter(bears);
    let found = found.filter_map(|pid| Member::of(pid, |own| own.filter(|it| runs.contains(it))));
    found.filter(|it| it.run.is_some()).collect()
}

/// Kills what `find` finds, again and again until there is nothing more, for it may have started others meanwhile.
/// Gives what was killed.
pub fn kill_found(mut find: impl FnMut() -> Vec<Member>) -> Vec<Member> {
    let deadline = Instant::now() + KILL_TIMEOUT;
    let mut killed: Vec<Member> = Vec::new();
    // Those that this user may not signal.
    let mut others: Vec<ProcessId> = Vec::new();
    loop {
        let mut found = find();
        found.retain(|it| !others.contains(&it.process));
        let (found, not): (Vec<Member>, Vec<Member>) =
            found.into_iter().partition(|it| it.process.kill());
        others.extend(not.into_iter().map(|it| it.process));
        if found.is_empty() {
            return killed;
        }
        let processes: Vec<ProcessId> = found.iter().map(|it| it.process.clone()).collect();
        for member in found {
            if !killed.iter().any(|it| it.process == member.process) {
                killed.push(member);
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if !wait_for_end(&processes, left) {
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

impl Member {
    /// `run` tells what counts for its mark, given that in its environment. Known before and after it is looked at:
    /// what is found out is of this very process, or of none.
    fn of(pid: u32, run: impl FnOnce(Option<String>) -> Option<String>) -> Option<Self> {
        let process = ProcessId::of(pid).ok()?;
        let member = Self {
            run: run(mark_of(pid)),
            command: command_of(pid),
            process,
        };
        member.process.is_alive().then_some(member)
    }
}

/// In its environment, or else in the name of its cgroup.
fn mark_of(pid: u32) -> Option<String> {
    run_of(pid).or_else(|| cgroup::run_of(pid))
}

fn run_of(pid: u32) -> Option<String> {
    let environment = proc_file(&format!("/proc/{pid}/environ")).ok()?;
    let mut lines = environment.split('\0');
    let value = lines.find_map(|it| it.strip_prefix(RUN)?.strip_prefix('='))?;
    Some(value.to_owned())
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

/// The children of all threads of a process.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let mut found = Vec::new();
    for task in tasks.flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(text) => found.extend(
                text.split_whitespace()
                    .filter_map(|it| it.parse::<u32>().ok()),
            ),
            // A kernel without these lists. Else the thread has ended.
            Err(_) if task.path().join("stat").exists() => return children_of_all(pid),
            Err(_) => {}
        }
    }
    found
}

fn children_of_all(parent: u32) -> Vec<u32> {
    pids()
        .filter(|pid| Stat::of(*pid).is_ok_and(|stat| stat.parent == parent))
        .collect()
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

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
}
