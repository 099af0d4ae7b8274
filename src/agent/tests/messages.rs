//! What an agent does with messages.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::control::send;
use super::fixture::{Fixture, TEST_TIMEOUT, alias, bind, configure};
use crate::model::{
    Action, AgentSpec, BindSpec, Handlers, Millis, Serializer, TimerAction, TimerSpec, When,
};
use crate::wire::{AgentRequest, Fault, decode, encode};

fn send_recv(to: &str, message: Value) -> AgentRequest {
    AgentRequest::SendRecv {
        alias: alias(to),
        message,
    }
}

#[test]
fn log_and_collect_in_each_serializer() {
    let mut agent = Fixture::start();
    for (count, by) in (1..).zip(Serializer::UNDERSTOOD) {
        let address = agent.bind(bind(by.as_str(), "PULL", *by, &["log", "collect"]));
        let push = agent.connected(zmq::PUSH, &address);
        push.send(encode(&json!("Hello\n"), *by).unwrap(), 0)
            .unwrap();
        assert_eq!(agent.received(count).as_array().unwrap().len(), count);
        let line = format!("INFO  {by}: Hello\n");
        assert!(agent.log.text().contains(&line));
    }
}

#[test]
fn a_rep_answers_any_plain_req() {
    let mut agent = Fixture::start();
    let echo = agent.bind(bind("echo", "REP", Serializer::Json, &["log", "echo"]));
    let quiet = agent.bind(bind("quiet", "REP", Serializer::Raw, &["collect"]));
    let req = agent.connected(zmq::REQ, &echo);
    for body in [&b"{\"x\":1}"[..], b"[]"] {
        req.send(body, 0).unwrap();
        assert_eq!(req.recv_bytes(0).unwrap(), body);
    }
    req.send("{", 0).unwrap();
    let answer = decode(&req.recv_bytes(0).unwrap(), Serializer::Json).unwrap();
    assert!(answer["$error"].as_str().unwrap().contains("not json"));
    assert_eq!(agent.stats("echo").garbled, 1);
    let req = agent.connected(zmq::REQ, &quiet);
    req.send("hi", 0).unwrap();
    assert_eq!(req.recv_bytes(0).unwrap(), b"");
}

#[test]
fn a_req_asks_any_plain_rep() {
    let mut agent = Fixture::start();
    let (rep, address) = agent.listening(zmq::REP);
    let ask = Fixture::connection("ask", "REP", &address, Serializer::Json, &["collect"]);
    agent.wire(vec![ask]).unwrap();
    let id = agent.begin(&send_recv("ask", json!("2+2")), TEST_TIMEOUT);
    assert_eq!(rep.recv_bytes(0).unwrap(), b"\"2+2\"");
    rep.send("4", 0).unwrap();
    assert_eq!(agent.finish(id), Ok(json!(4)));

    let id = agent.begin(&send_recv("ask", json!("1/0")), TEST_TIMEOUT);
    rep.recv_bytes(0).unwrap();
    rep.send(r#"{"$error":"no such number"}"#, 0).unwrap();
    let fault = agent.finish(id).unwrap_err();
    assert_eq!(
        fault,
        Fault::Handler {
            reason: "no such number".into()
        }
    );

    let id = agent.begin(&send_recv("ask", json!("slow")), Duration::from_millis(200));
    rep.recv_bytes(0).unwrap();
    assert!(matches!(agent.finish(id), Err(Fault::Deadline { .. })));
    rep.send("0", 0).unwrap();
    agent.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["ask"]["dropped"] == 1
    });

    agent.ask(send("ask", json!("plain send"), None));
    rep.recv_bytes(0).unwrap();
    rep.send("\"for the handlers\"", 0).unwrap();
    assert_eq!(agent.received(1), json!(["for the handlers"]));
}

#[test]
fn a_request_is_forwarded_and_its_answer_comes_back() {
    for kind in ["REP", "ASYNC_REP"] {
        let mut agent = Fixture::start();
        let (rep, address) = agent.listening(zmq::REP);
        let back = Fixture::connection("back", kind, &address, Serializer::Msgpack, &[]);
        agent.wire(vec![back]).unwrap();
        let front = agent.bind(bind("front", kind, Serializer::Json, &["forward:back"]));
        let req = agent.connected(zmq::REQ, &front);
        req.send("[1,2]", 0).unwrap();
        let asked = decode(&rep.recv_bytes(0).unwrap(), Serializer::Msgpack).unwrap();
        assert_eq!(asked, json!([1, 2]));
        rep.send(encode(&json!(3), Serializer::Msgpack).unwrap(), 0)
            .unwrap();
        assert_eq!(req.recv_bytes(0).unwrap(), b"3");
    }
}

