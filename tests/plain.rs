//! Programs that are told where others are: by `${addr:…}` and its like in their commands.

use crate::common::{Bench, free_port, wait_until};
use serde_json::json;

/// Tells what it was called with, in attributes of its agent.
const TELLS: &str = r#"[sh, -c, 'printf "{\"type\":\"set\",\"attributes\":{\"words\":\"%s\",\"url\":\"%s\"}}\n" "$*" "$URL"; cat > /dev/null', sh, "#;

#[test]
fn references_are_filled_in() {
    let bench = Bench::new();
    let topology = format!(
        r#"
osb: 1
name: refs
agents:
  Alice:
    attributes: {{ level: 3, greeting: hello, tags: [a, b] }}
    bind: {{ main: PULL, "dotted.alias": PUSH }}
  Bob:
    command: {TELLS}"${{attr:Alice.greeting}}", "${{attr:Alice.level}}", "${{addr:Alice.main:host}}:${{addr:Alice.main:port}}",
      "${{host}}/${{host:address}}", "${{env:OSB_TEST_X}}/${{env:OSB_TEST_UNSET:-none}}", "$${{host}}"]
    env: {{ URL: "${{addr:Alice.dotted.alias}} ${{addr:own}}" }}
    bind: {{ own: PULL }}
"#
    );
    let path = bench.file("topology.yaml", &topology);
    let mut up = bench.command(&["up", &path]);
    let said = up.env("OSB_TEST_X", "x").output().unwrap();
    assert!(said.status.success(), "{said:?}");
    wait_until("Bob has told", || {
        bench.osb(&["get", "Bob", "url"]).code == 0
    });
    let addr = |of: &str| bench.ok(&["addr", of]).trim().to_owned();
    let main = addr("Alice.main");
    let at = main.trim_start_matches("tcp://");
    assert_eq!(
        bench.json(&["get", "Bob", "words"]),
        json!(format!("hello 3 {at} local/127.0.0.1 x/none ${{host}}"))
    );
    assert_eq!(
        bench.json(&["get", "Bob", "url"]),
        json!(format!(
            "{} {}",
            addr("Alice.dotted.alias"),
            addr("Bob.own")
        ))
    );
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_variable_that_is_not_set_where_the_program_runs_is_named() {
    let bench = Bench::new();
    for (addr, stage) in [("", "start"), ("${addr:Bob.own}", "launch")] {
        let said = bench.up(&format!(
            r#"
osb: 1
name: unset
agents:
  Bob: {{ command: [sh, -c, cat, "${{env:OSB_TEST_UNSET}}{addr}"], bind: {{ own: PULL }} }}
"#
        ));
        assert_eq!(said.code, 1, "{said}");
        let reason = "the variable OSB_TEST_UNSET is not set on local";
        assert!(said.stderr.contains(reason), "{said}");
        assert!(said.stderr.contains(&format!("at stage {stage}")), "{said}");
        bench.assert_nothing_left();
    }
}

/// A server that takes its time, and then accepts connections for ever.
const SERVER: &str = r#"
import os, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("bye", flush=True), sys.exit(0)))
print("warming up", file=sys.stderr, flush=True)
time.sleep(0.3)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("{not a word of osb}", flush=True)
print("listening on", sys.argv[1], flush=True)
while True:
    listener.accept()[0].close()
"#;

/// A port that was free a moment ago.
/// A job writes a file, a server reads it when it starts, and a client connects to the server.
fn shop(bench: &Bench, ready: &str) -> String {
    bench.file("server.py", SERVER);
    bench.file(
        "client.py",
        "import socket, sys\nsocket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()\nprint('served', open('stock').read(), flush=True)\nsys.stdin.read()\nimport time; time.sleep(1000)\n",
    );
    let port = free_port();
    format!(
        r#"
osb: 1
name: shop
agents:
  Client: {{ command: [python3, client.py, "{port}"], speaks: nothing, after: Server }}
  Server:
    command: [python3, server.py, "{port}"]
    speaks: nothing
    ready: {ready}
    after: [Prepare]
    bind: {{ desk: {{ kind: REP, handler: echo }} }}
  Prepare: {{ command: [sh, -c, "sleep 0.2; echo of-the-job > stock"], speaks: nothing, job: true }}
"#
    )
    .replace("PORT", &port.to_string())
}

