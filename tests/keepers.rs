//! Daemons are kept: one that is killed is there again at once, with its agents as they were; so is one whose keeper is
//! killed. What happens in between is found out.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::{Bench, daemon_of, kill, kill_to_the_end, wait_until};

/// Alice is there for others; Bob and Carol are started again; Job and Once are done once.
const SYSTEM: &str = r#"
osb: 1
name: kept
agents:
  Alice: { bind: { main: { kind: PUSH, handler: null } }, attributes: { x: 1 } }
  Bob: { restart: on-failure }
  Carol: { restart: { policy: always, delay: 1h, limit: 3 } }
  Job: { command: [sh, -c, 'echo done >> jobs'], speaks: nothing, job: true, restart: always }
  Once: { command: [sh, -c, 'until test -e go; do sleep 0.01; done; echo done >> jobs'], speaks: nothing, restart: on-failure }
connections:
  - { agent: Bob, to: Alice.main, alias: in, handler: collect }
"#;

impl Bench {
    fn keeper(&self) -> i32 {
        self.pid_of("host --name local").unwrap()
    }

    /// Kills the host daemon; gives it back once another is there.
    fn kill_daemon(&self) {
        let keeper = self.keeper();
        let before = daemon_of(keeper);
        kill_to_the_end(before);
        self.until_host(|host| host["state"] == "running" && host["pid"] == keeper);
    }

    fn until_host(&self, is_so: impl Fn(&Value) -> bool) {
        wait_until("the host is there again", || {
            let hosts = self.json(&["ls", "hosts"]);
            hosts.as_array().unwrap().iter().any(&is_so)
                && self.osb(&["stop", "Nobody"]).stderr.contains("Nobody")
        });
    }

    fn pids(&self) -> [i32; 3] {
        ["Alice", "Bob", "Carol"].map(|name| self.pid(name))
    }

    fn bob_hears(&self) {
        let heard = || {
            let received = self.json(&["get", "Bob", "received"]);
            received.as_array().map_or(0, Vec::len)
        };
        self.ok(&["wait", "Bob"]);
        let before = heard();
        self.ok(&["send", "Alice", "main", "1"]);
        wait_until("Bob hears it", || heard() > before);
    }

    fn jobs_done(&self) -> usize {
        let path: PathBuf = self.files().join("jobs");
        std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
    }
}

fn up() -> Bench {
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    bench
}

#[test]
fn a_daemon_that_is_killed_takes_its_agents_back() {
    let bench = up();
    let before = bench.pids();
    bench.kill_daemon();
    assert_eq!(bench.pids(), before);
    bench.bob_hears();
    // They are its own: it sees them end, by their policies, and stops them.
    kill(before[1], 9);
    wait_until("Bob is there again", || {
        let bob = bench.agent("Bob");
        bob["state"] == "running" && bob["pid"] != before[1] && bob["restarts"] == 1
    });
    bench.bob_hears();
    bench.ok(&["stop", "Alice"]);
    assert_eq!(bench.agent("Alice")["state"], "stopped");
    // What was stopped stays so, also for the next one.
    bench.kill_daemon();
    assert_eq!(bench.agent("Alice")["state"], "stopped");
    bench.ok(&["start", "Alice"]);
    wait_until("Alice runs", || bench.agent("Alice")["state"] == "running");
    assert_eq!(bench.agent("Alice")["restarts"], 1);
    let down = bench.ok(&["down"]);
    assert!(down.contains("4 agents ended"), "{down}");
    bench.assert_nothing_left();
}

