//! Channels: answers that are handled when they come.

use std::time::Duration;

use serde_json::{Value, json};

use super::control::send;
use super::fixture::{Fixture, TEST_TIMEOUT, alias, bind};
use crate::model::{Action, Millis, Replies, Serializer};
use crate::wire::{AgentRequest, ConnectRequest, Fault, encode};

pub(crate) fn actions(texts: &[&str]) -> Option<Vec<Action>> {
    let parsed = texts.iter().map(|text| text.parse().unwrap());
    Some(parsed.collect())
}

pub(crate) fn ask(to: &str, message: Value, replies: Replies) -> AgentRequest {
    AgentRequest::Ask {
        alias: alias(to),
        message,
        replies,
    }
}

fn requester(address: &str, by: Serializer, actions: &[&str], replies: Replies) -> ConnectRequest {
    ConnectRequest {
        replies,
        ..Fixture::connection("ask", "ASYNC_REP", address, by, actions)
    }
}

#[test]
fn answers_go_to_the_handler_of_the_connection_or_of_the_request() {
    for by in Serializer::UNDERSTOOD {
        let mut agent = Fixture::start();
        let desk = agent.bind(bind("desk", "ASYNC_REP", *by, &["echo"]));
        let inbox = requester(&desk, *by, &["collect"], Replies::default());
        assert_eq!(agent.wire(vec![inbox]).unwrap().len(), 1);
        agent.ask(send("ask", json!("Hello"), None));
        assert_eq!(agent.received(1), json!(["Hello"]));
        let own = Replies {
            on_reply: actions(&["log"]),
            ..Replies::default()
        };
        agent.ask(ask("ask", json!("by request"), own));
        agent.ask(ask("ask", json!("by default"), Replies::default()));
        assert_eq!(agent.received(2), json!(["Hello", "by default"]));
        assert!(agent.log.text().contains("INFO  ask: by request\n"));
        let recv = AgentRequest::SendRecv {
            alias: alias("ask"),
            message: json!("and wait"),
        };
        assert_eq!(agent.ask(recv), json!("and wait"));
        assert_eq!(agent.stats("ask").dropped, 0);
    }
}

#[test]
fn errors_go_to_their_own_handler() {
    for by in Serializer::UNDERSTOOD {
        let mut agent = Fixture::start();
        let (rep, address) = agent.listening(zmq::REP);
        let replies = Replies {
            on_error: actions(&["log", "collect"]),
            ..Replies::default()
        };
        agent
            .wire(vec![requester(&address, *by, &["collect"], replies)])
            .unwrap();
        agent.ask(send("ask", json!("1/0"), None));
        rep.recv_bytes(0).unwrap();
        let (answer, error) = match by {
            Serializer::Raw => (json!("error: no"), json!("error: no")),
            _ => (json!({"$error": "no"}), json!({"$error": "no"})),
        };
        rep.send(encode(&answer, *by).unwrap(), 0).unwrap();
        assert_eq!(agent.received(1), json!([error]));
        let log = agent.log.text();
        assert!(log.contains("WARN  ask: no\n"), "{log}");
        assert_eq!(agent.stats("ask").dropped, 0);
    }
}

#[test]
fn what_is_not_answered_in_time_is_reported_and_so_is_a_late_answer() {
    let mut agent = Fixture::start();
    let (rep, address) = agent.listening(zmq::REP);
    let replies = Replies {
        wait: Some(Millis::new(50)),
        on_error: actions(&["collect"]),
        ..Replies::default()
    };
    let wired = requester(&address, Serializer::Json, &["collect"], replies);
    agent.wire(vec![wired]).unwrap();
    agent.ask(send("ask", json!("slow"), None));
    rep.recv_bytes(0).unwrap();
    assert_eq!(
        agent.received(1),
        json!([{"$error": "no answer within 50ms"}])
    );
    rep.send("\"late\"", 0).unwrap();
    agent.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["ask"]["dropped"] == 1
    });
    assert!(agent.log.text().contains("an answer that came too late"));
    let patient = Replies {
        wait: Some(Millis::from(TEST_TIMEOUT)),
        ..Replies::default()
    };
    agent.ask(ask("ask", json!("again"), patient));
    assert_eq!(rep.recv_bytes(0).unwrap(), b"\"again\"");
    std::thread::park_timeout(Duration::from_millis(100));
    rep.send("\"in time\"", 0).unwrap();
    assert_eq!(agent.received(2)[1], "in time");
}

#[test]
fn without_a_handler_for_errors_the_log_is_told() {
    let mut agent = Fixture::start();
    let (rep, address) = agent.listening(zmq::REP);
    let replies = Replies {
        wait: Some(Millis::new(20)),
        ..Replies::default()
    };
    let wired = requester(&address, Serializer::Json, &["collect"], replies);
    agent.wire(vec![wired]).unwrap();
    agent.ask(send("ask", json!(1), None));
    rep.recv_bytes(0).unwrap();
    agent.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["ask"]["dropped"] == 1
    });
    let log = agent.log.text();
    assert!(log.contains("WARN  ask: no answer within 20ms (1 so far)"));
}

