//! Wires, which the agent keeps by name: the test plays the name server and the other agents.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fixture::{Fixture, TEST_TIMEOUT, alias, all, configure, kind_of};
use crate::model::{
    Address, AgentSpec, ConnectionInfo, Kind, Millis, Proof, Replies, Role, Serializer, State,
    Step, Transport, WireSpec,
};
use crate::wire::{
    AgentRequest, Announcement, Envelope, Event, Fault, Incarnation, NameServerRequest, Peer,
    Presence, body,
};

fn server(kind: &str, address: &str) -> Address {
    Address {
        kind: kind_of(kind),
        role: Role::Server,
        transport: Transport::Tcp,
        address: address.to_owned(),
        requests: None,
        serializer: Serializer::Json,
        key: None,
    }
}

/// The agent is to keep a wire to `Bob.main`, which the name server says to be `at`.
fn begin_wire(agent: &mut Fixture, kind: Kind, at: Option<Address>) -> u64 {
    let wire = WireSpec {
        alias: alias("inbox"),
        to: "Bob.main".parse().unwrap(),
        kind,
        serializer: None,
        handlers: all(if kind.receives() { &["collect"] } else { &[] }),
        replies: Replies::default(),
        resting: false,
    };
    agent.ask(configure(AgentSpec {
        wires: vec![wire],
        start_timeout: Millis::from(TEST_TIMEOUT),
        ..AgentSpec::named("Alice".parse().unwrap())
    }));
    let asked = agent.begin(&AgentRequest::Wire { aliases: None }, TEST_TIMEOUT);
    let absent = || Fault::UnknownAgent {
        name: "Bob".parse().unwrap(),
    };
    let mut located = Some(at.map(|at| json!(at)).ok_or_else(absent));
    agent.serve(|_, request: NameServerRequest| match request {
        NameServerRequest::Addr { .. } => located.take(),
        _ => None,
    });
    asked
}

fn wire(agent: &mut Fixture, kind: Kind, at: Option<Address>) {
    let asked = begin_wire(agent, kind, at);
    agent.finish(asked).unwrap();
}

/// The name server tells how Bob stands.
fn tell(agent: &Fixture, life: u64, uptime_ms: u64, main: Option<Address>) {
    let presence = Presence {
        ready: false,
        fault: None,
        agent: "Bob".parse().unwrap(),
        incarnation: Incarnation(life),
        state: State::Running,
        uptime_ms,
        relaunches: 0,
        addresses: main.map(|at| (alias("main"), at)).into_iter().collect(),
        spec_version: None,
    };
    agent.send(&Envelope::event(), body(&Event::Presence(presence)));
}

/// What the agent says of its only connection, as soon as that is as wanted.
fn connection(agent: &mut Fixture, wanted: impl Fn(&ConnectionInfo) -> bool) -> ConnectionInfo {
    loop {
        let Announcement::Agent { connections, .. } = agent.await_announcement() else {
            panic!("no agent");
        };
        if let Some(it) = connections.into_iter().find(&wanted) {
            return it;
        }
    }
}

fn proven(at: &str, times: u32) -> impl Fn(&ConnectionInfo) -> bool {
    move |it| {
        let there = it.address.as_deref() == Some(at);
        there && matches!(it.proof, Proof::Proven { .. }) && it.times == times
    }
}

#[test]
fn a_wire_waits_until_its_peer_is_there() {
    let mut agent = Fixture::start();
    let asked = begin_wire(&mut agent, Kind::Pull, None);
    let said = connection(&mut agent, |it| it.proof == Proof::Resolving);
    assert_eq!(said.to, Some("Bob.main".parse().unwrap()));
    // It is there, and has no such socket yet.
    tell(&agent, 1, 0, None);
    let (push, address) = agent.listening(zmq::PUSH);
    tell(&agent, 1, 10, Some(server("PUSH", &address)));
    let wired = agent.finish(asked).unwrap();
    assert_eq!(wired[0]["to"], "Bob.main");
    push.send("1", 0).unwrap();
    assert_eq!(agent.received(1), json!([1]));
}

#[test]
fn a_wire_follows_its_peer_to_another_address() {
    let mut agent = Fixture::start();
    let (old, old_address) = agent.listening(zmq::PUSH);
    let (new, new_address) = agent.listening(zmq::PUSH);
    wire(&mut agent, Kind::Pull, Some(server("PUSH", &old_address)));
    old.send("1", 0).unwrap();
    agent.received(1);
    tell(&agent, 2, 0, Some(server("PUSH", &new_address)));
    connection(&mut agent, proven(&new_address, 1));
    new.send("2", 0).unwrap();
    assert_eq!(agent.received(2), json!([1, 2]));
}

/// As after a power loss: nothing tells that the connection leads to nobody, but that its peer is younger.
#[test]
fn a_connection_to_a_former_life_is_made_anew() {
    let mut agent = Fixture::start();
    let (push, address) = agent.listening(zmq::PUSH);
    let at = || Some(server("PUSH", &address));
    wire(&mut agent, Kind::Pull, at());
    connection(&mut agent, proven(&address, 1));
    tell(&agent, 1, 3_600_000, at());
    agent.status();
    assert!(agent.announced().is_empty(), "its peer is older than it");
    let began = Instant::now();
    let again = |said: &Announcement| {
        let Announcement::Agent { connections, .. } = said else {
            panic!("no agent");
        };
        connections.iter().any(proven(&address, 2))
    };
    // At once the connection could be one to the new life.
    while !agent.announced().iter().any(again) {
        tell(&agent, 2, 0, at());
        agent.status();
        assert!(began.elapsed() < TEST_TIMEOUT, "it is the same connection");
    }
    push.send("1", 0).unwrap();
    assert_eq!(agent.received(1), json!([1]));
}

