//! `osb tap` and `osb rate`, by the real binary: what is shown, of all kinds of sockets, open and closed, near and far; and that
//! nobody is slowed down or kept up by who looks.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::common::closed_system::ClosedSystem;
use crate::common::lab::{DESK, lab};
use crate::common::{Bench, kill, wait_until};
use nix::libc::{SIGINT, SIGKILL, SIGSTOP};
use serde_json::Value;

/// Every kind of socket, and something that goes by each.
const KINDS: &str = r#"
osb: 1
name: kinds
agents:
  Alice:
    bind:
      push: PUSH
      pub: PUB
      raw: { kind: PUB, serializer: raw }
      packed: { kind: PUSH, serializer: msgpack }
      sync: { kind: SYNC_PUB, handler: echo }
    timers:
      - { every: 30ms, send: push, message: { x: 1 } }
      - { every: 30ms, send: pub, topic: sport, message: goal }
      - { every: 30ms, send: raw, message: "just text" }
      - { every: 30ms, send: packed, message: [1, 2] }
      - { every: 30ms, send: sync, topic: all, message: to all }
  Bob:
    bind:
      rep: { kind: REP, handler: echo }
      channel: { kind: ASYNC_REP, handler: echo }
  Carol:
    timers:
      - { every: 30ms, send: req, message: how are you? }
      - { every: 30ms, send: areq, message: later }
      - { every: 30ms, send: sync, message: only me }
connections:
  - { agent: Bob, to: Alice.push, alias: pull, handler: discard }
  - { agent: Bob, to: Alice.pub, alias: sub, handler: { sport: discard } }
  - { agent: Bob, to: Alice.raw, alias: raw, handler: discard }
  - { agent: Bob, to: Alice.packed, alias: packed, handler: discard }
  - { agent: Carol, to: Alice.sync, alias: sync, handler: discard, on_reply: discard }
  - { agent: Carol, to: Bob.rep, alias: req, handler: discard }
  - { agent: Carol, to: Bob.channel, alias: areq, handler: discard }
"#;

