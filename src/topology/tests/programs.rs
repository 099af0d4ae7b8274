//! What programs are told of others, and when they are started.

use super::bad::told;
use super::flat::again;
use super::read;
use crate::model::{Program, Ready, Template};
use crate::plan::Plan;
use crate::topology::Flat;

const GOOD: &str = r#"
osb: 1
name: good
agents:
  a: { bind: { b.c: PULL, x: PUSH } }
  Alice:
    attributes: { level: 3, a.b: 4 }
    bind: { main: { kind: PULL, transport: ipc } }
  Helper: { command: [helper] }
  Server:
    command: [server, "--home=${env:HOME}", "$${host}"]
    speaks: nothing
    ready: { port: 8080, timeout: 5s }
    after: Prepare
  Prepare: { command: [make], speaks: nothing, job: { timeout: 5m, once: true } }
  Bob:
    command: ["${env:PYTHON:-python3}", bob.py, "${addr:a.b.c:host}:${addr:a.b.c:port}", "${addr:Alice.main}"]
    env: { OWN: "${addr:own} ${attr:mine}", LEVEL: "${attr:Alice.level} ${attr:Alice.a.b}", AT: "${host} ${host:address}" }
    attributes: { mine: 1 }
    bind: { own: PULL }
    ready: { line: "^listening on \\d+$" }
  Late:
    command: [late, "${attr:Helper.made-by-its-program}"]
    ready: { command: [probe, "${addr:Bob.own}"], every: 1s }
    after: [Prepare, Alice]
"#;

fn program(topology: &crate::model::Topology, agent: &str) -> Program {
    let mut agents = topology.agents.iter();
    let found = agents.find(|it| it.name.name.as_str() == agent).unwrap();
    found.program.clone().unwrap()
}

#[test]
fn references_and_conditions_are_read_and_written_out() {
    let topology = read(GOOD).unwrap();
    let shown = |words: &[Template]| words.iter().map(Template::to_string).collect::<Vec<_>>();
    let bob = program(&topology, "Bob");
    assert_eq!(
        shown(&bob.argv),
        [
            "${env:PYTHON:-python3}",
            "bob.py",
            "${addr:a.b.c:host}:${addr:a.b.c:port}",
            "${addr:Alice.main}"
        ]
    );
    assert_eq!(
        bob.env["OWN"].to_string(),
        "${addr:Bob.own} ${attr:Bob.mine}"
    );
    assert_eq!(bob.ready, Ready::Line("^listening on \\d+$".into()));
    assert_eq!(
        shown(&program(&topology, "Server").argv)[2],
        "$${host}",
        "what is escaped is text"
    );
    assert_eq!(again(&topology), topology);
    insta::assert_snapshot!(Flat::of(&topology).to_yaml());
}

#[test]
fn programs_are_launched_in_an_order_that_they_give() {
    let plan = Plan::new(read(GOOD).unwrap());
    let order: Vec<String> = plan
        .launches
        .iter()
        .map(|launch| {
            let after: Vec<&str> = launch.after.iter().map(|it| it.name.as_str()).collect();
            format!("{} after {after:?}: {}", launch.agent, launch.ready)
        })
        .collect();
    insta::assert_debug_snapshot!(order);
}

#[test]
fn what_is_wrong_with_references() {
    let at = |place: &str| {
        format!(
            "osb: 1\nagents:\n  Alice: {{ bind: {{ main: PUSH, pipe: {{ kind: PUSH, transport: ipc }} }}, attributes: {{ level: 1 }} }}\n  Plain: {{ command: [x], speaks: nothing }}\n  W: {{ replicas: 2, bind: {{ in: PULL }} }}\n  Bob: {{ command: [x, \"{place}\"], bind: {{ own: PULL }} }}\nconnections: [{{ agent: W0, to: Alice.main }}]"
        )
    };
    let texts: Vec<String> = [
        "${addr:Alcie.main}",
        "${addr:Alice.mian}",
        "${addr:W0.main}",
        "${addr:W.in}",
        "${addr:onw}",
        "${addr:Alice.main:prot}",
        "${addr:Alice.pipe:port}",
        "${addr:}",
        "${addr:a b.c}",
        "${addr:Alice.main",
        "${attr:Alice.leevl}",
        "${attr:Alcie.level}",
        "${attr:Plain.x}",
        "${attr:own}",
        "${attr:W.x}",
        "${env:}",
        "${host:port}",
        "${addr:${X}.main}",
    ]
    .map(at)
    .into();
    let elsewhere = [
        "osb: 1\nname: \"${host}\"",
        "osb: 1\nagents: { A: { attributes: { x: \"${host}\" } } }",
        "osb: 1\nagents: { A: { bind: { x: { kind: PUSH, addr: \"${env:IP}\" } } } }",
        "osb: 1\nagents: { A: { bind: \"${host}\" } }",
        "osb: 1\nagents: { A: { command: \"${host}\" } }",
        "osb: 1\nagents: { A: { command: [x], cwd: \"${env:HOME}\" } }",
        "osb: 1\nagents: { A: { command: [x, \"${addr:B.x}\"], speaks: osb }, B: { bind: { x: PUSH } } }",
    ];
    insta::assert_snapshot!(told(texts.iter().map(String::as_str).chain(elsewhere)));
}