#[test]
fn a_subscription_is_proven_again_each_time() {
    let mut agent = Fixture::start();
    let (publisher, address) = agent.listening(zmq::XPUB);
    let asked = begin_wire(&mut agent, Kind::Sub, Some(server("PUB", &address)));
    let prove = |agent: &mut Fixture, outcome: Result<Value, Fault>| {
        let mut answer = Some(outcome);
        agent.serve(|peer, request: AgentRequest| match request {
            AgentRequest::Prove { .. } => {
                assert_eq!(*peer, Peer::Agent("Bob".parse().unwrap()));
                answer.take()
            }
            _ => None,
        });
    };
    prove(&mut agent, Ok(Value::Null));
    assert!(agent.finish(asked).unwrap()[0]["proof"]["proven"].is_object());
    drop(publisher);
    let again = agent.peer(zmq::XPUB);
    while again.bind(&address).is_err() {
        std::thread::yield_now();
    }
    // It does not answer as it should: it is asked again, and that is told once.
    for _ in 0..2 {
        let peer = Peer::Agent("Bob".parse().unwrap());
        prove(&mut agent, Err(Fault::Gone { peer }));
    }
    connection(&mut agent, |it| it.proof == Proof::Connecting);
    prove(&mut agent, Ok(Value::Null));
    connection(&mut agent, proven(&address, 2));
    let told = agent.log.text();
    assert_eq!(
        told.matches("the wire of inbox to Bob.main: ").count(),
        1,
        "{told}"
    );
}

#[test]
fn a_wire_ends_with_its_socket() {
    let mut agent = Fixture::start();
    let nobody = server("PUSH", "tcp://127.0.0.1:1");
    let asked = begin_wire(&mut agent, Kind::Pull, Some(nobody));
    let close = AgentRequest::Close {
        alias: alias("inbox"),
        linger: None,
    };
    let closed = agent.begin(&close, TEST_TIMEOUT);
    assert!(matches!(agent.finish(asked), Err(Fault::Closed { .. })));
    agent.finish(closed).unwrap();
    agent.announced();
    let (_push, address) = agent.listening(zmq::PUSH);
    tell(&agent, 2, 0, Some(server("PUSH", &address)));
    assert_eq!(agent.status().sockets.len(), 0, "nobody has declared it");
}

#[test]
fn a_wire_that_the_spec_does_not_have_is_refused() {
    let mut agent = Fixture::start();
    let wire = AgentRequest::Wire {
        aliases: Some(vec![alias("nosuch")]),
    };
    let refused = agent.try_ask(wire);
    assert!(matches!(refused, Err(Fault::UnknownAlias { .. })));
    assert_eq!(
        agent.ask(AgentRequest::Wire { aliases: None }),
        json!([]),
        "it has none at all"
    );
}

/// An agent that keeps a wire to `Bob.main`, and is led.
fn led(limit: Duration, to: Step) -> Fixture {
    let mut agent = Fixture::start();
    let wire = WireSpec {
        alias: alias("inbox"),
        to: "Bob.main".parse().unwrap(),
        kind: Kind::Push,
        serializer: None,
        handlers: all(&[]),
        replies: Replies::default(),
        resting: false,
    };
    agent.ask(configure(AgentSpec {
        wires: vec![wire],
        start_timeout: Millis::from(limit),
        ..AgentSpec::named("Alice".parse().unwrap())
    }));
    agent.oneway(&AgentRequest::Lead { to });
    agent
}

fn answer_where(agent: &mut Fixture, mut at: Option<Result<Value, Fault>>) {
    agent.serve(|_, request: NameServerRequest| match request {
        NameServerRequest::Addr { .. } => at.take(),
        _ => None,
    });
}

#[test]
fn an_agent_that_is_led_wires_before_it_goes_and_says_so() {
    let mut agent = led(TEST_TIMEOUT, Step::Go);
    assert!(agent.announced().iter().all(|it| !has_done(it, Step::Go)));
    let (_pull, address) = agent.listening(zmq::PULL);
    answer_where(&mut agent, Some(Ok(json!(server("PULL", &address)))));
    let done = agent.until_done(Step::Go);
    let all = [Step::Configure, Step::Wire, Step::Settle, Step::Go];
    assert_eq!(Vec::from_iter(done), all);
}

#[test]
fn an_agent_whose_wire_is_not_proven_says_why_and_goes_no_further() {
    let mut agent = led(Duration::from_millis(50), Step::Go);
    let absent = || Fault::UnknownAgent {
        name: "Bob".parse().unwrap(),
    };
    answer_where(&mut agent, Some(Err(absent())));
    let said = loop {
        let Announcement::Agent { reached, .. } = agent.await_announcement() else {
            panic!("no agent");
        };
        if reached.fault.is_some() {
            break (Vec::from_iter(reached.done), reached.fault);
        }
    };
    let (done, fault) = said;
    assert_eq!(done, [Step::Configure]);
    assert!(matches!(fault, Some(Fault::Deadline { .. })), "{fault:?}");
    // It is there now: led again, the agent goes on.
    let (_pull, address) = agent.listening(zmq::PULL);
    agent.oneway(&AgentRequest::Lead { to: Step::Wire });
    answer_where(&mut agent, Some(Ok(json!(server("PULL", &address)))));
    let done = agent.until_done(Step::Wire);
    assert!(!done.contains(&Step::Go), "it is led to its wires only");
}

fn has_done(said: &Announcement, step: Step) -> bool {
    matches!(said, Announcement::Agent { reached, .. } if reached.done.contains(&step))
}