/// What passes through a tap in JSON, line by line.
struct Tap {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Tap {
    fn of(mut command: std::process::Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    fn begin(bench: &Bench, arguments: &[&str]) -> Self {
        let arguments = [&["tap", "-o", "json"], arguments].concat();
        Self::of(bench.command(&arguments))
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("there is more").unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next one for which `is` is true.
    fn find(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next();
            if is(&message) {
                return message;
            }
        }
    }

    /// Ctrl-C, after which it ends by itself, and well.
    fn end(mut self) {
        kill(i32::try_from(self.process.id()).unwrap(), SIGINT);
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn at<'a>(
    agent: &'a str,
    alias: &'a str,
    way: &'a str,
    sort: &'a str,
) -> impl Fn(&Value) -> bool + 'a {
    move |it| it["agent"] == agent && it["alias"] == alias && it["way"] == way && it["sort"] == sort
}

#[test]
fn every_kind_of_socket_is_tapped_in_both_directions() {
    let bench = Bench::new();
    let said = bench.up(KINDS);
    assert_eq!(said.code, 0, "{said}");
    let mut tap = Tap::begin(&bench, &["*"]);
    for (agent, alias, way, sort, message) in [
        ("Alice", "push", "out", "message", r#"{"x":1}"#),
        ("Bob", "pull", "in", "message", r#"{"x":1}"#),
        ("Alice", "pub", "out", "publication", r#""goal""#),
        ("Bob", "sub", "in", "publication", r#""goal""#),
        ("Alice", "raw", "out", "publication", r#""just text""#),
        ("Bob", "raw", "in", "publication", r#""just text""#),
        ("Alice", "packed", "out", "message", "[1,2]"),
        ("Bob", "packed", "in", "message", "[1,2]"),
        ("Alice", "sync", "out", "publication", r#""to all""#),
        ("Carol", "sync", "in", "publication", r#""to all""#),
        ("Carol", "sync", "out", "request", r#""only me""#),
        ("Alice", "sync", "in", "request", r#""only me""#),
        ("Alice", "sync", "out", "answer", r#""only me""#),
        ("Carol", "sync", "in", "answer", r#""only me""#),
        ("Carol", "req", "out", "request", r#""how are you?""#),
        ("Bob", "rep", "in", "request", r#""how are you?""#),
        ("Bob", "rep", "out", "answer", r#""how are you?""#),
        ("Carol", "req", "in", "answer", r#""how are you?""#),
        ("Carol", "areq", "out", "request", r#""later""#),
        ("Bob", "channel", "out", "answer", r#""later""#),
    ] {
        let seen = tap.find(at(agent, alias, way, sort));
        assert_eq!(seen["message"].to_string(), message, "{seen}");
        let topic = match alias {
            "pub" | "sub" => Some("sport"),
            "sync" if sort == "publication" => Some("all"),
            _ => None,
        };
        assert_eq!(seen["topic"].as_str(), topic, "{seen}");
        assert_eq!(seen["took_us"].is_u64(), sort == "answer", "{seen}");
    }
    tap.end();
    wait_until("nobody looks any more", || {
        let mut tap = Tap::begin(&bench, &["Alice.push", "-n", "1"]);
        tap.next()["count"] == 1
    });
    let said = bench.osb(&["tap", "Carol.req", "-n", "3"]);
    let line = "→ \"how are you?\" ⇒ \"how are you?\"  (";
    // It may have begun between a request and its answer.
    assert_eq!(said.stdout.lines().count(), 3, "{said}");
    assert!(said.stdout.matches(line).count() >= 2, "{said}");
    bench.ok(&["down"]);
}

#[test]
fn a_tap_shows_what_it_was_asked_for() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: asked\nagents:\n  Alice:\n    bind: { news: PUB, work: PUSH }\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Alice.news, alias: news, handler: discard }\n  - { agent: Bob, to: Alice.work, alias: work, handler: discard }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    let publish = |topic: &str, message: &str| {
        bench.ok(&["send", "Alice", "news", message, "--topic", topic]);
    };
    let sport = [
        "tap",
        "Alice.news",
        "--topic",
        "sport",
        "-n",
        "2",
        "--format",
        "%t %s %S %o\\n",
    ];
    let sport = bench.spawn(&sport);
    let goals = bench.spawn(&["tap", "Alice.*", "--grep", "goa+l", "-n", "2", "-o", "raw"]);
    let thirds = bench.spawn(&[
        "tap",
        "Alice.work",
        "--sample",
        "1/3",
        "-n",
        "2",
        "--format",
        "%o,",
    ]);
    let cut = bench.spawn(&["tap", "Alice.work", "--cut", "4", "-n", "1"]);
    // Each is told of as soon as it looks: what passes before that is shown to nobody.
    let ended = |mut child: Child| {
        wait_until("it has seen what it wants", || {
            publish("news", "\"none\"");
            publish("sports", "\"goaal\"");
            publish("sport", "[1]");
            bench.ok(&["send", "Alice", "work", "\"a goal\""]);
            child.try_wait().unwrap().is_some()
        });
        let mut text = String::new();
        std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut text).unwrap();
        text
    };
    let sport = ended(sport);
    let lines: Vec<&str> = sport.lines().collect();
    assert_eq!(lines.len(), 2, "{sport}");
    assert!(
        lines
            .iter()
            .any(|it| it.starts_with("sports \"goaal\" 14 ")),
        "{sport}"
    );
    let goals = ended(goals);
    assert!(
        goals
            .lines()
            .all(|it| it == "\"goaal\"" || it == "\"a goal\""),
        "{goals}"
    );
    assert_eq!(ended(thirds), "1,4,");
    assert!(ended(cut).trim_end().ends_with("→ \"a g… (8 bytes)"));
    bench.ok(&["down"]);
}

/// One who looks and does not read: the agent goes on, and counts what it cannot show.
#[test]
fn who_looks_slowly_slows_nobody_and_is_told_what_was_lost() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: slow\nagents:\n  Relay:\n    bind:\n      in: { kind: PULL, handler: 'forward:out', serializer: raw }\n      out: { kind: PUSH, serializer: raw }\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Relay.out, alias: inbox, handler: discard }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    let mut tap = Tap::begin(&bench, &["Relay.in"]);
    let context = zmq::Context::new();
    let feeder = context.socket(zmq::PUSH).unwrap();
    feeder
        .connect(bench.ok(&["addr", "Relay", "in"]).trim())
        .unwrap();
    let seen = std::thread::scope(|scope| {
        let first = scope.spawn(|| tap.next());
        wait_until("it looks", || {
            feeder.send("first", 0).unwrap();
            first.is_finished()
        });
        first.join().unwrap()
    });
    assert_eq!(seen["message"], "first");
    let pid = i32::try_from(tap.process.id()).unwrap();
    kill(pid, SIGSTOP);
    let before = bench.count("Bob", "inbox", "received");
    let message = "x".repeat(10_000);
    for _ in 0..5_000 {
        feeder.send(message.as_str(), 0).unwrap();
    }
    wait_until("all have come though nobody reads what is shown", || {
        bench.count("Bob", "inbox", "received") >= before + 5_000
    });
    kill(pid, nix::libc::SIGCONT);
    feeder.send("last", 0).unwrap();
    let last = tap.find(|it| it["message"] == "last");
    assert!(last["count"].as_u64().unwrap() > 5_000, "{last}");
    bench.ok(&["down"]);
}

/// The sums of `rate` are those of `ls sockets`, and a look is over when nobody asks any more.
#[test]
fn rates_agree_with_the_counts_of_sockets() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: rates\nagents:\n  Alice:\n    bind: { main: PUSH }\n  Bob: {}\n  Still:\n    bind: { idle: PUSH }\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox, handler: discard }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    // It is measured from now on.
    let nothing = bench.osb(&["rate", "--once", "--interval", "10ms", "-o", "names"]);
    assert_eq!(
        (nothing.code, nothing.stdout.as_str()),
        (0, ""),
        "{nothing}"
    );
    let names = bench.ok(&[
        "rate",
        "--once",
        "--all",
        "--interval",
        "10ms",
        "-o",
        "names",
    ]);
    assert_eq!(
        names.lines().collect::<Vec<_>>(),
        ["Alice.main", "Bob.inbox", "Still.idle"]
    );
    let rate = bench.spawn(&[
        "rate",
        "Alice",
        "*.inbox",
        "--once",
        "--interval",
        "2s",
        "-o",
        "json",
    ]);
    for size in [1, 10, 100] {
        let message = format!("\"{}\"", "x".repeat(size));
        (0..4).for_each(|_| drop(bench.ok(&["send", "Alice", "main", &message])));
    }
    let out = rate.wait_with_output().unwrap();
    let rates: Value = serde_json::from_slice(&out.stdout).unwrap();
    let of = |agent: &str| {
        let rates = rates.as_array().unwrap().iter();
        rates
            .clone()
            .find(|it| it["agent"] == agent)
            .unwrap_or_else(|| panic!("no {agent}: {rates:?}"))
    };
    let (sent, received) = (&of("Alice")["sent"], &of("Bob")["received"]);
    let sockets = bench.json(&["ls", "sockets"]);
    let counted = sockets[0]["sockets"]["main"]["sent"].as_u64().unwrap();
    assert_eq!(counted, 12);
    assert_eq!(
        of("Alice")["totals"]["sent"].as_u64(),
        Some(counted),
        "{rates}"
    );
    assert!(
        sent["messages"].as_u64() <= Some(12) && sent["messages"].as_u64() > Some(0),
        "{rates}"
    );
    assert!(received["bytes"].as_u64().unwrap() >= 12, "{rates}");
    bench.ok(&["down"]);
}

/// An agent that begins anew is tapped again; one that is unknown is an error with a hint.
#[test]
fn an_agent_that_is_back_is_tapped_again() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: back\nagents:\n  Alice:\n    restart: always\n    bind: { main: PUSH }\n    timers: [{ every: 20ms, send: main, message: 1 }]\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox, handler: discard }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    let mut tap = Tap::begin(&bench, &["Alice"]);
    tap.find(|it| it["count"].as_u64() > Some(5));
    kill(bench.pid("Alice"), SIGKILL);
    // In its next life it counts anew.
    tap.find(|it| it["count"] == 1);
    tap.end();
    let said = bench.osb(&["tap", "Alice.mian"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("did you mean Alice.main?"), "{said}");
    bench.ok(&["stop", "Alice"]);
    let said = bench.osb(&["tap", "Alice.main", "-o", "json"]);
    assert!(said.stderr.contains("not_running"), "{said}");
    bench.ok(&["down"]);
}

/// In a closed system the level `read` may look, but not into messages; what is shown is encrypted.
#[test]
fn in_a_closed_system_a_tap_takes_a_level_of_its_own() {
    let system = ClosedSystem::up(
        "osb: 1\nname: system\nsecurity: curve\nagents:\n  Alice:\n    bind: { main: PUSH }\n    timers: [{ every: 20ms, send: main, message: secret }]\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox, handler: discard }\n",
    );
    let machine = Bench::new();
    for (name, level, code) in [("ana", "read", 1), ("ben", "tap", 0)] {
        let key = machine.files().join(format!("{name}.key"));
        let key = key.to_str().unwrap();
        let bench = &system.bench;
        bench.ok(&["keys", "new", name, "--level", level, "--to", key]);
        let by = ["--ns", &system.address, "--key", key];
        let said = machine.osb(&[&by[..], &["tap", "Bob", "-n", "3"]].concat());
        assert_eq!(said.code, code, "{said}");
        match code {
            0 => assert_eq!(
                said.stdout.matches("Bob.inbox ← \"secret\"").count(),
                3,
                "{said}"
            ),
            _ => assert!(
                said.stderr.contains("tap is not for the level read"),
                "{said}"
            ),
        }
        let said = machine.osb(&[&by[..], &["rate", "--once", "--interval", "200ms"]].concat());
        assert!(
            said.code == 0 && said.stdout.contains("Alice.main"),
            "{said}"
        );
    }
    let journal = system.bench.ok(&["keys", "log", "-o", "json"]);
    let taps = journal.matches("\"verb\": \"tap\"").count();
    assert!(taps >= 2, "{taps}: {journal}");
    for quiet in ["keep_tap", "rate"] {
        assert!(
            !journal.contains(&format!("\"verb\": \"{quiet}\"")),
            "{journal}"
        );
    }
    system.down();
}

/// Where the machine of an agent cannot be dialled, what passes comes through the name server.
#[test]
fn where_an_agent_cannot_be_dialled_its_tap_comes_through_the_name_server() {
    let Some(lab) = lab(2) else {
        return;
    };
    let said = lab.up(&format!(
        "osb: 1\nname: far\nnameserver: {DESK}:7400\nhosts:\n  lab1: {{ ssh: lab1, ssh_config: {} }}\nagents:\n  Alice:\n    host: lab1\n    bind: {{ main: PUSH }}\n    timers: [{{ every: 20ms, send: main, message: afar }}]\n  Bob: {{ host: lab1 }}\nconnections:\n  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: discard }}\n",
        lab.ssh_config().display()
    ));
    assert_eq!(said.code, 0, "{said}");
    // From here on nothing that the desk sends arrives there but what the name server says.
    let rule = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        lab.in_space("lab1", &[&["ip", "rule"], &words[..]].concat());
    };
    rule("add pref 100 lookup local");
    rule("del pref 0 lookup local");
    let from = format!("from {DESK}/32 ipproto tcp");
    rule(&format!("add pref 40 {from} sport 7400 lookup local"));
    rule(&format!("add pref 50 {from} blackhole"));
    let seen = lab.ok(&["tap", "Bob", "-n", "3"]);
    assert_eq!(seen.matches("Bob.inbox ← \"afar\"").count(), 3, "{seen}");
    rule(&format!("del pref 50 {from} blackhole"));
    lab.ok(&["down"]);
}
