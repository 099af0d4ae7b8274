//! Sockets that come, go and change while the agent runs.

use std::time::Duration;

use serde_json::{Value, json};
use zmq::SocketType;

use super::control::send;
use super::fixture::{Fixture, TEST_TIMEOUT, alias, all, bind};
use crate::model::{Action, Handlers, Proof, Serializer, Target};
use crate::wire::{AgentRequest, Announcement, ConnectToRequest, Fault, NameServerRequest, Peer};

const JSON: Serializer = Serializer::Json;

fn close(name: &str) -> AgentRequest {
    AgentRequest::Close {
        alias: alias(name),
        linger: None,
    }
}

fn by_topic(topic: &str, action: &str) -> Handlers {
    let actions: Vec<Action> = vec![action.parse().unwrap()];
    Handlers::ByTopic([(topic.to_owned(), actions)].into())
}

fn subscribe(name: &str, handlers: Handlers) -> AgentRequest {
    AgentRequest::Subscribe {
        alias: alias(name),
        handlers,
    }
}

fn unsubscribe(name: &str, topic: &str) -> AgentRequest {
    AgentRequest::Unsubscribe {
        alias: alias(name),
        topics: vec![topic.to_owned()],
    }
}

fn connections(agent: &mut Fixture) -> Vec<(String, Proof)> {
    let mut latest = agent.announced();
    if latest.is_empty() {
        latest.push(agent.await_announcement());
    }
    match latest.pop() {
        Some(Announcement::Agent { connections, .. }) => connections
            .into_iter()
            .map(|it| (it.address.unwrap_or_default(), it.proof))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_closed_socket_is_gone_for_all_and_its_place_is_free() {
    let mut agent = Fixture::start();
    let address = agent.bind(bind("main", "PUSH", JSON, &[]));
    agent.announced();
    for _ in 0..5 {
        assert_eq!(agent.ask(close("main")), json!({"main": 0}));
        let announced = agent.announced();
        let Some(Announcement::Agent { addresses, .. }) = announced.last() else {
            panic!("{announced:?}");
        };
        assert!(addresses.is_empty(), "the name server hears of it first");
        let fault = agent.try_ask(send("main", json!(1), None)).unwrap_err();
        assert!(matches!(fault, Fault::UnknownAlias { known, .. } if known.is_empty()));
        let mut again = bind("main", "PUSH", JSON, &[]);
        again.endpoint =
            crate::model::Endpoint::read(None, address.strip_prefix("tcp://")).unwrap();
        assert_eq!(agent.bind(again), address, "the port is free at once");
    }
    let fault = agent.try_ask(close("mian")).unwrap_err();
    assert!(matches!(fault, Fault::UnknownAlias { .. }));
}

#[test]
fn all_are_closed_together() {
    let mut agent = Fixture::start();
    agent.bind(bind("a", "PUSH", JSON, &[]));
    agent.bind(bind("b", "REP", JSON, &["echo"]));
    let all = AgentRequest::CloseAll {
        linger: Some(crate::model::Millis::new(0)),
    };
    assert_eq!(agent.ask(all.clone()), json!({"a": 0, "b": 0}));
    assert_eq!(agent.ask(all), json!({}));
    assert_eq!(agent.ask(AgentRequest::Addr { alias: None }), json!({}));
    agent.bind(bind("a", "PULL", JSON, &["collect"]));
}

#[test]
fn who_waits_for_a_closed_socket_is_told() {
    let mut agent = Fixture::start();
    agent.bind(bind("out", "PUSH", JSON, &[]));
    let (rep, address) = agent.listening(zmq::REP);
    let ask = Fixture::connection("ask", "REP", &address, JSON, &["collect"]);
    agent.wire(vec![ask]).unwrap();
    let odd = Fixture::connection("odd", "PUSH", "tcp://127.0.0.1:1", JSON, &["collect"]);
    let request = AgentRequest::SendRecv {
        alias: alias("ask"),
        message: json!(1),
    };
    let waiting = [
        (
            "out",
            agent.begin(&send("out", json!(1), None), TEST_TIMEOUT),
        ),
        ("ask", agent.begin(&request, TEST_TIMEOUT)),
        (
            "odd",
            agent.begin(&AgentRequest::Connect(odd), TEST_TIMEOUT),
        ),
    ];
    rep.recv_bytes(0).unwrap();
    for (name, id) in waiting {
        let closed = agent.begin(&close(name), TEST_TIMEOUT);
        let fault = agent.finish(id).unwrap_err();
        assert!(
            matches!(&fault, Fault::Closed { alias, .. } if alias.as_str() == name),
            "{fault}"
        );
        assert!(agent.finish(closed).is_ok());
    }
    rep.send("2", 0).unwrap();
    assert_eq!(
        agent.status().sockets.len(),
        0,
        "a late answer harms nobody"
    );
}

#[test]
fn what_was_not_sent_is_counted_and_told() {
    let mut agent = Fixture::start();
    agent.bind(bind("out", "PUSH", JSON, &[]));
    let inbox = agent.bind(bind("inbox", "PULL", JSON, &["forward:out"]));
    let push = agent.connected(zmq::PUSH, &inbox);
    (0..3).for_each(|n| push.send(n.to_string().as_str(), 0).unwrap());
    agent.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["inbox"]["received"] == 3
    });
    assert_eq!(agent.ask(close("out")), json!({"out": 3}));
    assert!(
        agent
            .log
            .text()
            .contains("out is closed: 3 messages were not sent")
    );
    push.send("4", 0).unwrap();
    agent.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["inbox"]["dropped"] == 1
    });
}

