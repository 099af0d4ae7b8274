//! Agents that are asked for while their system is up: a part of it from then on, or ephemeral.

use serde_json::json;

use crate::common::closed_system::ClosedSystem;
use crate::common::{Bench, daemon_of, kill, kill_to_the_end, kill_with_keeper, wait_until};

const SYSTEM: &str = "
osb: 1
name: pool
agents:
  Alice:
    bind: { main: { kind: PUSH, handler: null } }
    timers: [{ alias: tick, every: 20ms, send: main, message: hello }]
";

impl Bench {
    fn pool(security: &str) -> Self {
        let bench = Self::new();
        let up = bench.up(&format!("{SYSTEM}{security}"));
        assert_eq!(up.code, 0, "{up}");
        bench
    }

    fn spawned(&self, arguments: &[&str]) {
        self.ok(&[&["spawn"], arguments].concat());
    }

    fn state_of(&self, agent: &str) -> String {
        let state = self.agent(agent)["state"].clone();
        state.as_str().unwrap_or("unknown").to_owned()
    }

    fn plan(&self) -> String {
        self.ok(&["plan", "topology.yaml"])
    }
}

const LISTENER: [&str; 4] = ["--connect", "Alice.main=in", "--attribute", "x=1"];

fn listener<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[name], &LISTENER[..], more].concat()
}

