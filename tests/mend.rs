//! `up` of a system of which something is missing: that comes back, and nothing else is touched.

use crate::common::{Bench, kill, kill_with_keeper, wait_until};
use serde_json::{Value, json};

/// Alice feeds Bob; Carol stands beside.
const SYSTEM: &str = r#"
osb: 1
name: pair
agents:
  Alice:
    bind: { main: PUSH }
    timers: [{ every: 20ms, send: main, message: "Hello!" }]
  Bob: {}
  Carol: {}
  Job: { command: [sh, -c, 'echo done once'], job: true }
connections:
  - { agent: Bob, to: Alice.main, alias: inbox, handler: collect }
"#;

impl Bench {
    fn up_again(&self) -> Value {
        let path = self.files().join("topology.yaml");
        self.json(&["up", path.to_str().unwrap()])
    }

    fn nameserver_pid(&self) -> i32 {
        self.pid_of("osb ns --bind").unwrap()
    }

    /// That Bob hears Alice, from now on.
    fn talks(&self) {
        let heard = || {
            self.json(&["get", "Bob", "received"])
                .as_array()
                .map_or(0, Vec::len)
        };
        let before = heard();
        wait_until("Bob hears Alice", || heard() > before);
    }

    fn proofs(&self) -> Vec<Value> {
        let connections = self.json(&["ls", "connections"]);
        connections
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["proof"].clone())
            .collect()
    }

    fn done_once(&self) -> bool {
        self.ok(&["logs", "Job"]).matches("done once").count() == 1
    }
}

#[test]
fn agents_that_failed_or_were_stopped_come_back_and_jobs_are_not_done_again() {
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    for (victim, how) in [
        ("Alice", "killed"),
        ("Bob", "stopped"),
        ("Alice", "stopped"),
    ] {
        let (alice, bob, carol) = (bench.pid("Alice"), bench.pid("Bob"), bench.pid("Carol"));
        match how {
            "killed" => kill(bench.pid(victim), 9),
            _ => drop(bench.ok(&["shutdown", victim])),
        }
        wait_until("it has ended", || bench.agent(victim)["pid"].is_null());
        let up = bench.up_again();
        assert_eq!(up["unchanged"], json!(false));
        assert_eq!(up["brought_back"]["agents"], json!([victim]));
        let others = [("Alice", alice), ("Bob", bob), ("Carol", carol)];
        for (other, pid) in others.iter().filter(|it| it.0 != victim) {
            assert_eq!(bench.pid(other), *pid, "{other} is touched");
        }
        bench.talks();
        assert_eq!(bench.proofs(), [json!("proven")]);
    }
    assert!(bench.done_once());
    assert_eq!(bench.up_again()["unchanged"], json!(true));
    assert!(bench.ok(&["down"]).contains("pair is down"));
    bench.assert_nothing_left();
}

#[test]
fn what_cannot_be_brought_back_is_an_error_and_is_not_left_half_done() {
    let bench = Bench::new();
    let crash = "osb: 1\nname: crash\nagents:\n  A: { command: [sh, -c, 'read line; test ! -e broken || exit 3; exec sleep 600'] }\n  B: {}\n";
    assert_eq!(bench.up(crash).code, 0);
    let b = bench.pid("B");
    bench.file("broken", "");
    kill(bench.pid("A"), 9);
    wait_until("it has failed", || bench.agent("A")["state"] == "failed");
    let said = bench.up(crash);
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stderr
            .contains("A ended at stage settle: exit status 3"),
        "{said}"
    );
    assert_eq!(bench.pid("B"), b);
    assert_eq!(bench.agent("A")["state"], "failed");
    std::fs::remove_file(bench.files().join("broken")).unwrap();
    let said = bench.up(crash);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.contains("brought back: A"), "{said}");
    assert_eq!(
        (bench.agent("A")["state"].as_str(), bench.pid("B")),
        (Some("running"), b)
    );
}

#[test]
fn a_name_server_that_died_comes_back_where_it_was_and_no_agent_is_touched() {
    for closed in [false, true] {
        let bench = Bench::new();
        let security = if closed { "security: curve\n" } else { "" };
        let topology = SYSTEM.replace("name: pair\n", &format!("name: pair\n{security}"));
        let said = bench.up(&topology);
        assert_eq!(said.code, 0, "{said}");
        let pids = ["Alice", "Bob", "Carol"].map(|name| bench.pid(name));
        let address = bench.json(&["ls", "systems"])[0]["nameserver"].clone();
        kill_with_keeper(bench.nameserver_pid());
        let up = bench.up_again();
        assert_eq!(up["nameserver"], address);
        assert_eq!(up["brought_back"]["nameservers"], json!(["main"]));
        assert_eq!(up["brought_back"]["agents"], json!([]));
        assert_eq!(["Alice", "Bob", "Carol"].map(|name| bench.pid(name)), pids);
        assert_eq!(bench.agent("Job")["state"], "stopped");
        assert!(bench.done_once());
        bench.talks();
        assert_eq!(bench.up_again()["unchanged"], json!(true));
        bench.ok(&["down"]);
        bench.assert_nothing_left();
    }
}

