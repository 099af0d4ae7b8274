//! `osb record`, `osb ls FILE.mcap` and `osb replay`, by the real binary: what is recorded is in the file, whatever becomes of the one
//! who writes it, and is sent again as it was; and readers that are not osb's read it too.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::common::closed_system::ClosedSystem;
use crate::common::{Bench, kill, skip, wait_until};
use nix::libc::{SIGCONT, SIGINT, SIGKILL, SIGSTOP};
use serde_json::{Value, json};

/// Alice sends by hand alone, Bob and Carol collect.
const SYSTEM: &str = "osb: 1\nname: recorded\nagents:\n  Alice:\n    bind: { main: PUSH, news: PUB }\n  Bob: {}\n  Carol:\n    bind: { in: { kind: PULL, handler: collect } }\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox, handler: collect }\n  - { agent: Bob, to: Alice.news, alias: news, handler: { '': discard } }\n";

fn up(topology: &str) -> Bench {
    let bench = Bench::new();
    let said = bench.up(topology);
    assert_eq!(said.code, 0, "{said}");
    bench
}

/// The path of a file of this test.
fn path(bench: &Bench, name: &str) -> String {
    bench.files().join(name).to_str().unwrap().to_owned()
}

/// One who records, and has begun.
struct Recorder {
    process: Child,
}

impl Recorder {
    fn begin(bench: &Bench, arguments: &[&str]) -> Self {
        Self::of(bench.command(&[&["record"], arguments].concat()))
    }

