//! An agent that others have started, as part of a system and after it.

use serde_json::json;

use super::fixture::{Fixture, TEST_TIMEOUT, bind};
use crate::model::{Millis, Serializer, State, SystemName, TimerAction, TimerSpec, When};
use crate::wire::{AgentRequest, Fault};

fn system(name: &str) -> SystemName {
    name.parse().unwrap()
}

fn adopt(agent: &mut Fixture, name: &str) -> Result<serde_json::Value, Fault> {
    let system = system(name);
    agent.try_ask(AgentRequest::Adopt { system })
}

fn release(agent: &mut Fixture, name: &str) -> serde_json::Value {
    let system = system(name);
    agent.ask(AgentRequest::Release { system })
}

fn set(agent: &mut Fixture, name: &str, value: i32) {
    let attributes = [(name.to_owned(), json!(value))].into();
    agent.ask(AgentRequest::SetAttr { attributes });
}

fn timer(name: &str) -> AgentRequest {
    AgentRequest::Timer(TimerSpec {
        alias: Some(name.parse().unwrap()),
        when: When::Every(Millis::from_secs(3600)),
        action: TimerAction::set("x", 1),
    })
}

#[test]
fn what_it_had_before_it_has_after() {
    let mut agent = Fixture::start();
    agent.bind(bind("own", "REP", Serializer::Json, &["echo"]));
    set(&mut agent, "n", 1);
    agent.ask(timer("own"));
    adopt(&mut agent, "lab").unwrap();
    agent.ask(timer("theirs"));
    agent.bind(bind("theirs", "REP", Serializer::Json, &["echo"]));
    set(&mut agent, "n", 2);
    agent.go();
    assert_eq!(agent.status().state, State::Running);

    assert_eq!(release(&mut agent, "other"), json!(false));
    assert_eq!(agent.status().sockets.len(), 2);
    assert_eq!(release(&mut agent, "lab"), json!(true));
    let status = agent.status();
    let left: Vec<_> = status.sockets.keys().map(|it| it.as_str()).collect();
    assert_eq!(left, ["own"]);
    assert_eq!(agent.attribute("n"), json!(1));
    let timers = agent.ask(AgentRequest::Timers {});
    let [timer] = timers.as_array().unwrap().as_slice() else {
        panic!("{timers}");
    };
    assert_eq!(
        (&timer["alias"], &timer["due_ms"]),
        (&json!("own"), &json!(null))
    );
    assert_eq!(release(&mut agent, "lab"), json!(false));
    // It may go to work for another.
    adopt(&mut agent, "other").unwrap();
    agent.bind(bind("theirs", "REP", Serializer::Json, &["echo"]));
    agent.go();
    assert_eq!(agent.status().sockets.len(), 2);
}

#[test]
fn who_works_for_one_system_is_not_taken_by_another() {
    let mut agent = Fixture::start();
    adopt(&mut agent, "lab").unwrap();
    // It has not come as far as working there.
    adopt(&mut agent, "other").unwrap();
    agent.go();
    let refused = adopt(&mut agent, "lab");
    assert!(
        matches!(&refused, Err(Fault::Refused { reason }) if reason.contains("other")),
        "{refused:?}"
    );
    // Its own system may begin anew.
    agent.bind(bind("x", "PUSH", Serializer::Json, &[]));
    adopt(&mut agent, "other").unwrap();
    assert_eq!(agent.status().sockets.len(), 0);
}

#[test]
fn those_who_wait_when_it_is_let_go_of_are_told() {
    let mut agent = Fixture::start();
    adopt(&mut agent, "lab").unwrap();
    agent.bind(bind("ask", "REQ", Serializer::Json, &["log"]));
    agent.bind(bind("out", "PUSH", Serializer::Json, &[]));
    agent.go();
    let alias = |name: &str| name.parse().unwrap();
    let send = AgentRequest::Send {
        alias: alias("out"),
        message: json!(1),
        topic: None,
    };
    let sent = agent.begin(&send, TEST_TIMEOUT);
    let system = system("lab");
    let released = agent.begin(&AgentRequest::Release { system }, TEST_TIMEOUT);
    let outcome = agent.finish(sent);
    assert!(
        matches!(&outcome, Err(Fault::Refused { reason }) if reason.contains("taken down")),
        "{outcome:?}"
    );
    assert_eq!(agent.finish(released), Ok(json!(true)));
}

#[test]
fn its_program_may_begin_again() {
    let program = r#"while read -r line; do case $line in
        *'"start"'*) echo '{"type":"log","text":"begun"}' ;;
        *'"release"'*) echo '{"type":"log","text":"released"}'; echo '{"type":"send","alias":"out","message":1}' ;;
        *'"stop"'*) exit 0 ;;
    esac; done"#;
    let mut agent = Fixture::start_with(Some(vec!["sh", "-c", program]));
    for round in 1..=2 {
        adopt(&mut agent, "lab").unwrap();
        let out = agent.bind(bind("out", "PUSH", Serializer::Json, &[]));
        let pull = agent.connected(zmq::PULL, &out);
        agent.go();
        // What it said between the two is sent in the second.
        if round == 2 {
            assert_eq!(pull.recv_bytes(0).unwrap(), b"1");
        }
        let log = agent.log.clone();
        agent.until(&AgentRequest::IsRunning {}, |_| {
            log.text().matches("begun").count() == round
        });
        release(&mut agent, "lab");
        agent.until(&AgentRequest::IsRunning {}, |_| {
            log.text().matches(" released\n").count() == round
        });
    }
    assert_eq!(agent.shutdown(), 0);
}
