//! Variables, several files, and values that are set over them.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::good::EXAMPLE;
use super::source;
use crate::model::Topology;
use crate::topology::{Input, Problems, Surroundings, load_all};

fn variables(name: &str) -> Option<String> {
    let value = match name {
        "N" => "3",
        "PORT" => "7400",
        "TRUTH" => "true",
        "MAP" => "{ a: 1 }",
        "EMPTY" => "",
        "BIG" => return Some("x".repeat(1000)),
        "HUGE" => "99999999999999999999",
        "FIRMWARE" => "12345e6",
        "NULL" => "null",
        _ => return None,
    };
    Some(value.to_owned())
}

fn read_all(files: &[&str], sets: &[&str]) -> Result<Topology, Problems> {
    let named = files.iter().enumerate();
    let mut inputs: Vec<Input> = named
        .map(|(at, text)| Input::file(format!("{at}.yaml"), *text))
        .collect();
    inputs.extend(sets.iter().map(|text| Input::set(*text)));
    load_all(
        &inputs,
        &Surroundings::with_variables(&source(), &variables),
    )
}

fn told(files: &[&str], sets: &[&str]) -> String {
    let head = [files, sets].concat().join("\n+\n");
    let Err(problems) = read_all(files, sets) else {
        return format!("{head}\n  FINE");
    };
    let lines = problems.iter().map(|p| {
        let hint = p.hint.as_deref().unwrap_or("-");
        let place = format!("{} {}:{} `{}`", p.file, p.line, p.column, p.text);
        format!("\n  {place}\n    {}\n    {hint}", p.message)
    });
    format!("{head}{}", lines.collect::<String>())
}

fn attributes(topology: &Topology) -> Value {
    json!(topology.agents[0].attributes)
}

#[test]
fn variables_are_typed_where_they_stand_alone() {
    let text = r#"
osb: 1
nameserver: 127.0.0.1:${PORT}
agents:
  A:
    attributes:
      n: '${N}'
      m: ${N}
      t: ${TRUTH}
      map: ${MAP}
      e: ${EMPTY}
      d: ${NO:-2.5}
      x: "${NO:-5}"
      y: 1${N}
      z: $${N} $5
      ${N}: $$
      list: ['${N}']
  B:
    replicas: ${N}
"#;
    let topology = read_all(&[text], &[]).unwrap();
    let expected = json!({"n": "3", "m": 3, "t": true, "map": "{ a: 1 }", "e": "", "d": 2.5, "x": "5", "y": "13", "z": "${N} $5", "${N}": "$", "list": ["3"]});
    assert_eq!(attributes(&topology), expected);
    assert_eq!(topology.agents.len(), 4);
}

#[test]
fn text_is_what_stands_there() {
    let text = r#"
osb: 1
name: 1.0
nameserver: { attach: 10.0.0.5:7400 }
hosts: { 1e3: { ssh: 0x7f, labels: [24.10, true, ~] } }
agents:
  007:
    host: 1e3
    attributes: { 1: 24.10 }
    bind: { 1.10: PUB }
    timers: [{ every: 1s, send: 1.10, topic: 0x10, message: 0x10 }]
    command: [run, 0x10, 1e3, .5, True, null, 99999999999999999999]
    cwd: 2024.10
    env:
      RELEASE: 24.10
      SHA: 72225e2
      OCTAL: 0o17
      NOT: .nan
      YES: True
      NULL: ~
      1: 1_000
      FIRMWARE: ${FIRMWARE}
      EMPTY: ${EMPTY}
      GONE: ${NULL}
      HUGE: ${HUGE}
  8: { cwd: "x${EMPTY}", command: [x], on: { label: 24.10 } }
  S: {}
connections:
  - { agent: S, to: 007.1.10, alias: 1, handler: { 24.10: log, .inf: log } }
"#;
    let topology = read_all(&[text], &["agents.007.env.SET=1.50"]).unwrap();
    let agent = &topology.agents[0];
    let program = agent.program.as_ref().unwrap();
    let env: Vec<String> = program
        .env
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    let expected = [
        "1=1_000",
        "EMPTY=",
        "FIRMWARE=12345e6",
        "GONE=null",
        "HUGE=99999999999999999999",
        "NOT=.nan",
        "NULL=~",
        "OCTAL=0o17",
        "RELEASE=24.10",
        "SET=1.50",
        "SHA=72225e2",
        "YES=True",
    ];
    assert_eq!(env, expected);
    let words: Vec<String> = program.argv.iter().map(ToString::to_string).collect();
    let expected = [
        "run",
        "0x10",
        "1e3",
        ".5",
        "True",
        "null",
        "99999999999999999999",
    ];
    assert_eq!(words, expected);
    assert!(program.cwd.ends_with("2024.10"), "{:?}", program.cwd);
    assert_eq!(topology.name.as_str(), "1.0");
    assert_eq!(agent.name.to_string(), "007");
    assert_eq!(agent.attributes["1"], json!(24.1));
    let labels: Vec<&str> = topology.hosts[1]
        .labels
        .iter()
        .map(String::as_str)
        .collect();
    assert_eq!(labels, ["24.10", "true", "~"]);
    let action = agent.timers[0].action.to_string();
    assert!(action.contains("0x10") && action.contains("16"), "{action}");
    let topics = super::wires(&topology)[0].handlers.subscriptions();
    assert_eq!(topics, [".inf", "24.10"]);
    assert_eq!(super::flat::again(&topology), topology);
}

