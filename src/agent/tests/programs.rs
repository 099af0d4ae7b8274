//! Agents with a program: what it hears, what it says, and how it fails.

use std::time::Duration;

use serde_json::{Value, json};

use super::control::send;
use super::fixture::{Fixture, TEST_TIMEOUT, alias, bind, configure};
use crate::model::{AgentSpec, Serializer, Step};
use crate::wire::{AgentRequest, Announcement, Fault, NameServerRequest, decode, encode};

/// Answers requests, does as it is told by messages, and knows one method.
const HELPER: &str = r#"
import json, os, sys
def say(**word):
    print(json.dumps(word), flush=True)
for line in sys.stdin:
    word = json.loads(line)
    kind = word["type"]
    if kind == "start":
        say(type="set", attributes={"started": word, "env": os.environ["OSB_AGENT"] + os.environ["GREETING"]})
    elif kind == "attributes":
        say(type="set", attributes={"told": word["attributes"]})
    elif kind == "call":
        if word["name"] == "fail":
            say(type="reply", id=word["id"], error="no luck")
        elif word["name"] == "add":
            say(type="reply", id=word["id"], message=sum(word["params"]))
    elif kind == "message" and "id" in word:
        if word["message"] == "fail":
            say(type="reply", id=word["id"], error="no luck")
        else:
            say(type="reply", id=word["id"], message=[word["message"]])
    elif kind == "message":
        for item in word["message"]:
            say(**item)
    elif kind == "reply":
        say(type="set", attributes={"reply": word})
    elif kind == "stop":
        say(type="log", text="bye")
"#;

fn helper() -> Fixture {
    let mut agent = Fixture::start_with(Some(vec!["python3", "-u", "-c", HELPER]));
    agent.bind(bind("inbox", "PULL", Serializer::Json, &["command"]));
    agent
}

fn until_attribute(agent: &mut Fixture, name: &str) -> Value {
    let name = name.to_owned();
    agent.until(&AgentRequest::GetAttr { name }, |value| !value.is_null())
}

fn tell(agent: &mut Fixture, words: Value) {
    let addresses = agent.ask(AgentRequest::Addr { alias: None });
    let address = addresses["inbox"]["address"].as_str().unwrap().to_owned();
    let push = agent.connected(zmq::PUSH, &address);
    push.set_linger(20_000).unwrap();
    push.send(words.to_string().as_str(), 0).unwrap();
}

fn call(name: &str, params: Value) -> AgentRequest {
    AgentRequest::Call {
        name: name.to_owned(),
        params,
    }
}

#[test]
fn a_program_is_started_called_and_stopped() {
    let mut agent = helper();
    let early = agent.try_ask(call("add", json!([1, 2])));
    assert!(matches!(early, Err(Fault::Refused { .. })));
    agent.go();
    let started = until_attribute(&mut agent, "started");
    assert_eq!(started["agent"], "Alice");
    assert_eq!(started["sockets"], json!({"inbox": "PULL"}));
    assert_eq!(agent.attribute("env"), json!("Alicehi"));
    assert_eq!(agent.ask(call("add", json!([1, 2]))), json!(3));
    let fault = agent.try_ask(call("fail", json!(null))).unwrap_err();
    assert_eq!(
        fault,
        Fault::Handler {
            reason: "no luck".into()
        }
    );
    let id = agent.begin(&call("silence", json!(null)), Duration::from_millis(200));
    assert!(matches!(agent.finish(id), Err(Fault::Deadline { .. })));
    let attributes = [("level".to_owned(), json!(3))].into();
    agent.ask(AgentRequest::SetAttr { attributes });
    assert_eq!(until_attribute(&mut agent, "told"), json!({"level": 3}));
    assert_eq!(agent.shutdown(), 0);
    let log = agent.log.text();
    assert!(
        log.contains("INFO  bye\n") && log.contains("exit status 0"),
        "{log}"
    );
}

