//! The main job: up, look, down, and what happens when a person or a fault gets in between.

use crate::common::{Bench, kill, kill_with_keeper, wait_for, wait_until};
use serde_json::json;

const PAIR: &str = r#"
osb: 1
name: pair
agents:
  Alice:
    attributes: { greeting: Hello, list: [1, 2] }
    bind: { main: PUSH }
    timers: [{ every: 50ms, send: main, message: "Hello, Bob!" }]
  Bob: {}
connections:
  - { agent: Bob, to: Alice.main, alias: inbox, handler: [log, collect] }
"#;

#[test]
fn a_pair_comes_up_talks_and_goes_down() {
    let bench = Bench::new();
    let said = bench.up(PAIR);
    assert_eq!(said.code, 0, "{said}");
    assert!(
        said.stdout.contains("Alice.main → Bob.inbox  PUSH/PULL"),
        "{said}"
    );
    assert!(said.stdout.contains("proven"), "{said}");
    wait_until("Bob hears Alice", || {
        bench.log("pair", "Bob").contains("Hello, Bob!")
    });

    let alice = bench.agent("Alice");
    assert_eq!(
        (&alice["state"], &alice["host"]),
        (&json!("running"), &json!("local"))
    );
    assert_eq!(alice["addresses"]["main"]["kind"], "PUSH");
    let address = bench.ok(&["addr", "Alice", "main"]);
    assert_eq!(alice["addresses"]["main"]["address"], address.trim());
    assert_eq!(bench.json(&["get", "Alice", "list"]), json!([1, 2]));

    let down = bench.ok(&["down"]);
    assert_eq!(down.trim(), "pair is down: 2 agents ended");
    bench.assert_nothing_left();
    assert!(bench.ok(&["down"]).contains("nothing to take down"));
}

#[test]
fn the_same_file_again_touches_nothing() {
    let bench = Bench::new();
    bench.up(PAIR);
    let (alice, bob) = (bench.pid("Alice"), bench.pid("Bob"));
    let said = bench.up(PAIR);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.contains("is up already, unchanged"), "{said}");
    assert_eq!((bench.pid("Alice"), bench.pid("Bob")), (alice, bob));
    // A comment is no change.
    assert_eq!(bench.up(&format!("# again\n{PAIR}")).code, 0);
    assert_eq!((bench.pid("Alice"), bench.pid("Bob")), (alice, bob));
}

#[test]
fn a_port_that_is_taken_takes_everything_back() {
    let bench = Bench::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = bench.up(&format!(
        "osb: 1\nname: clash\nagents:\n  Alice: {{ bind: {{ main: {{ kind: PUSH, addr: \"127.0.0.1:{port}\" }} }} }}\n  Bob: {{}}\n"
    ));
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stderr.contains("Alice failed at stage configure"),
        "{said}"
    );
    assert!(said.stderr.contains(&port.to_string()), "{said}");
    bench.assert_nothing_left();
}

#[test]
fn a_name_server_port_that_is_taken_is_named() {
    let bench = Bench::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let said = bench.up(&format!("osb: 1\nname: x\nnameserver: {address}\n"));
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stderr.contains("another process listens there"),
        "{said}"
    );
    bench.assert_nothing_left();
}

#[test]
fn a_program_that_cannot_be_started_is_named_with_its_log() {
    let bench = Bench::new();
    let said =
        bench.up("osb: 1\nname: x\nagents:\n  Alice: {}\n  Bob: { command: [no-such-program] }\n");
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("Bob ended at stage"), "{said}");
    assert!(said.stderr.contains("no-such-program"), "{said}");
    bench.assert_nothing_left();
}

#[test]
fn a_program_that_dies_while_the_system_comes_up_takes_everything_back() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: x\nagents:\n  Alice: {}\n  Bob: { command: [sh, -c, \"echo I am unwell >&2; exit 7\"] }\n",
    );
    // It may live long enough to be configured, but not to be left in a system that is up.
    if said.code == 0 {
        let bob = wait_for("Bob has failed", || {
            Some(bench.agent("Bob")).filter(|it| it["state"] == "failed")
        });
        assert_eq!(bob["pid"], json!(null));
    } else {
        assert!(said.stderr.contains("exit status 7"), "{said}");
        assert!(said.stderr.contains("I am unwell"), "{said}");
        bench.assert_nothing_left();
    }
}