#[test]
fn a_spawned_agent_is_a_part_of_its_system_until_it_is_removed() {
    let bench = Bench::pool("");
    let spec = bench.file("bob.yaml", "attributes: { y: 2 }\nrestart: always\n");
    bench.spawned(&listener("Bob", &["--spec", &spec]));
    assert_eq!(bench.json(&["get", "Bob"])["x"], json!(1));
    assert_eq!(bench.json(&["get", "Bob"])["y"], json!(2));
    wait_until("it is wired", || {
        bench.json(&["ls", "connections"])[0]["proof"] == json!("proven")
    });
    // Its policy holds, also for a daemon that comes later.
    let host = bench.pid_of("host --name local").unwrap();
    kill_to_the_end(daemon_of(host));
    let former = bench.pid("Bob");
    kill(former, 9);
    wait_until("it is there again", || {
        let agent = bench.agent("Bob");
        agent["state"] == "running" && agent["pid"] != json!(former)
    });
    let plan = bench.plan();
    assert!(plan.contains("- Bob ends: it was spawned"), "{plan}");
    let taken = bench.osb(&["spawn", "Bob"]);
    assert!(taken.stderr.contains("has an agent Bob already"), "{taken}");
    bench.ok(&["remove", "Bob"]);
    assert_eq!(bench.state_of("Bob"), "unknown");
    assert!(bench.plan().contains("nothing to do"));
    bench.spawned(&["Bob"]);
    let named = bench.osb(&["remove", "Alice"]);
    assert!(named.stderr.contains("Alice is named by"), "{named}");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn up_of_the_file_takes_a_spawned_agent_away() {
    let bench = Bench::pool("");
    bench.spawned(&listener("Bob", &["--set", "settle=1ms"]));
    let up = bench.json(&["up", "topology.yaml"]);
    assert_eq!(up["changed"]["removed"], json!(["Bob"]));
    assert_eq!(bench.state_of("Bob"), "unknown");
}

#[test]
fn an_ephemeral_agent_is_left_alone_by_plan_and_up_and_ends_with_the_system() {
    let bench = Bench::pool("");
    bench.spawned(&listener(
        "W1",
        &[
            "--ephemeral",
            "--restart",
            "always",
            "--set",
            "bind.out=PUSH",
        ],
    ));
    let pid = bench.pid("W1");
    let again = bench.osb(&["spawn", "W1", "--ephemeral"]);
    assert_ne!(again.code, 0);
    assert!(again.stderr.contains("the name W1 is taken"), "{again}");
    let plan = bench.plan();
    assert!(
        plan.contains("nothing to do") && plan.contains("left alone: W1"),
        "{plan}"
    );
    let same = bench.osb(&["up", "topology.yaml"]);
    assert!(
        same.code == 0 && same.stderr.contains("left alone: W1"),
        "{same}"
    );
    let other = bench.up(&format!("{SYSTEM}  Carol: {{}}\n"));
    assert!(
        other.code == 0 && other.stderr.contains("left alone: W1"),
        "{other}"
    );
    assert_eq!(bench.pid("W1"), pid);
    // Another life of the daemon takes it back, with its policy.
    let host = bench.pid_of("host --name local").unwrap();
    kill_to_the_end(daemon_of(host));
    kill(pid, 9);
    wait_until("it is there again", || {
        let agent = bench.agent("W1");
        agent["state"] == "running" && agent["pid"] != json!(pid)
    });
    bench.ok(&["remove", "W1"]);
    assert_eq!(bench.state_of("W1"), "unknown");
    bench.spawned(&["W1", "--ephemeral", "--", "sleep", "1000"]);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn what_does_not_come_to_its_work_is_taken_back() {
    let bench = Bench::pool("");
    for more in [&["--ephemeral"][..], &[]] {
        let fails = [
            &["spawn", "Bad"],
            more,
            &["--", "sh", "-c", "echo no >&2; exit 7"],
        ]
        .concat();
        let said = bench.osb(&fails);
        assert_ne!(said.code, 0, "{said}");
        assert!(said.stderr.contains('7'), "{said}");
        let missing = [&["spawn", "Bad"], more, &["--", "no-such-program"]].concat();
        assert_ne!(bench.osb(&missing).code, 0);
        assert_eq!(bench.state_of("Bad"), "unknown");
        let nowhere = [&["spawn", "Bad", "--connect", "Nobody.main=in"], more].concat();
        let said = bench.osb(&nowhere);
        assert!(said.code == 3 && said.stderr.contains("Nobody"), "{said}");
    }
    assert!(bench.plan().contains("nothing to do"));
    // Its name is free.
    bench.spawned(&["Bad", "--ephemeral"]);
    // A job is up when it is done.
    bench.spawned(&["Job", "--ephemeral", "--set", "job=true", "--", "true"]);
    assert_eq!(bench.state_of("Job"), "stopped");
    bench.spawned(&["Job", "--ephemeral", "--set", "job=true", "--", "true"]);
}

#[test]
fn a_wire_that_is_not_proven_in_time_ends_the_agent() {
    let bench = Bench::pool("");
    let pid = bench.pid("Alice");
    kill(pid, 19);
    let said = bench.osb(&[
        "spawn",
        "Bob",
        "--connect",
        "Alice.main=in",
        "--ephemeral",
        "--set",
        "start_timeout=300ms",
    ]);
    kill(pid, 18);
    assert_ne!(said.code, 0, "{said}");
    assert!(
        said.stderr.contains("Bob") || said.stderr.contains("not proven"),
        "{said}"
    );
    wait_until("nothing is kept of it", || {
        bench.state_of("Bob") == "unknown"
    });
}

#[test]
fn without_its_host_daemon_an_ephemeral_agent_is_refused_and_another_brings_the_daemon_back() {
    let bench = Bench::pool("");
    kill_with_keeper(bench.pid_of("host --name local").unwrap());
    let said = bench.osb(&["spawn", "W1", "--ephemeral", "--timeout", "2s"]);
    assert_ne!(said.code, 0, "{said}");
    bench.spawned(&["Bob"]);
    assert_eq!(bench.state_of("Bob"), "running");
    bench.spawned(&["W1", "--ephemeral"]);
}

#[test]
fn in_a_closed_system_spawned_agents_have_keys_and_are_admitted() {
    let closed = ClosedSystem::of(Bench::pool("security: curve\n"));
    let bench = &closed.bench;
    bench.spawned(&listener("Bob", &[]));
    bench.spawned(&listener("W1", &["--ephemeral"]));
    for agent in ["Bob", "W1"] {
        let handled = bench.json(&["ls", "connections"]);
        let handled = handled.as_array().unwrap().iter();
        let its = format!("{agent}.in");
        let mut proofs = handled.filter(|it| it["client"] == json!(its));
        assert_eq!(proofs.next().unwrap()["proof"], "proven");
    }
    bench.ok(&["remove", "Bob", "W1"]);
    assert!(bench.plan().contains("nothing to do"));
    closed.down();
}
