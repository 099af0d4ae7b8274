//! What an agent says and answers as a member of its system.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{Fixture, TEST_TIMEOUT, alias, all, bind, tcp};
use crate::model::{AgentSpec, BindSpec, ConnectionInfo, Endpoint, Proof, Serializer, SpecVersion};
use crate::wire::{AgentRequest, Announcement, Envelope, Event, Fault, NameServerRequest, body};

#[test]
fn it_announces_itself_and_beats() {
    let mut agent = Fixture::launch(None);
    let Announcement::Agent {
        name, addresses, ..
    } = agent.await_announcement()
    else {
        panic!("not an agent");
    };
    assert_eq!((name.as_str(), addresses.len()), ("Alice", 0));
    agent.await_request(|request| matches!(request, NameServerRequest::Heartbeat {}));
    agent.oneway(&AgentRequest::Addr { alias: None });
    agent.send(&Envelope::event(), body(&Event::Unregistered {}));
    agent.await_announcement();
    assert_eq!(agent.ask(AgentRequest::IsRunning {}), json!(true));
}

/// The spec of an agent with these sockets.
fn spec(bind: Vec<BindSpec>) -> AgentSpec {
    AgentSpec {
        attributes: [("mood".to_owned(), json!("fine"))].into(),
        bind,
        ..AgentSpec::named("Alice".parse().unwrap())
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn it_is_what_its_spec_says_when_it_announces_itself() {
    let main = bind("main", "PUSH", Serializer::Json, &[]);
    let port = free_port();
    let ports = [(alias("main"), port)].into();
    let mut agent = Fixture::launch_as(spec(vec![main]), ports);
    let Announcement::Agent {
        addresses,
        spec_version,
        reached,
        ..
    } = agent.await_announcement()
    else {
        panic!("not an agent");
    };
    assert_eq!((spec_version, reached.fault), (Some(SpecVersion(3)), None));
    let at = addresses[&alias("main")].port();
    assert_eq!(at, Some(port), "where it was in the life before");
    assert_eq!(agent.attribute("mood"), json!("fine"));
}

#[test]
fn a_port_of_the_life_before_that_is_taken_is_not_waited_for() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let main = bind("main", "PUSH", Serializer::Json, &[]);
    let ports = [(alias("main"), port)].into();
    let mut agent = Fixture::launch_as(spec(vec![main]), ports);
    let Announcement::Agent {
        addresses, reached, ..
    } = agent.await_announcement()
    else {
        panic!("not an agent");
    };
    assert_eq!(reached.fault, None);
    let at = addresses[&alias("main")].port();
    assert!(at.is_some() && at != Some(port), "{at:?}");
}

#[test]
fn what_it_cannot_be_it_announces_and_is_there_all_the_same() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ip = [127, 0, 0, 1].into();
    let other = bind("other", "PUSH", Serializer::Json, &[]);
    let main = BindSpec {
        endpoint: Some(Endpoint::Tcp { ip, port }),
        ..bind("main", "PUSH", Serializer::Json, &[])
    };
    let mut agent = Fixture::launch_as(spec(vec![other, main]), Default::default());
    let Announcement::Agent {
        addresses,
        spec_version,
        reached,
        ..
    } = agent.await_announcement()
    else {
        panic!("not an agent");
    };
    assert_eq!((addresses.len(), spec_version), (0, None), "all or nothing");
    assert!(
        matches!(reached.fault, Some(Fault::Bind { .. })),
        "{reached:?}"
    );
    assert_eq!(agent.attribute("mood"), Value::Null);
    assert_eq!(agent.ask(AgentRequest::IsRunning {}), json!(true));
}

