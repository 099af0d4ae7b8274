//! `osb why`, by the real binary: faults of many kinds are brought about, and the right cause is named for each.

use crate::common::closed_system::ClosedSystem;
use crate::common::lab::{DESK, lab};
use crate::common::{Bench, kill, wait_until};
use nix::libc::{SIGCONT, SIGKILL, SIGSTOP};
use serde_json::Value;

/// The causes that are told, the surest first.
fn causes(why: &Value) -> Vec<String> {
    let causes = why["causes"].as_array().unwrap().iter();
    causes
        .map(|it| it["cause"].as_str().unwrap().to_owned())
        .collect()
}

/// A system of Alice and Bob, who reads what she sends.
fn up(alice: &str, bob: &str, connection: &str) -> Bench {
    let bench = Bench::new();
    let said = bench.up(&format!(
        "osb: 1\nname: why\nagents:\n  Alice: {{ {alice} }}\n  Bob: {{ {bob} }}\nconnections:\n  - {{ agent: Bob, {connection} }}\n"
    ));
    assert_eq!(said.code, 0, "{said}");
    bench
}

const SENDS: &str =
    "bind: { main: PUSH }, timers: [{ every: 20ms, send: main, message: hi, alias: often }]";
const READS: &str = "to: Alice.main, alias: inbox, handler: log";

/// Asks until the cause is that one, and nothing else before it. It may take a moment until it shows.
fn assert_cause(bench: &Bench, what: &str, cause: &str, says: &[&str]) {
    let why = std::cell::RefCell::new(Value::Null);
    wait_until(&format!("{what} is explained by {cause}"), || {
        *why.borrow_mut() = bench.json(&["why", what]);
        let first = causes(&why.borrow()).first().cloned();
        first.as_deref() == Some(cause)
    });
    let why = why.into_inner();
    let first = why["causes"][0].to_string();
    for word in says {
        assert!(first.contains(word), "{word}: {why:#}");
    }
    assert_eq!(why["well"].as_bool(), Some(cause == "flows"), "{why:#}");
}

