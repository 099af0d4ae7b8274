//! What would become something else on its way is refused where it enters, in the same words by each
//! way in, and who asked is told at once.

use crate::common::{self, Bench, wait_until};
use serde_json::json;

const TOO_LARGE: &str = "the number is too large to be kept exactly";
const NO_NUMBER: &str = "JSON has no NaN and no infinity";

#[test]
fn integers_that_are_too_large_are_refused_by_each_way_in() {
    let bench = Bench::new();
    let topology = "osb: 1
name: exact
agents:
  A: { bind: { out: PUSH } }
  L: {}
connections: [{ agent: L, to: A.out, alias: in, handler: collect }]
";
    let up = bench.up(topology);
    assert_eq!(up.code, 0, "{up}");
    let large = "18446744073709551617";
    let id = format!("id={large}");
    let set = format!("agents.A.attributes.id={large}");
    let file = bench.files().join("topology.yaml");
    let file = file.to_str().unwrap();
    for (arguments, code) in [
        (&["send", "A", "out", large][..], 2),
        (&["set", "A", &id], 2),
        (&["call", "A", "x", large], 2),
        (&["every", "A", "1s", "set", &id], 2),
        (&["check", "--set", &set, file], 3),
    ] {
        let said = bench.osb(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said}");
        assert!(said.stderr.contains(TOO_LARGE), "{arguments:?}: {said}");
    }
    bench.ok(&["send", "A", "out", "18446744073709551615"]);
    wait_until("it arrives", || {
        bench
            .osb(&["get", "L", "received"])
            .stdout
            .contains("18446744073709551615")
    });
    assert_eq!(bench.json(&["get", "L", "received"]), json!([u64::MAX]));
    bench.ok(&["down"]);
}

#[test]
fn the_requester_is_told_that_the_answer_cannot_be_read() {
    let bench = Bench::new();
    let program = r#"
import sys, json
for l in sys.stdin:
    w = json.loads(l)
    if w["type"] == "call":
        m = {"mean": float("nan"), "inf": {"h": float("inf")}, "id": 1 << 64, "long": "x" * 17_000_000}[w["name"]]
        print(json.dumps({"type": "reply", "id": w["id"], "message": m}), flush=True)
    if w["type"] == "stop": break
"#;
    bench.file("a.py", program);
    let up = bench.up("osb: 1\nname: exact\nagents:\n  A: { command: [python3, a.py] }\n");
    assert_eq!(up.code, 0, "{up}");
    for (method, why) in [
        ("mean", NO_NUMBER),
        ("inf", NO_NUMBER),
        ("id", TOO_LARGE),
        ("long", "a line of more than 16777216 bytes"),
    ] {
        let said = bench.osb(&["call", "A", method]);
        assert_eq!(said.code, 1, "{said}");
        let told = format!("the answer of A cannot be read: {why}");
        assert!(said.stderr.contains(&told), "{said}");
    }
    bench.ok(&["down"]);
}

#[test]
fn the_python_helper_raises_where_such_a_thing_is_said() {
    let bench = Bench::new();
    let program = r#"
import osb_lines

agent = osb_lines.Agent()

@agent.method
def say(what):
    value = {
        "nan": float("nan"), "half": "\ud800", "large": [{"x": -(1 << 63) - 1}], "long": "x" * (16 << 20),
    }[what]
    agent.send("out", value)  # here

@agent.method
def fine():
    agent.send("out", [-(1 << 63), (1 << 64) - 1, "\U0001f600", "12345678901234567890123"])

agent.run()
"#;
    bench.file("a.py", program);
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lib");
    let topology = format!(
        "osb: 1
name: exact
agents:
  A: {{ command: [python3, a.py], env: {{ PYTHONPATH: {library} }}, bind: {{ out: PUSH }} }}
  L: {{}}
connections: [{{ agent: L, to: A.out, alias: in, handler: collect }}]
"
    );
    let up = bench.up(&topology);
    assert_eq!(up.code, 0, "{up}");
    for (what, error) in [
        ("nan", "ValueError"),
        ("half", "UnicodeEncodeError"),
        ("large", "too large to be kept exactly"),
        ("long", "the agent reads 16777216 at most"),
    ] {
        let said = bench.osb(&["call", "A", "say", &format!("{what:?}")]);
        assert_eq!(said.code, 1, "{said}");
        assert!(said.stderr.contains(error), "{said}");
    }
    assert!(bench.log("exact", "A").contains("# here"));
    bench.ok(&["call", "A", "fine"]);
    wait_until("it arrives", || {
        bench
            .osb(&["get", "L", "received"])
            .stdout
            .contains("1234567890123456789")
    });
    let expected = json!([[i64::MIN, u64::MAX, "\u{1f600}", "12345678901234567890123"]]);
    assert_eq!(bench.json(&["get", "L", "received"]), expected);
    bench.ok(&["down"]);
}

