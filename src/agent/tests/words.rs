//! What a program can ask of its agent: sockets, subscriptions, timers, attributes.

use serde_json::{Value, json};

use super::fixture::{Fixture, TEST_TIMEOUT, bind};
use crate::model::Serializer;
use crate::wire::{AgentRequest, Fault, NameServerRequest};

/// Says what it is told by calls of `say`, and keeps the replies by their ids.
const MOUTH: &str = r#"
import json, sys
replies = {}
for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "call":
        for item in word["params"]:
            print(json.dumps(item))
        print(json.dumps({"type": "reply", "id": word["id"]}), flush=True)
    elif word["type"] == "reply":
        replies[word["id"]] = {"error": word["error"]} if "error" in word else {"is": word["message"]}
        print(json.dumps({"type": "set", "attributes": {"replies": replies}}), flush=True)
"#;

fn mouth() -> Fixture {
    let mut agent = Fixture::start_with(Some(vec!["python3", "-u", "-c", MOUTH]));
    agent.go();
    agent
}

fn say(agent: &mut Fixture, words: Value) {
    let name = "say".to_owned();
    let params = words;
    agent.ask(AgentRequest::Call { name, params });
}

fn reply(agent: &mut Fixture, id: &str) -> Value {
    let name = "replies".to_owned();
    let replies = agent.until(&AgentRequest::GetAttr { name }, |it| !it[id].is_null());
    match &replies[id]["is"] {
        Value::Null if replies[id]["error"].is_string() => replies[id].clone(),
        answer => answer.clone(),
    }
}

/// Says one word and gives its reply.
fn ask(agent: &mut Fixture, id: &str, word: Value) -> Value {
    let mut word = word;
    word["id"] = json!(id);
    say(agent, json!([word]));
    reply(agent, id)
}

#[test]
fn a_program_binds_and_closes() {
    let mut agent = mouth();
    let address = ask(
        &mut agent,
        "bind",
        json!({"type": "bind", "alias": "desk", "kind": "REP", "handler": "echo"}),
    );
    let at = address["address"].as_str().unwrap().to_owned();
    let req = agent.connected(zmq::REQ, &at);
    req.send("7", 0).unwrap();
    assert_eq!(req.recv_bytes(0).unwrap(), b"7");
    let addr = ask(&mut agent, "addr", json!({"type": "addr", "alias": "desk"}));
    assert_eq!(addr["address"], at);
    // Without waiting in between: the port is free when the second word is executed.
    let port = at.strip_prefix("tcp://").unwrap();
    say(
        &mut agent,
        json!([
            {"type": "close", "alias": "desk", "linger": "0ms"},
            {"type": "bind", "alias": "desk", "kind": "REP", "addr": port, "id": "again"}
        ]),
    );
    assert_eq!(reply(&mut agent, "again")["address"], at);
    let closed = ask(&mut agent, "all", json!({"type": "close_all"}));
    assert_eq!(closed, json!({"desk": 0}));
}

#[test]
fn a_program_connects_by_name_and_by_address() {
    let mut agent = mouth();
    let (push, address) = agent.listening(zmq::PUSH);
    let word = json!({"type": "connect", "alias": "in", "to": address, "kind": "PULL", "handler": ["collect"]});
    let wired = ask(&mut agent, "by address", word);
    assert_eq!(
        (&wired["alias"], &wired["to"]),
        (&json!("in"), &Value::Null)
    );
    push.send("1", 0).unwrap();
    assert_eq!(agent.received(1), json!([1]));
    let name = "say".to_owned();
    let params = json!([{"type": "connect", "alias": "in", "to": "Bob.main", "id": "by name"}]);
    agent.begin(&AgentRequest::Call { name, params }, TEST_TIMEOUT);
    let found = json!({"kind": "PUSH", "role": "server", "transport": "tcp", "address": address, "serializer": "json"});
    agent.serve(|_, asked: NameServerRequest| {
        matches!(asked, NameServerRequest::Addr { .. }).then(|| Ok(found.clone()))
    });
    assert_eq!(reply(&mut agent, "by name")["address"], address);
}