#[test]
fn what_was_taken_still_leaves() {
    let mut agent = Fixture::start();
    let (pull, sink) = agent.listening(zmq::PULL);
    let out = Fixture::connection("out", "PULL", &sink, JSON, &[]);
    agent.wire(vec![out]).unwrap();
    for n in 0..500 {
        agent.oneway(&send("out", json!(n), None));
    }
    assert_eq!(agent.ask(close("out")), json!({"out": 0}));
    for n in 0..500 {
        assert_eq!(pull.recv_bytes(0).unwrap(), n.to_string().as_bytes());
    }
}

/// osBrain's issue 333: closing a client's socket brought down the server.
#[test]
fn closing_a_client_harms_no_server() {
    let mut agent = Fixture::start();
    agent.bind(bind("rep", "REP", JSON, &["echo"]));
    agent.bind(bind("pub", "PUB", JSON, &[]));
    for push in ["push0", "push1", "push2"] {
        agent.bind(bind(push, "PUSH", JSON, &[]));
    }
    let addresses = agent.ask(AgentRequest::Addr { alias: None });
    let at = |name: &str| addresses[name]["address"].as_str().unwrap().to_owned();
    for round in 0..3 {
        let req = agent.connected(zmq::REQ, &at("rep"));
        req.send("1", 0).unwrap();
        drop(req);
        let req = agent.connected(zmq::REQ, &at("rep"));
        req.send("2", 0).unwrap();
        assert_eq!(req.recv_bytes(0).unwrap(), b"2", "round {round}");
        let gone = agent.connected(zmq::SUB, &at("pub"));
        gone.set_subscribe(b"").unwrap();
        let sub = agent.connected(zmq::SUB, &at("pub"));
        sub.set_subscribe(b"").unwrap();
        drop(gone);
        // A socket of its own: the client of the last round may not have been missed yet.
        let push = format!("push{round}");
        let pull = agent.connected(zmq::PULL, &at(&push));
        agent.ask(send(&push, json!(round), None));
        assert_eq!(pull.recv_bytes(0).unwrap(), round.to_string().as_bytes());
        agent.until(&send("pub", json!(round), None), |_| {
            sub.poll(zmq::POLLIN, 10).unwrap() > 0
        });
    }
    let dropped = |agent: &mut Fixture, name| agent.stats(name).dropped;
    for alias in ["pub", "push0", "push1", "push2"] {
        assert_eq!(dropped(&mut agent, alias), 0, "{alias}");
    }
}

