//! What is asked of a plan, and what the answers mean.

use std::net::SocketAddr;

use super::answers::{Answer, Answers, Outcome};
use super::questions::Questions;
use super::verdict::diagnose;
use super::ways::{End, WayQuestion};
use super::{Verdict, targets};
use crate::model::{HostName, SshDestination, SshSpec};
use crate::plan::Plan;
use crate::ssh::{SshError, Stage};
use crate::topology::{Input, Source, Surroundings, load_all};
use crate::wire::{Bound, Dialled, Examined, Found};

fn plan(text: &str) -> Plan {
    let source = Source {
        name: "t.yaml".to_owned(),
        stem: "t".to_owned(),
        folder: "/t".into(),
    };
    let topology = load_all(&[Input::file("t.yaml", text)], &Surroundings::bare(&source));
    Plan::new(topology.unwrap_or_else(|problems| panic!("{problems:?}")))
}

const TWO: &str = r#"
osb: 1
name: two
security: none
nameserver: 10.0.0.1:0
hosts:
  local: { address: 10.0.0.1 }
  lab1: { ssh: lab1, address: 10.0.0.11 }
  lab2: { ssh: lab2 }
  idle: { ssh: idle }
agents:
  Alice:
    host: lab1
    bind: { main: PUSH, news: { kind: SYNC_PUB, addr: "10.0.0.11:5000", handler: echo } }
  Bob: { host: lab2, command: [python3, bob.py] }
  Carol: { host: lab2, command: [python3, carol.py] }
  Dave: { command: [python3, "${addr:Alice.main}"], speaks: nothing }
connections:
  - { agent: Bob, to: Alice.main, alias: in }
  - { agent: Carol, to: Alice.main, alias: in }
  - { agent: Bob, to: Alice.news, alias: news }
"#;

#[test]
fn each_way_is_tried_once_and_each_machine_looked_at_that_takes_part() {
    let questions = Questions::of(&plan(TWO));
    let names: Vec<&str> = questions
        .places
        .iter()
        .map(|it| it.host.name.as_str())
        .collect();
    assert_eq!(names, ["local", "lab1", "lab2"]);
    let show = |way: &WayQuestion| {
        let to = match &way.to {
            End::Port { host, at } => format!("{host} {at}"),
            End::NameServer { at, .. } => at.to_string(),
        };
        format!("{} → {to}: {}", way.from, way.uses.join("; "))
    };
    let ways: Vec<String> = questions.ways.iter().map(show).collect();
    insta::assert_snapshot!(ways.join("\n"), @r"
        lab1 → local 10.0.0.1:0: lab1 to the name server
        lab2 → local 10.0.0.1:0: lab2 to the name server
        lab2 → lab1 10.0.0.11:0: Bob.in to Alice.main; Carol.in to Alice.main
        lab2 → lab1 10.0.0.11:5000: Bob.news to Alice.news
        local → lab1 10.0.0.11:0: the command of Dave to Alice.main
        ");
    let ports: Vec<String> = questions.places[1]
        .ports
        .iter()
        .map(|it| format!("{} {}", it.at, it.uses.join("; ")))
        .collect();
    insta::assert_snapshot!(ports.join("\n"), @r"
        10.0.0.11:5000 Alice.news
        10.0.0.11:5001 Alice.news, requests
        10.0.0.11:0 Alice.main
        ");
    let programs = &questions.places[2].programs;
    assert_eq!(programs.len(), 1);
    assert_eq!(programs[0].agents.len(), 2);
}

#[test]
fn what_is_copied_to_a_machine_is_looked_for_here() {
    let text = "osb: 1\nname: x\nsecurity: none\nnameserver: 10.0.0.1:0\nhosts: { local: { address: 10.0.0.1 }, lab1: { ssh: lab1 } }\nagents: { A: { host: lab1, sync: [.], command: [./a.sh] }, B: { host: lab1, sync: [.], command: [python3, b.py] } }";
    let questions = Questions::of(&plan(text));
    let needs = |at: usize| {
        let programs = questions.places[at].programs.iter();
        let need = |it: &super::questions::ProgramQuestion| {
            format!("{} in {}", it.need.name, it.need.cwd.display())
        };
        programs.map(need).collect::<Vec<_>>()
    };
    assert_eq!(needs(0), ["./a.sh in /t"]);
    assert_eq!(needs(1), ["python3 in /"]);
}

fn examined(programs: Vec<Found>, bound: Vec<Bound>) -> Answer {
    let examined = Examined {
        address: "10.0.0.12".parse().ok(),
        programs,
        bound,
    };
    Answer::examined(examined, Some("osb 0.0.1"), "token".to_owned())
}

fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

/// Everything that was found, a line each.
fn told(answers: &Answers, dialled: impl Fn(SocketAddr) -> Dialled) -> String {
    let plan = plan(TWO);
    let questions = Questions::of(&plan);
    let (mut outcomes, batches) = targets::of(&questions, answers);
    for (place, target) in batches.into_values().flatten() {
        outcomes[place] = Outcome::Dialled(target.at, dialled(target.at));
    }
    let diagnosis = diagnose(&plan, questions, answers, outcomes);
    let line = |(what, verdict): (String, &Verdict)| match verdict {
        Verdict::Well => format!("{what}: well"),
        Verdict::Unknown { reason } => format!("{what}: unknown: {reason}"),
        Verdict::Bad { reason, remedy } => format!("{what}: BAD: {reason}\n    {remedy}"),
    };
    let lines: Vec<String> = diagnosis.all().map(line).collect();
    let unreached = match diagnosis.unreached() {
        true => "\nnot all reached",
        false => "",
    };
    lines.join("\n") + unreached
}

#[test]
fn what_is_wrong_is_said_with_a_remedy_and_what_depends_on_it_is_unknown() {
    let spec = SshSpec {
        destination: "lab1".parse::<SshDestination>().unwrap(),
        port: None,
        identity: None,
        config: None,
    };
    let refused = SshError::new(&spec, Stage::Connect, "Connection refused");
    let here: Vec<Bound> = vec![Bound::At("10.0.0.1:40000".parse().unwrap())];
    let answers = Answers::from([
        (
            host("local"),
            examined(vec![Found::At("/bin/python3".into())], here),
        ),
        (host("lab1"), Answer::NotReached(refused)),
        (host("lab2"), examined(vec![Found::Missing], vec![])),
    ]);
    insta::assert_snapshot!(told(&answers, |_| Dialled::Silent));
}

#[test]
fn a_port_that_is_taken_is_not_dialled_and_another_way_may_be_shut() {
    let here: Vec<Bound> = vec![Bound::At("10.0.0.1:40000".parse().unwrap())];
    let bound = vec![
        Bound::Taken,
        Bound::At("10.0.0.11:5001".parse().unwrap()),
        Bound::At("0.0.0.0:40001".parse().unwrap()),
    ];
    let found = || vec![Found::At("/bin/python3".into())];
    let answers = Answers::from([
        (host("local"), examined(found(), here)),
        (host("lab1"), examined(vec![], bound)),
        (host("lab2"), examined(found(), vec![])),
    ]);
    let outcome = |at: SocketAddr| match at.port() {
        40001 => Dialled::Other,
        _ => Dialled::Reached { us: 250 },
    };
    insta::assert_snapshot!(told(&answers, outcome));
}

/// It goes over the network in the clear.
#[test]
fn a_token_tells_nothing_and_is_no_other() {
    let (one, other) = (super::token(), super::token());
    assert_ne!(one, other);
    assert_eq!(one.len(), 32);
    assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
}