#[test]
fn a_program_has_timers_and_attributes() {
    let mut agent = mouth();
    say(
        &mut agent,
        json!([
            {"type": "timer", "every": "5ms", "alias": "beat", "set": {"x": 1}},
            {"type": "timer", "after": "1h", "set": {"x": null}, "id": "given"}
        ]),
    );
    assert_eq!(reply(&mut agent, "given"), "timer-2");
    let name = "x".to_owned();
    agent.until(&AgentRequest::GetAttr { name }, |x| *x == 1);
    let timers = ask(&mut agent, "list", json!({"type": "timers"}));
    assert_eq!(timers.as_array().unwrap().len(), 2);
    let stop = json!({"type": "stop_timer", "alias": "beat"});
    assert_eq!(ask(&mut agent, "stop", stop.clone()), Value::Null);
    assert_eq!(
        ask(&mut agent, "twice", stop),
        json!({"error": "Alice has no timer beat"})
    );
    say(&mut agent, json!([{"type": "stop_timers"}]));
    assert_eq!(
        ask(&mut agent, "none", json!({"type": "timers"})),
        json!([])
    );
    let all = ask(&mut agent, "attributes", json!({"type": "attributes"}));
    assert_eq!(all["x"], 1);
}

#[test]
fn a_program_connects_by_a_channel_and_says_what_becomes_of_answers() {
    let mut agent = mouth();
    let (rep, address) = agent.listening(zmq::REP);
    let word = json!({
        "type": "connect", "alias": "later", "to": address, "kind": "ASYNC_REQ",
        "handler": "collect", "wait": "20ms", "on_error": ["collect"],
    });
    ask(&mut agent, "channel", word);
    say(
        &mut agent,
        json!([{"type": "send", "alias": "later", "message": 1}]),
    );
    assert_eq!(rep.recv_bytes(0).unwrap(), b"1");
    let late = json!({"$error": "no answer within 20ms"});
    assert_eq!(agent.received(1), json!([late]));
}

#[test]
fn a_program_subscribes_and_unsubscribes() {
    let mut agent = mouth();
    let mut news = bind("news", "SUB", Serializer::Json, &[]);
    news.handlers = Some(crate::model::Handlers::ByTopic(Default::default()));
    let address = agent.bind(news);
    let publisher = agent.connected(zmq::XPUB, &address);
    let word = json!({"type": "subscribe", "alias": "news", "handler": {"a": "collect"}});
    ask(&mut agent, "a", word);
    assert_eq!(publisher.recv_bytes(0).unwrap(), b"\x01a");
    publisher.send(&b"a\x801"[..], 0).unwrap();
    assert_eq!(agent.received(1), json!([1]));
    ask(
        &mut agent,
        "none",
        json!({"type": "unsubscribe", "alias": "news", "topics": ["a"]}),
    );
    assert_eq!(publisher.recv_bytes(0).unwrap(), b"\x00a");
}

/// Prints what it is told by calls, as it stands there, `%` being the call's id.
const PARROT: &str = r#"
import json, sys
for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "call":
        said = "x" * (17 << 20) if word["params"] == "long" else word["params"]
        if word["name"] == "long":
            said = '{"type":"reply","id":%d,"message":"' % word["id"] + said
        print(said.replace("%", str(word["id"])), flush=True)
    elif word["type"] == "reply":
        print(json.dumps({"type": "set", "attributes": {"reply": word}}), flush=True)
"#;

fn parrot() -> Fixture {
    let mut agent = Fixture::start_with(Some(vec!["python3", "-u", "-c", PARROT]));
    agent.go();
    agent
}

