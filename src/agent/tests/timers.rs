//! Timers that come and go while the agent runs, and what they do.

use serde_json::{Value, json};

use super::fixture::{Fixture, TEST_TIMEOUT, alias, bind};
use crate::model::{Millis, Serializer, TimerAction, TimerInfo, TimerSpec, When};
use crate::wire::{AgentRequest, Fault};

/// Counts the calls of its methods; answers none of `hang`, and fails at `fail`.
const COUNTER: &str = r#"
import json, sys
def say(**word):
    print(json.dumps(word), flush=True)
calls = {}
for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "call":
        name = word["name"]
        calls[name] = calls.get(name, 0) + 1
        say(type="set", attributes={"calls": calls, "params": word["params"]})
        if name == "fail":
            say(type="reply", id=word["id"], error="no luck")
        elif name != "hang":
            say(type="reply", id=word["id"])
"#;

fn every(ms: u64, name: Option<&str>, action: TimerAction) -> AgentRequest {
    AgentRequest::Timer(TimerSpec {
        alias: name.map(alias),
        when: When::Every(Millis::new(ms)),
        action,
    })
}

fn set(name: &str, value: Value) -> TimerAction {
    TimerAction::Set {
        attributes: [(name.to_owned(), value)].into(),
    }
}

fn call(method: &str) -> TimerAction {
    TimerAction::Call {
        method: method.to_owned(),
        params: json!([1]),
    }
}

fn list(agent: &mut Fixture) -> Vec<TimerInfo> {
    serde_json::from_value(agent.ask(AgentRequest::Timers {})).unwrap()
}

fn counts(agent: &mut Fixture, name: &str) -> [u64; 3] {
    let found = list(agent).into_iter().find(|it| it.alias == alias(name));
    found.map_or([0; 3], |it| [it.fired, it.skipped, it.failed])
}

fn until_attribute(agent: &mut Fixture, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let name = name.to_owned();
    agent.until(&AgentRequest::GetAttr { name }, wanted)
}

#[test]
fn a_timer_sets_an_attribute_is_listed_and_stopped() {
    let mut agent = Fixture::start();
    let given = agent.ask(every(5, Some("beat"), set("x", json!(1))));
    assert_eq!(given, "beat");
    assert_eq!(list(&mut agent)[0].due_ms, None, "it waits for the system");
    agent.go();
    until_attribute(&mut agent, "x", |x| *x == 1);
    let chosen = agent.ask(every(60_000, None, set("y", json!(1))));
    let listed = list(&mut agent);
    let aliases: Vec<&str> = listed.iter().map(|it| it.alias.as_str()).collect();
    assert_eq!(aliases, ["beat", chosen.as_str().unwrap()]);
    assert!(
        listed[1]
            .due_ms
            .is_some_and(|due| due > Millis::new(50_000))
    );
    let taken = agent.try_ask(every(5, Some("beat"), set("x", json!(2))));
    assert!(matches!(taken, Err(Fault::TimerTaken { .. })));
    let stop = AgentRequest::StopTimer {
        alias: alias("beat"),
    };
    assert_eq!(agent.ask(stop.clone()), Value::Null);
    agent.ask(AgentRequest::SetAttr {
        attributes: [("x".to_owned(), json!("mine"))].into(),
    });
    let fault = agent.try_ask(stop).unwrap_err();
    assert!(matches!(fault, Fault::UnknownTimer { known, .. } if known.len() == 1));
    agent.ask(AgentRequest::StopTimers {});
    assert_eq!(list(&mut agent), []);
    assert_eq!(agent.attribute("x"), "mine");
    agent.ask(AgentRequest::Quiet {});
    let late = agent.try_ask(every(5, None, set("x", json!(3))));
    assert!(matches!(late, Err(Fault::Refused { .. })));
}

#[test]
fn after_fires_once_and_is_gone() {
    let mut agent = Fixture::start();
    agent.go();
    agent.ask(AgentRequest::Timer(TimerSpec {
        alias: None,
        when: When::After(Millis::new(10)),
        action: set("late", json!(true)),
    }));
    until_attribute(&mut agent, "late", |late| *late == true);
    assert_eq!(list(&mut agent), []);
}

#[test]
fn calls_reach_the_program_and_their_errors_end_nothing() {
    let mut agent = Fixture::start_with(Some(vec!["python3", "-u", "-c", COUNTER]));
    agent.go();
    for method in ["tick", "fail", "hang"] {
        agent.ask(every(5, Some(method), call(method)));
    }
    until_attribute(&mut agent, "calls", |calls| {
        calls["tick"].as_u64() >= Some(3) && calls["fail"].as_u64() >= Some(3)
    });
    assert_eq!(agent.attribute("params"), json!([1]));
    assert_eq!(agent.attribute("calls")["hang"], 1, "it does not pile up");
    let [fired, skipped, failed] = counts(&mut agent, "fail");
    assert!(fired == 0 && failed >= 2, "{fired} {skipped} {failed}");
    let [fired, skipped, failed] = counts(&mut agent, "hang");
    assert!(fired == 0 && skipped >= 1 && failed == 0);
    assert!(counts(&mut agent, "tick")[0] >= 2);
    let log = agent.log.text();
    assert!(log.contains("a tick of the timer"), "{log}");
    assert!(agent.status().skipped_ticks >= 3);
}

#[test]
fn a_timer_that_can_never_work_is_refused_and_one_that_cannot_now_is_skipped() {
    let mut agent = Fixture::start();
    agent.go();
    let send = |by: &str| TimerAction::Send {
        alias: alias(by),
        message: json!(1),
        topic: None,
    };
    let refused = agent.try_ask(every(5, None, send("out")));
    assert!(matches!(refused, Err(Fault::UnknownAlias { .. })));
    agent.bind(bind("in", "PULL", Serializer::Json, &["log"]));
    let refused = agent.try_ask(every(5, None, send("in")));
    assert!(matches!(refused, Err(Fault::WrongKind { .. })));
    agent.bind(bind("out", "PUSH", Serializer::Json, &[]));
    agent.ask(every(5, Some("sender"), send("out")));
    let alias = alias("out");
    agent.ask(AgentRequest::Close {
        alias,
        linger: None,
    });
    let began = std::time::Instant::now();
    while counts(&mut agent, "sender")[1] == 0 {
        assert!(began.elapsed() < TEST_TIMEOUT);
    }
    assert!(agent.log.text().contains("Alice has no socket out"));
}