/// The other way round: the agent's own clients are closed, and plain servers go on.
#[test]
fn a_client_that_closes_can_come_back() {
    let mut agent = Fixture::start();
    let pairs: [(SocketType, &str); 3] =
        [(zmq::PUSH, "PUSH"), (zmq::PUB, "PUB"), (zmq::REP, "REP")];
    let servers = pairs.map(|(socket, kind)| (agent.listening(socket), kind));
    for _ in 0..3 {
        let wires = servers.iter().map(|((_, address), kind)| {
            Fixture::connection(kind, kind, address, JSON, &["collect"])
        });
        agent.wire(wires.collect()).unwrap();
        for (_, kind) in &servers {
            agent.ask(close(kind));
        }
    }
    let ((push, address), _) = &servers[0];
    let inbox = Fixture::connection("inbox", "PUSH", address, JSON, &["collect"]);
    agent.wire(vec![inbox]).unwrap();
    push.send("7", 0).unwrap();
    assert_eq!(agent.received(1), json!([7]));
}

#[test]
fn a_server_that_closes_is_lost_and_one_in_its_place_heals_it() {
    let mut agent = Fixture::start();
    let (push, address) = agent.listening(zmq::PUSH);
    let inbox = Fixture::connection("inbox", "PUSH", &address, JSON, &["collect"]);
    agent.wire(vec![inbox]).unwrap();
    agent.announced();
    drop(push);
    while connections(&mut agent) != [(address.clone(), Proof::Lost)] {}
    let push = agent.peer(zmq::PUSH);
    while push.bind(&address).is_err() {
        std::thread::yield_now();
    }
    while !matches!(connections(&mut agent)[..], [(_, Proof::Proven { .. })]) {}
    push.send("1", 0).unwrap();
    assert_eq!(agent.received(1), json!([1]));
}

#[test]
fn a_connection_to_a_server_that_has_moved_moves() {
    let mut agent = Fixture::start();
    let (old, old_address) = agent.listening(zmq::PUSH);
    let (new, new_address) = agent.listening(zmq::PUSH);
    let to = |address: &str| Fixture::connection("inbox", "PUSH", address, JSON, &["collect"]);
    agent.wire(vec![to(&old_address)]).unwrap();
    old.send("1", 0).unwrap();
    agent.received(1);
    let moved = agent.wire(vec![to(&new_address)]).unwrap();
    assert_eq!(moved[0].address.as_ref(), Some(&new_address));
    new.send("2", 0).unwrap();
    assert_eq!(agent.received(2), json!([1, 2]));
    agent.announced();
    drop(old);
    agent.bind(bind("other", "PULL", JSON, &["log"]));
    assert!(matches!(
        &connections(&mut agent)[..],
        [(address, Proof::Proven { .. })] if *address == new_address
    ));
    let back = agent.wire(vec![to(&new_address)]).unwrap();
    assert_eq!(back.len(), 1, "the same again changes nothing");
}

#[test]
fn one_alias_may_have_many_servers_and_one_server_many_aliases() {
    let mut agent = Fixture::start();
    let (one, first) = agent.listening(zmq::PUSH);
    let (two, second) = agent.listening(zmq::PUSH);
    let wire = |name: &str, address: &str, to: &str| {
        let mut wire = Fixture::connection(name, "PUSH", address, JSON, &["collect"]);
        wire.to = Some(to.parse().unwrap());
        wire
    };
    let wires = vec![
        wire("both", &first, "Bob.main"),
        wire("both", &second, "Carol.main"),
        wire("again", &first, "Bob.main"),
    ];
    assert_eq!(agent.wire(wires).unwrap().len(), 3);
    (0..2).for_each(|_| one.send("1", 0).unwrap());
    two.send("2", 0).unwrap();
    let mut received = agent.received(3).as_array().unwrap().clone();
    received.sort_by_key(Value::as_u64);
    assert_eq!(received, [1, 1, 2]);
    agent.ask(close("again"));
    one.send("3", 0).unwrap();
    assert_eq!(agent.received(4)[3], 3);
}