#[test]
fn a_name_server_that_a_person_started_there_is_taken_for_what_it_is() {
    let bench = Bench::new();
    assert_eq!(bench.up(SYSTEM).code, 0);
    let pids = ["Alice", "Bob", "Carol"].map(|name| bench.pid(name));
    let address = bench.json(&["ls", "systems"])[0]["nameserver"].clone();
    let address = address
        .as_str()
        .unwrap()
        .trim_start_matches("tcp://")
        .to_owned();
    kill_with_keeper(bench.nameserver_pid());
    let mut by_hand = bench.spawn(&["ns", "--bind", &address]);
    wait_until("it listens", || {
        bench.osb(&["--ns", &address, "ls", "hosts"]).code == 0
    });
    let up = bench.up_again();
    assert_eq!(up["brought_back"]["agents"], json!([]));
    assert_eq!(["Alice", "Bob", "Carol"].map(|name| bench.pid(name)), pids);
    bench.ok(&["down"]);
    // It was not the system's.
    assert!(by_hand.try_wait().unwrap().is_none());
    by_hand.kill().unwrap();
    by_hand.wait().unwrap();
    bench.assert_nothing_left();
}

#[test]
fn a_host_daemon_that_died_comes_back_and_no_agent_is_touched() {
    let bench = Bench::new();
    assert_eq!(bench.up(SYSTEM).code, 0);
    let pids = ["Alice", "Bob"].map(|name| bench.pid(name));
    kill_with_keeper(bench.pid_of("host --name local").unwrap());
    // One ends while nobody looks.
    kill(bench.pid("Carol"), 9);
    let up = bench.up_again();
    assert_eq!(up["brought_back"]["hosts"], json!(["local"]));
    assert_eq!(up["brought_back"]["agents"], json!(["Carol"]));
    assert_eq!(["Alice", "Bob"].map(|name| bench.pid(name)), pids);
    assert!(bench.done_once());
    bench.talks();
    // All of it died: what lives is still not touched.
    kill_with_keeper(bench.pid_of("host --name local").unwrap());
    kill_with_keeper(bench.nameserver_pid());
    let up = bench.up_again();
    assert_eq!(up["brought_back"]["agents"], json!([]));
    assert_eq!(["Alice", "Bob"].map(|name| bench.pid(name)), pids);
    bench.talks();
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn an_up_that_is_killed_while_it_brings_back_leaves_nothing_that_passes_for_whole() {
    let bench = Bench::new();
    let slow = "osb: 1\nname: slow\ndefaults: { settle: 1h }\nagents:\n  A: { command: [sh, -c, 'test -e slow || echo \"{\\\"type\\\":\\\"ready\\\"}\"; exec sleep 600'], attributes: { whole: true } }\n  B: {}\n";
    let said = bench.up(slow);
    assert_eq!(said.code, 0, "{said}");
    let b = bench.pid("B");
    bench.file("slow", "");
    bench.ok(&["shutdown", "A"]);
    wait_until("it has ended", || bench.agent("A")["pid"].is_null());
    let path = bench.files().join("topology.yaml");
    let mut up = bench.spawn(&["up", path.to_str().unwrap()]);
    wait_until("it is started", || bench.agent("A")["state"] == "running");
    let half = bench.pid("A");
    up.kill().unwrap();
    up.wait().unwrap();
    std::fs::remove_file(bench.files().join("slow")).unwrap();
    let up = bench.up_again();
    assert_eq!(up["brought_back"]["agents"], json!(["A"]));
    assert_ne!(bench.pid("A"), half);
    assert_eq!(bench.pid("B"), b);
    assert_eq!(bench.up_again()["unchanged"], json!(true));
}

/// How an agent ended whose daemon is dead is known from itself, or not at all.
#[test]
fn an_end_without_a_daemon_is_told_as_it_was() {
    let bench = Bench::new();
    let said = bench.up("osb: 1\nname: ends\nagents:\n  A: { command: [sh, -c, 'echo \"{\\\"type\\\":\\\"ready\\\"}\"; read a; read b; exit 7'] }\n  B: { command: [sh, -c, 'echo \"{\\\"type\\\":\\\"ready\\\"}\"; exec sleep 600'] }\n  C: {}\n");
    assert_eq!(said.code, 0, "{said}");
    let sleep = bench.pid_of("sleep 600").unwrap();
    kill_with_keeper(bench.pid_of("host --name local").unwrap());
    bench.osb(&["set", "A", "x=1"]);
    kill(sleep, 9);
    wait_until("both have ended", || {
        bench.agent("A")["pid"].is_null() && bench.agent("B")["pid"].is_null()
    });
    wait_until("A's end is known", || {
        !bench.agent("A")["exit_status"].is_null()
    });
    let a = bench.agent("A");
    assert_eq!(
        (&a["state"], &a["exit_status"], &a["signal"]),
        (&json!("failed"), &json!(7), &json!(null))
    );
    let b = bench.agent("B");
    assert_eq!(
        (&b["state"], &b["exit_status"]),
        (&json!("failed"), &json!(137))
    );
    assert_eq!(bench.osb(&["wait", "A", "--ended"]).code, 1);
    kill(bench.pid("C"), 9);
    let up = bench.up_again();
    assert_eq!(up["brought_back"]["agents"], json!(["A", "B", "C"]));
}
