//! Wires whose ends are not well: what is said of them, that they are found out, and that nobody is given up who
//! lives.

use std::time::{Duration, Instant};

use crate::common::lab::{DESK, lab};
use crate::common::{Bench, kill, wait_until};
use nix::libc::{SIGCONT, SIGKILL, SIGSTOP};
use serde_json::Value;

fn connection(connections: &Value, client: &str) -> Value {
    let list = connections.as_array().unwrap();
    let of = list.iter().find(|it| it["client"] == client);
    of.unwrap_or_else(|| panic!("no {client}: {connections}"))
        .clone()
}

fn proof(bench: &Bench, client: &str) -> Value {
    connection(&bench.json(&["ls", "connections"]), client)["proof"].clone()
}

#[test]
fn a_connection_is_no_better_than_its_ends() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: ends\nagents:\n  Alice: { bind: { main: PUSH } }\n  Bob: {}\n  Carol: {}\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox }\n  - { agent: Carol, to: Alice.main, alias: inbox }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    let (alice, bob) = (bench.pid("Alice"), bench.pid("Bob"));
    assert_eq!(proof(&bench, "Bob.inbox"), "proven");

    // The end that has connected says nothing any more: what it said last does not count.
    kill(bob, SIGSTOP);
    for state in ["suspect", "unreachable"] {
        wait_until(state, || proof(&bench, "Bob.inbox") == state);
        assert_eq!(proof(&bench, "Carol.inbox"), "proven");
    }
    kill(bob, SIGCONT);
    wait_until("it is back", || proof(&bench, "Bob.inbox") == "proven");

    // The other end: the agent that is connected to it says that all is well.
    kill(alice, SIGSTOP);
    for state in ["suspect", "unreachable"] {
        wait_until(state, || {
            proof(&bench, "Bob.inbox") == state && proof(&bench, "Carol.inbox") == state
        });
    }
    let shown = bench.ok(&["ls", "connections"]);
    assert!(shown.contains("unreachable, for "), "{shown}");
    let since = connection(&bench.json(&["ls", "connections"]), "Bob.inbox")["since_s"].clone();
    let stood = bench.agent("Alice")["uptime_s"].as_f64().unwrap();
    assert!(since.as_f64().unwrap() < stood, "{since} of {stood}");
    kill(alice, SIGCONT);
    wait_until("it is back", || proof(&bench, "Bob.inbox") == "proven");

    kill(alice, SIGKILL);
    wait_until("it is lost", || {
        proof(&bench, "Bob.inbox") == "lost" && proof(&bench, "Carol.inbox") == "lost"
    });
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// Nobody sends a last word: idle readers find out by keepalive, and a writer whose messages are under way by
/// what the kernel knows. When the cable is in again, all of them are connected anew, at the same address.
#[test]
fn a_cable_that_is_out_is_noticed_and_healed() {
    let Some(lab) = lab(2) else { return };
    let config = lab.ssh_config().display().to_string();
    let text = format!(
        r#"
osb: 1
name: cable
nameserver: {DESK}:7400
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, ssh_config: {config} }}
  lab2: {{ ssh: lab2, ssh_config: {config} }}
agents:
  Alice: {{ host: lab1, bind: {{ main: PUSH, news: PUB, box: {{ kind: PULL, handler: collect }} }} }}
  Bob: {{ host: lab2, timers: [{{ every: 100ms, send: out, message: hi }}] }}
connections:
  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: collect }}
  - {{ agent: Bob, to: Alice.news, alias: news, handler: collect }}
  - {{ agent: Bob, to: Alice.box, alias: out }}
