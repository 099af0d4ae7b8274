//! Bytes behind the lines of programs, by each of the helpers: what is sent comes back as it was, whatever bytes it is made of.

use serde_json::{Value, json};

use crate::common::{self, Bench, Said, wait_until};

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lib");

/// Sends bytes of all sorts, and tells what they were.
const SOURCE: &str = r#"
import hashlib, osb_lines

agent = osb_lines.Agent()
every = bytes(range(256))
WHOLE = [b"", b"\n", b"\0\n\0", b"text", b'{"type":"stop"}\n{"type":"send"', every, every * 4096, b"x" * 65536, b"last"]

@agent.method
def push():
    for part in WHOLE:
        agent.send("out", part)
    return [[len(part), hashlib.sha256(part).hexdigest()] for part in WHOLE]

@agent.method
def ask(alias, value):
    value = {"text": b"text", "empty": b"", "large": every * 4096, "inside": {"n": 1, "parts": [every, b"", "text"]}}[value]
    return agent.request(alias, value) == value

agent.run()
"#;

/// Keeps what it gets.
const SINK: &str = r#"
import hashlib, osb_lines

agent = osb_lines.Agent()
came = []

@agent.on("in")
def take(part):
    assert isinstance(part, bytes), part
    came.append([len(part), hashlib.sha256(part).hexdigest()])
    agent.set(count=len(came))

@agent.method
def all():
    return came

agent.run()
"#;

/// Sends back what it gets, and answers with what it is asked.
const ECHO_IN_PYTHON: &str = r#"
import osb_lines

agent = osb_lines.Agent()

@agent.on("in")
def relay(message):
    assert isinstance(message, bytes), message
    agent.send("out", message)

@agent.on("raw")
@agent.on("msgpack")
@agent.on("json")
def echo(message):
    return message

agent.run()
"#;

const ECHO_IN_NODE: &str = r#"
const osb = require("LIBRARY/osb.cjs");
osb.run({
  message: ({ alias, id, message }) => {
    if (alias !== "in") return osb.say({ type: "reply", id, message });
    if (!Buffer.isBuffer(message)) throw new Error(`no bytes: ${message}`);
    osb.say({ type: "send", alias: "out", message });
  },
  stop: () => process.exit(0),
});
"#;

