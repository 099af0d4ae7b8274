//! osBrain's guide in Rust: agents configured, wired and used through proxies.

use std::time::Duration;

use crate::common::{Bench, kill, wait_for, wait_until};
use nix::libc::{SIGCONT, SIGSTOP};
use osb::model::{Action, Handlers, Kind, Proof, Role, State, Transport};
use osb::proxy::{Event, NameServer, Notice, Proxy, ProxyError};
use osb::wire::Fault;
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Agents without sockets: all else is done through their proxies.
const BARE: &str = "osb: 1\nname: bare\nagents: { Alice: {}, Bob: {}, Carol: {} }\n";

fn nameserver(bench: &Bench) -> NameServer {
    let address = bench.agent("Alice")["nameserver"]
        .as_str()
        .unwrap()
        .to_owned();
    NameServer::connect(&address).unwrap()
}

fn bare() -> (Bench, NameServer) {
    let bench = Bench::new();
    let said = bench.up(BARE);
    assert_eq!(said.code, 0, "{said}");
    let ns = nameserver(&bench);
    (bench, ns)
}

fn received(proxy: &Proxy, count: usize) -> Vec<Value> {
    wait_for("messages are collected", || {
        let list = proxy.get_attr("received").unwrap_or(Value::Null);
        list.as_array().filter(|list| list.len() >= count).cloned()
    })
}

#[test]
fn push_and_pull_as_in_the_guide() {
    let (_bench, ns) = bare();
    let names: Vec<String> = ns
        .agents()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["Alice", "Bob", "Carol"]);
    let (alice, bob) = (ns.proxy("Alice").unwrap(), ns.proxy("Bob").unwrap());
    alice.wait_for_running(TIMEOUT).unwrap();
    assert!(alice.is_running().unwrap());

    let address = alice
        .bind(Kind::Push, "main", Transport::Tcp, Handlers::none())
        .unwrap();
    assert_eq!((address.kind, address.role), (Kind::Push, Role::Server));
    assert_eq!(alice.addr("main").unwrap(), address);
    assert_eq!(
        ns.addr("Alice", "main").unwrap(),
        address,
        "the name server knows it too"
    );
    let connection = bob
        .connect(&address, "inbox", Handlers::one(Action::Collect))
        .unwrap();
    assert!(matches!(connection.proof, Proof::Proven { .. }));
    assert_eq!(connection.kind, Kind::Pull);

    alice.send("main", "Hello, Bob!").unwrap();
    alice.oneway().send("main", json!({ "n": 2 })).unwrap();
    assert_eq!(received(&bob, 2), [json!("Hello, Bob!"), json!({ "n": 2 })]);
    assert_eq!(
        bob.status()
            .unwrap()
            .sockets
            .values()
            .map(|it| it.received)
            .sum::<u64>(),
        2
    );
}

#[test]
fn request_and_reply_over_ipc() {
    let (_bench, ns) = bare();
    let (alice, bob) = (ns.proxy("Alice").unwrap(), ns.proxy("Bob").unwrap());
    let handlers = Handlers::one(Action::Echo);
    let address = alice
        .bind(Kind::Rep, "ask", Transport::Ipc, handlers)
        .unwrap();
    assert_eq!(address.transport, Transport::Ipc);
    bob.connect(&address, "alice", Handlers::one(Action::Discard))
        .unwrap();
    assert_eq!(
        bob.send_recv("alice", json!([1, "two"])).unwrap(),
        json!([1, "two"])
    );
}

#[test]
fn attributes_are_read_and_set() {
    let (_bench, ns) = bare();
    let alice = ns.proxy("Alice").unwrap();
    alice.set_attr("tally", 3).unwrap();
    alice.set_attr("tally", 4).unwrap();
    assert_eq!(alice.get_attr("tally").unwrap(), json!(4));
    alice.oneway().set_attr("mood", "good").unwrap();
    wait_until("the one-way call is carried out", || {
        alice.get_attr("mood").is_ok_and(|mood| mood == "good")
    });
    let error = alice.get_attr("moood").unwrap_err();
    assert!(
        matches!(error, ProxyError::Fault(Fault::UnknownAttribute { .. })),
        "{error}"
    );
    assert_eq!(alice.attributes().unwrap().len(), 2);
}

