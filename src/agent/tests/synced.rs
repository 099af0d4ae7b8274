//! SYNC channels: publications for all, answers for one, in one order.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::channels::{actions, ask};
use super::control::send;
use super::fixture::{Fixture, TEST_TIMEOUT, alias, all, bind, tcp};
use crate::model::{
    Action, Address, BindSpec, Endpoint, Handlers, Kind, Proof, Replies, Serializer,
};
use crate::wire::{
    AgentRequest, Announcement, ConnectRequest, Fault, ProofToken, ReplyToken, sync_subscription,
};

fn publisher(by: Serializer, endpoint: Endpoint) -> BindSpec {
    BindSpec {
        endpoint: Some(endpoint),
        ..bind("feed", "SYNC_PUB", by, &["echo"])
    }
}

fn bound(agent: &mut Fixture, request: BindSpec) -> Address {
    serde_json::from_value(agent.ask(AgentRequest::Bind(request))).unwrap()
}

fn subscriber(
    name: &str,
    server: &Address,
    handlers: Handlers,
    replies: Replies,
) -> ConnectRequest {
    ConnectRequest {
        server: server.clone(),
        handlers: Some(handlers),
        replies,
        token: Some(ProofToken(name.to_owned())),
        ..Fixture::connection(name, "SYNC_PUB", "", Serializer::Json, &[])
    }
}

fn on_reply(texts: &[&str]) -> Replies {
    Replies {
        on_reply: actions(texts),
        ..Replies::default()
    }
}

/// Waits until the publisher has seen these subscribers.
fn prove(agent: &mut Fixture, names: &[&str]) {
    agent.ask(AgentRequest::Prove {
        alias: alias("feed"),
        tokens: names
            .iter()
            .map(|name| ProofToken((*name).to_owned()))
            .collect(),
    });
}

fn publish(agent: &mut Fixture, topic: &str, message: Value) {
    agent.ask(send("feed", message, Some(topic)));
}

#[test]
fn publications_go_to_all_and_answers_to_the_one_who_asked() {
    for by in Serializer::UNDERSTOOD {
        let mut agent = Fixture::start();
        let feed = bound(&mut agent, publisher(*by, tcp()));
        assert!(feed.requests.is_some());
        let collect = || all(&["collect"]);
        let first = subscriber("first", &feed, collect(), on_reply(&["collect", "log"]));
        let second = subscriber("second", &feed, collect(), on_reply(&["collect", "log"]));
        let wired = agent.wire(vec![first, second]).unwrap();
        assert_eq!(wired.len(), 2, "one connection each");
        assert_eq!(wired[0].kind, Kind::SyncSub);
        assert!(matches!(wired[0].proof, Proof::Proven { .. }));
        prove(&mut agent, &["first", "second"]);
        let publication = match by {
            Serializer::Raw => json!("news"),
            _ => json!({"news": 1}),
        };
        publish(&mut agent, "", publication.clone());
        assert_eq!(
            agent.received(2),
            json!([publication.clone(), publication]),
            "{by}"
        );
        agent.ask(send("first", json!("mine"), None));
        assert_eq!(agent.received(3)[2], "mine");
        let log = agent.log.text();
        assert!(log.contains("first: mine") && !log.contains("second: mine"));
        let recv = AgentRequest::SendRecv {
            alias: alias("second"),
            message: json!("waited for"),
        };
        assert_eq!(agent.ask(recv), json!("waited for"));
        agent.ask(ask("second", json!("logged"), on_reply(&["log"])));
        agent.until(&AgentRequest::Status {}, |status| {
            status["sockets"]["second"]["received"] == 3
        });
        assert!(agent.log.text().contains("second: logged"));
        let stats = agent.stats("feed");
        assert_eq!((stats.received, stats.dropped, stats.garbled), (3, 0, 0));
    }
}

#[test]
fn topics_are_for_publications_and_not_for_answers() {
    let mut agent = Fixture::start();
    let feed = bound(&mut agent, publisher(Serializer::Json, tcp()));
    let topics = BTreeMap::from([
        ("sport".to_owned(), vec![Action::Collect]),
        ("art".to_owned(), vec![Action::Log]),
    ]);
    let fan = subscriber(
        "fan",
        &feed,
        Handlers::ByTopic(topics),
        on_reply(&["collect"]),
    );
    agent.wire(vec![fan]).unwrap();
    prove(&mut agent, &["fan"]);
    publish(&mut agent, "weather", json!("rain"));
    publish(&mut agent, "art", json!("opening"));
    publish(&mut agent, "sports", json!("2:1"));
    assert_eq!(agent.received(1), json!(["2:1"]));
    agent.ask(send("fan", json!("sport"), None));
    assert_eq!(agent.received(2), json!(["2:1", "sport"]));
    assert!(agent.log.text().contains("fan [art]: opening"));
    assert_eq!(agent.stats("fan").received, 3, "no weather");
    let wrong = agent.try_ask(send("fan", json!(1), Some("topic")));
    assert!(matches!(wrong, Err(Fault::WrongKind { .. })));
}