#[test]
fn what_is_wrong_with_readiness() {
    let texts: Vec<String> = [
        "ready: 8080",
        "ready: {}",
        "ready: { port: 8080, line: x }",
        "ready: { prot: 8080 }",
        "ready: { port: 0 }",
        "ready: { port: 70000 }",
        "ready: { port: 0.0.0.0:80 }",
        "ready: { port: localhost:80 }",
        "ready: { line: '(' }",
        "ready: { line: x, every: 1s }",
        "ready: { command: probe me }",
        "ready: { command: [] }",
        "ready: { command: [x], every: 0s }",
        "ready: { port: 80, timeout: soon }",
        "job: yes",
        "job: true, ready: { port: 80 }",
        "job: { time: 5m }",
        "job: { once: yes please }",
        "after: [Alcie]",
        "after: [Alice, 5]",
        "after: W*",
        "after: W",
        "speaks: osb, ready: { port: 80 }",
        "speaks: nothing, bind: { x: { kind: PULL, handler: command }, y: REP }",
        "speaks: nothing, timers: [{ every: 1s, call: x }]",
    ]
    .map(|keys| format!("osb: 1\nagents: {{ Alice: {{}}, W: {{ replicas: 2 }}, Bob: {{ command: [x], {keys} }} }}"))
    .into();
    let without = [
        "osb: 1\nagents: { A: { ready: { port: 80 }, job: true, after: [B] }, B: {} }",
        "osb: 1\nagents: { A: { attach: true, ready: { port: 80 } } }",
    ];
    insta::assert_snapshot!(told(texts.iter().map(String::as_str).chain(without)));
}

#[test]
fn circles() {
    let said = told([
        "osb: 1\nagents:\n  A: { command: [a, \"${addr:B.x}\"], bind: { x: PULL } }\n  B:\n    command: [b]\n    env: { A: \"${addr:A.x}\" }\n    bind: { x: PULL }",
        "osb: 1\nagents:\n  A: { command: [a], after: [B] }\n  B: { command: [b, \"${attr:C.x}\"] }\n  C: { command: [c], ready: { command: [p, \"${addr:A.x}\"] }, attributes: { x: 1 } }",
        "osb: 1\nagents: { A: { command: [a], after: [A] } }",
        // Its own socket is bound when its program is started.
        "osb: 1\nagents: { A: { command: [a, \"${addr:A.x} ${addr:x}\"], bind: { x: PULL } } }",
        "osb: 1\nagents: { W: { replicas: 3, command: [a, \"${addr:Boss.x}\"] }, Boss: { command: [b], bind: { x: PULL }, after: [W1] } }",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn references_reach_across_name_servers() {
    let text = r#"
osb: 1
nameservers: { main: 127.0.0.1:0, lab: 127.0.0.1:0 }
agents:
  Alice@main: { bind: { x: PULL }, attributes: { n: 1 } }
  Alice@lab: { command: [a, "${addr:x} ${addr:Alice@main.x:port} ${attr:Alice@main.n}"], bind: { x: PULL } }
  Bob: { command: [b, "${addr:Alice@lab.x}"], after: Job }
  Job: { nameserver: lab, command: [j], job: true }
"#;
    let topology = read(text).unwrap();
    assert_eq!(again(&topology), topology);
    let alice = program(&topology, "Bob").argv[1].to_string();
    assert_eq!(alice, "${addr:Alice@lab.x}");
    let plan = Plan::new(topology);
    let after = |plan: &Plan| {
        let bob = plan
            .launches
            .iter()
            .find(|it| it.agent.name.as_str() == "Bob");
        let after = bob.unwrap().after.iter().map(|it| it.to_string());
        after.collect::<Vec<_>>()
    };
    assert_eq!(after(&plan), ["Alice@lab", "Job@lab"]);
    let part = plan.part(|agent| agent.nameserver.is_none());
    assert!(after(&part).is_empty(), "those at lab stand already");
    let said = told([text.replace("Alice@lab.x", "Alice.x").as_str()]);
    assert!(
        said.contains("several name servers have an agent Alice"),
        "{said}"
    );
}