#[test]
fn messages_are_forwarded_as_they_are() {
    let mut agent = Fixture::start();
    let (pull, sink) = agent.listening(zmq::PULL);
    let out = Fixture::connection("out", "PULL", &sink, Serializer::Json, &[]);
    agent.wire(vec![out]).unwrap();
    let inbox = agent.bind(bind(
        "inbox",
        "PULL",
        Serializer::Json,
        &["forward:out", "collect"],
    ));
    let push = agent.connected(zmq::PUSH, &inbox);
    push.send("{ \"a\" :1}", 0).unwrap();
    assert_eq!(pull.recv_bytes(0).unwrap(), b"{ \"a\" :1}");
    assert_eq!(agent.received(1), json!([{"a": 1}]));
}

#[test]
fn publications_go_to_the_handlers_of_their_topic() {
    let mut agent = Fixture::start();
    let topics = [
        ("sport".to_owned(), vec![Action::Log]),
        (String::new(), vec![Action::Collect]),
    ];
    let news = BindSpec {
        handlers: Some(Handlers::ByTopic(topics.into())),
        ..bind("news", "SUB", Serializer::Json, &[])
    };
    let address = agent.bind(news);
    let publisher = agent.connected(zmq::XPUB, &address);
    publisher.recv_bytes(0).unwrap();
    publisher.recv_bytes(0).unwrap();
    publisher.send(&b"sports\x80\"goal\""[..], 0).unwrap();
    publisher.send(&b"art\x80[1]"[..], 0).unwrap();
    assert_eq!(agent.received(2), json!(["goal", [1]]));
    let log = agent.log.text();
    assert!(
        log.contains("news [sports]: goal") && !log.contains("[art]"),
        "{log}"
    );
}

#[test]
fn every_kind_binds_and_connects() {
    let mut agent = Fixture::start();
    let ask = agent.bind(bind("ask", "REQ", Serializer::Msgpack, &[]));
    let desk = Fixture::connection("desk", "REQ", &ask, Serializer::Msgpack, &["echo"]);
    let inbox = agent.bind(bind("inbox", "PULL", Serializer::Json, &["collect"]));
    let out = Fixture::connection("out", "PULL", &inbox, Serializer::Json, &[]);
    let wired = agent.wire(vec![desk, out]).unwrap();
    assert_eq!(wired.len(), 2);
    assert_eq!(
        agent.ask(send_recv("ask", json!({"x": [1]}))),
        json!({"x": [1]})
    );
    agent.ask(send("out", json!(1), None));
    assert_eq!(agent.received(1), json!([1]));
}

#[test]
fn many_requests_are_answered_in_any_order() {
    let mut agent = Fixture::start();
    let (router, address) = agent.listening(zmq::ROUTER);
    let ask = Fixture::connection("ask", "REP", &address, Serializer::Json, &[]);
    agent.wire(vec![ask]).unwrap();
    let ids: Vec<u64> = (0..10)
        .map(|number| agent.begin(&send_recv("ask", json!(number)), TEST_TIMEOUT))
        .collect();
    let requests: Vec<_> = (0..10).map(|_| router.recv_multipart(0).unwrap()).collect();
    for request in requests.into_iter().rev() {
        router.send_multipart(request, 0).unwrap();
    }
    let mut answers: Vec<Value> = Vec::new();
    for id in ids.into_iter().rev() {
        answers.push(agent.finish(id).unwrap());
    }
    assert_eq!(answers, (0..10).rev().map(Value::from).collect::<Vec<_>>());
}

#[test]
fn timers_wait_for_go() {
    let mut agent = Fixture::start();
    let (pull, sink) = agent.listening(zmq::PULL);
    let out = Fixture::connection("out", "PULL", &sink, Serializer::Json, &[]);
    agent.wire(vec![out]).unwrap();
    let timer = TimerSpec {
        alias: None,
        when: When::Every(Millis::new(5)),
        action: TimerAction::Send {
            alias: alias("out"),
            message: json!("tick"),
            topic: None,
        },
    };
    agent.ask(configure(AgentSpec {
        timers: vec![timer],
        ..AgentSpec::named("Alice".parse().unwrap())
    }));
    assert_eq!(pull.poll(zmq::POLLIN, 50).unwrap(), 0);
    agent.go();
    for _ in 0..3 {
        assert_eq!(pull.recv_bytes(0).unwrap(), b"\"tick\"");
    }
    agent.ask(AgentRequest::Quiet {});
    assert_eq!(agent.status().skipped_ticks, 0);
}

#[test]
fn an_agent_tells_what_it_takes_of_its_machine() {
    let mut agent = Fixture::start();
    let before = agent.status().usage.unwrap();
    assert_eq!(before.agent.pid, std::process::id());
    assert!(before.agent.memory > 100_000, "{before:?}");
    assert_eq!(before.program, None);
    let after = agent.status().usage.unwrap();
    assert!(after.at_us > before.at_us && after.agent.cpu_us >= before.agent.cpu_us);
}

