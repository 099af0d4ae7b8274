//! Which cause is named for what is known.

use serde_json::{Value, json};

use super::*;
use crate::model::{HeldSocket, HostInfo, SocketStats};

/// An agent with one socket.
fn agent(name: &str, alias: &str, kind: &str) -> AgentFacts {
    let address = json!({"kind": kind, "role": "server", "transport": "tcp", "address": format!("tcp://10.0.0.1:{}", name.len()),
        "serializer": "json"});
    let info = json!({"name": name, "host": "lab1", "nameserver": "tcp://10.0.0.1:7400", "state": "running", "pid": 7, "uptime_s": 9.0,
        "restarts": 0, "addresses": {alias: address}});
    let socket: HeldSocket =
        serde_json::from_value(json!({"alias": alias, "kind": kind, "serializer": "json",
        "handlers": {"all": ["log"]}, "end": {"bound": {"endpoint": null, "admits": {}}}}))
        .unwrap();
    AgentFacts {
        id: name.parse().unwrap(),
        group: None,
        info: serde_json::from_value(info).unwrap(),
        told: Some(Told {
            sockets: vec![socket],
            ..Told::default()
        }),
        declared: None,
    }
}

/// What has gone through the agent's socket, before and after a moment.
fn with(mut agent: AgentFacts, before: SocketStats, after: SocketStats) -> AgentFacts {
    let told = agent.told.as_mut().unwrap();
    let alias = told.sockets[0].alias.clone();
    told.before.insert(alias.clone(), before);
    told.after.insert(alias, after);
    agent
}

fn sent(sent: u64) -> SocketStats {
    SocketStats {
        sent,
        ..SocketStats::default()
    }
}

fn received(received: u64) -> SocketStats {
    SocketStats {
        received,
        ..SocketStats::default()
    }
}

fn handled(mut agent: AgentFacts, handlers: Value) -> AgentFacts {
    agent.told.as_mut().unwrap().sockets[0].handlers = serde_json::from_value(handlers).unwrap();
    agent
}

/// Alice, who writes, and Bob, who has connected to her.
fn pair(kinds: (&str, &str), proof: Value) -> [AgentFacts; 2] {
    let alice = agent("Alice", "out", kinds.0);
    let mut bob = agent("Bob", "in", kinds.1);
    let connection = json!({"alias": "in", "kind": kinds.1, "to": "Alice.out", "address": "tcp://10.0.0.1:5", "proof": proof});
    bob.info.connections = vec![serde_json::from_value(connection).unwrap()];
    [alice, bob]
}

fn proven() -> Value {
    json!({"proven": {"us": 5}})
}

fn codes(agents: [AgentFacts; 2], what: &str) -> Vec<&'static str> {
    codes_with(agents, Vec::new(), what)
}

fn codes_with(agents: [AgentFacts; 2], hosts: Vec<HostInfo>, what: &str) -> Vec<&'static str> {
    let facts = Facts {
        agents: agents.into(),
        hosts,
    };
    let asked = match SocketId::readings(what).next() {
        Some(socket) => Asked::Socket(socket),
        None => Asked::Agent(what.parse().unwrap()),
    };
    diagnose(&asked, &facts).iter().map(Cause::code).collect()
}

#[test]
fn messages_that_arrive_are_well_from_both_ends() {
    let flows = || {
        let [alice, bob] = pair(("PUSH", "PULL"), proven());
        [
            with(alice, sent(1), sent(9)),
            with(bob, received(1), received(9)),
        ]
    };
    for what in ["Bob.in", "Alice.out", "Bob", "Alice"] {
        assert_eq!(codes(flows(), what), ["flows"], "{what}");
    }
    let [alice, bob] = flows();
    let bob = handled(bob, json!({"all": ["discard"]}));
    assert_eq!(codes([alice, bob], "Bob.in"), ["discarded"]);
}

#[test]
fn what_carries_a_wire_comes_before_what_it_carries() {
    for (proof, code) in [
        ("refused", "refused"),
        ("resolving", "missing"),
        ("lost", "unconnected"),
        ("connecting", "unconnected"),
    ] {
        let pair = pair(("PUSH", "PULL"), json!(proof));
        assert_eq!(codes(pair, "Bob.in"), [code], "{proof}");
    }
    let [mut alice, bob] = pair(("PUSH", "PULL"), json!("lost"));
    alice.info.addresses.clear();
    assert_eq!(codes([alice, bob], "Bob.in"), ["missing"]);
    let [alice, mut bob] = pair(("PUSH", "PULL"), json!("resolving"));
    bob.told.as_mut().unwrap().sockets[0].serializer = crate::model::Serializer::Raw;
    assert_eq!(codes([alice, bob], "Bob.in"), ["mismatch"]);
    let [alice, bob] = pair(("PUB", "PULL"), json!("resolving"));
    assert_eq!(codes([alice, bob], "Bob.in"), ["mismatch"]);
    let [alice, mut bob] = pair(("PUSH", "PULL"), json!("lost"));
    let tried = Tried {
        address: "10.0.0.1:5".into(),
        failure: Some("nobody answers".into()),
    };
    let told = bob.told.as_mut().unwrap();
    told.dialled.insert("in".parse().unwrap(), tried);
    assert_eq!(codes([alice, bob], "Bob.in"), ["not_dialable"]);
}