#[test]
fn without_a_name_server_it_goes_on_and_announces_itself_to_the_next() {
    let mut agent = Fixture::start();
    let echo = agent.bind(bind("echo", "REP", Serializer::Json, &["echo"]));
    agent.announced();
    let address = agent.lose_nameserver();
    let req = agent.connected(zmq::REQ, &echo);
    for _ in 0..100 {
        req.send("1", 0).unwrap();
        assert_eq!(req.recv_bytes(0).unwrap(), b"1");
    }
    agent.revive_nameserver(&address);
    // Either it has noticed, and announces itself, or its next heartbeat is that of an unregistered member.
    let (mut announced, mut told) = (false, false);
    agent.await_request(|request| {
        announced = matches!(request, NameServerRequest::Announce(_));
        told = matches!(request, NameServerRequest::Heartbeat {});
        announced || told
    });
    if told {
        agent.send(&Envelope::event(), body(&Event::Unregistered {}));
    }
    match agent.await_announcement() {
        Announcement::Agent { addresses, .. } => assert_eq!(addresses.len(), 1),
        Announcement::Host { .. } => unreachable!(),
    }
}

#[test]
fn a_name_that_is_taken_ends_it() {
    let mut agent = Fixture::launch(None);
    let (envelope, _) = agent.receive();
    let fault = Fault::NameTaken {
        peer: "Alice".parse().unwrap(),
        pid: Some(1),
    };
    agent.answer(&envelope, Err(fault));
    assert_eq!(agent.ended(), 1);
    assert!(
        agent
            .log
            .text()
            .contains("is taken by another process, pid 1")
    );
}

#[test]
fn a_shutdown_is_answered_and_then_it_leaves() {
    let mut agent = Fixture::start();
    let path = agent.dir.path().join("ipc/Alice.main");
    let ipc = BindSpec {
        endpoint: Some(Endpoint::Ipc { path: None }),
        ..bind("main", "PUSH", Serializer::Json, &[])
    };
    assert_eq!(agent.bind(ipc), format!("ipc://{}", path.display()));
    assert!(path.exists());
    assert_eq!(
        agent.ask(AgentRequest::Shutdown { grace: None }),
        Value::Null
    );
    agent.await_request(|request| matches!(request, NameServerRequest::Leave { .. }));
    assert_eq!(agent.ended(), 0);
    assert!(!path.exists());
}

#[test]
fn sockets_are_announced_before_the_answer() {
    let mut agent = Fixture::start();
    let main = bind("main", "PUSH", Serializer::Json, &[]);
    let addresses = agent.configure(vec![main]).unwrap();
    assert_eq!(addresses["main"]["kind"], "PUSH");
    assert_eq!(addresses["main"]["role"], "server");
    let announced = agent.announced();
    let [Announcement::Agent { addresses, .. }] = announced.as_slice() else {
        panic!("{announced:?}");
    };
    assert!(addresses.contains_key(&alias("main")));
    assert_eq!(agent.attribute("greeting"), json!("hello"));
}

#[test]
fn a_configuration_is_all_or_nothing() {
    let mut agent = Fixture::start();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let good = bind("good", "PULL", Serializer::Json, &["log"]);
    let mut bad = bind("bad", "PULL", Serializer::Json, &["log"]);
    bad.endpoint = Some(Endpoint::Tcp {
        ip: "127.0.0.1".parse().unwrap(),
        port,
    });
    let fault = agent.configure(vec![good.clone(), bad]).unwrap_err();
    let expected = format!("cannot bind bad to tcp://127.0.0.1:{port}: address already in use");
    assert_eq!(fault.to_string(), expected);
    assert_eq!(agent.ask(AgentRequest::Addr { alias: None }), json!({}));
    assert!(agent.configure(vec![good.clone()]).is_ok());
    assert!(matches!(
        agent.configure(vec![good]),
        Err(Fault::AliasTaken { .. })
    ));
}