#[test]
fn what_cannot_be_done_is_said_at_once() {
    let (_bench, ns) = bare();
    let alice = ns.proxy("Alice").unwrap();
    let fault = |error: ProxyError| match error {
        ProxyError::Fault(fault) => fault,
        other => panic!("{other}"),
    };
    assert!(matches!(
        fault(alice.addr("none").unwrap_err()),
        Fault::UnknownAlias { .. }
    ));
    assert!(matches!(
        fault(alice.send("none", 1).unwrap_err()),
        Fault::UnknownAlias { .. }
    ));
    alice
        .bind(Kind::Pull, "in", Transport::Tcp, Handlers::one(Action::Log))
        .unwrap();
    assert!(matches!(
        fault(alice.send("in", 1).unwrap_err()),
        Fault::WrongKind { .. }
    ));
    let again = alice.bind(Kind::Pull, "in", Transport::Tcp, Handlers::one(Action::Log));
    assert!(matches!(
        fault(again.unwrap_err()),
        Fault::AliasTaken { .. }
    ));
    let zoe = ns.proxy("Zoe").unwrap();
    assert!(matches!(
        fault(zoe.addr("x").unwrap_err()),
        Fault::UnknownAgent { .. }
    ));
    assert!(!zoe.is_running().unwrap());
    let error = zoe.wait_for_running(Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, ProxyError::Timeout { .. }), "{error}");
    assert!(matches!(ns.proxy("no/name"), Err(ProxyError::Name(..))));
}

#[test]
fn a_connection_that_cannot_be_proven_is_an_error_in_time() {
    let (_bench, ns) = bare();
    let alice = ns
        .proxy("Alice")
        .unwrap()
        .with_timeout(Duration::from_millis(500));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bob = ns.proxy("Bob").unwrap();
    let mut address = bob
        .bind(Kind::Push, "out", Transport::Tcp, Handlers::none())
        .unwrap();
    address.address = format!("tcp://{}", silent.local_addr().unwrap());
    let error = alice
        .connect(&address, "in", Handlers::one(Action::Log))
        .unwrap_err();
    assert!(
        matches!(error, ProxyError::Fault(Fault::Unproven { .. })),
        "{error}"
    );
}

#[test]
fn an_agent_is_shut_down_and_its_callers_are_told() {
    let (bench, ns) = bare();
    let (alice, bob, carol) = (
        ns.proxy("Alice").unwrap(),
        ns.proxy("Bob").unwrap(),
        ns.proxy("Carol").unwrap(),
    );
    alice.shutdown().unwrap();
    wait_until("Alice is stopped", || {
        bench.agent("Alice")["state"] == "stopped"
    });
    assert!(!alice.is_running().unwrap());
    bob.oneway().shutdown();
    wait_until("Bob is stopped", || {
        bench.agent("Bob")["state"] == "stopped"
    });
    // Carol hangs; who asks her learns of her death at once and not at the deadline.
    let pid = bench.pid("Carol");
    kill(pid, 19);
    let asked = carol
        .with_timeout(Duration::from_secs(300))
        .ask::<bool>(&osb::wire::AgentRequest::IsRunning {});
    kill(pid, 9);
    assert!(matches!(
        asked.wait(),
        Err(ProxyError::Fault(
            Fault::Gone { .. } | Fault::NotRunning { .. }
        ))
    ));
}

#[test]
fn a_hanging_agent_is_suspect_and_then_itself_again() {
    let (bench, ns) = bare();
    let pid = bench.pid("Alice");
    kill(pid, 19);
    wait_until("Alice is suspect", || {
        bench.agent("Alice")["state"] == "suspect"
    });
    kill(pid, 18);
    wait_until("Alice is running", || {
        bench.agent("Alice")["state"] == "running"
    });
    assert!(ns.proxy("Alice").unwrap().is_running().unwrap());
}