/// A worker reads them, while long lines go the other way.
#[test]
fn the_helper_for_node_keeps_messages_whole_and_in_order() {
    let node = std::process::Command::new("node").arg("--version").output();
    if node.is_err() {
        return common::skip("the helper for Node needs node, which is not installed");
    }
    let bench = Bench::new();
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lib");
    let sink = r#"
const fs = require("node:fs");
const osb = require("LIBRARY/osb.cjs");
let handled = "";
osb.run({
  message: ({ message }) => {
    handled += message + "\n";
    osb.say({ type: "set", attributes: { last: message, long: "é".repeat(9000) } });
  },
  call: ({ id }) => {
    fs.writeFileSync("handled", handled);
    try {
      osb.say({ type: "set", attributes: { last: NaN } });
    } catch (error) {
      osb.say({ type: "reply", id, error: error.message });
    }
  },
  stop: () => process.exit(0),
});
"#;
    bench.file("sink.js", &sink.replace("LIBRARY", library));
    let source = r#"
import osb_lines

agent = osb_lines.Agent()

@agent.method
def push(count):
    for number in range(count):
        agent.send("out", f"{number} é")

agent.run()
"#;
    bench.file("source.py", source);
    let up = bench.up(&format!(
        "osb: 1
name: exact
agents:
  Sink: {{ command: [node, sink.js], bind: {{ in: PULL }} }}
  Source: {{ command: [python3, source.py], env: {{ PYTHONPATH: {library} }} }}
connections: [{{ agent: Source, to: Sink.in, alias: out }}]
"
    ));
    assert_eq!(up.code, 0, "{up}");
    bench.ok(&["call", "Source", "push", "[2000]"]);
    wait_until("all is handled", || {
        bench
            .osb(&["get", "Sink", "last"])
            .stdout
            .contains("1999 é")
    });
    let said = bench.osb(&["call", "Sink", "nan"]);
    assert!(said.stderr.contains(NO_NUMBER), "{said}");
    let handled = std::fs::read_to_string(bench.files().join("handled")).unwrap();
    let expected = (0..2000).map(|number| format!("{number} é"));
    assert!(handled.lines().map(str::to_owned).eq(expected));
    let log = bench.log("exact", "Sink");
    assert!(!log.contains("the command: "), "{log}");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// Letters with the byte 0x80 in them are everyday ones. What subscribers would get is cut there.
#[test]
fn a_topic_that_would_be_cut_is_refused_where_it_is_sent() {
    let bench = Bench::new();
    let program = r#"
import osb_lines

agent = osb_lines.Agent()

@agent.method
def publish(topic):
    agent.send("pub", 21, topic=topic)

@agent.method
def later(topic):
    agent.every("1h", send="pub", message=1, topic=topic)

agent.run()
"#;
    bench.file("p.py", program);
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lib");
    let topology = format!(
        "osb: 1
name: exact
agents:
  P:
    bind: {{ pub: PUB, sp: {{ kind: SYNC_PUB, handler: echo }}, raw: {{ kind: PUB, serializer: raw }} }}
    command: [python3, p.py]
    env: {{ PYTHONPATH: {library} }}
  S: {{}}
connections:
  - {{ agent: S, to: P.pub, alias: s, handler: collect }}
  - {{ agent: S, to: P.sp, alias: y, handler: collect }}
"
    );
    let up = bench.up(&topology);
    assert_eq!(up.code, 0, "{up}");
    let why = "has a character with the byte 0x80 in it, which ends a topic";
    for (arguments, code) in [
        (&["send", "P", "pub", "1", "--topic", "мир"][..], 2),
        (&["send", "P", "sp", "1", "--topic", "À la carte"], 2),
        (&["send", "P", "raw", "\"1\"", "--topic", "it’s"], 2),
        (
            &["every", "P", "1h", "send", "pub", "1", "--topic", "мир"],
            2,
        ),
        (
            &["after", "P", "1h", "send", "pub", "1", "--topic", "мир"],
            2,
        ),
        (&["call", "P", "publish", "\"температура\""], 1),
        (&["call", "P", "later", "\"температура\""], 1),
        (&["subscribe", "S", "s", "мир"], 1),
    ] {
        let said = bench.osb(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said}");
        assert!(said.stderr.contains(why), "{arguments:?}: {said}");
    }
    bench.ok(&["send", "P", "pub", "1", "--topic", "café"]);
    bench.ok(&["call", "P", "publish", "\"été\""]);
    wait_until("both arrive", || {
        let received = bench.osb(&["get", "S", "received"]).stdout;
        received.contains("21")
    });
    assert_eq!(bench.json(&["get", "S", "received"]), json!([1, 21]));
    let sockets = bench.json(&["ls", "sockets"]);
    let garbled = |agent: &serde_json::Value| agent["sockets"]["s"]["garbled"].clone();
    let garbled: Vec<_> = sockets.as_array().unwrap().iter().map(garbled).collect();
    assert!(garbled.contains(&json!(0)), "{sockets}");
    bench.ok(&["down"]);
}