#[test]
fn json_is_a_topology_and_notes_are_passed_over() {
    for text in [
        r#"{"osb": 1, "x-note": 5, "agents": {"A": {"attributes": {"mood": "\ud83d\ude00"}}}}"#,
        "{\n\t\"osb\":\t1,\n\t\"agents\":\t{ \"A\": { \"attributes\": { \"mood\": \"\u{1f600}\" } } }\n}\n",
        "osb:\t1\nx-moods: &m { mood: \u{1f600} }\nagents:\n  A: { attributes: *m }\n",
    ] {
        let topology = read_all(&[text], &[]).unwrap_or_else(|it| panic!("{text}: {it}"));
        assert_eq!(attributes(&topology), json!({"mood": "\u{1f600}"}));
    }
    let problem = told(&[r#"{"osb": 1, "name": "\ud83d\ude00", "agnets": 1}"#], &[]);
    assert!(problem.contains("0.yaml 1:36 `\"agnets\"`"), "{problem}");
}

#[test]
fn addresses_are_taken_as_they_are_printed() {
    let text = "osb: 1
nameserver: { attach: tcp://127.0.0.1:7400 }
agents: { A: { bind: { x: { kind: PUB, addr: tcp://127.0.0.1:5 }, y: { kind: PUB, addr: 'tcp://[::1]:6' }, z: { kind: PUB, transport: ipc, addr: ipc:///run/z } } } }";
    let topology = read_all(&[text], &[]).unwrap();
    let bind = topology.agents[0].bind.iter();
    let at: Vec<String> = bind
        .map(|it| it.endpoint.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(at, ["tcp://127.0.0.1:5", "tcp://[::1]:6", "ipc:///run/z"]);
}

#[test]
fn mistakes_of_indentation_are_called_so() {
    let said = [
        "osb: 1\nagents:\n  A:\n    host: local\n   attributes: { x: 1 }",
        "osb: 1\nagents:\n  A: {}\n    host: local",
        "osb: 1\nagents:\n  A:\n  command: [x]",
        "osb: 1\nagents:\n  A: {}\n B: {}",
    ]
    .map(|text| told(&[text], &[]));
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn later_files_add_and_replace() {
    let base = "osb: 1\nagents: { A: { attributes: { x: 1, y: { z: [1, 2] } }, bind: { out: PUSH } }, B: }\nconnections: [{ agent: B, to: A.out }]";
    let over = "agents: { A: { attributes: { x: 2, y: { w: 1, z: [3] } } }, B: , C: }\nconnections: [{ agent: C, to: A.out }]";
    let topology = read_all(&[base, over], &[]).unwrap();
    assert_eq!(
        attributes(&topology),
        json!({"x": 2, "y": {"w": 1, "z": [3]}})
    );
    let names: Vec<_> = topology
        .agents
        .iter()
        .map(|a| a.name.name.as_str())
        .collect();
    assert_eq!(names, ["A", "B", "C"]);
    assert_eq!(topology.wires().count(), 2);
    let nothing = "agents: { A: { bind: , attributes: } }\nconnections:";
    assert_eq!(
        read_all(&[base, nothing], &[]).unwrap(),
        read_all(&[base], &[]).unwrap()
    );
}

#[test]
fn values_are_set() {
    let base = "osb: 1\nagents: { a.b: { attributes: { x: [1, 2] }, bind: { out: PUSH } }, B: }\nconnections: [{ agent: B, to: a.b.out }]";
    let sets = [
        "agents.a.b.attributes.y={ q: '1' }",
        "agents.a.b.attributes.x.1=${N}",
        "agents.B.attributes.deep.er=",
        "connections.0.alias=in",
        "name=other",
        "agents.C=",
    ];
    let topology = read_all(&[base], &sets).unwrap();
    assert_eq!(attributes(&topology), json!({"x": [1, 3], "y": {"q": "1"}}));
    assert_eq!(topology.agents[1].attributes["deep"], json!({"er": null}));
    assert_eq!(super::wires(&topology)[0].alias.as_str(), "in");
    assert_eq!(topology.name.as_str(), "other");
    assert_eq!(topology.agents.len(), 3);
}

#[test]
fn what_is_wrong_with_variables() {
    let said = [
        "osb: 1\nname: ${NAME}\nagents: { A: { env: { B: \"${OTHER}\" }, hots: x } }",
        "osb: 1\nname: ${N",
        "osb: 1\nname: ${1}",
        "osb: 1\nname: ${A:-${B}}",
        "osb: 1\nagents: { A: { attributes: { x: '${host}', y: '${attr:A.x}' } } }",
        "osb: 1\nagents: ${MAP}",
        "osb: 1\nagents:\n  A:\n    attributes:\n      x: ${HUGE}",
        "osb: 1\nagents: { A: { replicas: ${N} } }",
        "osb: 1\nname: ${EMPTY:-a b}",
    ]
    .map(|text| told(&[text], &[]));
    insta::assert_snapshot!(said.join("\n\n"));
    let many = format!("osb: 1\nname: [{}]", "'${BIG}',".repeat(1100));
    let problems = read_all(&[&many], &[]).unwrap_err();
    assert!(problems.to_string().contains("1048576 bytes"), "{problems}");
}

#[test]
fn what_is_wrong_with_several_files() {
    let base = "osb: 1\nagents:\n  A: { bind: { out: PUSH } }\n";
    let said = [
        told(
            &[
                base,
                "agents:\n  A: { bind: { out: PSUH } }\n  B: { hots: x }",
            ],
            &[],
        ),
        told(&[base, "\nagents: ["], &[]),
        told(&[base, ""], &[]),
        told(&[base, "- x"], &[]),
        told(&["osb: 2\nagents: {}", base], &[]),
        told(&["agents: {}", "name: x"], &[]),
        told(&[base, "connections: {}"], &[]),
        told(
            &[
                base,
                "connections: [{ agent: B, to: A.out }]",
                "agents: { B: , C: 5 }",
            ],
            &[],
        ),
        told(&[base], &["agents.A.bind.out.addr=127.0.0.1:5"]),
        told(
            &[base],
            &["agents.A.hots=x", "agnets.A=", "agents.A.bind.in=PLUL"],
        ),
        told(&[base], &["nothing"]),
        told(&[base], &["=5"]),
        told(&[base], &["agents..A=5"]),
        told(&[base], &["agents.A.<<={ host: local }"]),
        told(&[base], &["agents.A.attributes={"]),
        told(&[base], &["agents.A.attributes.x=${NO}"]),
        told(
            &[base],
            &["agents.A.attributes.x=#1", "agents.A.attributes.y=a # b"],
        ),
        told(&[base, "connections: []"], &["connections.0.agent=A"]),
        told(&[base], &[&format!("{}=1", "a.".repeat(40))]),
    ];
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn problems_of_several_files_show_each_in_its_own() {
    let inputs = [
        Input::file("base.yaml", "osb: 1\nagents:\n  Zoë: {}\n"),
        Input::file("over.yaml", "agents:\n  B: { bind: { x: PLUL } }\n"),
        Input::set("agents.B.hots=local"),
    ];
    let problems = load_all(
        &inputs,
        &Surroundings::with_variables(&source(), &variables),
    )
    .unwrap_err();
    insta::assert_snapshot!(crate::render::diagnostic::problems(
        &problems, &inputs, false
    ));
}

fn with_env_files(text: &str) -> Result<Topology, Problems> {
    let source = source();
    let env_files = |path: &Path| match path.to_str() {
        Some("/srv/agents/a.env") => Ok(b"A=${N}\nB='${N}'\n".to_vec()),
        Some("/b.env") => Ok(b"B=b\nC=c".to_vec()),
        _ => Err("there is no such file".to_owned()),
    };
    let around = Surroundings {
        env_files: &env_files,
        ..Surroundings::with_variables(&source, &variables)
    };
    load_all(&[Input::file("t.yaml", text)], &around)
}

#[test]
fn files_of_variables_lie_below_env() {
    let text = "osb: 1
defaults: { env_file: a.env }
agents:
  A: { replicas: 2, command: [a], env_file: [./a.env, /b.env], env: { C: own } }
  B: { command: [b], env: { A: own } }
  C:
  D: { attach: true }
";
    let topology = with_env_files(text).unwrap();
    let env = |at: usize| -> Vec<String> {
        let program = topology.agents[at].program.as_ref().unwrap();
        let env = program.env.iter();
        env.map(|(name, value)| format!("{name}={value}")).collect()
    };
    assert_eq!(env(1), ["A=3", "B=b", "C=own", "OSB_REPLICA=1"]);
    assert_eq!(env(2), ["A=own", "B=$${N}"], "text, and escaped");
    for (wrong, column, message) in [
        ("A: { env_file: a.env }", 6, "env_file is for a command"),
        (
            "A: { attach: true, env_file: a.env }",
            20,
            "has no env_file here",
        ),
        (
            "A: { command: [a], env_file: [c.env] }",
            31,
            "/srv/agents/c.env: there is no",
        ),
        ("A: { command: [a], env_file: '' }", 30, "is empty"),
        ("A: { command: [a], env_file: ~/x }", 30, "not expanded"),
        ("A: { command: [a], env_file: {} }", 30, "expected a path"),
        (
            "A: { command: [a], env_file: \"${host}\" }",
            30,
            "is known only when",
        ),
    ] {
        let problems = with_env_files(&format!("osb: 1\nagents:\n  {wrong}")).unwrap_err();
        let problem = problems.iter().next().unwrap();
        assert!(problem.message.contains(message), "{wrong}: {problem}");
        assert_eq!((problem.line, problem.column), (3, column + 2), "{wrong}");
    }
}

#[test]
fn zones_are_refused_wherever_an_address_may_stand() {
    for wrong in [
        "nameserver: \"[fe80::1%eth0]:0\"",
        "nameserver: { attach: \"tcp://[fe80::1%2]:7400\" }",
        "hosts: { local: { address: fe80::1%eth0 } }",
        "agents: { A: { bind: { x: { kind: PUSH, addr: \"[fe80::1%eth0]\" } } } }",
        "agents: { A: { bind: { x: { kind: PUSH, addr: \"tcp://[fe80::1%2]:5\" } } } }",
    ] {
        let problems = read_all(&[&format!("osb: 1\n{wrong}")], &[]).unwrap_err();
        let said = problems.to_string();
        assert!(said.contains("interface of one machine only"), "{said}");
        assert_eq!(problems.count(), 1, "{said}");
    }
    let problems = read_all(&["osb: 1"], &["nameserver='[fe80::1%eth0]:0'"]);
    let said = problems.unwrap_err().to_string();
    assert!(said.contains("interface of one machine only"), "{said}");
}

#[test]
fn notes_may_stand_wherever_keys_are_known() {
    let text = "osb: 1
x-base: &base { command: [a], x-why: words }
defaults: { x-note: [] }
hosts: { local: { x-rack: 3 } }
agents:
  A: { <<: *base, x-owner: me, bind: { x: { kind: PULL, x-a: 1 } } }
connections: []
";
    let topology = read_all(&[text], &["agents.A.x-more=1"]).unwrap();
    assert_eq!(topology.agents.len(), 1);
    let problems = read_all(&["osb: 1\nagents: { A: { y-a: 1 } }"], &[]).unwrap_err();
    assert_eq!(problems.count(), 1);
}

proptest! {
    #[test]
    fn any_setting_is_survived(text in "[a-zA-Z.0-9=\\[\\]{}: $*&<~]{0,30}") {
        let _ = read_all(&[EXAMPLE], &[&text]);
        let _ = read_all(&[EXAMPLE], &[&format!("agents.{text}")]);
    }

    #[test]
    fn parts_of_files_over_one_another_are_survived(cut in 0..EXAMPLE.len(), sets in "[a-z.]{0,9}") {
        let cut = (0..=cut).rev().find(|at| EXAMPLE.is_char_boundary(*at)).unwrap_or(0);
        if let Err(problems) = read_all(&[&EXAMPLE[..cut], EXAMPLE, &EXAMPLE[cut..]], &[&sets]) {
            prop_assert!(problems.iter().all(|p| p.line > 0 && p.input < 4));
        }
    }
}
