//! How programs are watched: `defaults`, what an agent says otherwise, what does not fit, and how it is written out.

use super::bad::told;
use super::read;
use crate::model::{Check, Health, Millis, Then};
use crate::topology::Flat;

fn healths(text: &str) -> Vec<Option<Health>> {
    let topology = read(text).unwrap();
    // Written out, it says the same.
    let again = read(&Flat::of(&topology).to_yaml()).unwrap();
    assert_eq!(again, topology);
    let programs = topology.agents.into_iter().map(|agent| agent.program);
    programs
        .map(|program| program.and_then(|it| it.health.map(|it| *it)))
        .collect()
}

#[test]
fn what_an_agent_does_not_say_is_as_in_the_defaults() {
    let read = healths(
        "osb: 1\nname: x\ndefaults: { restart: on-failure, health: { call: alive, every: 5s, then: restart } }\nagents:\n  A: { command: [a] }\n  B: { command: [b], health: { port: 81, failures: 1 } }\n  C: { bind: { x: PULL } }\n  D: { command: [d], speaks: nothing }\n  E: { command: [e], restart: never }\n  F: { command: [f], health: { command: [test, -e, \"${addr:C.x}\"], every: 1s, timeout: 500ms, grace: 0s, then: tell, max_busy: 1m } , after: [] }\n  G: { command: [g], health: { http: 'http://127.0.0.1:80/x' } }\n",
    );
    let base = Health {
        check: Some(Check::Call("alive".parse().unwrap())),
        every: Millis::from_secs(5),
        then: Some(Then::Restart),
        ..Health::default()
    };
    let [a, b, c, d, e, f, g] = read.try_into().unwrap();
    assert_eq!(a, Some(base.clone()));
    let port = Health {
        check: Some(Check::Port("127.0.0.1:81".parse().unwrap())),
        failures: 1,
        ..base.clone()
    };
    assert_eq!(b, Some(port));
    assert_eq!(c, None, "it has no command");
    let d = d.unwrap();
    assert_eq!((d.check, d.then), (None, Some(Then::Restart)));
    assert_eq!(e.unwrap().then, None);
    let f = f.unwrap();
    let said = f.check.as_ref().map(ToString::to_string).unwrap();
    assert_eq!(said, "command `test -e ${addr:C.x}`");
    assert_eq!(f.then, Some(Then::Tell));
    assert_eq!(f.max_busy, Some(Millis::from_secs(60)));
    let http = g.unwrap().check.unwrap().to_string();
    assert_eq!(http, "http://127.0.0.1:80/x");
}

/// Agents to wait for.
const OTHERS: &str = "
  B: { command: [x] }
  C: { command: [x], health: { port: 80 } }
  Job: { command: [x], job: true, health: { port: 80 } }
  Osb: { command: [x], speaks: osb, health: { port: 80 } }";

#[test]
fn who_is_awaited_is_told_so() {
    let text = "osb: 1\nname: x\nagents:\n  A: { command: [a], health: { port: 80 } }\n  B: { command: [b], after: { A: healthy, C: ready } }\n  C: { command: [c] }";
    let topology = read(text).unwrap();
    let [a, b, c] = [0, 1, 2].map(|at: usize| topology.agents[at].program.as_ref().unwrap());
    assert!(a.ready_when_healthy && a.is_launched() && !c.ready_when_healthy);
    let names =
        |all: &[crate::model::AgentId]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&b.after), ["A", "C"]);
    assert_eq!(names(&b.after_healthy), ["A"]);
    assert_eq!(read(&Flat::of(&topology).to_yaml()).unwrap(), topology);
}

#[test]
fn what_is_wrong_is_told() {
    let parts = [
        "health: { cal: alive }",
        "health: { call: alive, port: 80 }",
        "health: { port: 0 }",
        "health: { http: https://127.0.0.1/ }",
        "health: { http: \"http://web/\" }",
        "health: { http: 8080 }",
        "health: { command: curl -f x }",
        "health: { call: alive, every: 0s, timeout: soon, failures: 0 }",
        "health: { call: alive, then: restat }",
        "health: { call: alive, then: restart }",
        "health: { every: 5s }",
        "health: alive",
        "speaks: nothing, health: { call: alive, max_busy: 5s }",
        "health: { command: [x, \"${addr:Nobody.x}\"] }",
        "after: { A: healthy }",
        "after: { B: healthy, Job: healthy, Osb: healthy, C: well, Nobody: healthy }",
    ];
    let texts =
        parts.map(|part| format!("osb: 1\nagents:\n  A: {{ command: [x], {part} }}{OTHERS}"));
    let said = told(texts.iter().map(String::as_str));
    let others = told([
        "osb: 1\nagents:\n  A: { health: { port: 80 } }",
        "osb: 1\nagents:\n  A: { attach: true, health: { port: 80 } }",
    ]);
    insta::assert_snapshot!(format!("{said}\n\n{others}"));
}