"#
    );
    let said = lab.up(&text);
    assert_eq!(said.code, 0, "{said}");
    let clients = ["Bob.inbox", "Bob.news", "Bob.out"];
    let all = |state: &str| {
        let connections = lab.json(&["ls", "connections"]);
        let is = |client: &&str| connection(&connections, client)["proof"] == state;
        clients.iter().all(is)
    };
    assert!(all("proven"));
    lab.cut("lab2", false);
    let cut = Instant::now();
    wait_until("none of them is said to be proven", || all("unreachable"));
    wait_until("the writer says that it has given up", || {
        let log = lab.log("lab2", "Bob");
        let mut given_up = log.lines().filter(|line| line.contains("is given up"));
        given_up.any(|line| line.contains("the connection with 10.77.0.11:"))
    });
    // Before that they would go on by the connections that they have.
    wait_until("the readers have given up too", || {
        let established = ["ss", "-Htn", "state", "established", "dst", "10.77.0.11"];
        lab.in_space("lab2", &established).is_empty()
    });
    lab.cut("lab2", true);
    wait_until("all are proven", || all("proven"));
    let connections = lab.json(&["ls", "connections"]);
    for client in clients {
        // By a new connection each, and not by the former one.
        let since = connection(&connections, client)["since_s"]
            .as_f64()
            .unwrap();
        assert!(
            since < cut.elapsed().as_secs_f64(),
            "{client}: {connections}"
        );
    }
    for alias in ["main", "news"] {
        lab.ok(&["send", "Alice", alias, "\"again\""]);
    }
    wait_until("messages arrive again", || {
        lab.ok(&["get", "Bob", "received"]).matches("again").count() == 2
    });
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// Its queue and the kernel's are full for longer than any limit that would take it for dead.
#[test]
fn a_reader_that_is_stopped_for_a_minute_loses_nothing() {
    const FOR: Duration = Duration::from_secs(60);
    let bench = Bench::new();
    let text = "x".repeat(2000);
    let said = bench.up(&format!(
        "osb: 1\nname: patient\nagents:\n  Alice:\n    bind: {{ main: PUSH }}\n    timers: [{{ every: 1ms, send: main, message: {text} }}]\n  Bob: {{}}\nconnections:\n  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: discard }}\n"
    ));
    assert_eq!(said.code, 0, "{said}");
    let bob = bench.pid("Bob");
    let stats = |agent: usize, alias: &str| {
        let sockets = bench.json(&["ls", "sockets"]);
        sockets[agent]["sockets"][alias].clone()
    };
    wait_until("messages flow", || {
        stats(1, "inbox")["received"].as_u64() > Some(100)
    });
    kill(bob, SIGSTOP);
    let stopped = Instant::now();
    // The only thing to wait for is that nothing happens.
    while stopped.elapsed() < FOR {
        std::thread::sleep(Duration::from_millis(500));
    }
    kill(bob, SIGCONT);
    bench.ok(&["stop-timer", "Alice", "--all"]);
    wait_until("all has arrived", || {
        stats(1, "inbox")["received"] == stats(0, "main")["sent"]
    });
    let alice = stats(0, "main");
    assert!(alice["sent"].as_u64() > Some(1000), "{alice}");
    assert_eq!(alice["dropped"], 0);
    let connections = bench.json(&["ls", "connections"]);
    let since = connection(&connections, "Bob.inbox")["since_s"]
        .as_f64()
        .unwrap();
    assert!(
        since > FOR.as_secs_f64(),
        "it is the same connection: {connections}"
    );
    bench.ok(&["down"]);
}

/// Nobody but the agents themselves and their name server: no `up` has a hand in it.
#[test]
fn a_connected_agent_finds_one_that_comes_back_elsewhere() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: moved\nagents:\n  Alice: { bind: { main: PUSH, news: PUB, box: { kind: PULL, handler: collect } } }\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox, handler: collect }\n  - { agent: Bob, to: Alice.news, alias: news, handler: collect }\n  - { agent: Bob, to: Alice.box, alias: out }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    let address = |alias: &str| bench.ok(&["addr", "Alice", alias]).trim().to_owned();
    let former = address("main");
    kill(bench.pid("Alice"), SIGKILL);
    wait_until("it has failed", || {
        bench.agent("Alice")["state"] == "failed"
    });
    let mut alice = bench.spawn(&["agent", "Alice"]);
    wait_until("it is there again", || {
        bench.agent("Alice")["state"] == "running"
    });
    for (alias, kind) in [("main", "PUSH"), ("news", "PUB"), ("box", "PULL")] {
        let handler = ["--handler", "collect"];
        let handler = if kind == "PULL" { &handler[..] } else { &[] };
        bench.ok(&[&["bind", "Alice", alias, kind], handler].concat());
    }
    assert_ne!(address("main"), former);
    let clients = ["Bob.inbox", "Bob.news", "Bob.out"];
    wait_until("the wires lead there", || {
        let connections = bench.json(&["ls", "connections"]);
        clients.iter().all(|client| {
            let it = connection(&connections, client);
            let alias = ["main", "news", "box"][clients.iter().position(|c| c == client).unwrap()];
            it["proof"] == "proven" && it["address"] == address(alias)
        })
    });
    for alias in ["main", "news"] {
        bench.ok(&["send", "Alice", alias, "\"again\""]);
    }
    bench.ok(&["send", "Bob", "out", "\"back\""]);
    wait_until("messages arrive again", || {
        bench
            .ok(&["get", "Bob", "received"])
            .matches("again")
            .count()
            == 2
            && bench.ok(&["get", "Alice", "received"]).contains("back")
    });
    bench.ok(&["shutdown", "Alice"]);
    alice.wait().unwrap();
    bench.ok(&["down"]);
}
