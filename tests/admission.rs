//! Whom a bound socket admits in a closed system: the agents with a wire to it, those that it accepts, those that control
//! has connected by hand, and no others. specs/security.md, "Data".

use osb::model::{Credentials, Holder, Term};
use osb::zeromq::{self, Failure, Seen};
use serde_json::Value;

use crate::common::closed_system::ClosedSystem;
use crate::common::{Bench, kill_to_the_end, wait_until};

const SYSTEM: &str = "
osb: 1
name: doors
security: curve
agents:
  Alice:
    bind:
      out: PUSH
      feed: { kind: PUB, accept: [Eve, 'Worker*'] }
      in: { kind: PULL, handler: collect }
      ask: { kind: REP, handler: echo, accept: '*' }
    timers: [{ every: 20ms, send: out, message: work }, { every: 20ms, send: feed, topic: t, message: news }]
  Bob:
  Mallory:
connections:
  - { agent: Bob, to: Alice.out, alias: inbox, handler: collect }
";

/// The key of an agent of that name, and Alice's for the server.
fn agent(system: &ClosedSystem, name: &str) -> Credentials {
    let holder = Holder::Agent(name.parse().unwrap());
    let mut keys = system.admit(holder, Term::Run);
    keys.server = system.socket("out").key.unwrap();
    keys
}

/// A raw socket of the kind that fits, and how its handshake ended.
fn dial(system: &ClosedSystem, alias: &str, keys: &Credentials) -> (zmq::Socket, Seen) {
    let address = system.socket(alias);
    let context = zmq::Context::new();
    let kind = match alias {
        "out" => zmq::PULL,
        "feed" => zmq::SUB,
        "in" => zmq::PUSH,
        _ => zmq::REQ,
    };
    let mut socket = context.socket(kind).unwrap();
    socket.set_linger(0).unwrap();
    zeromq::dial_with(&socket, keys).unwrap();
    let monitor = zeromq::monitor(&context, &socket, zeromq::EVENTS).unwrap();
    socket.connect(&address.address).unwrap();
    loop {
        assert_eq!(
            monitor.poll(zmq::POLLIN, 10_000).unwrap(),
            1,
            "nothing seen"
        );
        let seen = zeromq::next_event(&monitor).map(|it| it.0);
        if let Some(seen @ (Seen::Proven | Seen::Failed(_))) = seen {
            // libzmq would wait for ever to tell a monitor that nobody reads any more.
            zeromq::stop_monitor(&mut socket);
            return (socket, seen);
        }
    }
}

/// What has been seen of a socket's connection since.
fn seen_since(monitor: &zmq::Socket) -> Vec<Seen> {
    let events = std::iter::from_fn(|| zeromq::next_event(monitor));
    events.map(|(seen, _)| seen).collect()
}

fn is_admitted(system: &ClosedSystem, alias: &str, keys: &Credentials) -> bool {
    match dial(system, alias, keys).1 {
        Seen::Proven => true,
        Seen::Failed(Failure::NoWire) => false,
        other => panic!("{alias}: {other:?}"),
    }
}

fn doors(system: &ClosedSystem, name: &str) -> [bool; 4] {
    let keys = agent(system, name);
    ["out", "feed", "in", "ask"].map(|alias| is_admitted(system, alias, &keys))
}

/// What `ls sockets` says of her: whom each of her sockets admits.
fn admitted_by_alice(bench: &Bench) -> Value {
    let sockets = bench.json(&["ls", "sockets"]);
    let mut sockets = sockets.as_array().unwrap().iter();
    let alice = sockets.find(|it| it["agent"] == "Alice").unwrap();
    alice["admits"].clone()
}

#[test]
fn each_socket_admits_its_wires_and_whom_it_accepts() {
    let system = ClosedSystem::up(SYSTEM);
    for (name, admitted) in [
        ("Mallory", [false, false, false, true]),
        ("Bob", [true, false, false, true]),
        ("Eve", [false, true, false, true]),
        ("Worker7", [false, true, false, true]),
    ] {
        assert_eq!(doors(&system, name), admitted, "{name}");
    }
    let admits = admitted_by_alice(&system.bench);
    for (alias, words) in [
        ("out", "Bob"),
        ("feed", "Eve Worker*"),
        ("in", ""),
        ("ask", "*"),
    ] {
        let all = admits[alias].as_array().unwrap().iter();
        let all: Vec<&str> = all.map(|it| it.as_str().unwrap()).collect();
        assert_eq!(all.join(" "), words, "{alias}");
    }
    // Whoever was refused has neither read nor written anything.
    assert_eq!(
        system.bench.json(&["get", "Alice"])["received"],
        serde_json::json!([])
    );
    let log = system.bench.ok(&["logs", "Alice"]);
    assert!(log.contains("no wire leads here"), "{log}");
    system.down();
}

