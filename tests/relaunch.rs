//! Only the program of an agent has died, or is not well: the agent keeps its sockets and starts it anew. specs/topology.md, "Restarts".

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::common::{self, Bench, wait_until};

/// Handles one message after the other, and reads no byte of the next one before it has.
const SINK: &str = r#"
import json, os, sys, time
def lines():
    line = b""
    while byte := os.read(0, 1):
        if byte == b"\n":
            yield json.loads(line)
            line = b""
        else:
            line += byte
with open("handled", "a", buffering=1) as handled, open("pid", "w") as pid:
    pid.write(str(os.getpid()))
    pid.flush()
    print('{"type": "ready", "pings": true}', flush=True)
    for word in lines():
        if word["type"] == "message":
            print(word["message"], file=handled)
            time.sleep(0.001)
        elif word["type"] == "ping":
            print('{"type": "pong"}', flush=True)
        elif word["type"] == "call" and word["name"] == "work":
            print(json.dumps({"type": "bind", "alias": "own", "kind": "PULL"}), flush=True)
            print(json.dumps({"type": "set", "attributes": {"kept": 7, "other": 7}}), flush=True)
            print(json.dumps({"type": "reply", "id": word["id"]}), flush=True)
        elif word["type"] == "call" and word["name"] == "die":
            os.kill(os.getpid(), 9)
"#;

/// Pushes the numbers that it is told to.
const SOURCE: &str = r#"
import json, sys
def say(**word): print(json.dumps(word), flush=True)
for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "call":
        say(type="reply", id=word["id"])
        for number in range(*word["params"]):
            say(type="send", alias="out", message=number)
"#;

const KILLS: usize = 10;
const BURST: usize = 500;

fn bring_up(bench: &Bench, restart: &str, security: &str) {
    bench.file("sink.py", SINK);
    bench.file("source.py", SOURCE);
    let up = bench.up(&format!(
        "
osb: 1
name: relaunched
security: {security}
agents:
  Sink:
    command: [python3, sink.py]
    bind: {{ in: PULL }}
    attributes: {{ kept: 1, other: 1 }}
    keep: [kept]
    restart: {restart}
  Source: {{ command: [python3, source.py] }}
connections:
  - {{ agent: Source, to: Sink.in, alias: out }}
"
    ));
    assert_eq!(up.code, 0, "{up}");
}

fn pid(bench: &Bench) -> Option<i32> {
    let text = std::fs::read_to_string(bench.files().join("pid")).ok()?;
    text.parse().ok()
}

fn handled(bench: &Bench) -> Vec<usize> {
    let text = std::fs::read_to_string(bench.files().join("handled")).unwrap_or_default();
    text.lines().map(|it| it.parse().unwrap()).collect()
}

fn wire(bench: &Bench) -> Value {
    let connections = bench.json(&["ls", "connections"]);
    let connections = connections.as_array().unwrap();
    assert_eq!(connections.len(), 1, "{connections:?}");
    connections[0].clone()
}

fn pushes(bench: &Bench, numbers: std::ops::Range<usize>) {
    let params = format!("[{}, {}]", numbers.start, numbers.end);
    bench.ok(&["call", "Source", "push", &params]);
}

fn is_another(bench: &Bench, program: i32) -> bool {
    pid(bench).is_some_and(|it| it != program)
}