#[test]
fn an_ipc_path_that_is_listened_at_is_not_stolen() {
    let mut agent = Fixture::start();
    let path = agent.dir.path().join("mine");
    let theirs = agent.peer(zmq::PULL);
    theirs.bind(&format!("ipc://{}", path.display())).unwrap();
    let ipc = |path| BindSpec {
        endpoint: Some(Endpoint::Ipc { path: Some(path) }),
        ..bind("main", "PUSH", Serializer::Json, &[])
    };
    let refused = |outcome: Result<Value, Fault>| outcome.unwrap_err().to_string();
    let fault = refused(agent.try_ask(AgentRequest::Bind(ipc(path.clone()))));
    assert!(fault.contains("address already in use"), "{fault}");
    drop(theirs);
    let long = refused(agent.try_ask(AgentRequest::Bind(ipc("x".repeat(120).into()))));
    assert!(long.contains("107 at most"), "{long}");
    let stale = agent.dir.path().join("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    agent.bind(ipc(stale));
}

#[test]
fn what_cannot_be_read_is_a_fault_and_no_end() {
    let mut agent = Fixture::start();
    agent.send_frames(&[b"garbage"]);
    agent.send_frames(&[b"garbage", b"garbage"]);
    agent.send_frames(&[b"osb\x09\x01", b"{}"]);
    let client = "client:1".parse().unwrap();
    agent.send(
        &Envelope::request(77, 0, client),
        b"{\"method\":\"dance\"}".to_vec(),
    );
    assert!(matches!(agent.finish(77), Err(Fault::BadRequest { .. })));
    let unknown = AgentRequest::GetAttr { name: "x".into() };
    assert!(matches!(
        agent.try_ask(unknown),
        Err(Fault::UnknownAttribute { .. })
    ));
    let nobody = AgentRequest::Addr {
        alias: Some(alias("x")),
    };
    assert!(matches!(
        agent.try_ask(nobody),
        Err(Fault::UnknownAlias { .. })
    ));
    let command = bind("main", "PULL", Serializer::Json, &["command"]);
    assert!(matches!(
        agent.try_ask(AgentRequest::Bind(command)),
        Err(Fault::Refused { .. })
    ));
}

#[test]
fn a_connection_is_proven_or_it_is_told_why_not() {
    let mut agent = Fixture::start();
    let (_push, address) = agent.listening(zmq::PUSH);
    let inbox = Fixture::connection("inbox", "PUSH", &address, Serializer::Json, &["log"]);
    let wired = agent.wire(vec![inbox.clone()]).unwrap();
    assert!(matches!(wired[0].proof, Proof::Proven { us } if us < 20_000_000));
    assert_eq!(wired[0].address.as_ref(), Some(&address));
    let again = agent.wire(vec![inbox]).unwrap();
    let proven = |wired: &[ConnectionInfo]| (wired[0].address.clone(), wired[0].proof);
    assert_eq!(again.len(), 1);
    assert_eq!(
        proven(&again),
        proven(&wired),
        "a second time changes nothing"
    );

    let (_pub, address) = agent.listening(zmq::PUB);
    let misfit = Fixture::connection("misfit", "PUSH", &address, Serializer::Json, &["log"]);
    let fault = agent.wire(vec![misfit]).unwrap_err().to_string();
    assert!(
        fault.starts_with("misfit → Bob.main is not proven: tcp://"),
        "{fault}"
    );

    assert!(fault.ends_with("a kind that does not fit"), "{fault}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", silent.local_addr().unwrap());
    let mut nobody = Fixture::connection("nobody", "PUSH", &address, Serializer::Json, &["log"]);
    nobody.timeout = Duration::from_millis(200).into();
    let fault = agent.wire(vec![nobody]).unwrap_err().to_string();
    assert!(fault.contains("within 200ms"), "{fault}");
}

#[test]
fn a_lost_connection_is_announced_and_so_is_its_return() {
    let mut agent = Fixture::start();
    let (push, address) = agent.listening(zmq::PUSH);
    let inbox = Fixture::connection("inbox", "PUSH", &address, Serializer::Json, &["log"]);
    agent.wire(vec![inbox]).unwrap();
    agent.announced();
    drop(push);
    let proof = |announcement| match announcement {
        Announcement::Agent { connections, .. } => connections[0].proof,
        Announcement::Host { .. } => unreachable!(),
    };
    assert_eq!(proof(agent.await_announcement()), Proof::Lost);
    let again = agent.peer(zmq::PUSH);
    again.bind(&address).unwrap();
    assert!(matches!(
        proof(agent.await_announcement()),
        Proof::Proven { .. }
    ));
}

#[test]
fn tokens_prove_a_subscription_whichever_end_binds() {
    let mut agent = Fixture::start();
    // The publisher binds.
    let feed = agent.bind(bind("feed", "PUB", Serializer::Json, &[]));
    let token = Fixture::token("Bob.news/1");
    let prove = AgentRequest::Prove {
        alias: alias("feed"),
        tokens: vec![token.clone()],
    };
    let late = agent.begin(&prove, Duration::from_millis(200));
    assert!(matches!(agent.finish(late), Err(Fault::Deadline { .. })));
    let pending = agent.begin(&prove, TEST_TIMEOUT);
    let sub = agent.connected(zmq::SUB, &feed);
    sub.set_subscribe(b"").unwrap();
    sub.set_subscribe(&token.subscription()).unwrap();
    assert_eq!(agent.finish(pending), Ok(Value::Null));
    agent.ask(send("feed", json!("first"), Some("sport")));
    assert_eq!(sub.recv_bytes(0).unwrap(), b"sport\x80\"first\"");

    // The subscriber connects, with a token, to a plain publisher.
    let (publisher, address) = agent.listening(zmq::XPUB);
    let mut news = Fixture::connection("news", "PUB", &address, Serializer::Json, &["collect"]);
    news.token = Some(token.clone());
    agent.wire(vec![news]).unwrap();
    let mut seen = [
        publisher.recv_bytes(0).unwrap(),
        publisher.recv_bytes(0).unwrap(),
    ];
    seen.sort();
    assert_eq!(seen, [vec![1], [&[1], &token.subscription()[..]].concat()]);
    publisher.send("sport\u{0}", 0).unwrap();
    publisher.send(&b"sport\x80\"hi\""[..], 0).unwrap();
    assert_eq!(agent.received(1), json!(["hi"]));
    assert_eq!(agent.stats("news").garbled, 1);
    let unprobe = AgentRequest::Unprobe {
        alias: alias("news"),
        token: token.clone(),
    };
    agent.ask(unprobe);
    assert_eq!(publisher.recv_bytes(0).unwrap()[0], 0);

    // The subscriber binds, and the publisher connects.
    let wall = agent.bind(bind("wall", "SUB", Serializer::Json, &["collect"]));
    let poster = Fixture::connection("poster", "SUB", &wall, Serializer::Json, &[]);
    agent.wire(vec![poster]).unwrap();
    agent.ask(AgentRequest::Probe {
        alias: alias("wall"),
        token: token.clone(),
    });
    agent.ask(AgentRequest::Prove {
        alias: alias("poster"),
        tokens: vec![token],
    });
    agent.ask(send("poster", json!("up"), None));
    assert_eq!(agent.received(2), json!(["hi", "up"]));
}

pub(crate) fn send(to: &str, message: Value, topic: Option<&str>) -> AgentRequest {
    AgentRequest::Send {
        alias: alias(to),
        message,
        topic: topic.map(|topic| topic.parse().unwrap()),
    }
}

#[test]
fn a_wildcard_is_told_as_what_peers_can_dial() {
    let mut agent = Fixture::start();
    let wild = BindSpec {
        endpoint: Some(Endpoint::Tcp {
            ip: "0.0.0.0".parse().unwrap(),
            port: 0,
        }),
        handlers: Some(all(&["log"])),
        ..bind("main", "PULL", Serializer::Json, &[])
    };
    assert_ne!(wild.endpoint, Some(tcp()));
    assert!(agent.bind(wild).starts_with("tcp://127.0.0.1:"));
}
