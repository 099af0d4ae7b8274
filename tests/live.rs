//! Sockets, subscriptions and timers of running agents, changed from the command line and through
//! proxies.

use crate::common::{Bench, wait_for, wait_until};
use osb::model::{Action, Handlers, Kind, Proof, TimerAction, Transport};
use osb::proxy::NameServer;
use serde_json::{Value, json};
use std::time::Duration;

fn bench(agents: &str) -> Bench {
    let bench = Bench::new();
    let said = bench.up(&format!("osb: 1\nname: live\nagents: {agents}\n"));
    assert_eq!(said.code, 0, "{said}");
    bench
}

fn received(bench: &Bench, agent: &str, count: usize) -> Value {
    wait_for("messages are collected", || {
        let said = bench.osb(&["get", agent, "received", "-o", "json"]);
        let list: Value = serde_json::from_str(&said.stdout).ok()?;
        (list.as_array()?.len() >= count).then_some(list)
    })
}

fn proofs(bench: &Bench) -> Vec<String> {
    let connections = bench.json(&["ls", "connections"]);
    let connections = connections.as_array().unwrap().iter();
    connections
        .map(|it| {
            format!(
                "{} {}",
                it["client"].as_str().unwrap(),
                it["proof"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn sockets_come_and_go_by_the_command_line() {
    let bench = bench("{ Alice: {}, Bob: {} }");
    let address = bench.ok(&["bind", "Alice", "main", "PUSH"]);
    assert_eq!(bench.ok(&["addr", "Alice", "main"]), address);
    let wired = bench.json(&[
        "connect",
        "Bob",
        "inbox",
        "--to",
        "Alice.main",
        "--handler",
        "collect",
    ]);
    assert_eq!(
        (&wired["from"], &wired["to"]),
        (&json!("Alice.main"), &json!("Bob.inbox"))
    );
    assert_eq!(wired["proof"], "proven");
    bench.ok(&["send", "Alice", "main", "1"]);
    assert_eq!(received(&bench, "Bob", 1), json!([1]));

    assert_eq!(bench.ok(&["close", "Alice", "main"]), "");
    let gone = bench.osb(&["addr", "Alice", "main"]);
    assert_eq!(gone.code, 1, "{gone}");
    assert!(gone.stderr.contains("Alice has no socket main"), "{gone}");
    wait_until("Bob sees it", || proofs(&bench) == ["Bob.inbox lost"]);

    // In its old place it heals by itself, in another one Bob is told to connect again.
    let port = address.trim().strip_prefix("tcp://").unwrap();
    bench.ok(&["bind", "Alice", "main", "PUSH", "--addr", port]);
    wait_until("it is healed", || proofs(&bench) == ["Bob.inbox proven"]);
    bench.ok(&["send", "Alice", "main", "2"]);
    bench.ok(&["close", "Alice", "--all"]);
    received(&bench, "Bob", 2);
    let elsewhere = bench.ok(&["bind", "Alice", "main", "PUSH"]);
    assert_ne!(elsewhere, address);
    bench.ok(&["connect", "Bob", "inbox", "--to", "Alice.main"]);
    let connections = bench.json(&["ls", "connections"]);
    assert_eq!(
        connections.as_array().unwrap().len(),
        1,
        "it has moved: {connections}"
    );
    assert_eq!(connections[0]["address"], elsewhere.trim());
    bench.ok(&["send", "Alice", "main", "3"]);
    assert_eq!(received(&bench, "Bob", 3), json!([1, 2, 3]));
}

/// osBrain's issue 333.
#[test]
fn closing_one_client_leaves_the_server_and_the_others_alone() {
    let bench = bench("{ Alice: { bind: { main: PUSH } }, Bob: {}, Carol: {} }");
    for agent in ["Bob", "Carol"] {
        bench.ok(&[
            "connect",
            agent,
            "inbox",
            "--to",
            "Alice.main",
            "--handler",
            "collect",
        ]);
    }
    bench.ok(&["close", "Bob", "inbox"]);
    for n in 0..4 {
        bench.ok(&["send", "Alice", "main", &n.to_string()]);
    }
    assert_eq!(received(&bench, "Carol", 4), json!([0, 1, 2, 3]));
    assert_eq!(bench.agent("Alice")["state"], "running");
}

#[test]
fn topics_change_while_messages_flow() {
    let bench = bench("{ Alice: { bind: { feed: PUB } }, Bob: {} }");
    bench.ok(&[
        "connect",
        "Bob",
        "news",
        "--to",
        "Alice.feed",
        "--handler",
        "a=collect",
    ]);
    let publish = |topic: &str, n: &str| bench.ok(&["send", "Alice", "feed", n, "--topic", topic]);
    publish("a", "1");
    publish("b", "2");
    bench.ok(&["subscribe", "Bob", "news", "b", "c", "--handler", "collect"]);
    publish("b", "3");
    bench.ok(&["unsubscribe", "Bob", "news", "a", "b"]);
    publish("a", "4");
    publish("c", "5");
    assert_eq!(received(&bench, "Bob", 3), json!([1, 3, 5]));
    let odd = bench.osb(&["unsubscribe", "Bob", "news", "sport"]);
    assert_eq!(odd.code, 1);
    assert!(odd.stderr.contains("hint: it is subscribed to c"), "{odd}");
}

#[test]
fn timers_by_the_command_line() {
    let bench = bench("{ Alice: { bind: { main: PUSH } }, Bob: {} }");
    bench.ok(&[
        "connect",
        "Bob",
        "inbox",
        "--to",
        "Alice.main",
        "--handler",
        "collect",
    ]);
    let name = bench.ok(&["every", "Alice", "10ms", "send", "main", "\"tick\""]);
    assert_eq!(name, "timer-1\n");
    received(&bench, "Bob", 2);
    bench.ok(&["every", "Alice", "1h", "set", "x=1", "--alias", "slow"]);
    bench.ok(&["after", "Alice", "10ms", "set", "late=true"]);
    wait_until("it is set", || {
        bench.osb(&["get", "Alice", "late"]).stdout == "true\n"
    });
    assert_eq!(
        bench.ok(&["timers", "-o", "names"]),
        "Alice.timer-1\nAlice.slow\n"
    );
    bench.ok(&["stop-timer", "Alice", "timer-1"]);
    let left = bench.json(&["timers", "Alice"]);
    assert_eq!(
        (left[0]["alias"].clone(), left.as_array().unwrap().len()),
        (json!("slow"), 1)
    );
    let odd = bench.osb(&["stop-timer", "Alice", "slwo"]);
    assert_eq!(odd.code, 1);
    assert!(odd.stderr.contains("did you mean slow?"), "{odd}");
    bench.ok(&["stop-timer", "Alice", "--all"]);
    assert_eq!(bench.json(&["timers"]), json!([]));
    let odd = bench.osb(&["every", "Alice", "1s", "send", "mian", "1"]);
    assert!(odd.stderr.contains("did you mean main?"), "{odd}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_done() {
    let bench = bench("{ Alice: { bind: { main: PUSH } }, Bob: {} }");
    let refused = [
        (
            2,
            "--insecure",
            vec!["bind", "Bob", "x", "PUSH", "--addr", "0.0.0.0"],
        ),
        (
            2,
            "IP:PORT",
            vec!["bind", "Bob", "x", "PUSH", "--addr", "here"],
        ),
        (1, "must answer", vec!["bind", "Bob", "x", "REP"]),
        (
            1,
            "already has a socket main",
            vec!["bind", "Alice", "main", "PULL"],
        ),
        (
            1,
            "has no socket",
            vec!["connect", "Bob", "x", "--to", "Alice.mian"],
        ),
        (
            1,
            "no agent is called",
            vec!["connect", "Bob", "x", "--to", "Alcie.main"],
        ),
        (
            2,
            "names no socket",
            vec!["connect", "Bob", "x", "--to", "Alice"],
        ),
        (
            2,
            "--kind",
            vec!["connect", "Bob", "x", "--to", "tcp://127.0.0.1:1"],
        ),
        (
            6,
            "nobody listens",
            vec![
                "connect",
                "Bob",
                "x",
                "--to",
                "tcp://127.0.0.1:1",
                "--kind",
                "PULL",
                "--timeout",
                "1s",
            ],
        ),
        (1, "has no socket", vec!["close", "Bob", "y"]),
        (1, "no interval", vec!["every", "Bob", "0s", "set", "x=1"]),
        (
            2,
            "did you mean log?",
            vec!["bind", "Bob", "z", "PULL", "--handler", "lgo"],
        ),
    ];
    for (code, words, arguments) in refused {
        let said = bench.osb(&arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said}");
        assert!(said.stderr.contains(words), "{arguments:?}: {said}");
    }
    wait_until("nothing is left of them", || {
        bench
            .json(&["ls", "connections"])
            .as_array()
            .unwrap()
            .is_empty()
    });
    assert!(bench.json(&["timers"]).as_array().unwrap().is_empty());
}

#[test]
fn the_same_through_proxies() {
    let bench = bench("{ Alice: {}, Bob: {} }");
    let address = bench.agent("Alice")["nameserver"]
        .as_str()
        .unwrap()
        .to_owned();
    let ns = NameServer::connect(&address).unwrap();
    let (alice, bob) = (ns.proxy("Alice").unwrap(), ns.proxy("Bob").unwrap());
    let collect = || Handlers::one(Action::Collect);
    alice
        .bind(Kind::Pub, "feed", Transport::Ipc, Handlers::none())
        .unwrap();
    let to = "Alice.feed".parse().unwrap();
    let topics =
        |topic: &str| Handlers::ByTopic([(topic.to_owned(), vec![Action::Collect])].into());
    let wired = bob.connect_to(&to, "news", Some(topics("a"))).unwrap();
    assert!(matches!(wired.proof, Proof::Proven { .. }));
    bob.subscribe("news", topics("b")).unwrap();
    bob.unsubscribe("news", &["a"]).unwrap();
    bob.bind(Kind::Pull, "inbox", Transport::Tcp, collect())
        .unwrap();
    alice.send_topic("feed", 1, Some("b")).unwrap();
    assert_eq!(received(&bench, "Bob", 1), json!([1]));
    let action = TimerAction::send("feed", 2).unwrap();
    let beat = alice
        .every(Duration::from_millis(5), action, Some("beat"))
        .unwrap();
    let late = alice
        .after(Duration::from_secs(3600), TimerAction::set("x", 1), None)
        .unwrap();
    let timers: Vec<_> = alice
        .timers()
        .unwrap()
        .into_iter()
        .map(|it| it.alias)
        .collect();
    assert_eq!(timers, [beat, late]);
    alice.stop_timer("beat").unwrap();
    alice.stop_timers().unwrap();
    assert_eq!(bob.close("inbox", None).unwrap(), 0);
    let closed = bob.close_all(Some(Duration::ZERO)).unwrap();
    assert_eq!(
        closed
            .into_keys()
            .map(|it| it.to_string())
            .collect::<Vec<_>>(),
        ["news"]
    );
    alice.close("feed", None).unwrap();
    assert!(ns.addr("Alice", "feed").is_err());
}

#[test]
fn timers_of_a_topology_call_and_set() {
    let bench = Bench::new();
    bench.file(
        "clock.py",
        "import json, sys\n\
         n = 0\n\
         for line in sys.stdin:\n    \
             word = json.loads(line)\n    \
             if word['type'] == 'call':\n        \
                 n += word['params']['by']\n        \
                 print(json.dumps({'type': 'set', 'attributes': {'n': n}}))\n        \
                 print(json.dumps({'type': 'reply', 'id': word['id']}), flush=True)\n",
    );
    let said = bench.up("osb: 1\nname: live\nagents:\n  \
         Clock:\n    command: [python3, clock.py]\n    timers:\n      \
         - { every: 10ms, alias: tick, call: count, params: { by: 2 } }\n      \
         - { after: 20ms, set: { late: true } }\n      \
         - { every: 10ms, call: nothing, params: { by: 0 } }\n");
    assert_eq!(said.code, 0, "{said}");
    wait_until("it has counted", || {
        let n = bench.osb(&["get", "Clock", "n"]).stdout;
        n.trim().parse::<u64>().is_ok_and(|n| n >= 6)
    });
    wait_until("it is set", || {
        bench.osb(&["get", "Clock", "late"]).stdout == "true\n"
    });
    bench.ok(&["stop-timer", "Clock", "tick"]);
    let fired = bench.json(&["timers", "Clock"])[0]["fired"]
        .as_u64()
        .unwrap();
    assert!(fired >= 1);
}

#[test]
fn channels_are_made_by_the_command_line() {
    let bench = bench("{ Alice: {}, Bob: {} }");
    bench.ok(&["bind", "Alice", "desk", "ASYNC_REP", "--handler", "echo"]);
    let feed = bench.json(&["bind", "Alice", "feed", "SYNC_PUB", "--handler", "echo"]);
    let said = bench.osb(&["bind", "Alice", "x", "SYNC_SUB"]);
    assert_eq!(said.code, 1, "{said}");
    let connect = |alias: &str, to: &str, more: &[&str]| {
        bench.json(&[&["connect", "Bob", alias, "--to", to], more].concat())
    };
    connect("ask", "Alice.desk", &["--handler", "collect"]);
    let wired = connect("news", "Alice.feed", &["--on-reply", "collect"]);
    assert_eq!(wired["kinds"], json!(["SYNC_PUB", "SYNC_SUB"]));
    let address = feed["address"].as_str().unwrap();
    let by_hand = ["--kind", "SYNC_SUB", "--on-reply", "collect"];
    connect("byhand", address, &by_hand);
    for (alias, count) in [("ask", 1), ("news", 2), ("byhand", 3)] {
        bench.ok(&["send", "Bob", alias, &format!("\"{alias}\"")]);
        assert_eq!(received(&bench, "Bob", count)[count - 1], alias);
    }
    let said = bench.osb(&["connect", "Alice", "in", "--to", "Bob.ask"]);
    assert_eq!(said.code, 1, "{said}");
}

#[test]
fn addresses_are_taken_as_they_are_printed() {
    let bench = Bench::new();
    let text = "osb: 1\nname: printed\nagents: { Alice: { bind: { main: PUSH } }, Bob: }\n";
    bench.ok(&["up", &bench.file("printed.yaml", text)]);
    let printed = bench.ok(&["addr", "Alice.main"]);
    let printed = printed.trim();
    let bare = printed.strip_prefix("tcp://").unwrap();
    for (alias, address) in [("one", printed), ("two", bare)] {
        let connect = ["connect", "Bob", alias, "--to", address, "--kind", "PULL"];
        let connected = bench.json(&connect);
        assert_eq!(connected["address"], printed, "{connected}");
    }
    bench.ok(&["close", "Alice", "main"]);
    let again = ["bind", "Alice", "main", "PUSH", "--addr", printed];
    assert_eq!(bench.ok(&again).trim(), printed);
    let path = format!("ipc://{}", bench.files().join("s").display());
    let ipc = [
        "bind",
        "Alice",
        "ipc",
        "PUSH",
        "--transport",
        "ipc",
        "--addr",
        &path,
    ];
    assert_eq!(bench.ok(&ipc).trim(), path);
    let systems = bench.json(&["ls", "systems"]);
    let nameserver = systems[0]["nameserver"].as_str().unwrap();
    for address in [nameserver, nameserver.strip_prefix("tcp://").unwrap()] {
        bench.ok(&["--ns", address, "wait", "Alice.main"]);
    }
    let zoned = bench.osb(&["bind", "Bob", "x", "PUSH", "--addr", "[fe80::1%lo]:0"]);
    assert_eq!(zoned.code, 2, "{zoned}");
    assert!(zoned.stderr.contains("interface of one machine"), "{zoned}");
    bench.ok(&["down"]);
}