#[test]
fn plain_programs_are_started_one_after_the_other() {
    let bench = Bench::new();
    for ready in [
        "{ port: PORT }",
        "{ line: '^listening on \\d+$' }",
        "{ command: [python3, -c, 'import socket; socket.create_connection((\"127.0.0.1\", PORT))'], every: 100ms }",
    ] {
        let said = bench.up(&shop(&bench, ready));
        assert_eq!(said.code, 0, "{ready}: {said}");
        assert!(
            said.stderr.contains("waiting for Prepare (its end)"),
            "{said}"
        );
        assert_eq!(bench.agent("Prepare")["state"], "stopped");
        assert_eq!(bench.agent("Server")["state"], "running");
        wait_until("the client was served", || {
            bench.ok(&["logs", "Client"]).contains("served of-the-job")
        });
        let logs = bench.ok(&["logs", "Server"]);
        assert!(
            logs.contains("warming up") && logs.contains("{not a word of osb}"),
            "{logs}"
        );
        let stats = bench.json(&["ls", "sockets"]);
        assert!(
            !stats.to_string().contains("\"garbage_lines\":1"),
            "{stats}"
        );
        assert_eq!(
            bench.json(&["wait", "--ended", "Prepare"])[0]["state"],
            "stopped"
        );
        let said = bench.osb(&["call", "Server", "x"]);
        assert!(said.stderr.contains("Server has no method"), "{said}");
        let path = bench.files().join("topology.yaml");
        let again = bench.json(&["up", path.to_str().unwrap()]);
        assert_eq!(again["unchanged"], json!(true), "a job is not done twice");
        let report = bench.json(&["down"]);
        assert_eq!(report["killed"], json!([]), "{report}");
        bench.assert_nothing_left();
    }
}

#[test]
fn what_keeps_a_program_from_being_ready_is_told() {
    let bench = Bench::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port();
    for (bob, code, reasons) in [
        (
            "[sh, -c, 'echo so far; sleep 100'], ready: { line: no-such-line, timeout: 300ms }"
                .to_owned(),
            5,
            &[
                "waiting for the line \"no-such-line\" took longer than 300ms",
                "so far",
            ][..],
        ),
        (
            "[sleep, '100'], ready: { command: [sh, -c, 'exit 4'], every: 10ms, timeout: 300ms }"
                .to_owned(),
            5,
            &["waiting for the probe `sh -c exit 4` (the last time: exit status 4) took longer"],
        ),
        (
            format!(
                "[sleep, '100'], ready: {{ port: {}, timeout: 300ms }}",
                free_port()
            ),
            5,
            &[
                " (the last time: Connection refused",
                "took longer than 300ms",
            ],
        ),
        (
            format!("[sleep, '100'], ready: {{ port: {taken} }}"),
            1,
            &["is open before its command is started"],
        ),
        (
            "['true'], ready: { line: x }".to_owned(),
            1,
            &["its command has ended; it was waited for the line \"x\""],
        ),
        (
            "[sh, -c, 'echo no luck >&2; exit 3'], job: true".to_owned(),
            1,
            &["Bob ended at stage launch: exit status 3", "no luck"],
        ),
        (
            "[sleep, '100'], job: { timeout: 200ms }".to_owned(),
            5,
            &["waiting for its end took longer than 200ms"],
        ),
        (
            "[no-such-program]".to_owned(),
            1,
            &["cannot start no-such-program: not found"],
        ),
    ] {
        let topology = format!(
            "osb: 1\nname: late\nagents:\n  Alice: {{ command: [cat], speaks: nothing, after: Bob }}\n  Bob: {{ speaks: nothing, command: {bob} }}\n"
        );
        let said = bench.up(&topology);
        assert_eq!(said.code, code, "{bob}: {said}");
        for reason in reasons {
            assert!(said.stderr.contains(reason), "{bob}: {said}");
        }
        bench.assert_nothing_left();
    }
}