#[test]
fn control_admits_whom_it_connects_and_takes_that_back_when_it_closes() {
    let system = ClosedSystem::up(SYSTEM);
    let bench = &system.bench;
    let connect = [
        "connect",
        "Mallory",
        "work",
        "--to",
        "Alice.out",
        "--handler",
        "collect",
    ];
    bench.ok(&connect);
    wait_until("Mallory has work", || {
        let received = &bench.json(&["get", "Mallory"])["received"];
        received.as_array().is_some_and(|it| !it.is_empty())
    });
    let keys = agent(&system, "Mallory");
    let (pull, seen) = dial(&system, "out", &keys);
    assert_eq!(seen, Seen::Proven);
    assert!(!is_admitted(&system, "in", &keys), "one socket is no other");
    bench.ok(&["close", "Mallory", "work"]);
    // What it had is ended too.
    wait_until("nothing more comes", || {
        while pull.recv_bytes(zmq::DONTWAIT).is_ok() {}
        pull.poll(zmq::POLLIN, 300).unwrap() == 0
    });
    assert!(!is_admitted(&system, "out", &keys));
    // A connection that comes to nothing opens no door.
    let wrong = bench.osb(&[
        "connect",
        "Mallory",
        "x",
        "--to",
        "Alice.nothing",
        "--timeout",
        "2s",
    ]);
    assert_ne!(wrong.code, 0, "{wrong}");
    system.down();
}

/// Connects to two sockets by itself, and tells what came of it.
const PROGRAM: &str = r#"
import json, sys
for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "start":
        for number, to in enumerate(("Alice.in", "Alice.ask")):
            ask = {"type": "connect", "alias": "mine%d" % number, "to": to, "id": to}
            print(json.dumps(ask), flush=True)
    elif "id" in word:
        print("answer", line.strip(), file=sys.stderr, flush=True)
"#;

#[test]
fn an_agent_does_not_connect_itself_where_no_wire_leads() {
    let bench = Bench::new();
    bench.file("program.py", PROGRAM);
    let with_program = SYSTEM.replace(
        "  Mallory:",
        "  Mallory: { command: [python3, program.py] }",
    );
    let up = bench.up(&with_program);
    assert_eq!(up.code, 0, "{up}");
    let system = ClosedSystem::of(bench);
    let answers = || {
        let log = system.bench.ok(&["logs", "Mallory"]);
        let answers = log.lines().filter(|line| line.contains("answer"));
        answers.map(str::to_owned).collect::<Vec<_>>()
    };
    wait_until("both are answered", || answers().len() == 2);
    let answers = answers();
    let of = |to: &str| {
        let id = format!("\"{to}\"");
        answers.iter().find(|it| it.contains(&id)).unwrap()
    };
    let refused = of("Alice.in");
    for words in ["no wire leads here", "accept", "osb connect"] {
        assert!(refused.contains(words), "{refused}");
    }
    assert!(!of("Alice.ask").contains("refused"), "{answers:?}");
    system.down();
}