/// What a caller is told whose call is answered by this line.
fn answered(agent: &mut Fixture, method: &str, line: &str) -> String {
    let (name, params) = (method.to_owned(), json!(line));
    match agent.try_ask(AgentRequest::Call { name, params }) {
        Err(Fault::Handler { reason }) => reason,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn who_waits_for_an_answer_that_cannot_be_read_is_told_at_once() {
    let mut agent = parrot();
    for (message, why) in [
        ("NaN", "JSON has no NaN and no infinity"),
        ("{\"x\": [-Infinity]}", "JSON has no NaN and no infinity"),
        (
            "18446744073709551616",
            "the number is too large to be kept exactly",
        ),
        ("1e999", "the number is too large to be kept exactly"),
        ("\"\\ud800\"", "half of a surrogate pair is no character"),
        ("{", "not JSON: EOF while parsing an object"),
        ("1,\"extra\":2", "unknown field `extra`"),
    ] {
        let line = format!("{{\"type\":\"reply\",\"id\":%,\"message\":{message}}}");
        let reason = answered(&mut agent, "say", &line);
        let expected = format!("the answer of Alice cannot be read: {why}");
        assert!(reason.starts_with(&expected), "{reason}");
    }
    // The id stands at the line's beginning, or it is taken for the oldest that is pending.
    for (method, line) in [("long", "long"), ("say", "long")] {
        let reason = answered(&mut agent, method, line);
        assert!(
            reason.contains("a line of more than 16777216 bytes"),
            "{reason}"
        );
    }
    let log = agent.log.text();
    assert!(log.contains("JSON has no NaN"), "{log}");
}

#[test]
fn a_word_that_cannot_be_read_is_answered_where_it_has_an_id() {
    let mut agent = parrot();
    let params = json!(r#"{"type":"send","alias":"out","message":NaN,"id":"mine"}"#);
    let name = "say".to_owned();
    agent.begin(&AgentRequest::Call { name, params }, TEST_TIMEOUT);
    let name = "reply".to_owned();
    let reply = agent.until(&AgentRequest::GetAttr { name }, |it| !it.is_null());
    assert_eq!(reply["id"], "mine");
    let error = reply["error"].as_str().unwrap();
    assert!(
        error.starts_with("JSON has no NaN and no infinity"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_done_is_told_to_who_asked_or_to_the_log() {
    let mut agent = mouth();
    let refused = [
        json!({"type": "bind", "alias": "x", "kind": "PUSH", "addr": "0.0.0.0"}),
        json!({"type": "bind", "alias": "x", "kind": "PUSH", "addr": "nowhere"}),
        json!({"type": "bind", "alias": "x", "kind": "PUSH", "handler": "log"}),
        json!({"type": "connect", "alias": "x", "to": "tcp://127.0.0.1:1"}),
        json!({"type": "connect", "alias": "x", "to": "udp://127.0.0.1:1", "kind": "PULL"}),
        json!({"type": "connect", "alias": "x", "to": "Bob"}),
        json!({"type": "connect", "alias": "x", "to": "tcp://127.0.0.1:1", "kind": "PULL", "wait": "1s"}),
        json!({"type": "close", "alias": "x"}),
        json!({"type": "subscribe", "alias": "x", "handler": "log"}),
        json!({"type": "timer", "set": {"x": 1}}),
        json!({"type": "timer", "every": "1s", "set": {"x": 1}, "call": "y"}),
        json!({"type": "timer", "every": "1s", "send": "x"}),
        json!({"type": "timer", "every": "1s", "send": "x", "message": 1}),
    ];
    let count = refused.len();
    for (n, word) in refused.into_iter().enumerate() {
        let told = ask(&mut agent, &format!("{n}"), word.clone());
        assert!(told["error"].is_string(), "{word}: {told}");
        say(&mut agent, json!([word]));
    }
    let log = || agent.log.text();
    let lines = log()
        .lines()
        .filter(|line| line.contains("the command: "))
        .count();
    assert_eq!(lines, count, "{}", log());
    say(
        &mut agent,
        json!([{"type": "subscribe", "alias": "x", "handler": {"a": "dance"}}]),
    );
    assert!(agent.log.text().contains("no handler is called \"dance\""));
    assert_eq!(agent.ask(AgentRequest::Addr { alias: None }), json!({}));
}
