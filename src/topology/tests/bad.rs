//! Topologies with something wrong in them, each rule at least once. The snapshots show what
//! people are told.

use super::{read, source};
use crate::render::diagnostic;
use crate::topology::{Input, load};

/// What is said of each of the `texts`, one block for each.
pub(super) fn told<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let told = texts.into_iter().map(|text| match read(text) {
        Ok(_) => format!("{}\n  FINE", text.trim()),
        Err(problems) => {
            let lines = problems.iter().map(|p| {
                let hint = p.hint.as_deref().unwrap_or("-");
                let place = format!("{}:{} `{}`", p.line, p.column, p.text);
                format!("\n  {place}\n    {}\n    {hint}", p.message)
            });
            format!("{}{}", text.trim(), lines.collect::<String>())
        }
    });
    told.collect::<Vec<_>>().join("\n\n")
}

/// As [`told`], each text put in where `{}` stands in `frame`.
fn told_in(frame: &str, parts: &[&str]) -> String {
    let texts: Vec<String> = parts.iter().map(|part| frame.replace("{}", part)).collect();
    told(texts.iter().map(String::as_str))
}

#[test]
fn syntax() {
    let said = told([
        "",
        "# nothing but a comment",
        "~",
        "osb: 1\nagents:\n\tAlice: {}",
        "osb: 1\nname: a: b",
        "osb:1\nname: x",
        "osb: 1\nagents:\n  A: {}\n B: {}",
        "osb: 1\nnameserver: { launch: [::1]:5 }",
        "osb: 1\nname: \"\\e[31mred\"",
        "osb: 1\nname: \"open",
        "osb: 1\nagents: [",
        "osb: 1\nagents: {Alice: {}",
        "osb: 1\nname: x\nname: y",
        "osb: 1\nagents: { A: {}, B: {}, A: {} }",
        "osb: 1\n---\nosb: 1",
        "osb: 1\nname: !!str x",
        "osb: 1\nname: *nowhere",
        "osb: 1\nagents: &a { A: *a }",
        "osb: 1\nagents: { 1: {} }",
        "osb: 1\nagents: { ? [a] : {} }",
        "osb: 1\nagents: { A: { <<: 5 } }",
        "osb: 1\nname: 123456789012345678901234567890",
        "osb: 1\nname: a\u{7}b",
        "\u{feff}osb: 1",
        "just text",
        "[osb, 1]",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn bytes() {
    let of = |bytes: &[u8]| load(bytes, &source()).unwrap_err().to_string();
    let said = [
        of(b"osb: 1\nname: caf\xe9"),
        of(b"\xff\xfeo\0s\0b\0"),
        of(b"osb: 1\0agents: {}"),
    ]
    .join("\n");
    insta::assert_snapshot!(said);
}

#[test]
fn top_of_the_file() {
    let said = told([
        "name: x",
        "osb: 2",
        "osb: \"1\"",
        "osb: 1\nagent: {}\nconections: []\nversion: 3",
        "osb: 1\nname: my system",
        "osb: 1\nname: 5",
        "osb: 1\nname: [a]",
        "osb: 1\nnameservers: { main: 127.0.0.1:0 }",
        "osb: 1\ninsecure: maybe",
        "osb: 1\nagents: [Alice]",
        "osb: 1\nagents: { Alice: PUSH }",
        "osb: 1\nagents: { 'A b': {}, -x: {} }",
        "osb: 1\nconnections: { agent: A }",
        "osb: 1\nconnections: [Alice.main]",
        "osb: 1\nagents: { Alice: {} }\nlogger: Alise",
        "osb: 1\nagents: { Alice: {} }\nlogger: { handler: log }",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn name_server() {
    let said = told_in(
        "osb: 1\nhosts: { far: { ssh: far }, there: { attach: true } }\nnameserver: {}",
        &[
            "127.0.0.1",
            "7400",
            "localhost:7400",
            "\"*:7400\"",
            "tcp://127.0.0.1:7400",
            "127.0.0.1:70000",
            "0.0.0.0:7400",
            "10.0.0.5:7400",
            "[127.0.0.1]",
            "{ launch: 127.0.0.1:0, attach: 127.0.0.1:5 }",
            "{ host: local }",
            "{ launch: 10.0.0.5:0, host: lab1 }",
            "{ launch: 127.0.0.1:0, host: far }",
            "{ launch: 0.0.0.0:0, host: far }",
            "{ launch: 10.0.0.5:0, host: there }",
            "{ attach: 127.0.0.1:0 }",
            "{ attach: 127.0.0.1:5, host: local }",
            "{ lunch: 127.0.0.1:0 }",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn hosts_and_defaults() {
    let said = told([
        "osb: 1\nhosts: { local: { address: 0.0.0.0 } }",
        "osb: 1\nhosts: { local: { address: lab.example } }",
        "osb: 1\nhosts: { local: { ssh: me@here } }",
        "osb: 1\nhosts: { local: { address: 10.0.0.1 } }\nagents: { A: { bind: { x: PUB, y: PUB } } }",
        "osb: 1\ndefaults: { transport: udp, serializer: jason, start_timeout: 30, restart: always }",
        "osb: 1\ndefaults: { serializer: pickle }\nagents: { A: { bind: { x: { kind: PUSH, serializer: pickle } } } }",
        "osb: 1\ndefaults: { transport: tpc, serializer: jason, start_timeout: 0s, restart: sometimes, bind: {} }",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn machines() {
    let said = told([
        "osb: 1\nhosts: { lab1: { ssh: user@lab1, address: 10.0.0.11 } }\nagents: { A: { host: lab1 } }",
        "osb: 1\nhosts: { lab1: { address: 10.0.0.11 }, lab2: { ssh: x, attach: true }, lab3: { ssh: -oProxyCommand=x }, lab4: { ssh: x, port: 0, identity: 5 }, lab5: }",
        "osb: 1\nhosts: { local: { attach: true, port: 5 } }",
        "osb: 1\nhosts: { lab1: { attach: true, labels: [gpu] } }\nagents: { A: { host: lab2 }, B: { on: { label: gpus } }, C: { on: gpu }, D: { host: lab1, on: { label: gpu } } }",
        "osb: 1\nagents: { A: { on: { label: gpu } } }",
        "osb: 1\nsecurity: none\nnameserver: 0.0.0.0:7400\nhosts: { lab1: { attach: true } }\nagents: { A: { host: lab1 } }",
        "osb: 1\nsecurity: none\nnameserver: 10.0.0.5:0\nhosts: { lab1: { attach: true } }\nagents: { A: { host: lab1 }, B: { bind: { x: PUSH, y: { kind: PUSH, transport: ipc }, z: { kind: PUSH, addr: 0.0.0.0 } } } }\nconnections: [{ agent: A, to: B.x, alias: x }, { agent: A, to: B.y, alias: y }, { agent: A, to: B.z, alias: z }]",
        "osb: 1\nnameserver: { attach: 10.0.0.5:7400 }\nhosts: { lab1: { attach: true, address: 10.0.0.11 } }\nagents: { A: { host: lab1, bind: { x: PUSH } } }",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn several_name_servers() {
    let said = told([
        "osb: 1\nnameserver: 127.0.0.1:0\nnameservers: { a: 127.0.0.1:0 }",
        "osb: 1\nnameservers: [127.0.0.1:0]",
        "osb: 1\nnameservers: {}",
        "osb: 1\nnameservers: { a.b: 127.0.0.1:0, c: 7400 }",
        "osb: 1\nnameservers: { a: 127.0.0.1:7400, b: 127.0.0.1:7400 }",
        "osb: 1\nnameservers: { a: { attach: 127.0.0.1:7400 }, b: { attach: 127.0.0.1:7400 } }",
        "osb: 1\nnameservers: { a: 0.0.0.0:0 }",
        "osb: 1\nnameservers: { main: , lab: }\nagents: { A@lob: , B: { nameserver: mian }, C@lab: { nameserver: main }, D: , D@main: , E@a.b: }",
        "osb: 1\nnameservers: { main: , lab: }\nagents: { A: { bind: { x: PUSH } }, A@lab: { bind: { x: PUSH } }, B: }\nconnections: [{ agent: B, to: A.x }, { agent: A, to: A@lab.x }, { agent: A@lab, to: A@lab.x }, { agent: B@lab, to: A@lab.x }, { agent: B, to: A@lab.y, alias: z }]",
        "osb: 1\nagents: { A: { bind: { x: PUSH } }, B: }\nconnections: [{ agent: B@lab, to: A@lab.x }]",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn agents() {
    let said = told_in(
        "osb: 1\nagents: { A: { {} } }",
        &[
            "hots: local",
            "host: moon",
            "restart: on-failur",
            "restart: { policy: always, jitter: 2, limit: many, every: 1s }",
            "keep: x",
            "attach: true, restart: always",
            "attach: true, command: [x], env: { A: b }, cwd: /tmp",
            "attach: true, bind: { x: REP }",
            "attach: maybe",
            "nameserver: lab",
            "replicas: 0",
            "replicas: 2.5",
            "replicas: many",
            "replicas: 20000",
            "replicas: 2, bind: { x: { kind: PUB, addr: 127.0.0.1:5 }, y: { kind: PUB, transport: ipc, addr: y } }",
            "start_timeout: soon",
            "start_timeout: [1s]",
            "attributes: [1]",
            "attributes: { x: .nan, y: [1, -.inf] }",
            "attributes: { 1: x }",
            "command: python3 bob.py",
            "command: []",
            "command: ['']",
            "command: [sleep, 5, true]",
            "command: { run: x }",
            "command: [echo, '${addr:Alice.main}']",
            "env: { A: b }, cwd: /tmp",
            "command: [x], env: { 'A=B': c, D: [1], E: }",
            "command: [x], cwd: ~/work",
            "command: [x], cwd: ''",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn sockets() {
    let said = told_in(
        "osb: 1\nagents: { A: { bind: { {} } } }",
        &[
            "x: push",
            "x: PAIR",
            "x: ASYNC_REP",
            "x: ASYNC_REQ",
            "x: ASYNC_PUB",
            "x: { kind: SYNC_PUB }",
            "x: 5",
            "x: ",
            "x: {}",
            "x: { kind: PUSH, adr: 127.0.0.1 }",
            "'x y': PUSH",
            "x: { kind: PUSH, addr: 5555 }",
            "x: { kind: PUSH, addr: myhost }",
            "x: { kind: PUSH, addr: 'ipc:///tmp/x' }",
            "x: { kind: PUSH, addr: /tmp/x }",
            "x: { kind: PUSH, addr: 192.168.0.1 }",
            "x: { kind: PUSH, transport: ipc, addr: a/b }",
            "x: { kind: PUSH, transport: ipc, addr: 'ipc://x' }",
            "x: { kind: PUSH, transport: ipc, addr: '@x' }",
            "x: { kind: PUSH, transport: ipc, addr: /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa }",
            "x: { kind: PUSH, addr: '127.0.0.1:5' }, y: { kind: PULL, addr: '127.0.0.1:5' }",
            "x: { kind: PUSH, transport: ipc, addr: s }, y: { kind: PULL, transport: ipc, addr: s }",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn replies() {
    let frame = "osb: 1
agents:
  A: { bind: { desk: { kind: ASYNC_REP, handler: echo }, main: PUSH } }
  B: { bind: { out: PUSH } }
connections: [{ agent: B, to: A.desk, {} }]";
    let said = told_in(
        frame,
        &[
            "kind: REQ",
            "handler: echo",
            "handler: command",
            "handler: { a: log }",
            "handler: 'forward:desk'",
            "on_reply: log",
            "on_error: []",
            "on_error: lgo",
            "on_error: { a: log }",
            "on_error: 'forward:desk'",
            "on_error: 'forward:otu'",
            "wait: 0s",
            "wait: soon",
            "wiat: 1s",
        ],
    );
    insta::assert_snapshot!(said);
    let synced = frame.replace("ASYNC_REP", "SYNC_PUB").replace(
        ", main: PUSH",
        ", next: { kind: SYNC_PUB, handler: [echo, log] }",
    );
    let said = told_in(
        &synced,
        &[
            "kind: SUB",
            "handler: { a: log }, on_reply: 'forward:desk'",
            "on_reply: echo",
            "on_reply: { a: log }",
        ],
    );
    insta::assert_snapshot!("replies_of_synced", said);
    let push = frame
        .replace("A.desk", "A.main")
        .replace("{}", "wait: 1s, on_error: log");
    insta::assert_snapshot!("what_does_not_ask", told([push.as_str()]));
}

#[test]
fn addresses_of_several() {
    let said = told([
        "osb: 1\nnameserver: 127.0.0.1:7400\nagents: { A: { bind: { x: { kind: PUB, addr: '127.0.0.1:7400' } } } }",
        "osb: 1\nagents: { A: { command: [x], bind: { x: { kind: SYNC_PUB, addr: '127.0.0.1:7400' }, y: { kind: PUB, addr: '127.0.0.1:7401' } } } }",
        "osb: 1\nsecurity: none\nagents:\n  A: { bind: { x: { kind: PUB, addr: '0.0.0.0:5' } } }\n  B: { bind: { x: { kind: PUB, addr: '10.0.0.1:5' } } }",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn handlers() {
    let frame = "osb: 1\nagents: { A: { bind: { out: PUSH, in: PULL, {} } } }";
    let said = told_in(
        frame,
        &[
            "x: REP",
            "x: { kind: REP, handler: [echo, log] }",
            "x: { kind: REP, handler: command }",
            "x: { kind: REP, handler: { a: echo } }",
            "x: { kind: PUSH, handler: log }",
            "x: { kind: PULL, handler: echo }",
            "x: { kind: PULL, handler: lgo }",
            "x: { kind: PULL, handler: teleport }",
            "x: { kind: PULL, handler: [] }",
            "x: { kind: SUB, handler: {} }",
            "x: { kind: PULL, handler: [log, 5] }",
            "x: { kind: PULL, handler: true }",
            "x: { kind: PULL, handler: forward }",
            "x: { kind: PULL, handler: 'forward:no way' }",
            "x: { kind: PULL, handler: 'forward:otu' }",
            "x: { kind: PULL, handler: 'forward:in' }",
            "x: { kind: PULL, handler: { forward: out } }",
            "x: { kind: PULL, handler: { sport: log } }",
            "x: { kind: SUB, handler: { sport: { a: log } } }",
            "x: { kind: SUB, handler: { 'À': log } }",
            "x: { kind: REQ, handler: 'forward:x' }",
            "x: { kind: REQ, handler: 'forward:y' }, y: { kind: REQ, handler: [log, 'forward:x'] }",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn timers() {
    let frame = "osb: 1\nagents: { A: { bind: { out: PUSH, in: PULL, feed: PUB, raw: { kind: PUB, serializer: raw } }, timers: [{ {} }] } }";
    let said = told_in(
        frame,
        &[
            "send: out, message: 1",
            "every: 1s, after: 1s, send: out, message: 1",
            "every: 0s, send: out, message: 1",
            "every: 1, send: out, message: 1",
            "every: 1 week, send: out, message: 1",
            "every: 1s, message: 1",
            "every: 1s, send: out",
            "every: 1s, send: otu, message: 1",
            "every: 1s, send: in, message: 1",
            "every: 1s, send: out, message: .inf",
            "every: 1s, send: out, message: 1, topic: a",
            "every: 1s, send: feed, message: 1, topic: 5",
            "every: 1s, send: feed, message: 1, topic: À",
            "every: 1s, send: raw, message: { a: 1 }",
            "every: 1s, send: out, mesage: 1",
            "every: 1s",
            "every: 1s, send: out, message: 1, call: look",
            "every: 1s, set: { x: 1 }, message: 1",
            "every: 1s, call: look",
            "every: 1s, call: ''",
            "every: 1s, set: {}",
            "every: 1s, set: [x]",
            "every: 1s, alias: a/b, set: { x: 1 }",
            "every: 1s, alias: a, set: { x: 1 } }, { every: 1s, alias: a, set: { x: 2 }",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn connections() {
    let frame = "osb: 1\nagents:\n  Alice: { bind: { main: PUSH, ask: { kind: REP, handler: echo } } }\n  Bob: { bind: { own: PULL } }\nconnections:\n  - { agent: Bob, to: Alice.main, alias: taken }\n  - { {} }";
    let said = told_in(
        frame,
        &[
            "to: Alice.main",
            "agent: Bob",
            "agent: Bbo, to: Alice.main",
            "agent: Bob, to: Alcie.main",
            "agent: Bob, to: Nobody.main",
            "agent: Bob, to: Alice.mian",
            "agent: Bob, to: Alice",
            "agent: Bob, to: Alice.",
            "agent: Bob, to: 5",
            "agent: Alice, to: Alice.ask",
            "agent: Alice, to: Bob.taken",
            "agent: Bob, to: Alice.main, alias: taken",
            "agent: Bob, to: Alice.main, alias: own",
            "agent: Bob, to: Alice.main, alias: 'a b'",
            "agent: Bob, to: Alice.main, kind: PUSH",
            "agent: Bob, to: Alice.main, kind: PLUL",
            "agent: Bob, to: Alice.main, handler: echo",
            "agent: Bob, to: Alice.main, handlers: log",
            "agent: Alice, to: Bob.own, handler: log",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn a_target_may_be_read_in_one_way_only() {
    let said = told([
        "osb: 1\nagents: { a.b: { bind: { c: PUB } }, a: { bind: { b.c: PUB } }, x: }\nconnections: [{ agent: x, to: a.b.c }]",
    ]);
    insta::assert_snapshot!(said);
}

/// A part that cannot be read is one problem, and not one more at each place that refers to it.
#[test]
fn one_mistake_is_one_problem() {
    for text in [
        "osb: 1\nagents: { 'A b': { bind: { x: PUB } }, B: }\nconnections: [{ agent: B, to: A.x }]",
        "osb: 1\nagents: [A]\nconnections: [{ agent: B, to: A.x }]",
        "osb: 1\nagents: { A: { bind: { x: PBU }, timers: [{ every: 1s, send: x, message: 1 }] }, B: }\nconnections: [{ agent: B, to: A.x }]",
        "osb: 1\nagents: { A: { bind: [x], timers: [{ every: 1s, send: x, message: 1 }] }, B: }\nconnections: [{ agent: B, to: A.x }]",
        "osb: 1\nagents: { A: { timers: [{ every: 1s, send: q, message: 1 }] }, B: { bind: { r: { kind: REP, handler: echo } } } }\nconnections: [{ agent: A, to: B.x, alias: q }]",
        "osb: 1\nagents: { A: { timers: [{ every: 1s, send: q, message: 1 }] }, B: { bind: { r: { kind: REP, handler: echo } } } }\nconnections: [{ agent: A, too: B.r, to: B.r, alias: q }]",
        "osb: 1\nagents: { A: { bind: { x: { kind: REP, handler: ehco } } } }",
        "osb: 1\nagents: { A: &a { bind: { x: PBU } }, B: *a, C: *a }",
        "osb: 1\nagents: { A: { command: echo hi, bind: { x: REP }, env: { A: b } } }",
    ] {
        let problems = read(text).unwrap_err();
        assert_eq!(problems.count(), 1, "{text}\n{problems}");
    }
}

#[test]
fn all_is_shown_at_once_and_as_compilers_do() {
    let text = "\
osb: 1
agents:
  Alice:
    bind:
      main: PSUH
      ask: { kind: REP, adr: 127.0.0.1 }
  Bob:
    command: python3 bob.py
connections:
  - { agent: Bob, to: Alcie.main }
";
    let problems = read(text).unwrap_err();
    let said = diagnostic::problems(&problems, &[Input::file("topology.yaml", text)], false);
    insta::assert_snapshot!(said);
    insta::assert_json_snapshot!("as_json", problems);
}

#[test]
fn a_host_that_cannot_be_read_is_reported_once() {
    let said = told([
        "osb: 1\nnameserver: 10.0.0.5:0\nhosts: { lab1: { ssh: \"-oProxyCommand=x\" } }\nagents: { A: { host: lab1 } }",
    ]);
    assert!(said.contains("ssh"), "{said}");
    assert!(!said.contains("there is no host"), "{said}");
}