#[test]
fn publications_are_forwarded_between_plain_and_synced_publishers() {
    let mut agent = Fixture::start();
    let feed = bound(&mut agent, publisher(Serializer::Json, tcp()));
    let out = agent.bind(bind("out", "PUB", Serializer::Json, &[]));
    let sub = agent.connected(zmq::SUB, &out);
    let token = Fixture::token("sub");
    sub.set_subscribe(b"sport").unwrap();
    sub.set_subscribe(&token.subscription()).unwrap();
    agent.ask(AgentRequest::Prove {
        alias: alias("out"),
        tokens: vec![token],
    });
    let source = agent.bind(bind("source", "SUB", Serializer::Json, &["forward:feed"]));
    let origin = agent.connected(zmq::XPUB, &source);
    origin.recv_bytes(0).unwrap();
    let relay = subscriber("relay", &feed, all(&["forward:out"]), Replies::default());
    agent.wire(vec![relay]).unwrap();
    prove(&mut agent, &["relay"]);
    origin.send(&b"sport\x80[1]"[..], 0).unwrap();
    assert_eq!(sub.recv_bytes(0).unwrap(), b"sport\x80[1]");
}

/// Publishes around each answer.
const PUBLISHER: &str = r#"
import json, sys
def say(**word):
    print(json.dumps(word), flush=True)
count = 0
for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "message":
        say(type="send", alias="feed", topic="a", message=count)
        say(type="reply", id=word["id"], message=count + 1)
        say(type="send", alias="feed", topic="b", message=count + 2)
        count += 3
"#;

#[test]
fn answers_are_in_order_with_the_publications() {
    const COUNT: usize = 200;
    let mut agent = Fixture::start_with(Some(vec!["python3", "-u", "-c", PUBLISHER]));
    let request = BindSpec {
        handlers: Some(all(&["command"])),
        ..publisher(Serializer::Msgpack, tcp())
    };
    let feed = bound(&mut agent, request);
    let one = subscriber("one", &feed, all(&["collect"]), on_reply(&["collect"]));
    agent.wire(vec![one]).unwrap();
    prove(&mut agent, &["one"]);
    agent.go();
    for number in 0..COUNT {
        agent.ask(send("one", json!(number), None));
    }
    let expected: Vec<usize> = (0..3 * COUNT).collect();
    assert_eq!(agent.received(3 * COUNT), json!(expected));
}

#[test]
fn strangers_get_no_answers_and_make_no_publications() {
    let mut agent = Fixture::start();
    let feed = bound(&mut agent, publisher(Serializer::Json, tcp()));
    let desk = feed.requests.clone().unwrap();
    let listener = agent.connected(zmq::SUB, &feed.address);
    listener.set_subscribe(&sync_subscription("")).unwrap();
    let token = Fixture::token("listener");
    listener.set_subscribe(&token.subscription()).unwrap();
    let one = subscriber("one", &feed, all(&["collect"]), on_reply(&["collect"]));
    agent.wire(vec![one]).unwrap();
    prove(&mut agent, &["one", "listener"]);

    let dealer = agent.connected(zmq::DEALER, &desk);
    let (id, public) = (7u64.to_be_bytes(), sync_subscription("forged-topic-xx"));
    assert_eq!(public.len(), 16);
    let body = b"\"forged\"";
    for frames in [
        vec![&id[..], b"", body],
        vec![b"short", &id, b"", body],
        vec![b"0123456789abcdef", b"id", b"", body],
        vec![b"0123456789abcdef", &id, b"more", b"", body],
        vec![b"no empty frame"],
    ] {
        dealer.send_multipart(frames, 0).unwrap();
    }
    agent.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["feed"]["garbled"] == 5
    });
    // It is kept until the requester subscribes to its answer, and that is never under a public topic.
    dealer
        .send_multipart([&public[..], &id, b"", body], 0)
        .unwrap();
    let subscribed = ReplyToken::random();
    dealer
        .send_multipart([subscribed.as_bytes(), &id, b"", body], 0)
        .unwrap();
    agent.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["feed"]["received"] == 7
    });
    assert_eq!(agent.stats("feed").sent, 0);
    let late = agent.connected(zmq::SUB, &feed.address);
    late.set_subscribe(&subscribed.subscription()).unwrap();
    let answer = late.recv_bytes(0).unwrap();
    assert_eq!(answer, subscribed.answer(&id, body));

    agent.ask(send("one", json!("secret"), None));
    assert_eq!(agent.received(1), json!(["secret"]));
    publish(&mut agent, "t", json!("public"));
    let heard = listener.recv_bytes(0).unwrap();
    assert!(heard.ends_with(b"t\x80\"public\""), "{heard:?}");
    assert_eq!(agent.stats("feed").sent, 3);
}

