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

/// Each writes its name when it begins, and when it is told to end.
fn writer(name: &str, after: &str) -> String {
    format!(
        "  {name}: {{ command: [sh, -c, \"trap 'echo -{name} >> order; exit 0' TERM; echo +{name} >> order; while :; do sleep 0.05; done\"], speaks: nothing, settle: 10ms{after} }}\n"
    )
}

#[test]
fn who_depends_on_an_agent_ends_before_it_and_starts_behind_it() {
    let bench = Bench::new();
    let agents = [
        ("Client", ", after: Server"),
        ("Disk", ""),
        ("Other", ""),
        ("Server", ", after: Disk"),
    ];
    let agents: String = agents
        .iter()
        .map(|(name, after)| writer(name, after))
        .collect();
    let up = bench.up(&format!("osb: 1\nname: order\nagents:\n{agents}"));
    assert_eq!(up.code, 0, "{up}");
    let order = bench.files().join("order");
    let written = |lines: usize| {
        let mut text = String::new();
        wait_until("all is written", || {
            text = std::fs::read_to_string(&order).unwrap_or_default();
            text.lines().count() >= lines
        });
        std::fs::remove_file(&order).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<String>>()
    };
    written(4);
    let said = bench.json(&["restart", "Disk", "--with-dependents"]);
    assert_eq!(said.as_object().unwrap().len(), 3, "{said}");
    let all = ["-Client", "-Server", "-Disk", "+Disk", "+Server", "+Client"];
    assert_eq!(written(6), all);
    assert_eq!(bench.agent("Other")["restarts"], 0);
    // However they are named.
    bench.ok(&["stop", "Disk", "Client", "Server"]);
    assert_eq!(written(3), all[..3]);
    // One that has ended is no dependent that would have to come back.
    let said = bench.json(&["restart", "Disk", "--with-dependents"]);
    assert_eq!(said.as_object().unwrap().len(), 1, "{said}");
    assert_eq!(written(1), ["+Disk"]);
    bench.ok(&["start", "Client", "Server"]);
    assert_eq!(written(2), all[4..]);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn who_goes_with_an_agent_is_restarted_when_that_was() {
    let bench = Bench::new();
    let topology = "
osb: 1
name: along
agents:
  Alice: { bind: { feed: PUB }, restart: always }
  Bob: { with: Alice }
  Carol: { with: [Bob] }
  Dave: {}
  Down: { with: Alice }
connections: [{ agent: Bob, to: Alice.feed, alias: news }]
";
    let up = bench.up(topology);
    assert_eq!(up.code, 0, "{up}");
    bench.ok(&["stop", "Down"]);
    let restarts = |names: &[&str]| -> Vec<u64> {
        let of = |name: &&str| bench.agent(name)["restarts"].as_u64().unwrap();
        names.iter().map(of).collect()
    };
    let all = ["Alice", "Bob", "Carol"];
    kill(bench.pid("Alice"), 9);
    wait_until("all three are back", || {
        let run = |name: &&str| bench.agent(name)["state"] == "running";
        restarts(&all) == [1, 1, 1] && all.iter().all(run)
    });
    wait_until("the wire is proven", || {
        bench.json(&["ls", "connections"])[0]["proof"] == "proven"
    });
    // By hand, too; in the middle as well, and nobody is restarted that goes with none of them.
    bench.ok(&["restart", "Bob"]);
    wait_until("Carol is back", || restarts(&all) == [1, 2, 2]);
    bench.ok(&["restart", "Alice"]);
    wait_until("all three are back", || restarts(&all) == [2, 3, 3]);
    assert_eq!(restarts(&["Dave", "Down"]), [0, 0]);
    assert_eq!(bench.agent("Down")["state"], "stopped");
    // Those that are named and go along are restarted once.
    let said = bench.json(&["restart", "Alice", "--with-dependents"]);
    assert_eq!(said.as_object().unwrap().len(), 3, "{said}");
    assert_eq!(restarts(&all), [3, 4, 4]);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