#[test]
fn a_guest_is_admitted_by_its_wire_and_is_no_member() {
    let topology = "
osb: 1
name: guests
security: curve
nameservers: { main: , lab: }
agents:
  Alice: { nameserver: lab, bind: { out: PUSH, side: PUSH }, timers: [{ every: 20ms, send: out, message: 1 }, { every: 20ms, send: side, message: 2 }] }
  Bob: { nameserver: main }
  Eve: { nameserver: main }
connections:
  - { agent: Bob, to: Alice@lab.out, alias: inbox, handler: collect }
";
    let bench = Bench::new();
    let up = bench.up(topology);
    assert_eq!(up.code, 0, "{up}");
    let has = |agent: &str| {
        let received = &bench.json(&["get", agent])["received"];
        received.as_array().is_some_and(|it| !it.is_empty())
    };
    wait_until("Bob hears", || has("Bob"));
    assert_eq!(
        admitted_by_alice(&bench),
        serde_json::json!({ "out": ["Bob@main"], "side": [] })
    );
    bench.ok(&[
        "connect",
        "Eve",
        "in",
        "--to",
        "Alice@lab.side",
        "--handler",
        "collect",
    ]);
    wait_until("Eve hears", || has("Eve"));
    let admits = || {
        let sockets = bench.json(&["ls", "sockets"]);
        let mut sockets = sockets.as_array().unwrap().iter();
        let alice = sockets.find(|it| it["agent"] == "Alice").unwrap();
        alice["admits"].clone()
    };
    let both = serde_json::json!({ "out": ["Bob@main"], "side": ["Eve@main"] });
    assert_eq!(admits(), both);
    // It is taken back, and what the topology says is not, though the same is closed.
    for all in [["Eve", "in"], ["Bob", "--all"]] {
        bench.ok(&[&["close"][..], &all].concat());
        let wires = serde_json::json!({ "out": ["Bob@main"], "side": [] });
        assert_eq!(admits(), wires);
    }
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// What was changed by hand is of that life, as sockets and connections are. specs/topology.md, "Restarts".
#[test]
fn who_was_admitted_by_hand_is_admitted_again_by_hand_after_a_restart() {
    let restarted = SYSTEM.replace(
        "security: curve",
        "security: curve\ndefaults: { restart: always }",
    );
    let system = ClosedSystem::up(&restarted);
    let bench = &system.bench;
    let connect = [
        "connect",
        "Mallory",
        "work",
        "--to",
        "Alice.out",
        "--handler",
        "collect",
    ];
    bench.ok(&connect);
    let received = || {
        let received = &bench.json(&["get", "Mallory"])["received"];
        received.as_array().map_or(0, Vec::len)
    };
    wait_until("Mallory has work", || received() > 0);
    kill_to_the_end(bench.pid("Alice"));
    wait_until("Alice is back", || {
        bench.agent("Alice")["state"] == "running"
    });
    let keys = agent(&system, "Mallory");
    assert!(!is_admitted(&system, "out", &keys));
    wait_until("Mallory's own is refused too", || {
        let log = bench.ok(&["logs", "Alice"]);
        log.contains("the last: agent Mallory to out") && !log.contains("to feed")
    });
    wait_until("ls connections says so", || {
        let connections = bench.json(&["ls", "connections"]);
        let mut connections = connections.as_array().unwrap().iter();
        connections.any(|it| it["client"] == "Mallory.work" && it["proof"] == "refused")
    });
    let before = received();
    bench.ok(&connect);
    wait_until("Mallory has work again", || received() > before);
    system.down();
}

/// Whom a socket admits is looked up at handshakes, and at no other time.
#[test]
fn a_thousand_wires_more_cost_those_that_are_there_nothing() {
    let system = ClosedSystem::up(SYSTEM);
    let alice = system.owner().proxy("Alice").unwrap();
    let holder = |name: &str| Holder::Agent(name.parse().unwrap());
    // Bob's wire, and one whose every event is seen.
    assert!(alice.admit("out", holder("Eve")).unwrap());
    let keys = agent(&system, "Eve");
    let context = zmq::Context::new();
    let mut socket = context.socket(zmq::PULL).unwrap();
    socket.set_linger(0).unwrap();
    zeromq::dial_with(&socket, &keys).unwrap();
    let monitor = zeromq::monitor(&context, &socket, zeromq::EVENTS).unwrap();
    socket.connect(&system.socket("out").address).unwrap();
    wait_until("Eve is admitted", || {
        seen_since(&monitor).contains(&Seen::Proven)
    });
    let hears = || socket.poll(zmq::POLLIN, 10_000).unwrap() == 1;
    assert!(hears());

    let began = std::time::Instant::now();
    for number in 0..1000 {
        let name = format!("Late{number}");
        assert!(alice.admit("out", holder(&name)).unwrap());
    }
    eprintln!("1,000 agents were admitted in {:?}", began.elapsed());
    assert!(is_admitted(&system, "out", &agent(&system, "Late999")));
    assert!(!is_admitted(&system, "out", &agent(&system, "Mallory")));
    for number in 0..999 {
        let name = format!("Late{number}");
        assert!(alice.dismiss("out", holder(&name)).unwrap());
    }
    while socket.recv_bytes(zmq::DONTWAIT).is_ok() {}
    assert!(hears());
    assert_eq!(seen_since(&monitor), [], "the connection is another");
    let bobs = system.bench.json(&["ls", "connections"]);
    assert_eq!(
        (&bobs[0]["proof"], &bobs[0]["times"]),
        (&"proven".into(), &1.into())
    );
    zeromq::stop_monitor(&mut socket);
    system.down();
}