/// The daemon stands still until they have ended, so that none sees them end.
#[test]
fn what_ends_while_there_is_no_daemon_has_its_consequences_by_its_true_status() {
    let bench = up();
    let before = bench.pids();
    let keeper = bench.keeper();
    let daemon = daemon_of(keeper);
    kill(daemon, 19);
    std::fs::write(bench.files().join("go"), "").unwrap();
    wait_until("it is done", || bench.jobs_done() == 2);
    kill(before[0], 9);
    kill(before[1], 9);
    kill_to_the_end(daemon);
    wait_until("Bob is there again", || {
        let bob = bench.agent("Bob");
        bob["state"] == "running" && bob["pid"] != before[1]
    });
    wait_until("the ends are told", || {
        bench.agent("Alice")["state"] == "failed" && bench.agent("Once")["state"] == "stopped"
    });
    let alice = bench.agent("Alice");
    assert_eq!(
        (&alice["exit_status"], &alice["signal"]),
        (&json!(null), &json!(9))
    );
    assert_eq!(bench.agent("Once")["exit_status"], json!(0));
    assert_eq!(bench.pid("Carol"), before[2]);
    bench.kill_daemon();
    assert_eq!(bench.jobs_done(), 2, "each is done once");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn how_often_an_agent_was_started_again_is_not_forgotten() {
    let bench = up();
    let first = bench.pid("Carol");
    kill(first, 9);
    wait_until("Carol is there again", || {
        let carol = bench.agent("Carol");
        carol["state"] == "running" && carol["pid"] != first
    });
    kill(bench.pid("Carol"), 9);
    wait_until("Carol waits for an hour", || {
        bench.agent("Carol")["state"] == "restarting"
    });
    bench.kill_daemon();
    wait_until("Carol waits still", || {
        bench.agent("Carol")["state"] == "restarting"
    });
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_keeper_that_is_killed_has_a_successor_and_no_agent_is_touched() {
    let bench = up();
    let before = bench.pids();
    for _round in 0..2 {
        let keeper = bench.keeper();
        let daemon = daemon_of(keeper);
        kill_to_the_end(keeper);
        bench.until_host(|host| host["state"] == "running" && host["pid"] == daemon);
        assert_eq!(bench.pids(), before);
    }
    // It is kept as before, and it is the system's.
    bench.kill_daemon();
    let path = bench.files().join("topology.yaml");
    let up = bench.json(&["up", path.to_str().unwrap()]);
    assert_eq!(up["unchanged"], json!(true));
    assert_eq!(bench.pids(), before);
    bench.bob_hears();
    let down = bench.ok(&["down"]);
    assert!(down.contains("4 agents ended"), "{down}");
    assert!(!down.contains("had to be killed"), "{down}");
    bench.assert_nothing_left();
}

/// Nobody else would end them.
#[test]
fn who_tells_a_keeper_to_end_whose_daemon_was_just_killed_has_the_agents_ended() {
    let bench = up();
    let keeper = bench.keeper();
    kill(daemon_of(keeper), 9);
    kill(keeper, 15);
    wait_until("the name server is left, with its keeper", || {
        bench.processes().len() == 2 && bench.pid_of("host --name local").is_none()
    });
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_name_server_that_is_killed_is_there_again_with_all_members() {
    let bench = up();
    let before = bench.pids();
    kill(before[1], 9);
    wait_until("Bob is there again", || {
        bench.agent("Bob")["restarts"] == 1 && bench.agent("Bob")["state"] == "running"
    });
    let before = bench.pids();
    let keeper = bench.pid_of(" ns ").unwrap();
    let address = bench.json(&["ls", "systems"])[0]["nameserver"].clone();
    for victim in ["daemon", "keeper"] {
        let keeper = bench.pid_of(" ns ").unwrap();
        kill_to_the_end(match victim {
            "daemon" => daemon_of(keeper),
            _ => keeper,
        });
        wait_until("all are there again", || {
            let said = bench.osb(&["-o", "json", "ls", "agents"]);
            let agents: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
            let agents = agents.as_array().cloned().unwrap_or_default();
            agents.len() == 5
                && agents
                    .iter()
                    .all(|it| it["state"] == "running" || it["name"] == "Job")
        });
        assert_eq!(bench.pids(), before);
        assert_eq!(bench.agent("Bob")["restarts"], 1, "it is not forgotten");
        assert_eq!(bench.json(&["ls", "systems"])[0]["nameserver"], address);
        bench.bob_hears();
    }
    assert_ne!(bench.pid_of(" ns ").unwrap(), keeper);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_daemon_that_a_person_has_started_is_kept_until_it_is_told_to_end() {
    let bench = Bench::new();
    let mut ns = bench.spawn(&["ns", "--bind", "127.0.0.1:0"]);
    let mut line = String::new();
    let mut out = std::io::BufReader::new(ns.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let at = line.trim_end();
    let mut host = bench.spawn(&["--ns", at, "host", "--name", "lab"]);
    let keeper = i32::try_from(host.id()).unwrap();
    let is_there = || {
        bench
            .osb(&["--ns", at, "ls", "hosts"])
            .stdout
            .contains("running")
    };
    wait_until("it is there", is_there);
    let before = daemon_of(keeper);
    kill_to_the_end(before);
    let path = format!("/proc/{keeper}/task/{keeper}/children");
    wait_until("it is there again", || {
        let children = std::fs::read_to_string(&path).unwrap();
        !children.is_empty() && !children.contains(&before.to_string()) && is_there()
    });
    kill(keeper, 2);
    assert_eq!(host.wait().unwrap().code(), Some(0));
    // A name server that a person has started is not: it ends when it is killed.
    ns.kill().unwrap();
    ns.wait().unwrap();
    bench.assert_nothing_left();
}