#[test]
fn an_unreachable_peer_is_an_error_in_time_and_names_the_wire() {
    let bench = Bench::new();
    // A listener that never answers: the connection stands, the handshake does not come.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let said = bench.up(&format!(
        "osb: 1\nname: x\nnameserver: {{ attach: \"{}\" }}\nagents: {{ Alice: {{}} }}\n",
        silent.local_addr().unwrap()
    ));
    assert_ne!(said.code, 0, "{said}");
    bench.assert_nothing_left();
}

#[test]
fn killing_up_in_the_middle_leaves_nothing_behind() {
    let bench = Bench::new();
    let path = bench.file("slow.yaml", SLOW);
    let mut up = bench.spawn(&["up", &path]);
    wait_until("agents are being started", || bench.processes().len() >= 6);
    kill(i32::try_from(up.id()).unwrap(), 9);
    up.wait().unwrap();
    bench.assert_nothing_left();
}

#[test]
fn interrupting_up_takes_everything_back() {
    let bench = Bench::new();
    let path = bench.file("slow.yaml", SLOW);
    let up = bench.spawn(&["up", &path]);
    wait_until("agents are being started", || bench.processes().len() >= 6);
    kill(i32::try_from(up.id()).unwrap(), 2);
    let output = up.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    bench.assert_nothing_left();
}

/// Carol's name server is Alice's and Bob's; her start takes as long as the test wants, because the
/// wire to the silent one is never proven.
const SLOW: &str = r#"
osb: 1
name: slow
defaults: { start_timeout: 50s }
agents:
  Alice: { bind: { main: REP }, command: [sh, -c, "kill -STOP $PPID; sleep 600"] }
  Bob: {}
connections:
  - { agent: Bob, to: Alice.main, alias: ask }
"#;