#[test]
fn an_answer_for_someone_who_has_gone_is_counted() {
    let mut agent = Fixture::start();
    let (router, address) = agent.listening(zmq::ROUTER);
    let back = Fixture::connection("back", "REP", &address, Serializer::Json, &[]);
    agent.wire(vec![back]).unwrap();
    let request = BindSpec {
        handlers: Some(all(&["forward:back"])),
        ..publisher(Serializer::Json, tcp())
    };
    let feed = bound(&mut agent, request);
    let dealer = agent.connected(zmq::DEALER, feed.requests.as_ref().unwrap());
    let sub = agent.connected(zmq::SUB, &feed.address);
    let token = ReplyToken::random();
    sub.set_subscribe(&token.subscription()).unwrap();
    let gone = Fixture::token("gone");
    sub.set_subscribe(&gone.subscription()).unwrap();
    prove(&mut agent, &["gone"]);
    let frames = [token.as_bytes(), &[0; 8], b"", b"1"];
    dealer.send_multipart(frames, 0).unwrap();
    let mut held = router.recv_multipart(0).unwrap();
    // The publisher keeps the requests of those whom it does not know: then it has seen the end.
    drop(sub);
    loop {
        dealer.send_multipart(frames, 0).unwrap();
        if router.poll(zmq::POLLIN, 200).unwrap() == 0 {
            break;
        }
        held = router.recv_multipart(0).unwrap();
    }
    assert_eq!(agent.stats("feed").sent, 0);
    router.send_multipart(held, 0).unwrap();
    agent.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["feed"]["dropped"] == 1
    });
}

/// Waits until the agent knows that its only connection is lost.
fn until_lost(agent: &mut Fixture) {
    let lost = |announcement: &Announcement| match announcement {
        Announcement::Agent { connections, .. } => connections[0].proof == Proof::Lost,
        Announcement::Host { .. } => unreachable!(),
    };
    while !lost(&agent.await_announcement()) {}
}

fn at(path: &Path) -> Endpoint {
    Endpoint::Ipc {
        path: Some(path.to_owned()),
    }
}

#[test]
fn a_subscriber_outlives_its_publisher() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("feed");
    let mut first = Fixture::start();
    let silent = BindSpec {
        handlers: Some(all(&["forward:nowhere"])),
        ..publisher(Serializer::Json, at(&path))
    };
    let feed = bound(&mut first, silent);
    let mut agent = Fixture::start();
    let replies = Replies {
        on_error: actions(&["collect"]),
        ..on_reply(&["collect"])
    };
    let one = subscriber("one", &feed, all(&["collect"]), replies);
    agent.wire(vec![one]).unwrap();
    prove(&mut first, &["one"]);
    agent.announced();
    agent.ask(send("one", json!("answered with an error"), None));
    let error = agent.received(1)[0]["$error"].as_str().unwrap().to_owned();
    assert!(error.contains("no socket nowhere"), "{error}");
    first.shutdown();
    until_lost(&mut agent);
    // What still left by the dying connection is given up; what is asked later waits.
    let mut sent = None;
    while sent != Some(agent.stats("one").sent) {
        sent = Some(agent.stats("one").sent);
        agent.ask(send("one", json!("while it is away"), None));
    }

    let mut second = Fixture::start();
    let again = bound(&mut second, publisher(Serializer::Json, at(&path)));
    assert_eq!(again, feed);
    let holds = |text: &'static str| {
        move |received: &Value| received.as_array().unwrap().contains(&json!(text))
    };
    let received = AgentRequest::GetAttr {
        name: "received".to_owned(),
    };
    agent.until(&received, holds("while it is away"));
    prove(&mut second, &["one"]);
    publish(&mut second, "t", json!("news"));
    agent.until(&received, holds("news"));
    assert_eq!(agent.stats("one").dropped, 0);
}