#[test]
fn a_programs_methods_are_called_and_its_death_is_its_agents() {
    let bench = Bench::new();
    bench.file(
        "counter.py",
        r#"
import json, sys
count = 0
for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "call" and line["name"] == "add":
        count += line["params"]
        print(json.dumps({"type": "reply", "id": line["id"], "message": count}), flush=True)
    elif line["type"] == "call":
        print(json.dumps({"type": "reply", "id": line["id"], "error": "no method " + line["name"]}), flush=True)
"#,
    );
    let said =
        bench.up("osb: 1\nname: prog\nagents:\n  Alice: { command: [python3, counter.py] }\n");
    assert_eq!(said.code, 0, "{said}");
    let ns = nameserver(&bench);
    let alice = ns.proxy("Alice").unwrap();
    assert_eq!(alice.call("add", 2).unwrap(), json!(2));
    assert_eq!(alice.call("add", 3).unwrap(), json!(5));
    let error = alice.call("fly", Value::Null).unwrap_err();
    assert!(error.to_string().contains("no method fly"), "{error}");
    let python = bench.processes().into_iter().find(|pid| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("counter.py") && !line.contains("osb")
    });
    kill(python.expect("the program"), 9);
    wait_until("Alice has failed", || {
        bench.agent("Alice")["state"] == "failed"
    });
    // The agent says that it has failed, and its host then how.
    let exit = wait_for("how it ended is known", || {
        let info = ns.agent_info(alice.name()).unwrap();
        assert_eq!(info.state, State::Failed);
        info.exit
    });
    assert_eq!(exit.status, Some(128 + 9));
    let error = alice.wait_for_running(TIMEOUT).unwrap_err().to_string();
    assert_eq!(error, "Alice has failed: exit status 137");
}

#[test]
fn answers_are_of_the_callers_own_types() {
    let (_bench, ns) = bare();
    let (alice, bob) = (ns.proxy("Alice").unwrap(), ns.proxy("Bob").unwrap());
    alice.set_attr("point", (1, 2.5)).unwrap();
    let point: (u32, f64) = alice.get_attr_as("point").unwrap();
    assert_eq!(point, (1, 2.5));
    let odd = alice.get_attr_as::<String>("point").unwrap_err();
    let told = "the attribute point of Alice is not what was expected";
    assert!(odd.to_string().starts_with(told), "{odd}");

    let echo = Handlers::one(Action::Echo);
    let address = alice.bind(Kind::Rep, "ask", Transport::Tcp, echo);
    bob.connect(&address.unwrap(), "ask", Handlers::none())
        .unwrap();
    let sent: Vec<u8> = bob.send_recv_as("ask", [1, 2]).unwrap();
    assert_eq!(sent, [1, 2]);
    let unknown = bob.call_as::<u8>("add", (1, 2)).unwrap_err();
    assert!(unknown.to_string().contains("Bob has no method"));

    // Many at once, waited for or awaited.
    let asked: Vec<_> = (0..20)
        .map(|n| bob.begin().send_recv_as("ask", n))
        .collect();
    let answers: Vec<u32> = asked.into_iter().map(|it| it.wait().unwrap()).collect();
    assert_eq!(answers, (0..20).collect::<Vec<_>>());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        bob.begin().set_attr("x", 1).await.unwrap();
        assert_eq!(bob.begin().get_attr_as::<u8>("x").await.unwrap(), 1);
        assert!(bob.begin().send("no name", 1).await.is_err());
        assert_eq!(ns.begin().agent_infos().await.unwrap().len(), 3);
    });
}