#[test]
fn messages_wait_while_a_program_is_killed_again_and_again() {
    let bench = Bench::new();
    bring_up(
        &bench,
        "{ policy: always, delay: 10ms, max_delay: 20ms }",
        "none",
    );
    let before = bench.agent("Sink");
    for kill in 0..KILLS {
        let first = kill * BURST;
        pushes(&bench, first..first + BURST);
        wait_until("it works", || handled(&bench).last() > Some(&(first + 20)));
        let program = pid(&bench).unwrap();
        common::kill(program, 9);
        wait_until("another program works", || {
            is_another(&bench, program) && bench.agent("Sink")["restarts"] == kill + 1
        });
    }
    let count = KILLS * BURST;
    wait_until("all is handled", || {
        handled(&bench).last() == Some(&(count - 1))
    });
    let after = bench.agent("Sink");
    for same in ["pid", "incarnation", "addresses"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(after["last_end"]["signal"], 9);
    let wire = wire(&bench);
    let once = (&Value::from("proven"), &Value::from(1));
    assert_eq!((&wire["proof"], &wire["times"]), once, "{wire}");
    // In order, none twice; of each program that was killed, the one that it was about to handle may be missing.
    let handled = handled(&bench);
    assert!(handled.is_sorted_by(|one, other| one < other));
    assert!(handled.len() + KILLS >= count, "{}", handled.len());
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn messages_wait_while_a_program_hangs_and_is_started_anew() {
    let bench = Bench::new();
    bring_up(&bench, "on-failure", "none");
    let (before, program) = (bench.agent("Sink"), pid(&bench).unwrap());
    common::kill(program, Signal::SIGSTOP as i32);
    pushes(&bench, 0..BURST);
    wait_until("another program works", || is_another(&bench, program));
    wait_until("all is handled", || {
        handled(&bench).last() == Some(&(BURST - 1))
    });
    assert!(handled(&bench).into_iter().eq(0..BURST));
    let after = bench.agent("Sink");
    for same in ["pid", "incarnation", "addresses"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(after["restarts"], 1, "{after}");
    let end = &after["last_end"];
    assert_eq!(end["signal"], 9, "{end}");
    let why = "its program has not answered a ping for 10s";
    assert_eq!(end["cause"]["unhealthy"], why, "{end}");
    let wire = wire(&bench);
    assert_eq!(
        (&wire["proof"], &wire["times"]),
        (&"proven".into(), &1.into())
    );
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn the_next_program_begins_as_the_one_before() {
    let bench = Bench::new();
    bring_up(&bench, "on-failure", "curve");
    bench.ok(&["call", "Sink", "work"]);
    bench.ok(&["every", "Sink", "1h", "set", "late=1"]);
    let sockets = || bench.agent("Sink")["addresses"].as_object().unwrap().len();
    assert_eq!(sockets(), 2);
    let (agent, program) = (bench.pid("Sink"), pid(&bench).unwrap());
    // Who waits for an answer is told.
    let said = bench.osb(&["call", "Sink", "die"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("the command has ended"), "{said}");
    wait_until("another program works", || is_another(&bench, program));
    wait_until("it is counted", || bench.agent("Sink")["restarts"] == 1);
    assert_eq!(bench.pid("Sink"), agent, "the agent has stayed");
    let attributes = bench.json(&["get", "Sink"]);
    assert_eq!(attributes, serde_json::json!({"kept": 7, "other": 1}));
    wait_until("its own socket is closed", || sockets() == 1);
    assert_eq!(bench.json(&["timers", "Sink"]), serde_json::json!([]));
    pushes(&bench, 0..1);
    wait_until("it works", || handled(&bench) == [0]);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn an_agent_that_waits_for_its_program_is_stopped_and_started() {
    let bench = Bench::new();
    bring_up(
        &bench,
        "{ policy: always, delay: 1h, max_delay: 1h }",
        "none",
    );
    let program = pid(&bench).unwrap();
    common::kill(program, 9);
    wait_until("another program works", || is_another(&bench, program));
    common::kill(pid(&bench).unwrap(), 9);
    wait_until("it waits", || bench.agent("Sink")["state"] == "restarting");
    let sink = bench.agent("Sink");
    assert!(
        sink["pid"].is_number() && sink["then"]["again"].is_object(),
        "{sink}"
    );
    let table = bench.ok(&["ls", "agents"]);
    let told = "restarting (its program has ended: signal 9; next try in";
    assert!(table.contains(told), "{table}");
    // Its socket is there, and what arrives waits.
    pushes(&bench, 0..3);
    let said = bench.osb(&["call", "Sink", "work"]);
    assert!(said.stderr.contains("started anew"), "{said}");
    bench.ok(&["stop", "Sink"]);
    let sink = bench.agent("Sink");
    assert_eq!(
        (&sink["state"], &sink["pid"]),
        (&"stopped".into(), &Value::Null)
    );
    bench.ok(&["start", "Sink"]);
    wait_until("it works", || bench.agent("Sink")["state"] == "running");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