#[test]
fn a_send_that_nobody_takes_is_told() {
    let mut agent = Fixture::start();
    let main = agent.bind(bind("main", "PUSH", Serializer::Json, &[]));
    let id = agent.begin(&send("main", json!(1), None), Duration::from_millis(200));
    assert!(matches!(agent.finish(id), Err(Fault::NotSent { .. })));
    let id = agent.begin(&send("main", json!(2), None), TEST_TIMEOUT);
    let pull = agent.connected(zmq::PULL, &main);
    assert_eq!(agent.finish(id), Ok(Value::Null));
    assert_eq!(pull.recv_bytes(0).unwrap(), b"2");
    let wrong = agent.try_ask(send("main", json!(1), Some("topic")));
    assert!(matches!(wrong, Err(Fault::WrongKind { .. })));
}

#[test]
fn full_queues_push_back_and_lose_nothing() {
    const COUNT: u32 = 20_000;
    let mut agent = Fixture::start();
    let out = agent.bind(bind("out", "PUSH", Serializer::Raw, &[]));
    let inbox = agent.bind(bind("inbox", "PULL", Serializer::Raw, &["forward:out"]));
    let push = agent.peer(zmq::PUSH);
    push.set_sndhwm(100).unwrap();
    push.connect(&inbox).unwrap();
    let sender = std::thread::spawn(move || {
        for number in 0..COUNT {
            push.send(number.to_string().as_str(), 0).unwrap();
        }
        push
    });
    let wanted = |status: &Value| status["sockets"]["inbox"]["received"] == 1000;
    agent.until(&AgentRequest::Status {}, wanted);
    assert!(!sender.is_finished(), "the sender is held back");
    let pull = agent.connected(zmq::PULL, &out);
    for number in 0..COUNT {
        assert_eq!(pull.recv_bytes(0).unwrap(), number.to_string().as_bytes());
    }
    sender.join().unwrap();
    assert_eq!(agent.stats("out").sent, u64::from(COUNT));
}

#[test]
fn strangers_bytes_do_no_harm() {
    let mut agent = Fixture::start();
    let rep = agent.bind(bind("rep", "REP", Serializer::Json, &["echo"]));
    let feed = agent.bind(bind("feed", "PUB", Serializer::Json, &[]));
    let inbox = agent.bind(bind("inbox", "PULL", Serializer::Json, &["collect"]));
    for address in [&rep, &feed, &inbox] {
        let mut stream = TcpStream::connect(address.trim_start_matches("tcp://")).unwrap();
        let garbage: Vec<u8> = (0..4096u32).map(|n| (n * 31 % 251) as u8).collect();
        let _ = stream.write_all(&garbage);
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let dealer = agent.connected(zmq::DEALER, &rep);
    dealer.send("no empty frame", 0).unwrap();
    dealer.send_multipart(["", "", ""], 0).unwrap();
    dealer.send_multipart(vec!["x"; 16], 0).unwrap();
    // More frames than a message may have end the connection: nothing of it arrives.
    dealer.send_multipart(vec!["x"; 100], 0).unwrap();
    let wanted = |status: &Value| status["sockets"]["rep"]["garbled"] == 3;
    agent.until(&AgentRequest::Status {}, wanted);
    let push = agent.connected(zmq::PUSH, &inbox);
    push.send_multipart(["two", "frames"], 0).unwrap();
    push.send(&b"\xff"[..], 0).unwrap();
    push.send("1", 0).unwrap();
    assert_eq!(agent.received(1), json!([1]));
    assert_eq!(agent.stats("inbox").garbled, 2);
}

#[test]
fn a_slow_subscriber_costs_only_itself() {
    let mut agent = Fixture::start();
    let feed = agent.bind(bind("feed", "PUB", Serializer::Raw, &[]));
    let inbox = agent.bind(bind("inbox", "PULL", Serializer::Raw, &["forward:feed"]));
    let slow = agent.peer(zmq::SUB);
    slow.set_rcvhwm(1).unwrap();
    slow.set_rcvbuf(4096).unwrap();
    let token = Fixture::token("slow");
    slow.set_subscribe(b"").unwrap();
    slow.set_subscribe(&token.subscription()).unwrap();
    slow.connect(&feed).unwrap();
    agent.ask(AgentRequest::Prove {
        alias: alias("feed"),
        tokens: vec![token],
    });
    let push = agent.connected(zmq::PUSH, &inbox);
    let body = vec![b'x'; 4096];
    for _ in 0..5000 {
        push.send(&body[..], 0).unwrap();
    }
    let wanted = |status: &Value| status["sockets"]["inbox"]["received"] == 5000;
    agent.until(&AgentRequest::Status {}, wanted);
    let stats = agent.stats("feed");
    assert!(stats.dropped > 0, "{stats:?}");
    assert!(agent.log.text().is_empty() || stats.dropped <= 5000);
}