#[test]
fn where_all_is_well_it_says_so() {
    let bench = up(SENDS, "", READS);
    for what in ["Bob.inbox", "Alice.main", "Bob", "Alice"] {
        assert_cause(&bench, what, "flows", &["Alice.main → Bob.inbox"]);
    }
    let said = bench.osb(&["why", "Bob.inbos"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stderr
            .contains("no agent, socket or host is called Bob.inbos"),
        "{said}"
    );
    let host = bench.json(&["why", "local"]);
    assert_eq!(causes(&host), Vec::<String>::new(), "{host}");
    bench.ok(&["down"]);
}

#[test]
fn topics_that_do_not_match_are_laid_side_by_side() {
    let bench = up(
        "bind: { news: PUB }, timers: [{ every: 20ms, send: news, topic: weather, message: rain }]",
        "",
        "to: Alice.news, alias: news, handler: { sport: log }",
    );
    assert_cause(&bench, "Bob.news", "topics", &["sport", "weather"]);
    bench.ok(&["subscribe", "Bob", "news", "wea"]);
    assert_cause(&bench, "Bob.news", "flows", &[]);
    bench.ok(&["down"]);
}

#[test]
fn a_handler_that_discards_is_named() {
    let bench = up(SENDS, "", "to: Alice.main, alias: inbox, handler: discard");
    assert_cause(&bench, "Bob.inbox", "discarded", &["discards them"]);
    bench.ok(&["down"]);
}

#[test]
fn an_agent_that_has_ended_is_named_with_how_and_what_follows() {
    let bench = up(SENDS, "", READS);
    bench.ok(&["stop", "Alice"]);
    assert_cause(
        &bench,
        "Bob.inbox",
        "ended",
        &["stays down until it is started by hand", "osb start Alice"],
    );
    bench.ok(&["start", "Alice"]);
    assert_cause(&bench, "Bob.inbox", "flows", &[]);
    kill(bench.pid("Alice"), SIGKILL);
    assert_cause(
        &bench,
        "Bob.inbox",
        "ended",
        &["Alice has failed", "osb logs Alice"],
    );
    bench.ok(&["down"]);
}

#[test]
fn one_that_waits_to_be_started_again_is_in_back_off() {
    let alice = format!("restart: {{ policy: always, delay: 60s }}, {SENDS}");
    let bench = up(&alice, "", READS);
    for _ in 0..2 {
        wait_until("it runs", || {
            bench.agent("Alice")["state"] == "running"
                || bench.agent("Alice")["state"] == "restarting"
        });
        if bench.agent("Alice")["state"] == "running" {
            kill(bench.pid("Alice"), SIGKILL);
        }
    }
    assert_cause(&bench, "Bob.inbox", "ended", &["is started again after"]);
    bench.ok(&["down"]);
}

#[test]
fn one_that_stands_still_is_silent() {
    let bench = up(SENDS, "", READS);
    let alice = bench.pid("Alice");
    kill(alice, SIGSTOP);
    assert_cause(&bench, "Bob.inbox", "silent", &["it has said nothing"]);
    kill(alice, SIGCONT);
    assert_cause(&bench, "Bob.inbox", "flows", &[]);
    bench.ok(&["down"]);
}

#[test]
fn who_has_sent_nothing_and_whose_timer_was_stopped_are_told_apart() {
    let bench = up(SENDS, "bind: { out: PUSH }", READS);
    bench.ok(&["stop-timer", "Alice", "often"]);
    assert_cause(
        &bench,
        "Bob.inbox",
        "timer_stopped",
        &["often (every 20ms)"],
    );
    assert_cause(&bench, "Bob.out", "no_wire", &[]);
    bench.ok(&["down"]);
    let bench = up("bind: { main: PUSH }", "", READS);
    assert_cause(
        &bench,
        "Bob.inbox",
        "nothing_sent",
        &["has never sent anything"],
    );
    bench.ok(&["down"]);
}

#[test]
fn a_reader_that_does_not_read_lets_messages_wait() {
    let big = "x".repeat(100_000);
    let alice =
        format!("bind: {{ main: PUSH }}, timers: [{{ every: 1ms, send: main, message: {big} }}]");
    let bench = up(
        &alice,
        "command: [sleep, '1000']",
        "to: Alice.main, alias: inbox, handler: command",
    );
    assert_cause(
        &bench,
        "Alice.main",
        "queue_full",
        &["Bob does not take them"],
    );
    bench.ok(&["down"]);
}

#[test]
fn ends_that_do_not_go_together_are_told_apart_from_one_that_is_missing() {
    let bench = up(SENDS, "", READS);
    bench.ok(&["close", "Alice", "main"]);
    assert_cause(&bench, "Bob.inbox", "missing", &["Alice.main → Bob.inbox"]);
    bench.ok(&["bind", "Alice", "main", "PUSH", "--serializer", "raw"]);
    assert_cause(
        &bench,
        "Bob.inbox",
        "mismatch",
        &["serializer", "json", "raw"],
    );
    bench.ok(&["down"]);
}

#[test]
fn what_cannot_be_read_is_garbled() {
    let bench = up(
        "bind: { in: { kind: PULL, handler: log } }",
        "bind: { out: { kind: PUSH, serializer: raw } }",
        "to: Alice.in, alias: feed, kind: PUSH",
    );
    let context = zmq::Context::new();
    let socket = context.socket(zmq::PUSH).unwrap();
    socket
        .connect(bench.ok(&["addr", "Alice", "in"]).trim())
        .unwrap();
    (0..9).for_each(|_| socket.send("no json", 0).unwrap());
    wait_until("all have come", || {
        bench.count("Alice", "in", "garbled") == 9
    });
    assert_cause(
        &bench,
        "Alice.in",
        "unreadable",
        &["9 messages were garbled"],
    );
    bench.ok(&["down"]);
}

/// A reader was too slow once, and keeps up now: what was lost is told, however long ago.
#[test]
fn what_was_dropped_is_told_though_messages_arrive() {
    let bench = up(
        "bind: { in: { kind: PULL, handler: 'forward:out' }, out: PUB }",
        "",
        "to: Alice.out, alias: news, handler: log",
    );
    let context = zmq::Context::new();
    let socket = context.socket(zmq::PUSH).unwrap();
    socket
        .connect(bench.ok(&["addr", "Alice", "in"]).trim())
        .unwrap();
    let bob = bench.pid("Bob");
    kill(bob, SIGSTOP);
    let message = format!("\"{}\"", "x".repeat(10_000));
    (0..5_000).for_each(|_| socket.send(message.as_str(), 0).unwrap());
    wait_until("some are dropped", || {
        bench.count("Alice", "out", "dropped") > 0
    });
    kill(bob, SIGCONT);
    wait_until("it is told", || {
        let why = bench.json(&["why", "Bob.news"]);
        let causes = causes(&why);
        causes.contains(&"dropped".to_owned()) && !causes.contains(&"silent".to_owned())
    });
    bench.ok(&["down"]);
}

#[test]
fn who_is_not_let_in_is_refused() {
    let system = ClosedSystem::up(
        "osb: 1\nname: system\nsecurity: curve\nagents:\n  Alice:\n    bind: { main: PUSH }\n    timers: [{ every: 20ms, send: main, message: hi }]\n  Bob:\n  Carol:\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox, handler: log }\n",
    );
    let bench = &system.bench;
    assert_cause(bench, "Bob.inbox", "flows", &[]);
    bench.ok(&["connect", "Carol", "inbox", "--to", "Alice.main"]);
    assert_cause(bench, "Carol.inbox", "flows", &[]);
    // What was admitted by hand is taken back.
    let dismiss = osb::wire::AgentRequest::Dismiss {
        alias: "main".parse().unwrap(),
        holder: osb::model::Holder::Agent("Carol".parse().unwrap()),
    };
    let alice = system.owner().proxy("Alice").unwrap();
    assert!(alice.ask::<bool>(&dismiss).wait().unwrap());
    assert_cause(bench, "Carol.inbox", "refused", &["no wire leads there"]);
    system.down();
}

/// The machine of the one that connects cannot dial the other's port: it tries, and says so.
#[test]
fn an_address_that_cannot_be_dialled_from_there_is_tried_from_there() {
    let Some(lab) = lab(2) else {
        return;
    };
    let config = lab.ssh_config().display().to_string();
    let said = lab.up(&format!(
        "osb: 1\nname: why\nnameserver: {DESK}:7400\nhosts:\n  lab1: {{ ssh: lab1, ssh_config: {config} }}\n  lab2: {{ ssh: lab2, ssh_config: {config} }}\nagents:\n  Alice:\n    host: lab1\n    bind: {{ main: {{ kind: PUSH, addr: '10.77.0.11:7500' }} }}\n    timers: [{{ every: 20ms, send: main, message: hi }}]\n  Bob: {{ host: lab2, restart: always }}\nconnections:\n  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: log }}\n"
    ));
    assert_eq!(said.code, 0, "{said}");
    lab.drop_between("lab2", "lab1", 7500);
    lab.ok(&["stop", "Bob"]);
    lab.osb(&["start", "Bob"]);
    wait_until("it is told", || {
        let why = lab.json(&["why", "Bob.inbox"]);
        causes(&why).first().is_some_and(|it| it == "not_dialable")
    });
    let why = lab.ok(&["why", "Bob.inbox"]);
    assert!(
        why.contains("10.77.0.11:7500 cannot be dialled from there: nobody answers"),
        "{why}"
    );
    lab.osb(&["down"]);
}