#[test]
fn what_a_job_has_found_out_is_told_to_those_after_it() {
    let bench = Bench::new();
    let said = bench.up(&format!(
        r#"
osb: 1
name: told
agents:
  Bob: {{ command: {TELLS}"${{attr:Key.secret}}", "${{attr:Key.n}}"] }}
  Key: {{ job: true, command: [sh, -c, 'echo "{{\"type\":\"set\",\"attributes\":{{\"secret\":\"x y\",\"n\":[1,2]}}}}"'] }}
"#
    ));
    assert_eq!(said.code, 0, "{said}");
    wait_until("Bob has told", || {
        bench.osb(&["get", "Bob", "words"]).code == 0
    });
    assert_eq!(bench.json(&["get", "Bob", "words"]), json!("x y [1,2]"));
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn an_attribute_that_nobody_has_set_is_named() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: unset\nagents:\n  Alice: { command: [cat] }\n  Bob: { command: [cat, \"${attr:Alice.level}\"] }\n",
    );
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stderr
            .contains("Bob failed at stage launch: Alice has no attribute \"level\""),
        "{said}"
    );
    bench.assert_nothing_left();
}

/// Messages for a program wait until it is launched.
#[test]
fn nothing_is_lost_before_a_program_is_launched() {
    let bench = Bench::new();
    bench.file(
        "bob.py",
        "import json, sys\nfor line in sys.stdin:\n    word = json.loads(line)\n    if word['type'] == 'message':\n        print(json.dumps({'type': 'set', 'attributes': {'got': word['message']}}), flush=True)\n",
    );
    let said = bench.up(r#"
osb: 1
name: wait
agents:
  Alice: { bind: { out: PUSH }, timers: [{ after: 0s, send: out, message: first }] }
  Bob: { command: [python3, bob.py], after: Job }
  Job: { command: [sleep, "0.5"], speaks: nothing, job: true }
connections: [{ agent: Bob, to: Alice.out }]
"#);
    assert_eq!(said.code, 0, "{said}");
    wait_until("the first message is there", || {
        bench.osb(&["get", "Bob", "got"]).stdout.contains("first")
    });
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn references_reach_across_name_servers() {
    let bench = Bench::new();
    let said = bench.up(&format!(
        r#"
osb: 1
name: two
nameservers: {{ main: 127.0.0.1:0, lab: 127.0.0.1:0 }}
agents:
  Alice: {{ nameserver: lab, attributes: {{ n: 7 }}, bind: {{ main: PULL }} }}
  Bob: {{ command: {TELLS}"${{attr:Alice.n}}", "${{addr:Alice@lab.main}}"] }}
"#
    ));
    assert_eq!(said.code, 0, "{said}");
    wait_until("Bob has told", || {
        bench.osb(&["get", "Bob", "words"]).code == 0
    });
    let main = bench.ok(&["addr", "Alice", "main"]);
    let words = bench.json(&["get", "Bob", "words"]);
    assert_eq!(words, json!(format!("7 {}", main.trim())));
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn what_a_job_has_set_is_known_after_its_end() {
    let bench = Bench::new();
    let said = bench.up(
        r#"
osb: 1
name: left
agents:
  Job: { command: [sh, -c, 'read line; echo "{\"type\":\"set\",\"attributes\":{\"answer\":42}}"'], job: true }
  Plain: {}
  Sink: { bind: { in: PULL } }
connections: [{ agent: Plain, to: Sink.in, alias: out }]
"#
        .replace("bind: { in: PULL }", "bind: { in: { kind: PULL, handler: collect } }")
        .as_str(),
    );
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(bench.json(&["get", "Job", "answer"]), json!(42));
    assert_eq!(bench.json(&["get", "Job"]), json!({"answer": 42}));
    let said = bench.osb(&["get", "Job", "question"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("Job has no attribute"), "{said}");
    // What is collected is there from the beginning.
    assert_eq!(bench.json(&["get", "Sink", "received"]), json!([]));
    // One that was asked to end has left nothing.
    bench.ok(&["shutdown", "Plain"]);
    wait_until("it has ended", || bench.agent("Plain")["pid"].is_null());
    assert_eq!(bench.osb(&["get", "Plain"]).code, 1);
}
