//! `kill -9` of a host daemon and of a name server, until all is as before; and what their keepers cost.

#[path = "../common/mod.rs"]
mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{Aim, Options, System, Table};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use osb::model::State;
use osb::proxy::{NameServer, Notice};
use osb::wire::{Change, Event};

const LIMIT: Duration = Duration::from_secs(60);

fn main() {
    let options = Options::from_env();
    let (few, many, kills) = if options.quick {
        (5, 10, 2)
    } else {
        (100, 1000, 10)
    };
    for security in ["none", "curve"] {
        daemon(few, kills, security);
        name_server(many, kills, security);
    }
}

fn topology(count: usize, security: &str) -> String {
    let agents = (0..count).map(|n| format!("  agent-{n}: {{ bind: {{ main: PUSH }} }}\n"));
    let agents: String = agents.collect();
    format!("osb: 1\nname: bench\nsecurity: {security}\nagents:\n{agents}")
}

/// Until another daemon is registered: it has taken its agents back by then.
fn daemon(agents: usize, kills: usize, security: &str) {
    let system = System::up_of(&topology(agents, security));
    let keeper = system.record().groups[0].hosts[0].process.pid;
    let nameserver = system.nameserver();
    let mut times: Vec<f64> = (0..kills)
        .map(|_| daemon_again(&nameserver, keeper))
        .collect();
    let title = format!("kill -9 of the daemon of {agents} agents, security: {security}");
    let table = Table::new(&title, "until it has its agents again");
    show(&table, &mut times, Aim::AtMost(100.0));
    let private = private_mib(keeper);
    table.figure(
        "keeper, its own memory, MiB",
        None,
        private,
        Aim::AtMost(1.0),
    );
}

fn daemon_again(nameserver: &NameServer, keeper: u32) -> f64 {
    let mut watch = nameserver.watch();
    let begun = watch.wait_until("a snapshot", LIMIT, |notice| {
        matches!(notice, Notice::Snapshot(_)).then_some(())
    });
    begun.expect("the name server answers");
    let began = kill_kept(keeper);
    let back = watch.wait_until("another daemon", LIMIT, |notice| {
        let Notice::Event(Event::Host { change, .. }) = notice else {
            return None;
        };
        (change == Change::Registered).then_some(())
    });
    back.expect("it comes back");
    began.elapsed().as_secs_f64() * 1e3
}

/// Until it answers again; and until it knows all agents again.
fn name_server(agents: usize, kills: usize, security: &str) {
    let system = System::up_of(&topology(agents, security));
    let process = system.record().groups[0].launched_nameserver.clone();
    let keeper = process.expect("it was launched").pid;
    let (mut answers, mut whole): (Vec<f64>, Vec<f64>) = (0..kills)
        .map(|_| name_server_again(&system, keeper, agents))
        .unzip();
    let title = format!("kill -9 of the name server of {agents} agents, security: {security}");
    let table = Table::new(&title, "until it answers");
    show(&table, &mut answers, Aim::AtMost(500.0));
    let table = Table::new(&title, "until it knows all agents again, running");
    show(&table, &mut whole, Aim::AtMost(2000.0));
}

fn name_server_again(system: &System, keeper: u32, agents: usize) -> (f64, f64) {
    let began = kill_kept(keeper);
    let mut answered = None;
    loop {
        assert!(began.elapsed() < LIMIT, "it does not come back");
        let all = system.nameserver().agent_infos();
        let since = began.elapsed().as_secs_f64() * 1e3;
        if let Ok(all) = all {
            let first = *answered.get_or_insert(since);
            let runs = |it: &&osb::model::AgentInfo| it.state == State::Running;
            if all.iter().filter(runs).count() == agents {
                return (first, since);
            }
        }
    }
}

/// Kills what a keeper keeps.
fn kill_kept(keeper: u32) -> Instant {
    let children = fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children"));
    let children = children.expect("it has children");
    let is_osb = |pid: &&str| {
        let name = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        !name.contains("--boot")
    };
    let daemon = children.split_whitespace().find(is_osb).expect("a daemon");
    let began = Instant::now();
    let pid = Pid::from_raw(daemon.parse().expect("a pid"));
    kill(pid, Signal::SIGKILL).expect("it lives");
    began
}

/// What a process shares with no other.
fn private_mib(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it lives");
    let lines = rollup.lines().filter(|line| line.starts_with("Private_"));
    let kib = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.sum::<f64>() / 1024.0
}

fn show(table: &Table, times: &mut [f64], aim: Aim) {
    times.sort_by(f64::total_cmp);
    let last = times[times.len() - 1];
    table.figure("median, ms", None, times[times.len() / 2], aim);
    table.figure("worst, ms", None, last, aim);
}