const ECHO_IN_SHELL: &str = r#"
. LIBRARY/osb.sh
file=$(mktemp)
trap 'rm -f "$file"' EXIT
osb_ready frames
while osb_read; do
  case $osb_word in
    *'"type":"stop"'*) exit 0 ;;
    *'"type":"message"'*) ;;
    *'"type":"start"'*) osb_say '{"type":"set","attributes":{"started":1}}' && continue ;;
    *) continue ;;
  esac
  case $osb_bytes in
    '') osb_say '{"type":"log","level":"error","text":"no bytes"}' ;;
  esac
  osb_frame >"$file"
  case $osb_word in
    *'"alias":"in"'*)
      # What comes meanwhile is kept.
      osb_ask '"type":"agents"' || exit 1
      osb_say_file '"type":"send","alias":"out"' "$file"
      ;;
    *)
      id=${osb_word#*\"id\":}
      osb_say_file "\"type\":\"reply\",\"id\":${id%%,*}" "$file"
      ;;
  esac
done
"#;

/// A system in which a program sends back what it gets.
fn up(bench: &Bench, command: &str) {
    bench.file("source.py", SOURCE);
    bench.file("sink.py", SINK);
    let up = bench.up(&format!(
        "osb: 1
name: frames
defaults: {{ serializer: raw }}
agents:
  Echo:
    command: [{command}]
    env: {{ PYTHONPATH: {LIBRARY} }}
    bind:
      in: PULL
      out: PUSH
      raw: {{ kind: REP }}
      msgpack: {{ kind: REP, serializer: msgpack }}
      json: {{ kind: REP, serializer: json }}
  Source: {{ command: [python3, source.py], env: {{ PYTHONPATH: {LIBRARY} }} }}
  Sink: {{ command: [python3, sink.py], env: {{ PYTHONPATH: {LIBRARY} }} }}
connections:
  - {{ agent: Source, to: Echo.in, alias: out }}
  - {{ agent: Sink, to: Echo.out, alias: in }}
  - {{ agent: Source, to: Echo.raw, alias: raw }}
  - {{ agent: Source, to: Echo.msgpack, alias: msgpack }}
  - {{ agent: Source, to: Echo.json, alias: json }}
"
    ));
    assert_eq!(up.code, 0, "{up}");
}

/// All that is pushed comes back, in order.
fn all_comes_back(bench: &Bench) {
    let pushed = bench.json(&["call", "Source", "push", "--timeout", "60s"]);
    let count = pushed.as_array().unwrap().len();
    wait_until("all has come back", || {
        bench.osb(&["get", "Sink", "count"]).stdout.trim() == count.to_string()
    });
    assert_eq!(bench.json(&["call", "Sink", "all"]), pushed);
    let garbage = |agent: &str| bench.agent(agent)["garbage_lines"].clone();
    for agent in ["Echo", "Source", "Sink"] {
        assert!(matches!(garbage(agent), Value::Null) || garbage(agent) == 0);
    }
}

fn answers_are_equal(bench: &Bench, values: &[(&str, &str)]) {
    for (alias, value) in values {
        let params = json!([alias, value]).to_string();
        let equal = bench.json(&["call", "Source", "ask", &params]);
        assert_eq!(equal, true, "{alias} {value}");
    }
}

const VALUES: [(&str, &str); 7] = [
    ("raw", "text"),
    ("raw", "empty"),
    ("raw", "large"),
    ("msgpack", "empty"),
    ("msgpack", "inside"),
    ("json", "inside"),
    ("json", "large"),
];

#[test]
fn the_helper_for_python_sends_and_takes_bytes() {
    let bench = Bench::new();
    bench.file("echo.py", ECHO_IN_PYTHON);
    up(&bench, "python3, echo.py");
    all_comes_back(&bench);
    answers_are_equal(&bench, &VALUES);
    bench.ok(&["down"]);
}

#[test]
fn the_helper_for_node_sends_and_takes_bytes() {
    let node = std::process::Command::new("node").arg("--version").output();
    if node.is_err() {
        return common::skip("the helper for Node needs node, which is not installed");
    }
    let bench = Bench::new();
    bench.file("echo.cjs", &ECHO_IN_NODE.replace("LIBRARY", LIBRARY));
    up(&bench, "node, echo.cjs");
    all_comes_back(&bench);
    answers_are_equal(&bench, &VALUES);
    bench.ok(&["down"]);
}

#[test]
fn the_helper_for_shells_sends_and_takes_bytes() {
    let bench = Bench::new();
    bench.file("echo.sh", &ECHO_IN_SHELL.replace("LIBRARY", LIBRARY));
    up(&bench, "sh, echo.sh");
    wait_until("it has asked for frames", || {
        bench.osb(&["get", "Echo", "started"]).code == 0
    });
    all_comes_back(&bench);
    answers_are_equal(&bench, &VALUES[..3]);
    bench.ok(&["down"]);
}

/// Handles messages slowly, or not at all.
const SLOW: &str = r#"
import osb_lines, time

agent = osb_lines.Agent()
handled = 0

@agent.on("in")
def work(pause):
    global handled
    time.sleep(pause)
    handled += 1

@agent.method
def count():
    return handled

agent.run()
"#;

const FAST: &str = r#"
import osb_lines

agent = osb_lines.Agent()

@agent.method
def push(pause):
    for _ in range(4000):
        agent.send("out", pause)

agent.run()
"#;

/// A system in which a program is behind by so many messages that its agent reads no more of them.
fn behind(bench: &Bench, pause: &str) {
    bench.file("slow.py", SLOW);
    bench.file("fast.py", FAST);
    let up = bench.up(&format!(
        "osb: 1
name: slow
defaults: {{ stop_timeout: 100ms }}
agents:
  Slow:
    command: [python3, slow.py]
    env: {{ PYTHONPATH: {LIBRARY} }}
    attributes: {{ x: 1 }}
    bind: {{ in: PULL }}
  Fast: {{ command: [python3, fast.py], env: {{ PYTHONPATH: {LIBRARY} }} }}
connections:
  - {{ agent: Fast, to: Slow.in, alias: out }}
"
    ));
    assert_eq!(up.code, 0, "{up}");
    bench.ok(&["call", "Fast", "push", pause]);
    wait_until("it is behind", || {
        bench
            .log("slow", "Slow")
            .contains("the command does not read")
    });
}

#[test]
fn calls_go_before_messages_that_wait() {
    let bench = Bench::new();
    behind(&bench, "0.003");
    let received = bench.count("Slow", "in", "received");
    let handled = bench.json(&["call", "Slow", "count", "--timeout", "60s"]);
    // The last ones are not yet in the pipe.
    assert!(handled.as_u64().unwrap() < received, "{handled} {received}");
    bench.ok(&["down"]);
}

#[test]
fn of_a_program_that_hangs_it_is_said_at_once() {
    let bench = Bench::new();
    behind(&bench, "1000");
    let call = |timeout| bench.osb(&["call", "Slow", "count", "--timeout", timeout]);
    let is_behind = |said: &Said| said.stderr.contains("the command is behind: ");
    // One that has got into the pipe before that was full waits there.
    wait_until("it is said", || is_behind(&call("3s")));
    let said = call("100s");
    assert!(said.code == 1 && is_behind(&said), "{said}");
    bench.ok(&["set", "Slow", "x=2"]);
    assert_eq!(bench.json(&["get", "Slow", "x"]), 2);
    assert_eq!(bench.agent("Slow")["state"], "running");
    bench.ok(&["down"]);
}