    fn of(mut command: Command) -> Self {
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut told = BufReader::new(process.stderr.take().unwrap()).lines();
        let begun = told.find(|it| it.as_ref().is_ok_and(|it| it.starts_with("recording into")));
        assert!(begun.is_some(), "it has not begun");
        // What it says from now on is read, so that it can go on.
        std::thread::spawn(move || told.for_each(drop));
        Self { process }
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).unwrap()
    }

    fn wait(mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    /// Ctrl-C, after which it ends by itself, and well.
    fn end(self) {
        kill(self.pid(), SIGINT);
        assert!(self.wait().success());
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn send(bench: &Bench, message: &str) {
    bench.ok(&["send", "Alice", "main", message]);
}

/// How many messages of a channel are in a file, which may be on its way yet.
fn recorded(bench: &Bench, file: &str, channel: &str) -> u64 {
    let said = bench.osb(&["ls", file, "-o", "json"]);
    let contents: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
    let channels = contents["channels"].as_array();
    let mut channels = channels.into_iter().flatten();
    let found = channels.find(|it| it["channel"] == channel);
    found.map_or(0, |it| it["messages"].as_u64().unwrap())
}

fn collected(bench: &Bench, agent: &str) -> Value {
    let said = bench.osb(&["get", agent, "received", "-o", "json"]);
    serde_json::from_str(&said.stdout).unwrap_or_default()
}

#[test]
fn what_was_recorded_is_sent_again_as_it_was() {
    let bench = up(SYSTEM);
    let file = path(&bench, "run.mcap");
    let messages: Vec<Value> = (0..12).map(|n| json!({ "n": n, "text": "ä" })).collect();
    let recorder = Recorder::begin(&bench, &["-o", &file, "-n", "24"]);
    for message in &messages {
        send(&bench, &message.to_string());
    }
    assert!(recorder.wait().success(), "12 left and 12 came");
    let contents = bench.json(&["ls", &file]);
    assert_eq!(contents["whole"], true);
    assert_eq!(contents["about"]["system"], "recorded");
    assert_eq!(contents["messages"], 24);
    assert_eq!(
        bench.ok(&["ls", &file, "-o", "names"]),
        "Alice.main\nBob.inbox\n"
    );
    let table = bench.ok(&["ls", &file]);
    assert!(
        table.contains("Alice.main  PUSH  out  json      12"),
        "{table}"
    );

    let said = bench.osb(&["replay", &file, "--as", "Alice"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("Alice runs"), "{said}");
    bench.ok(&["stop", "Alice"]);
    bench.ok(&["set", "Bob", "received=[]"]);
    let replayed = bench.json(&["replay", &file, "--as", "Alice", "--speed", "50"]);
    assert_eq!(replayed["messages"], 12);
    assert!(replayed["late_us"]["p50"].is_u64(), "{replayed}");
    assert_eq!(collected(&bench, "Bob"), json!(messages));

    // Into one that was never there, and from the middle.
    let into = ["replay", &file, "--to", "Carol.in", "--speed", "max"];
    let said = bench.osb(&into);
    assert!(
        said.stderr
            .contains("nothing was recorded as it came to Carol.in"),
        "{said}"
    );
    bench.ok(&[&into[..], &["--only", "Alice.main"]].concat());
    wait_until("all have come", || {
        collected(&bench, "Carol") == json!(messages)
    });
    // A socket that connects is wired to the one who sends.
    bench.ok(&["set", "Bob", "received=[]"]);
    bench.ok(&["replay", &file, "--to", "Bob.inbox", "--speed", "max"]);
    wait_until("all have come", || {
        collected(&bench, "Bob") == json!(messages)
    });
    // The system is again what it is meant to be.
    let said = bench.osb(&["up", &path(&bench, "topology.yaml")]);
    assert!(
        said.code == 0 && said.stdout.contains("brought back: Alice"),
        "{said}"
    );
    bench.ok(&["down"]);
}

/// Publications by topic, requests, and what is not text.
#[test]
fn every_kind_of_message_is_recorded_and_sent_again() {
    let bench = up(
        "osb: 1\nname: kinds\nagents:\n  Alice:\n    bind: { news: PUB, raw: { kind: PUB, serializer: raw }, packed: { kind: PUSH, serializer: msgpack } }\n  Bob:\n    bind: { desk: { kind: REP, handler: echo } }\n  Carol: {}\nconnections:\n  - { agent: Bob, to: Alice.news, alias: news, handler: { sport: collect } }\n  - { agent: Bob, to: Alice.raw, alias: raw, handler: collect }\n  - { agent: Bob, to: Alice.packed, alias: packed, handler: collect }\n  - { agent: Carol, to: Bob.desk, alias: ask, handler: discard }\n",
    );
    let file = path(&bench, "kinds.mcap");
    let recorder = Recorder::begin(
        &bench,
        &["Alice", "Carol", "-o", &file, "--compress", "lz4"],
    );
    bench.ok(&["send", "Alice", "news", "[1]", "--topic", "sports"]);
    bench.ok(&["send", "Alice", "news", "[2]", "--topic", "weather"]);
    bench.ok(&["send", "Alice", "raw", "\"plain\""]);
    bench.ok(&["send", "Alice", "packed", "{\"$base64\": \"/w==\"}"]);
    bench.ok(&["send", "Carol", "ask", "\"how are you?\"", "--wait"]);
    for channel in [
        "Alice.news/sports",
        "Alice.news/weather",
        "Alice.raw",
        "Alice.packed",
        "Carol.ask:request",
        "Carol.ask:answer",
    ] {
        wait_until(channel, || recorded(&bench, &file, channel) == 1);
    }
    recorder.end();
    let before = bench.count("Bob", "desk", "received");
    let expected = collected(&bench, "Bob");
    assert_eq!(expected, json!([[1], "plain", { "$base64": "/w==" }]));
    bench.ok(&["set", "Bob", "received=[]"]);
    bench.ok(&["stop", "Alice", "Carol"]);
    let replayed = bench.json(&["replay", &file, "--speed", "10"]);
    assert_eq!(replayed["messages"], 5, "{replayed}");
    wait_until("all have come", || {
        let all = collected(&bench, "Bob");
        all.as_array().map(Vec::len) == Some(3)
            && expected
                .as_array()
                .unwrap()
                .iter()
                .all(|it| all.as_array().unwrap().contains(it))
            && bench.count("Bob", "desk", "received") == before + 1
    });
    bench.ok(&["down"]);
}

#[test]
fn a_recording_whose_writer_is_killed_is_read_and_played() {
    let bench = up(SYSTEM);
    let file = path(&bench, "killed.mcap");
    let recorder = Recorder::begin(&bench, &["Alice", "--file", &file]);
    (0..5).for_each(|n| send(&bench, &n.to_string()));
    // It is read while it is written.
    wait_until("they are in the file", || {
        recorded(&bench, &file, "Alice.main") == 5
    });
    kill(recorder.pid(), SIGKILL);
    recorder.wait();
    let contents = bench.json(&["ls", &file]);
    assert_eq!(
        (&contents["whole"], &contents["messages"]),
        (&json!(false), &json!(5))
    );
    let told = bench.ok(&["ls", &file]);
    assert!(told.contains("it is cut off"), "{told}");
    // Wherever it ends.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 7]).unwrap();
    bench.ok(&["ls", &file]);
    std::fs::write(&file, &bytes).unwrap();
    bench.ok(&["stop", "Alice"]);
    bench.ok(&["set", "Bob", "received=[]"]);
    bench.ok(&["replay", &file, "--speed", "max"]);
    assert_eq!(collected(&bench, "Bob"), json!([0, 1, 2, 3, 4]));
    bench.ok(&["down"]);
}

#[test]
fn files_are_split_and_not_overwritten_and_a_full_disk_is_told_of() {
    let bench = up(SYSTEM);
    let file = path(&bench, "run.mcap");
    let recorder = Recorder::begin(&bench, &["Alice", "-o", &file, "--split", "100k"]);
    let large = format!("\"{}\"", "x".repeat(80_000));
    (0..4).for_each(|_| send(&bench, &large));
    let parts = ["run.mcap", "run-2.mcap"].map(|it| path(&bench, it));
    wait_until("there is another part", || {
        send(&bench, &large);
        Path::new(&parts[1]).exists()
    });
    recorder.end();
    for part in &parts {
        let contents = bench.json(&["ls", part]);
        assert_eq!(contents["whole"], true, "{contents}");
    }
    let said = bench.osb(&["record", "-o", &file]);
    assert!(
        said.code == 1 && said.stderr.contains("--force overwrites it"),
        "{said}"
    );
    bench.ok(&["record", "-o", &file, "--force", "--for", "10ms"]);
    let said = bench.osb(&[
        "record",
        "--file",
        "/dev/full",
        "--force",
        "--for",
        "10s",
        "-o",
        "json",
    ]);
    assert!(
        said.code == 1 && said.stderr.contains("not_written"),
        "{said}"
    );
    assert!(said.stderr.contains("No space left"), "{said}");
    for bad in ["topology.yaml", "none.mcap"] {
        let said = bench.osb(&["ls", &path(&bench, bad)]);
        assert_eq!(said.code, 1, "{said}");
    }
    bench.ok(&["down"]);
}

/// The last message of a topic that has been still is in the flight recorder, and what was recent.
#[test]
fn a_flight_recorder_has_what_was_last() {
    let bench = up(SYSTEM);
    let file = path(&bench, "flight.mcap");
    let recorder = Recorder::begin(&bench, &["Alice", "-o", &file, "--last", "200ms"]);
    bench.ok(&["send", "Alice", "news", "\"old\"", "--topic", "map"]);
    bench.ok(&["send", "Alice", "news", "\"new\"", "--topic", "map"]);
    let before = bench.count("Alice", "main", "sent");
    // Each takes some milliseconds.
    (0..60).for_each(|n| send(&bench, &n.to_string()));
    assert_eq!(bench.count("Alice", "main", "sent"), before + 60);
    kill(recorder.pid(), nix::libc::SIGUSR1);
    let next = path(&bench, "flight-2.mcap");
    wait_until("it goes on in another file", || Path::new(&next).exists());
    recorder.end();
    assert_eq!(recorded(&bench, &next, "Alice.news/map"), 1);
    assert_eq!(recorded(&bench, &file, "Alice.news/map"), 1);
    assert!(recorded(&bench, &file, "Alice.main") >= 1);
    bench.ok(&["down"]);
}

/// What comes while nobody writes is counted, to the message.
#[test]
fn what_is_lost_is_in_the_file() {
    let bench = up(
        "osb: 1\nname: slow\nagents:\n  Relay:\n    bind:\n      in: { kind: PULL, handler: 'forward:out', serializer: raw }\n      out: { kind: PUSH, serializer: raw }\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Relay.out, alias: inbox, handler: discard }\n",
    );
    let file = path(&bench, "slow.mcap");
    let recorder = Recorder::begin(&bench, &["Relay.in", "-o", &file]);
    let context = zmq::Context::new();
    let feeder = context.socket(zmq::PUSH).unwrap();
    let address = bench.ok(&["addr", "Relay", "in"]);
    feeder.connect(address.trim()).unwrap();
    kill(recorder.pid(), SIGSTOP);
    let message = "x".repeat(10_000);
    for _ in 0..5_000 {
        feeder.send(message.as_str(), 0).unwrap();
    }
    wait_until("all have come though nobody writes", || {
        bench.count("Bob", "inbox", "received") >= 5_000
    });
    kill(recorder.pid(), SIGCONT);
    let lost = || {
        bench.json(&["ls", &file])["lost"]["Relay"]
            .as_u64()
            .unwrap_or(0)
    };
    let mut more = 0;
    wait_until("it is told how many are lost", || {
        feeder.send("one more", 0).unwrap();
        more += 1;
        lost() > 0
    });
    wait_until("all are there, or counted", || {
        recorded(&bench, &file, "Relay.in") + lost() == 5_000 + more
    });
    recorder.end();
    let told = bench.ok(&["ls", &file]);
    assert!(told.contains("messages of Relay are missing"), "{told}");
    bench.ok(&["down"]);
}

#[test]
fn in_a_closed_system_the_level_tap_records_and_control_replays() {
    let system = ClosedSystem::up(
        "osb: 1\nname: system\nsecurity: curve\nagents:\n  Alice:\n    bind: { main: PUSH }\n    timers: [{ every: 20ms, send: main, message: secret }]\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox, handler: discard }\n",
    );
    let machine = Bench::new();
    let file = path(&machine, "run.mcap");
    for (name, level, code) in [("ana", "read", 1), ("ben", "tap", 0), ("eve", "control", 0)] {
        let key = path(&machine, &format!("{name}.key"));
        let bench = &system.bench;
        bench.ok(&["keys", "new", name, "--level", level, "--to", &key]);
        let by = ["--ns", &system.address, "--key", &key];
        let record = ["record", "Alice", "--file", &file, "--force", "-n", "5"];
        let said = machine.osb(&[&by[..], &record].concat());
        assert_eq!(said.code, code, "{said}");
        if level == "control" {
            bench.ok(&["stop", "Alice"]);
            let before = bench.count("Bob", "inbox", "received");
            let said = machine.osb(&[&by[..], &["replay", &file]].concat());
            assert_eq!(said.code, 0, "{said}");
            wait_until("all have come", || {
                bench.count("Bob", "inbox", "received") == before + 5
            });
        }
    }
    system.down();
}

/// A Python with the package `mcap`, made for the tests, once. None, and the test is skipped, where it cannot be had.
fn python_with_mcap() -> Option<std::path::PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcap");
    let own = place.join("bin").join("python");
    let run = |program: &Path, arguments: &[&str]| {
        let done = Command::new(program).args(arguments).output();
        done.is_ok_and(|done| done.status.success())
    };
    let is_there = || run(&own, &["-c", "import mcap.reader"]);
    if !is_there() {
        let pip = ["-m", "pip", "install", "-q", "mcap"];
        let made = run("python3".as_ref(), &["-m", "venv", place.to_str()?]);
        if !made || !run(&own, &pip) || !is_there() {
            skip("the Python package mcap cannot be had here");
            return None;
        }
    }
    Some(own)
}

/// By the index, and as a stream, also when it is cut off.
const READ_BACK: &str = r#"
import sys
from mcap.exceptions import EndOfFile
from mcap.reader import NonSeekingReader, SeekingReader

whole, cut = sys.argv[1:]
with open(whole, "rb") as file:
    reader = SeekingReader(file)
    print(reader.get_summary().statistics.channel_message_counts.values().__len__())
    print(sorted(it.name for it in reader.iter_metadata()))
    for schema, channel, message in reader.iter_messages(topics=["Alice.main"]):
        print(schema.name, channel.message_encoding, channel.metadata["kind"], message.sequence, message.data)
with open(cut, "rb") as file:
    try:
        for schema, channel, message in NonSeekingReader(file).iter_messages(log_time_order=False):
            if channel.topic == "Alice.main":
                print("cut", message.data)
    except EndOfFile:
        print("that was all")
"#;

#[test]
fn a_recording_is_read_by_the_python_package() {
    let Some(python) = python_with_mcap() else {
        return;
    };
    let bench = up(SYSTEM);
    let (whole, cut) = (path(&bench, "whole.mcap"), path(&bench, "cut.mcap"));
    for (file, compress) in [(&whole, "lz4"), (&cut, "none")] {
        let recorder = Recorder::begin(&bench, &["Alice", "-o", file, "--compress", compress]);
        (1..=2).for_each(|n| send(&bench, &n.to_string()));
        wait_until("they are in the file", || {
            recorded(&bench, file, "Alice.main") == 2
        });
        match file == &whole {
            true => recorder.end(),
            false => kill(recorder.pid(), SIGKILL),
        }
    }
    let script = bench.file("read_back.py", READ_BACK);
    let read = Command::new(python)
        .args([&script, &whole, &cut])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    insta::assert_snapshot!(said);
    bench.ok(&["down"]);
}