#[test]
fn a_program_answers_asks_and_sends() {
    let mut agent = helper();
    let desk = agent.bind(bind("desk", "REP", Serializer::Json, &["command"]));
    let (rep, address) = agent.listening(zmq::REP);
    let (pull, sink) = agent.listening(zmq::PULL);
    let (ask, out) = (
        Fixture::connection("ask", "REP", &address, Serializer::Json, &[]),
        Fixture::connection("out", "PULL", &sink, Serializer::Json, &[]),
    );
    agent.wire(vec![ask, out]).unwrap();
    agent.go();
    let req = agent.connected(zmq::REQ, &desk);
    for (body, answer) in [("1", "[1]"), ("\"fail\"", r#"{"$error":"no luck"}"#)] {
        req.send(body, 0).unwrap();
        assert_eq!(req.recv_string(0).unwrap().unwrap(), answer);
    }
    let request = json!({"type": "request", "alias": "ask", "message": "?", "id": "q"});
    let sent = json!({"type": "send", "alias": "out", "message": "!"});
    tell(&mut agent, json!([request, sent]));
    assert_eq!(pull.recv_bytes(0).unwrap(), b"\"!\"");
    rep.recv_bytes(0).unwrap();
    rep.send("42", 0).unwrap();
    let reply = until_attribute(&mut agent, "reply");
    assert_eq!(reply, json!({"type": "reply", "id": "q", "message": 42}));
}

#[test]
fn a_request_without_an_answer_ends_with_an_error() {
    let mut agent = helper();
    let (_rep, address) = agent.listening(zmq::REP);
    let ask = Fixture::connection("ask", "REP", &address, Serializer::Json, &[]);
    agent.wire(vec![ask]).unwrap();
    agent.go();
    let request =
        json!({"type": "request", "alias": "ask", "message": 1, "id": 5, "timeout": "50ms"});
    tell(&mut agent, json!([request]));
    let reply = until_attribute(&mut agent, "reply");
    assert_eq!(reply["id"], 5);
    assert!(
        reply["error"]
            .as_str()
            .unwrap()
            .contains("no answer within 50ms")
    );
}

#[test]
fn nothing_leaves_before_the_start() {
    let script = r#"echo '{"type":"send","alias":"out","message":1}'
        echo '{"type":"set","attributes":{"after":true}}'; exec cat > /dev/null"#;
    let mut agent = Fixture::start_with(Some(vec!["sh", "-c", script]));
    let (pull, sink) = agent.listening(zmq::PULL);
    let out = Fixture::connection("out", "PULL", &sink, Serializer::Json, &[]);
    agent.wire(vec![out]).unwrap();
    assert_eq!(pull.poll(zmq::POLLIN, 50).unwrap(), 0);
    assert_eq!(agent.attribute("after"), Value::Null);
    agent.go();
    assert_eq!(pull.recv_bytes(0).unwrap(), b"1");
    until_attribute(&mut agent, "after");
}

#[test]
fn what_it_says_wrongly_is_counted_and_told() {
    let script = r#"echo 'just printing'; echo '{"type":"dance"}'; echo
        echo '{"type":"send","alias":"nowhere","message":1}'
        echo '{"type":"reply","id":99}'; exec cat > /dev/null"#;
    let mut agent = Fixture::start_with(Some(vec!["sh", "-c", script]));
    agent.go();
    agent.until(&AgentRequest::Status {}, |status| {
        status["garbage_lines"] == 4
    });
    let printed = std::fs::read_to_string(agent.dir.path().join("out")).unwrap();
    assert!(printed.ends_with(" OUT   just printing\n"), "{printed}");
    let log = agent.log.text();
    assert!(log.contains("unknown variant `dance`"), "{log}");
    assert!(log.contains("there is no socket nowhere"), "{log}");
}

#[test]
fn its_end_is_the_agents_end() {
    for (script, status, words) in [
        ("exit 0", 0, "exit status 0"),
        ("exit 3", 3, "exit status 3"),
        ("kill -9 $$", 137, "signal 9"),
    ] {
        let mut agent =
            Fixture::start_with(Some(vec!["sh", "-c", &format!("read line; {script}")]));
        agent.go();
        agent.await_request(|request| matches!(request, NameServerRequest::Leave { .. }));
        assert_eq!(agent.ended(), status);
        assert!(agent.log.text().contains(words));
    }
    // It may have ended before its end could be reported.
    let mut agent = Fixture::launch(Some(vec![
        "sh",
        "-c",
        r#"echo '{"type":"stop"}'; exec cat"#,
    ]));
    assert_eq!(agent.ended(), 0);
}

#[test]
fn requests_are_answered_when_it_dies() {
    let mut agent = Fixture::start_with(Some(vec!["sh", "-c", "read start; read line; exit 1"]));
    let desk = agent.bind(bind("desk", "REP", Serializer::Json, &["command"]));
    agent.go();
    let req = agent.connected(zmq::REQ, &desk);
    req.send("1", 0).unwrap();
    assert_eq!(
        req.recv_bytes(0).unwrap(),
        br#"{"$error":"the command has ended"}"#
    );
    assert_eq!(agent.ended(), 1);
}

#[test]
fn a_program_that_cannot_be_started_is_told_before_all_else() {
    for (argv, words) in [
        (vec!["python33"], "cannot start python33: not found"),
        (vec!["/etc/passwd"], "cannot start /etc/passwd: not allowed"),
    ] {
        let mut agent = Fixture::launch(Some(argv));
        assert_eq!(agent.ended(), 127);
        assert!(agent.log.text().contains(words), "{}", agent.log.text());
    }
}

#[test]
fn a_program_that_does_not_read_holds_its_senders_back() {
    let script = r#"read start; echo '{"type":"set","attributes":{"ready":1}}'; exec sleep 1000"#;
    let mut agent = Fixture::start_with(Some(vec!["sh", "-c", script]));
    let inbox = agent.bind(bind("inbox", "PULL", Serializer::Json, &["command"]));
    agent.go();
    until_attribute(&mut agent, "ready");
    let push = agent.connected(zmq::PUSH, &inbox);
    push.set_sndhwm(10).unwrap();
    push.set_sndtimeo(500).unwrap();
    let body = format!("\"{}\"", "x".repeat(1000));
    let taken = (0..200_000)
        .take_while(|_| push.send(&body[..], 0).is_ok())
        .count();
    assert!(taken < 200_000, "the sender is held back");
    let received = agent.stats("inbox").received;
    assert!((1000..1500).contains(&received), "{received}");
    let Err(Fault::Refused { reason }) = agent.try_ask(call("x", json!(1))) else {
        panic!("it cannot be answered in time");
    };
    assert!(reason.contains("the command is behind"), "{reason}");
    until_attribute(&mut agent, "ready");
    agent.ask(AgentRequest::Shutdown { grace: None });
    assert_eq!(agent.ended(), 143);
    assert!(agent.log.text().contains("the command does not read"));
    assert!(agent.log.text().contains("lines not read by the command"));
}

#[test]
fn its_last_messages_still_leave() {
    let script = r#"read start; for i in 1 2 3; do echo '{"type":"send","alias":"out","message":'$i'}'; done"#;
    let mut agent = Fixture::start_with(Some(vec!["sh", "-c", script]));
    let (pull, sink) = agent.listening(zmq::PULL);
    let out = Fixture::connection("out", "PULL", &sink, Serializer::Json, &[]);
    agent.wire(vec![out]).unwrap();
    agent.go();
    assert_eq!(agent.ended(), 0);
    for number in ["1", "2", "3"] {
        assert_eq!(pull.recv_string(0).unwrap().unwrap(), number);
    }
}

#[test]
fn what_cannot_leave_is_told_at_the_end() {
    let script = r#"read start; for i in 1 2 3; do echo '{"type":"send","alias":"out","message":'$i'}'; done"#;
    let mut agent = Fixture::start_with(Some(vec!["sh", "-c", script]));
    agent.bind(bind("out", "PUSH", Serializer::Json, &[]));
    agent.go();
    assert_eq!(agent.ended(), 0);
    assert!(agent.log.text().contains("3 messages were not sent by out"));
}

#[test]
fn a_proxy_sends_past_the_program() {
    let mut agent = helper();
    let out = agent.bind(bind("out", "PUSH", Serializer::Json, &[]));
    let pull = agent.connected(zmq::PULL, &out);
    let id = agent.begin(&send("out", json!("before the start"), None), TEST_TIMEOUT);
    assert_eq!(agent.finish(id), Ok(Value::Null));
    assert_eq!(pull.recv_bytes(0).unwrap(), b"\"before the start\"");
    let nobody = agent.try_ask(AgentRequest::Addr {
        alias: Some(alias("ou")),
    });
    assert!(matches!(nobody, Err(Fault::UnknownAlias { known, .. }) if known.len() == 2));
}

/// An agent with this program, which is given so long to settle.
fn settling(program: Vec<&str>, settle: Duration) -> Fixture {
    let mut agent = Fixture::start_with(Some(program));
    agent.ask(configure(AgentSpec {
        settle: settle.into(),
        ..AgentSpec::named("Alice".parse().unwrap())
    }));
    agent.lead(Step::Settle);
    agent
}

/// Longer than anything may take here: it is not waited for.
const AN_HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_program_has_settled_when_it_has_said_something() {
    let says = r#"import sys; sys.stdin.readline(); print('{"type":"ready"}', flush=True); sys.stdin.read()"#;
    let mut agent = settling(vec!["python3", "-c", says], AN_HOUR);
    let done = agent.until_done(Step::Settle);
    let all = [Step::Configure, Step::Wire, Step::Settle];
    assert_eq!(Vec::from_iter(done), all);
    // Of what is said before that nothing is lost.
    let says = r#"import sys; print('{"type":"ready"}', flush=True); sys.stdin.read()"#;
    settling(vec!["python3", "-c", says], AN_HOUR).until_done(Step::Settle);
}

#[test]
fn a_program_that_says_nothing_has_settled_when_it_lives() {
    let little = Duration::from_millis(30);
    settling(vec!["sleep", "60"], little).until_done(Step::Settle);
    // What is printed is no word.
    let prints = vec!["sh", "-c", "echo hello; exec sleep 60"];
    settling(prints, little).until_done(Step::Settle);
}

#[test]
fn a_program_that_ends_well_has_settled_and_one_that_fails_has_not() {
    let mut agent = settling(vec!["sh", "-c", "read line"], AN_HOUR);
    agent.until_done(Step::Settle);
    assert_eq!(agent.ended(), 0);
    let mut agent = settling(vec!["sh", "-c", "read line; exit 7"], AN_HOUR);
    assert_eq!(agent.ended(), 7);
    let settled = |said: &Announcement| matches!(said, Announcement::Agent { reached, .. } if reached.done.contains(&Step::Settle));
    assert!(!agent.announced().iter().any(settled));
}

#[test]
fn timers_wait_until_the_agent_is_led_so_far() {
    let mut agent = helper();
    let timer = json!({"alias": "tick", "when": {"after": 1}, "action": {"set": {"attributes": {"ticked": true}}}});
    agent.ask(AgentRequest::Timer(serde_json::from_value(timer).unwrap()));
    agent.lead(Step::Settle);
    until_attribute(&mut agent, "started");
    agent.until_done(Step::Settle);
    assert_eq!(agent.attribute("ticked"), Value::Null);
    agent.go();
    assert_eq!(until_attribute(&mut agent, "ticked"), json!(true));
}

/// Takes frames or not, by its first argument; says back what it is told, frame and all, as attributes.
const FRAMED: &str = r#"
import json, sys
read, write = sys.stdin.buffer, sys.stdout.buffer
def say(word, frame=None):
    line = json.dumps(word).encode() + b"\n"
    write.write(line if frame is None else line + frame + b"\n")
    write.flush()
took = []
while line := read.readline():
    word = json.loads(line)
    frame = read.read(word["bytes"] + 1)[:-1] if "bytes" in word else None
    kind = word["type"]
    if kind == "start":
        if sys.argv[1] == "frames":
            say({"type": "frames"})
        say({"type": "set", "attributes": {"ready": word["frames"]}})
    elif kind == "message" and word["alias"] == "raw":
        took.append([word.get("message"), None if frame is None else frame.hex()])
        say({"type": "set", "attributes": {"took": took}})
    elif kind == "message":
        say({"type": "reply", "id": word["id"], **{key: word[key] for key in ("message", "bytes") if key in word}}, frame)
    elif kind == "call":
        for word, frame in word["params"]:
            say(word, bytes.fromhex(frame) if isinstance(frame, str) else frame and bytes(frame))
"#;

fn framed(how: &str) -> Fixture {
    let mut agent = Fixture::start_with(Some(vec!["python3", "-c", FRAMED, how]));
    agent.bind(bind("raw", "PULL", Serializer::Raw, &["command"]));
    agent.bind(bind("ask", "REP", Serializer::Msgpack, &["command"]));
    agent.go();
    assert_eq!(until_attribute(&mut agent, "ready"), true);
    agent
}

fn address_of(agent: &mut Fixture, alias: &str) -> String {
    let addresses = agent.ask(AgentRequest::Addr { alias: None });
    addresses[alias]["address"].as_str().unwrap().to_owned()
}

#[test]
fn bytes_come_as_frames_to_a_program_that_asks_for_them() {
    for (how, expected) in [
        (
            "frames",
            json!([[null, "0a00ff"], [null, "7465"], [null, ""]]),
        ),
        (
            "none",
            json!([[{"$base64": "CgD/"}, null], ["te", null], ["", null]]),
        ),
    ] {
        let mut agent = framed(how);
        let push = address_of(&mut agent, "raw");
        let push = agent.connected(zmq::PUSH, &push);
        for body in [&b"\n\0\xff"[..], b"te", b""] {
            push.send(body, 0).unwrap();
        }
        let name = "took".to_owned();
        let took = agent.until(&AgentRequest::GetAttr { name }, |it| {
            it.as_array().is_some_and(|it| it.len() == 3)
        });
        assert_eq!(took, expected);
        let ask = address_of(&mut agent, "ask");
        let ask = agent.connected(zmq::REQ, &ask);
        for value in [
            json!({"n": 1, "a": {"$base64": "AAo="}, "b": [{"$base64": ""}]}),
            json!({"$base64": "Cg=="}),
            json!(["none", 1]),
        ] {
            let body = encode(&value, Serializer::Msgpack).unwrap();
            ask.send(body, 0).unwrap();
            let answer = ask.recv_bytes(0).unwrap();
            assert_eq!(decode(&answer, Serializer::Msgpack), Ok(value), "{how}");
        }
    }
}

#[test]
fn frames_that_are_no_good_are_told_and_do_no_harm() {
    let mut agent = framed("frames");
    let (pull, sink) = agent.listening(zmq::PULL);
    let out = Fixture::connection("out", "PULL", &sink, Serializer::Raw, &[]);
    agent.wire(vec![out]).unwrap();
    let send = |bytes: Value| json!({"type": "send", "alias": "out", "bytes": bytes});
    let says = json!([
        [send(json!(2)), "0aff"],
        // One more than was said.
        [send(json!(2)), "0aff00"],
        // Not one that counts.
        [send(json!(-2)), null],
        [{"type": "dance", "bytes": 3}, "7b7d0a"],
        [{"type": "log", "text": "x", "bytes": 1}, "0a"],
        [{"type": "send", "alias": "out", "message": {"$bytes": [0, 9]}, "bytes": 1}, "0a"],
        [{"type": "send", "alias": "out", "message": {"$bytes": [1, 3]}, "bytes": 4}, "00616200"],
        [send(json!(0)), ""],
        [send(json!(20 << 20)), 20 << 20],
        [{"type": "send", "alias": "out", "message": "end"}, null],
    ]);
    agent.oneway(&call("say", says));
    for expected in [&b"\n\xff"[..], b"ab", b"", b"end"] {
        assert_eq!(pull.recv_bytes(0).unwrap(), expected);
    }
    let log = agent.log.text();
    for told in [
        "a frame of 2 bytes without a line feed after it",
        "invalid value: integer `-2`",
        "unknown variant `dance`",
        "unknown field `bytes`",
        "what stands for bytes is",
        "a frame of 20971520 bytes, where 16777216 may come",
    ] {
        assert!(log.contains(told), "{told}: {log}");
    }
}

#[test]
fn a_frame_of_a_program_that_has_not_asked_is_an_error() {
    let mut agent = framed("none");
    let says = json!([
        [{"type": "send", "alias": "raw", "bytes": 20}, null],
        [{"type": "set", "attributes": {"after": 1}}, null],
    ]);
    agent.oneway(&call("say", says));
    assert_eq!(until_attribute(&mut agent, "after"), 1);
    let log = agent.log.text();
    assert!(log.contains("`bytes` announces a frame"), "{log}");
}