#[test]
fn requests_to_a_publisher_that_dies_end_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Fixture::start();
    let (_rep, address) = first.listening(zmq::REP);
    let back = Fixture::connection("back", "REP", &address, Serializer::Json, &[]);
    first.wire(vec![back]).unwrap();
    let slow = BindSpec {
        handlers: Some(all(&["forward:back"])),
        ..publisher(Serializer::Json, at(&dir.path().join("feed")))
    };
    let feed = bound(&mut first, slow);
    let mut agent = Fixture::start();
    let replies = Replies {
        on_error: actions(&["collect"]),
        ..Replies::default()
    };
    agent
        .wire(vec![subscriber("one", &feed, all(&["log"]), replies)])
        .unwrap();
    prove(&mut first, &["one"]);
    agent.ask(send("one", json!(1), None));
    first.until(&AgentRequest::Status {}, |status| {
        status["sockets"]["feed"]["received"] == 1
    });
    let began = Instant::now();
    first.shutdown();
    let gone = "the other side went away before it answered";
    assert_eq!(agent.received(1), json!([{ "$error": gone }]));
    assert!(began.elapsed() < TEST_TIMEOUT / 2);
}

#[test]
fn requests_arrive_at_the_port_after() {
    let mut agent = Fixture::start();
    let feed = bound(&mut agent, publisher(Serializer::Json, tcp()));
    let port = |address: &str| -> u16 {
        let (_, port) = address.rsplit_once(':').unwrap();
        port.parse().unwrap()
    };
    let after = port(&feed.address) + 1;
    assert_eq!(port(feed.requests.as_ref().unwrap()), after);
    let taken = Endpoint::Tcp {
        ip: "127.0.0.1".parse().unwrap(),
        port: port(&feed.address) - 1,
    };
    let mut second = publisher(Serializer::Json, taken);
    second.alias = alias("second");
    let fault = agent.try_ask(AgentRequest::Bind(second)).unwrap_err();
    let text = fault.to_string();
    // Of the two ports one is taken, if not both.
    assert!(matches!(fault, Fault::Bind { .. }), "{text}");
}

#[test]
fn a_server_without_a_request_socket_is_refused() {
    let mut agent = Fixture::start();
    let feed = bound(&mut agent, publisher(Serializer::Json, tcp()));
    let half = Address {
        requests: None,
        ..feed
    };
    let wired = agent.wire(vec![subscriber(
        "one",
        &half,
        all(&["log"]),
        Replies::default(),
    )]);
    assert!(matches!(wired, Err(Fault::Connect { .. })), "{wired:?}");
}

#[test]
fn a_channel_is_closed_as_a_whole_and_can_be_bound_again() {
    let mut agent = Fixture::start();
    let feed = bound(&mut agent, publisher(Serializer::Json, tcp()));
    let one = subscriber("one", &feed, all(&["log"]), Replies::default());
    agent.wire(vec![one]).unwrap();
    prove(&mut agent, &["one"]);
    let close = |name: &str| AgentRequest::Close {
        alias: alias(name),
        linger: None,
    };
    assert_eq!(agent.ask(close("one")), json!({"one": 0}));
    assert_eq!(agent.ask(close("feed")), json!({"feed": 0}));
    assert!(agent.status().sockets.is_empty());
    let port = feed.address.rsplit_once(':').unwrap().1.parse().unwrap();
    let same = Endpoint::Tcp {
        ip: "127.0.0.1".parse().unwrap(),
        port,
    };
    let again = bound(&mut agent, publisher(Serializer::Json, same));
    assert_eq!(again, feed, "both ports are free");
    let one = subscriber("one", &feed, all(&["log"]), on_reply(&["collect"]));
    agent.wire(vec![one]).unwrap();
    agent.ask(send("one", json!("still here"), None));
    assert_eq!(agent.received(1), json!(["still here"]));
}

#[test]
fn topics_of_a_subscriber_come_and_go() {
    let mut agent = Fixture::start();
    let feed = bound(&mut agent, publisher(Serializer::Json, tcp()));
    let topics = Handlers::ByTopic([("art".to_owned(), vec![Action::Collect])].into());
    let one = ConnectRequest {
        to: None,
        ..subscriber("one", &feed, topics, on_reply(&["collect"]))
    };
    agent.wire(vec![one]).unwrap();
    prove(&mut agent, &["one"]);
    let sport = Handlers::ByTopic([("sport".to_owned(), vec![Action::Collect])].into());
    agent.ask(AgentRequest::Subscribe {
        alias: alias("one"),
        handlers: sport,
    });
    agent.ask(AgentRequest::Unsubscribe {
        alias: alias("one"),
        topics: vec!["art".to_owned()],
    });
    let probe = AgentRequest::Probe {
        alias: alias("one"),
        token: ProofToken("later".to_owned()),
    };
    agent.ask(probe);
    prove(&mut agent, &["later"]);
    publish(&mut agent, "art", json!("opening"));
    publish(&mut agent, "sport", json!("2:1"));
    agent.ask(send("one", json!("answers go on"), None));
    assert_eq!(agent.received(2), json!(["2:1", "answers go on"]));
}
