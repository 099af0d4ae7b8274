//! Agents that are stopped stay down until somebody starts them. specs/topology.md, "Restarts".

use serde_json::Value;

use crate::common::{Bench, kill, wait_until};

const SYSTEM: &str = "
osb: 1
name: stops
defaults: { restart: always }
agents:
  Alice: { bind: { feed: PUB } }
  Bob: {}
  Bad: { command: [sh, -c, 'sleep 0.2; exit 7'], speaks: nothing, settle: 10ms, restart: { policy: always, delay: 1h, max_delay: 1h } }
  Job: { command: ['true'], speaks: nothing, job: true }
connections: [{ agent: Bob, to: Alice.feed, alias: news }]
";

#[test]
fn who_is_stopped_stays_down_whatever_its_policy_until_it_is_started() {
    let bench = Bench::new();
    let up = bench.up(SYSTEM);
    assert_eq!(up.code, 0, "{up}");
    wait_until("Bad waits", || bench.agent("Bad")["state"] == "restarting");
    bench.ok(&["stop", "Alice", "Bad"]);
    for name in ["Alice", "Bad"] {
        let agent = bench.agent(name);
        assert_eq!(
            (&agent["state"], &agent["then"]),
            (&"stopped".into(), &"stays_down".into()),
            "{agent}"
        );
    }
    let table = bench.ok(&["ls", "agents"]);
    assert!(table.contains("stays down"), "{table}");
    // It is no error that it is down already, and a job that is done has not been stopped.
    let all = bench.json(&["shutdown", "*"]);
    assert_eq!(all["Job"]["result"], Value::Null, "{all}");
    assert_eq!(bench.agent("Job")["then"], Value::Null);
    bench.ok(&["start", "Bob"]);
    assert_eq!(bench.agent("Bob")["state"], "running");
    bench.ok(&["restart", "Alice"]);
    wait_until("the wire is proven", || {
        bench.json(&["ls", "connections"])[0]["proof"] == "proven"
    });
    // Its policy holds again.
    kill(bench.pid("Alice"), 9);
    wait_until("she is back", || bench.agent("Alice")["restarts"] == 2);
    bench.ok(&["stop", "Alice"]);
    let again = bench.up(SYSTEM);
    assert_eq!(again.code, 0, "{again}");
    assert_eq!(bench.agent("Alice")["state"], "running");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// What the host's folder says of them outlives its daemon.
#[test]
fn that_an_agent_was_stopped_is_written_down() {
    let bench = Bench::new();
    let up = bench.up(SYSTEM);
    assert_eq!(up.code, 0, "{up}");
    let noted = |stopped: bool| {
        let specs = std::fs::read_to_string(bench.system("stops").join("specs.jsonl")).unwrap();
        specs.contains(&format!(
            "{{\"stopped\":{{\"agent\":\"Alice\",\"stopped\":{stopped}}}}}"
        ))
    };
    bench.ok(&["stop", "Alice"]);
    assert!(noted(true) && !noted(false));
    bench.ok(&["start", "Alice"]);
    assert!(noted(false));
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn one_that_hangs_is_killed_after_its_grace() {
    let bench = Bench::new();
    let up = bench.up("osb: 1\nname: hangs\nagents:\n  Deaf: { command: [sh, -c, 'trap : TERM; while :; do sleep 1; done'], speaks: nothing }\n");
    assert_eq!(up.code, 0, "{up}");
    bench.ok(&["stop", "Deaf", "--grace", "100ms"]);
    let deaf = bench.agent("Deaf");
    assert_eq!(
        (&deaf["state"], &deaf["then"]),
        (&"stopped".into(), &"stays_down".into()),
        "{deaf}"
    );
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn one_that_was_started_by_hand_ends_and_nobody_keeps_it_down() {
    let bench = Bench::new();
    let up = bench.up("osb: 1\nname: hand\nagents:\n  Bob: {}\n");
    assert_eq!(up.code, 0, "{up}");
    let address = bench.json(&["ls", "systems"])[0]["nameserver"].clone();
    let mut late = bench.spawn(&["agent", "Late", "--ns", address.as_str().unwrap()]);
    wait_until("Late is there", || {
        bench.json(&["ls", "agents"]).as_array().unwrap().len() == 2
    });
    let said = bench.osb(&["stop", "Late"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stderr.contains("no host has started Late"), "{said}");
    late.wait().unwrap();
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
