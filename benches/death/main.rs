//! `kill -9` of an agent, until the name server says so and until `osb ls` shows it.

#[path = "../common/mod.rs"]
mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::pairs::median;
use common::{Aim, Options, System, Table};
use osb::model::{AgentInfo, State};
use osb::proxy::Notice;
use osb::wire::Event;

fn main() {
    let options = Options::from_env();
    let count = if options.quick { 5 } else { 40 };
    let system = System::up_of(&topology(count));
    let (told, shown): (Vec<f64>, Vec<f64>) = system
        .agents()
        .iter()
        .enumerate()
        .map(|(n, agent)| kill(&system, agent, n % 2 == 0))
        .unzip();
    let known = |times: Vec<f64>| median(times.into_iter().filter(|it| !it.is_nan()).collect());
    let table = Table::new("kill -9 of an agent", "milliseconds, median");
    table.figure(
        "until a watcher is told that it failed",
        None,
        known(told),
        Aim::AtMost(10.0),
    );
    table.figure(
        "until `osb ls agents` shows it and ends",
        None,
        known(shown),
        Aim::AtMost(10.0),
    );
    table.figure(
        "of it: one `osb ls agents`",
        None,
        one_ls(&system),
        Aim::None,
    );
}

fn topology(count: usize) -> String {
    let agents = (0..count).map(|n| format!("  agent-{n}: {{ bind: {{ main: PUSH }} }}\n"));
    format!(
        "osb: 1\nname: bench\nagents:\n{}",
        agents.collect::<String>()
    )
}

/// Milliseconds until a watcher knows, or until `ls` does: asked together, they would disturb each
/// other.
fn kill(system: &System, agent: &AgentInfo, by_watch: bool) -> (f64, f64) {
    let nameserver = system.nameserver();
    let mut watch = nameserver.watch();
    let limit = Duration::from_secs(10);
    let first = watch.wait_until("a snapshot", limit, |notice| {
        matches!(notice, Notice::Snapshot(_)).then_some(())
    });
    first.expect("the name server answers");
    let pid = agent.pid.expect("it runs").to_string();
    let began = Instant::now();
    let killed = Command::new("kill").args(["-9", &pid]).status();
    assert!(killed.expect("there is a kill").success());
    if !by_watch {
        while !shows_failed(system, agent) {
            assert!(began.elapsed() < limit, "ls never shows it");
        }
        return (f64::NAN, began.elapsed().as_secs_f64() * 1e3);
    }
    let failed = watch.wait_until("a death", limit, |notice| match notice {
        Notice::Event(Event::Agent { agent: it, .. }) => {
            (it.name == agent.name && it.state == State::Failed).then_some(())
        }
        _ => None,
    });
    failed.expect("the death is told");
    (began.elapsed().as_secs_f64() * 1e3, f64::NAN)
}

fn shows_failed(system: &System, agent: &AgentInfo) -> bool {
    let output = ls(system);
    let agents: Vec<AgentInfo> = serde_json::from_slice(&output).expect("a list of agents");
    agents
        .iter()
        .any(|it| it.name == agent.name && it.state == State::Failed)
}

fn ls(system: &System) -> Vec<u8> {
    let output = system.osb().args(["ls", "agents", "-o", "json"]).output();
    common::system::succeeded(output).stdout
}

fn one_ls(system: &System) -> f64 {
    let times = (0..20).map(|_| {
        let began = Instant::now();
        ls(system);
        began.elapsed().as_secs_f64() * 1e3
    });
    median(times.collect())
}
