//! Keys that are revoked, and what was connected by them.

use super::*;

#[test]
fn revocation_ends_live_connections() {
    let system = up();
    let reader = system.admit(operator("reader", OperatorAccess::Read), Term::Lasting);
    let live = system.dial(Some(reader.clone()));
    live.ping().unwrap();
    let mut watch = live.watch();
    system.bench.ok(&["keys", "revoke", "operator", "reader"]);
    wait_until("the live connection has ended", || is_not_let_in(&live));
    assert!(is_not_let_in(&system.dial(Some(reader))));
    let end = watch.wait_until("the end", Duration::from_secs(10), |_| None::<()>);
    assert!(matches!(end, Err(ProxyError::NotLetIn { .. })), "{end:?}");

    // An agent that is put out gets no more messages, and the others go on.
    let mut process = joins(&system, "Carol", &system.bench);
    system.bench.ok(&[
        "connect",
        "Carol",
        "tap",
        "--to",
        "Alice.feed",
        "--handler",
        "t=collect",
    ]);
    wait_until("Carol hears", || {
        let attributes = system.bench.json(&["get", "Carol"]);
        attributes["received"]
            .as_array()
            .is_some_and(|it| it.len() > 3)
    });
    let out = system.bench.ok(&["keys", "revoke", "agent", "Carol"]);
    assert_eq!(out, "agent Carol is out\n");
    let status = wait_for("Carol's end", || process.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    let agents = system.bench.json(&["ls", "agents"]);
    let mut carol = agents.as_array().unwrap().iter();
    let carol = carol.find(|it| it["name"] == "Carol").unwrap();
    assert_eq!(carol["state"], "failed");
    bob_goes_on(&system);
    system.down();
}

/// A connection is cut by the one who lets in, even if who was let in does not care.
#[test]
fn agents_hang_up_on_members_whose_keys_are_revoked() {
    let system = up();
    let mut mallory = system.admit(Holder::Agent("Mallory".parse().unwrap()), Term::Run);
    let feed = system.socket("feed");
    mallory.server = feed.key.unwrap();
    let context = zmq::Context::new();
    let sub = raw_socket(&context, zmq::SUB, Some(&mallory), &feed.address);
    sub.set_subscribe(b"").unwrap();
    assert_eq!(sub.poll(zmq::POLLIN, 10_000).unwrap(), 1, "nothing heard");
    system.bench.ok(&["keys", "revoke", "agent", "Mallory"]);
    hears_no_more(&sub);
    bob_goes_on(&system);
    system.down();
}

/// A host that says that one of its agents begins anew, while it goes on by the former key.
#[test]
fn a_host_that_is_put_out_keeps_no_agent_within() {
    let system = up();
    let lab = system.admit(Holder::Host("lab".parse().unwrap()), Term::Lasting);
    let lab = system.dial(Some(lab));
    let mallory = || {
        let mut keys = system.random();
        let holder = Holder::Agent("Mallory".parse().unwrap());
        let admit = NameServerRequest::Admit(KeyEntry::lasting(keys.own.public, holder));
        lab.ask::<()>(&admit).wait().unwrap();
        keys.server = system.socket("feed").key.unwrap();
        keys
    };
    let context = zmq::Context::new();
    let listen = |keys: &Credentials| {
        let sub = raw_socket(
            &context,
            zmq::SUB,
            Some(keys),
            &system.socket("feed").address,
        );
        sub.set_subscribe(b"").unwrap();
        sub
    };
    let former = mallory();
    let sub = listen(&former);
    assert_eq!(sub.poll(zmq::POLLIN, 10_000).unwrap(), 1, "nothing heard");
    let _now = mallory();
    let again = listen(&former);
    assert_eq!(again.poll(zmq::POLLIN, 1000).unwrap(), 0, "let in again");
    system.bench.ok(&["keys", "revoke", "host", "lab"]);
    hears_no_more(&sub);
    bob_goes_on(&system);
    system.down();
}

/// At the name server and at agents, whether or not a message has ever come by them; of the same machine, too.
#[test]
fn all_connections_of_a_revoked_key_end_and_no_others() {
    let system = up();
    let context = zmq::Context::new();
    let member = |name: &str| {
        let mut keys = system.admit(Holder::Agent(name.parse().unwrap()), Term::Run);
        let key = keys.own.public;
        let at_the_name_server = Admitted::dial(&context, zmq::DEALER, &keys, &system.address);
        let socket = system.socket("in");
        keys.server = socket.key.unwrap();
        let at_alice = Admitted::dial(&context, zmq::PUSH, &keys, &socket.address);
        (key, [at_the_name_server, at_alice])
    };
    let (mallory, hers) = member("Mallory");
    let (_nick, his) = member("Nick");
    let owner = system.owner();
    let began = Instant::now();
    let revoke = NameServerRequest::Revoke(KeysOf::Key(mallory));
    owner.ask::<Value>(&revoke).wait().unwrap();
    for one in &hers {
        one.wait_for(Seen::Lost);
    }
    eprintln!("a key's connections have ended after {:?}", began.elapsed());
    bob_goes_on(&system);
    assert!(his.iter().all(|one| !one.has_seen(Seen::Lost)));
    system.down();
}
