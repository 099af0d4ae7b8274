//! The mark of what an agent's program starts, in whatever session: new for each life of an agent, in the environment, and in
//! the name of the cgroup where there is one.
//!
//! A process with another mark is of another life, or one of osb's own daemons, and so is what descends from it.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use super::{Stat, cgroup, proc_file};

/// The environment variable with the mark.
pub const RUN: &str = "OSB_RUN";
/// The mark of osb's own daemons, and of agents that are not to end with another agent's program: of no life.
const NO_RUN: &str = "none";

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

/// What a process bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    Of(String),
    /// None, or none that may be read.
    None,
    /// It is ending, or has ended: nothing of it can be read any more.
    Ending,
}

/// In its environment, or else in the name of its cgroup.
pub(super) fn mark_of(pid: u32) -> Mark {
    let (own, otherwise) = match environment_of(pid) {
        Environment::Of(text) => (run_in(&text), Mark::None),
        Environment::Withheld => (None, Mark::None),
        Environment::Gone => (None, Mark::Ending),
    };
    let run = own.or_else(|| cgroup::run_of(pid));
    run.map_or(otherwise, Mark::Of)
}

fn run_in(environment: &str) -> Option<String> {
    let mut lines = environment.split('\0');
    let value = lines.find_map(|it| it.strip_prefix(RUN)?.strip_prefix('='))?;
    Some(value.to_owned())
}

enum Environment {
    Of(String),
    /// This user may not read it, or it is the kernel's.
    Withheld,
    Gone,
}

/// A process that is just beginning another program (execve(2)) has neither variables nor words for a moment, and nothing tells
/// when it has; nor has one that is ending. What was opened before execve(2) is empty, too: only what is empty twice is.
fn environment_of(pid: u32) -> Environment {
    let mut had_words = false;
    for _ in 0..BEGINNING_LOOKS {
        match proc_file(&format!("/proc/{pid}/environ")) {
            Ok(text) if !text.is_empty() => return Environment::Of(text),
            Ok(text) if had_words => return Environment::Of(text),
            Ok(_) => {}
            Err(error) if is_gone(&error) => return Environment::Gone,
            Err(_) => return Environment::Withheld,
        }
        match Stat::of(pid) {
            Ok(stat) if stat.is_kernels => return Environment::Withheld,
            Ok(stat) if !stat.ended => {}
            _ => return Environment::Gone,
        }
        had_words = fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| !words.is_empty());
        std::thread::sleep(BEGINNING_INTERVAL);
    }
    Environment::Gone
}

/// How often it is looked at, and how long is waited in between.
const BEGINNING_LOOKS: u32 = 100;
const BEGINNING_INTERVAL: Duration = Duration::from_millis(1);

/// So Linux 6.16 and later tell of one that has no memory any more; those before give an empty file.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    #[test]
    fn the_mark_of_a_process_is_in_its_environment() {
        let start = |run: Option<&str>| {
            let mut command = Command::new("sleep");
            command.arg("600").env_clear().stdin(Stdio::null());
            run.map(|run| command.env(RUN, run));
            command.spawn().unwrap()
        };
        let (mut with, mut without) = (start(Some("one")), start(None));
        assert_eq!(mark_of(with.id()), Mark::Of("one".to_owned()));
        assert_eq!(mark_of(without.id()), Mark::None);
        for child in [&mut with, &mut without] {
            child.kill().unwrap();
            super::super::until_ended(child.id(), Duration::from_secs(30));
            assert_eq!(mark_of(child.id()), Mark::Ending);
            child.wait().unwrap();
            assert_eq!(mark_of(child.id()), Mark::Ending);
        }
    }
}