#[test]
fn requests_end_with_the_connection_that_took_them() {
    let mut agent = Fixture::start();
    let (rep, address) = agent.listening(zmq::REP);
    let replies = Replies {
        on_error: actions(&["collect"]),
        ..Replies::default()
    };
    let wired = requester(&address, Serializer::Json, &["collect"], replies);
    agent.wire(vec![wired]).unwrap();
    let first = agent.begin(
        &AgentRequest::SendRecv {
            alias: alias("ask"),
            message: json!("waited for"),
        },
        TEST_TIMEOUT,
    );
    rep.recv_bytes(0).unwrap();
    agent.ask(send("ask", json!("not waited for"), None));
    drop(rep);
    let gone = "the other side went away before it answered";
    let reason = format!("ask: {gone}");
    assert_eq!(agent.finish(first), Err(Fault::Handler { reason }));
    assert_eq!(agent.received(1), json!([{ "$error": gone }]));
    // What is asked meanwhile waits for the next one that listens there.
    agent.ask(send("ask", json!("later"), None));
    let next = agent.peer(zmq::REP);
    let began = std::time::Instant::now();
    while next.bind(&address).is_err() {
        assert!(began.elapsed() < TEST_TIMEOUT, "{address} stays taken");
    }
    assert_eq!(next.recv_bytes(0).unwrap(), b"\"later\"");
    next.send("\"at last\"", 0).unwrap();
    assert_eq!(agent.received(2)[1], "at last");
}

#[test]
fn requests_end_when_the_connection_is_moved() {
    let mut agent = Fixture::start();
    let (first, address) = agent.listening(zmq::REP);
    let replies = Replies {
        on_error: actions(&["collect"]),
        ..Replies::default()
    };
    let wired = requester(&address, Serializer::Json, &["collect"], replies.clone());
    agent.wire(vec![wired]).unwrap();
    agent.ask(send("ask", json!("here"), None));
    first.recv_bytes(0).unwrap();
    let (second, address) = agent.listening(zmq::REP);
    let moved = requester(&address, Serializer::Json, &["collect"], replies);
    agent.wire(vec![moved]).unwrap();
    let gone = "the other side went away before it answered";
    assert_eq!(agent.received(1), json!([{ "$error": gone }]));
    agent.ask(send("ask", json!("there"), None));
    assert_eq!(second.recv_bytes(0).unwrap(), b"\"there\"");
}

#[test]
fn the_asking_end_is_not_bound_and_what_does_not_ask_cannot() {
    let mut agent = Fixture::start();
    let bound = agent.try_ask(AgentRequest::Bind(bind(
        "x",
        "ASYNC_REQ",
        Serializer::Json,
        &[],
    )));
    assert!(matches!(bound, Err(Fault::Refused { .. })), "{bound:?}");
    agent.bind(bind("out", "PUSH", Serializer::Json, &[]));
    let asked = agent.try_ask(ask("out", json!(1), Replies::default()));
    assert!(matches!(asked, Err(Fault::WrongKind { .. })), "{asked:?}");
}

/// Answers at once and goes on, answers later when asked something else, or never does.
const REPLIER: &str = r#"
import json, sys
def say(**word):
    print(json.dumps(word), flush=True)
later = []
for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "message" and word.get("reply"):
        say(type="set", attributes={"replied": word})
    elif word["type"] == "message" and word["message"] == "yield":
        say(type="reply", id=word["id"], message="early")
        say(type="set", attributes={"after": "the reply"})
    elif word["type"] == "message" and word["message"] == "later":
        later.append(word["id"])
    elif word["type"] == "message" and word["message"] == "now":
        say(type="reply", id=word["id"], message="first")
        for id in later:
            say(type="reply", id=id, message="second")
"#;

#[test]
fn a_program_answers_early_late_or_never() {
    let mut agent = Fixture::start_with(Some(vec!["python3", "-u", "-c", REPLIER]));
    let desk = agent.bind(bind("desk", "ASYNC_REP", Serializer::Json, &["command"]));
    let wired = requester(&desk, Serializer::Json, &["collect"], Replies::default());
    agent.wire(vec![wired]).unwrap();
    agent.go();
    agent.ask(send("ask", json!("yield"), None));
    assert_eq!(agent.received(1), json!(["early"]));
    let name = "after".to_owned();
    agent.until(&AgentRequest::GetAttr { name }, |value| {
        *value == json!("the reply")
    });
    for message in ["later", "now"] {
        agent.ask(send("ask", json!(message), None));
    }
    assert_eq!(agent.received(3), json!(["early", "first", "second"]));
    let replies = Replies {
        wait: Some(Millis::new(50)),
        on_error: actions(&["command"]),
        ..Replies::default()
    };
    agent.ask(ask("ask", json!("never"), replies));
    let name = "replied".to_owned();
    let told = agent.until(&AgentRequest::GetAttr { name }, |value| !value.is_null());
    let expected = json!({
        "type": "message", "alias": "ask", "kind": "ASYNC_REQ", "reply": true,
        "error": "no answer within 50ms",
    });
    assert_eq!(told, expected);
}

#[test]
fn a_closed_channel_tells_those_whom_its_program_owes_an_answer() {
    let mut agent = Fixture::start_with(Some(vec!["python3", "-u", "-c", REPLIER]));
    let desk = agent.bind(bind("desk", "ASYNC_REP", Serializer::Json, &["command"]));
    agent.go();
    let req = agent.connected(zmq::REQ, &desk);
    req.send("\"later\"", 0).unwrap();
    agent.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["desk"]["received"] == 1
    });
    agent.ask(AgentRequest::Close {
        alias: alias("desk"),
        linger: None,
    });
    assert_eq!(
        req.recv_bytes(0).unwrap(),
        br#"{"$error":"Alice.desk was closed"}"#
    );
}