#[test]
fn a_watch_is_told_what_happens_and_not_again_what_others_have_asked() {
    let (_bench, ns) = bare();
    let mut watch = ns.watch();
    let bob = ns.proxy("Bob").unwrap();
    let first = watch.next_timeout(TIMEOUT).unwrap();
    assert!(matches!(first, Some(Notice::Snapshot(_))), "{first:?}");
    // Each of these watches for itself.
    for name in ["Alice", "Bob", "Carol"] {
        ns.proxy(name).unwrap().wait_for_running(TIMEOUT).unwrap();
    }
    bob.shutdown().unwrap();
    bob.wait_for_end(TIMEOUT).unwrap();
    let is_over = |notice: &Notice| match notice {
        Notice::Event(Event::Agent { agent, .. }) => {
            agent.name == *bob.name() && agent.state.is_over()
        }
        Notice::Event(_) => false,
        Notice::Snapshot(_) => panic!("it has one already"),
    };
    assert!(watch.iter().any(|notice| is_over(&notice)));
    let mut later = ns.watch();
    assert!(matches!(later.next_blocking(), Some(Notice::Snapshot(_))));
}

#[test]
fn the_end_of_an_agent_that_is_given_up_is_not_waited_for() {
    let (bench, ns) = bare();
    let bob = ns.proxy("Bob").unwrap();
    let pid = bench.pid("Bob");
    kill(pid, SIGSTOP);
    let far_too_long = Duration::from_secs(600);
    let ending = [bob.name().clone(), "Nobody".parse().unwrap()];
    let left = ns.wait_for_ends(ending, far_too_long).unwrap();
    let silent = left.get(bob.name()).copied().flatten().unwrap();
    assert_eq!((left.len(), silent.get() >= 10_000), (1, true), "{left:?}");
    kill(pid, SIGCONT);
    wait_until("it is back", || bench.agent("Bob")["state"] == "running");
}

#[test]
fn all_agents_are_shut_down() {
    let (bench, ns) = bare();
    ns.shutdown_agents(TIMEOUT).unwrap();
    for name in ["Alice", "Bob", "Carol"] {
        assert_eq!(bench.agent(name)["state"], "stopped");
    }
    assert!(ns.ping().is_ok(), "the name server goes on");
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Tick {
    cents: u32,
}

#[test]
fn a_program_subscribes_to_what_an_agent_publishes() {
    let (bench, ns) = bare();
    let alice = ns.proxy("Alice").unwrap();
    alice
        .bind(Kind::Pub, "ticks", Transport::Tcp, Handlers::none())
        .unwrap();
    let mut ticks = ns.subscribe::<Tick>("Alice.ticks", ["AB", "CD"]).unwrap();
    let reader = ticks.name().to_owned();
    assert_eq!(bench.agent(&reader)["state"], "running");
    let publish = |topic: &str, message: Value| {
        alice.send_topic("ticks", message, Some(topic)).unwrap();
    };
    publish("XY", json!({ "cents": 1 }));
    publish("AB", json!({ "cents": 2 }));
    publish("AB", json!("no tick"));
    publish("CD", json!({ "cents": 3 }));
    assert_eq!(ticks.next().unwrap().unwrap(), Tick { cents: 2 });
    let odd = ticks.next().unwrap().unwrap_err().to_string();
    assert!(
        odd.contains("is not what was expected: invalid type"),
        "{odd}"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let next = runtime.block_on(ticks.next_async());
    assert_eq!(next.unwrap().unwrap(), Tick { cents: 3 });
    drop(ticks);
    assert_eq!(bench.agent(&reader)["state"], "stopped");

    let mut all = ns
        .subscribe::<Value>("Alice.ticks", [""])
        .unwrap()
        .with_topics();
    publish("XY", json!(5));
    let (topic, message) = all.next().unwrap();
    assert_eq!((topic.as_deref(), message.unwrap()), (Some("XY"), json!(5)));
    drop(all);

    let nobody = ns
        .subscribe::<Value>("Alice.tocks", [""])
        .map(drop)
        .unwrap_err();
    assert!(nobody.to_string().contains("tocks"), "{nobody}");
    let wrong = ns.subscribe::<Value>("Alice", [""]).map(drop).unwrap_err();
    assert!(wrong.to_string().contains("AGENT.ALIAS"), "{wrong}");
    // Nothing of that keeps the system.
    bench.ok(&["down"]);
}