#[test]
fn topics_are_added_replaced_and_taken_back() {
    let mut agent = Fixture::start();
    let (publisher, address) = agent.listening(zmq::XPUB);
    let mut news = Fixture::connection("news", "PUB", &address, JSON, &[]);
    news.handlers = Some(by_topic("a", "collect"));
    news.to = None;
    agent.wire(vec![news]).unwrap();
    assert_eq!(publisher.recv_bytes(0).unwrap(), b"\x01a");
    agent.ask(subscribe("news", by_topic("b", "log")));
    assert_eq!(publisher.recv_bytes(0).unwrap(), b"\x01b");
    agent.ask(subscribe("news", by_topic("b", "collect")));
    agent.ask(unsubscribe("news", "a"));
    assert_eq!(publisher.recv_bytes(0).unwrap(), b"\x00a");
    publisher.send("a\u{80}1".as_bytes(), 0).unwrap();
    publisher.send(&b"b\x802"[..], 0).unwrap();
    assert_eq!(agent.received(1), json!([2]));
    agent.ask(subscribe("news", all(&["collect"])));
    assert_eq!(publisher.recv_bytes(0).unwrap(), b"\x01");
    publisher.send(&b"c\x803"[..], 0).unwrap();
    assert_eq!(agent.received(2), json!([2, 3]));
    let fault = agent.try_ask(unsubscribe("news", "x")).unwrap_err();
    assert!(matches!(fault, Fault::UnknownTopic { known, .. } if known == ["", "b"]));
    let fault = agent.try_ask(subscribe("news", by_topic("À", "log")));
    assert!(matches!(fault, Err(Fault::Refused { .. })));
    agent.bind(bind("main", "PUSH", JSON, &[]));
    let fault = agent.try_ask(subscribe("main", by_topic("b", "log")));
    assert!(matches!(fault, Err(Fault::WrongKind { .. })));
}

fn connect_to(name: &str, to: &str) -> AgentRequest {
    AgentRequest::ConnectTo(ConnectToRequest {
        alias: alias(name),
        to: to.parse().unwrap(),
        handlers: Some(all(&["collect"])),
        replies: Default::default(),
    })
}

fn found(agent: &mut Fixture, kind: &str, role: &str, address: &str) {
    let found = json!({"kind": kind, "role": role, "transport": "tcp", "address": address, "serializer": "json"});
    agent.serve(|peer, asked: NameServerRequest| {
        assert_eq!(*peer, Peer::NameServer);
        matches!(asked, NameServerRequest::Addr { .. }).then(|| Ok(found.clone()))
    });
}

#[test]
fn a_server_is_found_by_its_name() {
    let mut agent = Fixture::start();
    let (push, address) = agent.listening(zmq::PUSH);
    let id = agent.begin(&connect_to("inbox", "Bob.main"), TEST_TIMEOUT);
    found(&mut agent, "PUSH", "server", &address);
    let wired = agent.finish(id).unwrap();
    assert_eq!(
        (&wired["to"], &wired["kind"]),
        (&json!("Bob.main"), &json!("PULL"))
    );
    push.send("1", 0).unwrap();
    assert_eq!(agent.received(1), json!([1]));
    let id = agent.begin(&connect_to("other", "Bob.inbox"), TEST_TIMEOUT);
    found(&mut agent, "PULL", "client", &address);
    let fault = agent.finish(id).unwrap_err().to_string();
    assert!(fault.contains("Bob.inbox connects"), "{fault}");
    let id = agent.begin(&connect_to("other", "Eve.main"), TEST_TIMEOUT);
    agent.serve(|_, asked: NameServerRequest| match asked {
        NameServerRequest::Addr { agent, .. } => Some(Err(Fault::UnknownAgent { name: agent })),
        _ => None,
    });
    assert!(matches!(agent.finish(id), Err(Fault::UnknownAgent { .. })));
    let id = agent.begin(&connect_to("other", "Eve.main"), Duration::from_millis(200));
    assert!(matches!(agent.finish(id), Err(Fault::Deadline { .. })));
}