#[test]
fn an_agent_that_is_killed_is_not_listed_as_running() {
    let bench = Bench::new();
    bench.up(PAIR);
    kill(bench.pid("Bob"), 9);
    let bob = wait_for("Bob is failed", || {
        Some(bench.agent("Bob")).filter(|it| it["state"] != "running")
    });
    assert_eq!(
        (&bob["state"], &bob["pid"]),
        (&json!("failed"), &json!(null))
    );
    let said = bench.osb(&["get", "Bob", "received"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("Bob has failed"), "{said}");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn down_works_when_the_name_server_is_dead_and_when_the_host_daemon_is() {
    for daemon in [" ns", " host "] {
        let bench = Bench::new();
        bench.up(PAIR);
        let pid = bench.processes().into_iter().find(|pid| {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.replace('\0', " ").contains(daemon)
        });
        kill_with_keeper(pid.expect("the daemon"));
        let said = bench.osb(&["down"]);
        assert_eq!(said.code, 0, "{daemon}: {said}");
        bench.assert_nothing_left();
    }
}

#[test]
fn an_agent_that_ignores_everything_is_killed_with_all_its_children() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: x\nagents:\n  Mule: { command: [sh, -c, \"trap '' TERM; sleep 600 & while :; do sleep 600; done\"] }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    kill(bench.pid("Mule"), 19);
    let said = bench.osb(&["down", "--grace", "200ms"]);
    assert!(said.stdout.contains("had to be killed: Mule"), "{said}");
    bench.assert_nothing_left();
}

#[test]
fn a_program_that_does_not_end_is_named() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: x\nagents:\n  Mule: { command: [python3, -c, \"import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)\"] }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    let said = bench.osb(&["down", "--grace", "500ms"]);
    assert!(said.stdout.contains("had to be killed: Mule"), "{said}");
    bench.assert_nothing_left();
}

#[test]
fn two_systems_side_by_side_do_not_disturb_each_other() {
    let bench = Bench::new();
    let one = bench.file("one.yaml", PAIR);
    let two = bench.file("two.yaml", &PAIR.replace("name: pair", "name: other"));
    bench.ok(&["up", &one]);
    bench.ok(&["up", &two]);
    let said = bench.osb(&["ls", "agents"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.stderr.contains("other, pair"), "{said}");
    let alice = bench.json(&["--system", "pair", "ls", "agents"])[0]["pid"].clone();
    bench.ok(&["down", "other"]);
    assert_eq!(bench.json(&["ls", "agents"])[0]["pid"], alice);
    wait_until("pair goes on", || {
        bench.log("pair", "Bob").lines().count() > 3
    });
}

#[test]
fn of_two_ups_at_once_one_wins_and_the_other_says_why() {
    let bench = Bench::new();
    let path = bench.file("slow.yaml", SLOW);
    let first = bench.spawn(&["up", &path]);
    wait_until("the first has begun", || bench.processes().len() >= 6);
    let said = bench.osb(&["up", &path]);
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stderr.contains(&format!("pid {}", first.id())),
        "{said}"
    );
    kill(i32::try_from(first.id()).unwrap(), 2);
    first.wait_with_output().unwrap();
    bench.assert_nothing_left();
}

#[test]
fn the_first_publication_reaches_every_subscriber() {
    let bench = Bench::new();
    let readers: Vec<String> = (0..10).map(|n| format!("Reader{n}")).collect();
    let mut topology = "osb: 1\nname: pubs\nagents:\n  News:\n    bind: { feed: PUB }\n    timers: [{ after: 0s, send: feed, topic: a, message: first }]\n".to_owned();
    for reader in &readers {
        topology += &format!("  {reader}: {{}}\n");
    }
    topology += "connections:\n";
    for reader in &readers {
        topology +=
            &format!("  - {{ agent: {reader}, to: News.feed, handler: {{ a: collect }} }}\n");
    }
    for _round in 0..3 {
        let said = bench.up(&topology);
        assert_eq!(said.code, 0, "{said}");
        for reader in &readers {
            wait_until("the first message is there", || {
                bench
                    .osb(&["-o", "json", "get", reader, "received"])
                    .stdout
                    .contains("first")
            });
        }
        bench.ok(&["down"]);
    }
}

#[test]
fn a_subscriber_may_bind_and_a_publisher_connect() {
    let bench = Bench::new();
    let said = bench.up(r#"
osb: 1
name: hub
agents:
  Hub: { bind: { in: { kind: SUB, handler: { a: collect } } } }
  News: { timers: [{ after: 0s, send: out, topic: a, message: first }] }
connections:
  - { agent: News, to: Hub.in, alias: out }
"#);
    assert_eq!(said.code, 0, "{said}");
    wait_until("the first message is there", || {
        bench
            .osb(&["get", "Hub", "received"])
            .stdout
            .contains("first")
    });
}

/// Who asks ends before who answers, and who was started after another before that one.
#[test]
fn a_system_goes_down_in_turn() {
    let bench = Bench::new();
    let program = |name: &str| {
        let script = format!(
            r#"echo "{{\"type\":\"ready\"}}"; while read -r line; do case $line in *\"stop\"*) echo {name} >> order; exit;; esac; done"#
        );
        serde_json::to_string(&["sh", "-c", &script.replace('$', "$$")]).unwrap()
    };
    let (desk, asker, late) = (program("Desk"), program("Asker"), program("Late"));
    let said = bench.up(&format!(
        r#"
osb: 1
name: turns
agents:
  Desk: {{ command: {desk}, bind: {{ ask: REP }} }}
  Asker: {{ command: {asker} }}
  Late: {{ command: {late}, after: Asker }}
  Beside: {{}}
connections:
  - {{ agent: Asker, to: Desk.ask }}
"#
    ));
    assert_eq!(said.code, 0, "{said}");
    let down = bench.json(&["down"]);
    assert_eq!(down["agents"].as_array().unwrap().len(), 4, "{down}");
    let order = std::fs::read_to_string(bench.files().join("order")).unwrap();
    assert_eq!(order, "Late\nAsker\nDesk\n");
    bench.assert_nothing_left();
}