#[test]
fn an_agent_or_host_that_is_gone_explains_its_wires() {
    let [mut alice, bob] = pair(("PUSH", "PULL"), json!("lost"));
    alice.info.state = State::Restarting;
    assert_eq!(codes([alice.clone(), bob.clone()], "Bob.in"), ["ended"]);
    alice.info.state = State::Unreachable;
    assert_eq!(codes([alice.clone(), bob.clone()], "Bob.in"), ["silent"]);
    let host = json!({"name": "lab1", "state": "unreachable", "pid": 1, "version": "0", "uptime_s": 1.0, "agents": 2});
    let host: HostInfo = serde_json::from_value(host).unwrap();
    assert_eq!(
        codes_with([alice, bob], vec![host], "Bob.in"),
        ["host_gone", "silent"]
    );
}

#[test]
fn silence_is_explained_by_the_writer() {
    let quiet = |before: SocketStats, after: SocketStats| {
        let [alice, bob] = pair(("PUSH", "PULL"), proven());
        [
            with(alice, before, after),
            with(bob, received(3), received(3)),
        ]
    };
    assert_eq!(codes(quiet(sent(3), sent(3)), "Bob.in"), ["nothing_sent"]);
    assert_eq!(
        codes(quiet(sent(3), sent(9)), "Bob.in"),
        ["taken_by_others"]
    );
    let waiting = SocketStats {
        waiting: 5,
        ..sent(3)
    };
    assert_eq!(codes(quiet(waiting, waiting), "Bob.in"), ["queue_full"]);
    let dropping = SocketStats {
        dropped: 5,
        ..sent(3)
    };
    assert_eq!(
        codes(quiet(dropping, dropping), "Bob.in"),
        ["nothing_sent", "dropped"]
    );
    let [mut alice, bob] = quiet(sent(3), sent(3));
    let timer = json!([{"alias": "t", "when": {"every": 5}, "action": {"send": {"alias": "out", "message": 1, "topic": null}}}]);
    alice.declared = Some(serde_json::from_value(timer).unwrap());
    assert_eq!(codes([alice, bob], "Bob.in"), ["timer_stopped"]);
}

#[test]
fn topics_are_compared_with_those_that_pass_or_else_by_what_has_come() {
    let subscriber = |topics: Value, came: u64, seen: Option<&[&str]>| {
        let [alice, bob] = pair(("PUB", "SUB"), proven());
        let mut alice = with(alice, sent(3), sent(9));
        let bob = handled(with(bob, received(came), received(came)), topics);
        if let Some(seen) = seen {
            let seen = seen.iter().map(ToString::to_string).collect();
            alice
                .told
                .as_mut()
                .unwrap()
                .topics
                .insert("out".parse().unwrap(), seen);
        }
        codes([alice, bob], "Bob.in")
    };
    let sport = || json!({"by_topic": {"sport": ["log"]}});
    assert_eq!(subscriber(sport(), 0, None), ["topics"]);
    assert_eq!(subscriber(sport(), 4, None), ["taken_by_others"]);
    assert_eq!(subscriber(sport(), 4, Some(&["news"])), ["topics"]);
    assert_eq!(
        subscriber(sport(), 0, Some(&["news", "sports"])),
        ["taken_by_others"]
    );
    assert_eq!(
        subscriber(json!({"all": ["log"]}), 0, None),
        ["taken_by_others"]
    );
    assert_eq!(
        subscriber(json!({"by_topic": {}}), 0, Some(&["news"])),
        ["unsubscribed", "topics"]
    );
}

#[test]
fn a_socket_without_a_wire_and_one_that_cannot_read_are_told() {
    let alone = [agent("Alice", "out", "PUSH"), agent("Bob", "in", "PULL")];
    assert_eq!(codes(alone, "Alice.out"), ["no_wire"]);
    let [alice, bob] = pair(("PUSH", "PULL"), proven());
    let garbled = SocketStats {
        garbled: 9,
        ..received(9)
    };
    let bob = with(bob, garbled, garbled);
    let alice = with(alice, sent(9), sent(9));
    assert_eq!(
        codes([alice, bob], "Bob.in"),
        ["unreadable", "nothing_sent"]
    );
    let [alice, mut bob] = pair(("PUSH", "PULL"), proven());
    bob.told = None;
    assert_eq!(
        codes([with(alice, sent(1), sent(2)), bob], "Bob.in"),
        ["taken_by_others", "untold"]
    );
}