/// Also if they are more than go over a wire at once.
#[test]
fn the_token_comes_after_all_topics() {
    let mut agent = Fixture::start();
    let (publisher, address) = agent.listening(zmq::XPUB);
    let topics = (0..3000).map(|n| (format!("topic {n}"), vec![Action::Discard]));
    let mut news = Fixture::connection("news", "PUB", &address, JSON, &[]);
    news.handlers = Some(Handlers::ByTopic(topics.collect()));
    news.token = Some(Fixture::token("Alice.news"));
    agent.wire(vec![news]).unwrap();
    let subscription = Fixture::token("Alice.news").subscription();
    let mut before = 0;
    while publisher.recv_bytes(0).unwrap() != [&[1][..], &subscription].concat() {
        before += 1;
    }
    assert_eq!(before, 3000);
}

/// Plays the publisher that is asked to have seen a token.
fn proven_by(agent: &mut Fixture, publisher: &zmq::Socket, name: &str) {
    let name: Target = name.parse().unwrap();
    agent.serve(|peer, asked: AgentRequest| {
        let AgentRequest::Prove { alias, tokens } = asked else {
            panic!("{asked:?}");
        };
        assert_eq!(
            (peer, &alias),
            (&Peer::Agent(name.agent.clone()), &name.alias)
        );
        let wanted = [&[1][..], &tokens[0].subscription()].concat();
        while publisher.recv_bytes(0).unwrap() != wanted {}
        Some(Ok(Value::Null))
    });
}

#[test]
fn a_subscription_is_proven_by_its_publisher() {
    let mut agent = Fixture::start();
    let (publisher, address) = agent.listening(zmq::XPUB);
    let id = agent.begin(&connect_to("news", "Bob.feed"), TEST_TIMEOUT);
    found(&mut agent, "PUB", "server", &address);
    proven_by(&mut agent, &publisher, "Bob.feed");
    assert_eq!(agent.finish(id).unwrap()["alias"], "news");
    let id = agent.begin(&subscribe("news", by_topic("a", "log")), TEST_TIMEOUT);
    proven_by(&mut agent, &publisher, "Bob.feed");
    assert_eq!(agent.finish(id), Ok(Value::Null));
    let back = publisher.recv_bytes(0).unwrap();
    assert!(
        back.starts_with(b"\0\xffosb-proof\xff"),
        "the token is taken back"
    );
    let id = agent.begin(&subscribe("news", by_topic("b", "log")), TEST_TIMEOUT);
    let closed = agent.begin(&close("news"), TEST_TIMEOUT);
    assert!(matches!(agent.finish(id), Err(Fault::Closed { .. })));
    assert_eq!(agent.finish(closed), Ok(json!({"news": 0})));
}

#[test]
fn a_publisher_that_connects_has_seen_its_subscriber() {
    let mut agent = Fixture::start();
    let (subscriber, address) = agent.listening(zmq::XSUB);
    let request = AgentRequest::ConnectTo(ConnectToRequest {
        alias: alias("out"),
        to: "Hub.in".parse().unwrap(),
        handlers: None,
        replies: Default::default(),
    });
    let id = agent.begin(&request, TEST_TIMEOUT);
    found(&mut agent, "SUB", "server", &address);
    agent.serve(|peer, asked: AgentRequest| {
        assert_eq!(peer.to_string(), "Hub");
        let AgentRequest::Probe { token, .. } = asked else {
            panic!("{asked:?}");
        };
        subscriber.send(&[1][..], 0).unwrap();
        let subscription = [&[1][..], &token.subscription()].concat();
        subscriber.send(subscription, 0).unwrap();
        Some(Ok(Value::Null))
    });
    // libzmq attends to a socket only while it is used.
    let heard = std::thread::spawn(move || subscriber.recv_bytes(0).unwrap());
    assert_eq!(agent.finish(id).unwrap()["kind"], "PUB");
    agent.ask(send("out", json!(1), None));
    assert_eq!(heard.join().unwrap(), b"\x801");
}
