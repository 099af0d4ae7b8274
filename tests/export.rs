//! What runs, as a topology: also what was made by hand. Nothing of it is touched when it becomes the file.

use std::collections::BTreeSet;
use std::process::Child;

use serde_json::{Value, json};

use crate::change::{any_system, seed};
use crate::common::seeded::Seeded;
use crate::common::{Bench, kill, wait_until};

const SYSTEM: &str = "
osb: 1
name: shop
agents:
  Alice: { bind: { main: { kind: PUSH, handler: null } } }
  Bob: { attributes: { x: 1 } }
connections:
  - { agent: Bob, to: Alice.main, alias: in, handler: collect }
";

impl Bench {
    /// What stands, whoever has made it: agents, addresses, connections.
    fn all(&self) -> (Vec<Value>, BTreeSet<String>) {
        let agents = self.json(&["ls", "agents"]);
        let agents = agents.as_array().unwrap().iter();
        let agents = agents.map(|it| {
            json!([
                it["name"],
                it["pid"],
                it["state"],
                it["addresses"],
                it["incarnation"]
            ])
        });
        let wires = self.json(&["ls", "connections"]);
        let wires = wires.as_array().unwrap().iter();
        let wires = wires.map(|it| format!("{} {} {}", it["from"], it["to"], it["times"]));
        (agents.collect(), wires.collect())
    }

    /// The file of what runs, and what it does not say.
    fn export(&self) -> (String, String) {
        let said = self.osb(&["export", "--show-secrets"]);
        assert_eq!(said.code, 0, "{said}");
        (self.file("export.yaml", &said.stdout), said.stderr)
    }

    fn plan(&self, path: &str) -> String {
        let said = self.osb(&["plan", path, "--exit-code"]);
        assert_eq!(said.code, 0, "{said}");
        assert!(said.stdout.contains("nothing to do"), "{said}");
        said.stdout
    }

    fn start_by_hand(&self, name: &str) -> Child {
        let child = self.spawn(&["agent", name]);
        wait_until("it is registered", || {
            self.osb(&["ls", "agents", "-o", "names"])
                .stdout
                .lines()
                .any(|it| it == name)
        });
        child
    }

    fn end_by_hand(&self, mut child: Child) {
        kill(i32::try_from(child.id()).unwrap(), 15);
        child.wait().unwrap();
    }
}

/// Sockets that a difference names, with `+` or `~`.
fn named(difference: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |agent: &Value, alias: &Value| {
        let (agent, alias) = (agent.as_str().unwrap(), alias.as_str().unwrap());
        names.insert(format!("{agent}.{alias}"));
    };
    for agent in difference["added"].as_array().unwrap() {
        let sockets = ["bind", "wires"].map(|key| agent[key].as_array().unwrap());
        for socket in sockets.into_iter().flatten() {
            add(&agent["name"], &socket["alias"]);
        }
    }
    for it in difference["altered"].as_array().unwrap() {
        for edit in it["edits"].as_array().unwrap() {
            for (edit, what) in edit.as_object().unwrap() {
                // Whom a socket admits follows from the wires.
                match edit.as_str() {
                    "bind" | "connect" | "handle" => add(&it["to"]["name"], &what["alias"]),
                    "admit" => {}
                    other => panic!("{other} was not done by hand: {difference}"),
                }
            }
        }
    }
    assert_eq!(difference["removed"], json!([]));
    names
}

/// Does something by hand, and gives the socket that is otherwise from then on.
fn do_by_hand(bench: &Bench, seeded: &mut Seeded, agents: &[String]) -> Option<String> {
    let mut any = |all: &[String]| {
        let at = seeded.below(all.len() as u64);
        all[usize::try_from(at).unwrap()].clone()
    };
    let agent = any(agents);
    let alias = any(&["h0", "h1", "h2"].map(str::to_owned));
    let made = |arguments: &[&str], alias: &str| {
        let said = bench.osb(arguments);
        (said.code == 0).then(|| format!("{agent}.{alias}"))
    };
    match any(&["bind", "connect", "subscribe"].map(str::to_owned)).as_str() {
        "bind" => {
            let kind = any(&["PUSH", "PUB", "PULL", "REP"].map(str::to_owned));
            let serializer = any(&["json", "raw", "msgpack"].map(str::to_owned));
            let transport = any(&["tcp", "ipc"].map(str::to_owned));
            let mut arguments = vec!["bind", &agent, &alias, &kind];
            arguments.extend(["--serializer", &serializer, "--transport", &transport]);
            match kind.as_str() {
                "PULL" => arguments.extend(["--handler", "discard", "--handler", "log"]),
                "REP" => arguments.extend(["--handler", "echo"]),
                _ => {}
            }
            made(&arguments, &alias)
        }
        "connect" => {
            let sockets = bench.json(&["ls", "addresses"]);
            let sockets = sockets.as_array().unwrap().iter();
            let servers = sockets.filter(|it| it["role"] == "server");
            let servers: Vec<&Value> = servers.filter(|it| it["agent"] != agent.as_str()).collect();
            let names: Vec<String> = servers
                .iter()
                .map(|it| {
                    let (agent, alias) = (it["agent"].as_str(), it["alias"].as_str());
                    format!("{}.{}", agent.unwrap(), alias.unwrap())
                })
                .collect();
            if names.is_empty() {
                return None;
            }
            let to = any(&names);
            let is_taken = bench.osb(&["ls", "connections", "-o", "json"]).stdout;
            // A second connection of one alias is one that no topology has.
            if is_taken.contains(&format!("\"{agent}.{alias}\"")) {
                return None;
            }
            made(&["connect", &agent, &alias, "--to", &to], &alias)
        }
        _ => {
            let topic = any(&["a=log", "b=discard"].map(str::to_owned));
            let (topic, handler) = topic.split_once('=').unwrap();
            let arguments = ["subscribe", &agent, "inPUB", topic, "--handler", handler];
            made(&arguments, "inPUB")
        }
    }
}

/// From any system with anything made by hand.
#[test]
fn what_runs_is_a_file_that_changes_nothing() {
    let (seed, mut seeded) = (seed(), Seeded::of(seed()));
    let bench = Bench::new();
    let mut seen = 0;
    for step in 0..8 {
        let system = any_system(&mut seeded);
        let former = bench.file("topology.yaml", &system);
        if bench.osb(&["check", &former]).code != 0 {
            continue;
        }
        let said = bench.osb(&["up", &former]);
        assert_eq!(said.code, 0, "seed {seed}, step {step}: {said}\n{system}");
        let zoe = (seeded.below(2) == 0).then(|| bench.start_by_hand("Zoe"));
        let agents = bench.ok(&["ls", "agents", "-o", "names"]);
        let agents: Vec<String> = agents.lines().map(str::to_owned).collect();
        let mut made = BTreeSet::new();
        for _ in 0..6 {
            if !agents.is_empty() {
                made.extend(do_by_hand(&bench, &mut seeded, &agents));
            }
        }
        seen += made.len();
        let context = format!("seed {seed}, step {step}\n{system}\n{made:?}");
        let before = bench.all();
        let (path, notes) = bench.export();
        assert_eq!(notes, "", "{context}");
        let plan = bench.plan(&path);
        assert!(!plan.contains("left alone"), "{plan}{context}");
        let plan = bench.plan(&former);
        assert!(!plan.contains("taken over"), "{plan}{context}");
        let difference = bench.json(&["export", "--diff", &former]);
        assert_eq!(named(&difference), made, "{difference}{context}");
        let up = bench.json(&["up", &path, "--replace"]);
        assert_eq!(up["unchanged"], json!(true), "{up}{context}");
        assert_eq!(bench.all(), before, "{context}");
        assert!(!bench.plan(&path).contains("by hand"), "{context}");
        assert_eq!(
            bench.osb(&["export", "--diff", &path, "--exit-code"]).code,
            0
        );
        bench.ok(&["down", "--force"]);
        if let Some(zoe) = zoe {
            bench.end_by_hand(zoe);
        }
    }
    assert!(seen > 0, "seed {seed}");
    bench.assert_nothing_left();
}

fn by_hand() -> (Bench, String, Child) {
    let bench = Bench::new();
    let path = bench.file("topology.yaml", SYSTEM);
    bench.ok(&["up", &path]);
    let zoe = bench.start_by_hand("Zoe");
    bench.ok(&["bind", "Alice", "extra", "PUB"]);
    bench.ok(&["bind", "Zoe", "z", "PUSH"]);
    let to = ["connect", "Bob", "news", "--to", "Alice.extra"];
    bench.ok(&[&to[..], &["--handler", "a=discard"]].concat());
    bench.ok(&["every", "Bob", "1h", "--alias", "tick", "set", "y=1"]);
    (bench, path, zoe)
}

#[test]
fn it_is_a_topology_and_says_what_it_leaves_out() {
    let (bench, path, zoe) = by_hand();
    // An address that nobody of the system has.
    let (bound, at) = {
        let bound = zmq_listener();
        let at = format!("tcp://127.0.0.1:{}", bound.1);
        (bound.0, at)
    };
    bench.ok(&["connect", "Bob", "odd", "--to", &at, "--kind", "PULL"]);
    let said = bench.osb(&["export"]);
    insta::assert_snapshot!(said.stdout.replace(&at, "tcp://ADDRESS"));
    assert!(said.stderr.contains("no socket of the system"), "{said}");
    assert!(said.stderr.contains("tick"), "{said}");
    let json = bench.json(&["export"]);
    assert_eq!(json["agents"]["Zoe"]["attach"], json!(true));
    insta::assert_snapshot!(bench.ok(&["plan", &path]));
    insta::assert_snapshot!(
        bench
            .ok(&["export", "--diff", &path])
            .replace(&path, "FILE")
    );
    drop(bound);
    bench.ok(&["down", "--force"]);
    bench.end_by_hand(zoe);
    bench.assert_nothing_left();
}

fn zmq_listener() -> (zmq::Socket, u16) {
    let socket = zmq::Context::new().socket(zmq::PUSH).unwrap();
    socket.bind("tcp://127.0.0.1:0").unwrap();
    let at = socket.get_last_endpoint().unwrap().unwrap();
    let port = at.rsplit_once(':').unwrap().1.parse().unwrap();
    (socket, port)
}

/// Also where all is encrypted, and from one name server's agents to another's.
#[test]
fn it_is_so_in_closed_systems_and_between_groups() {
    let bench = Bench::new();
    let system = "osb: 1\nname: two\nsecurity: curve\nnameservers: { main: 127.0.0.1:0, lab: 127.0.0.1:0 }\nagents:\n  Alice: { bind: { main: { kind: PUSH, handler: null } } }\n  Alice@lab: { bind: { main: { kind: PUSH, handler: null } } }\n  Bob: {}\n  Carol@lab: {}\nconnections:\n  - { agent: Bob, to: Alice@lab.main, alias: in, handler: discard }\n";
    let path = bench.file("topology.yaml", system);
    bench.ok(&["up", &path]);
    bench.ok(&["bind", "Alice@lab", "extra", "PUB"]);
    for [agent, alias, to] in [
        ["Carol", "near", "Alice@lab.extra"],
        ["Carol", "far", "Alice@main.main"],
        ["Bob", "far", "Alice@lab.extra"],
    ] {
        bench.ok(&["connect", agent, alias, "--to", to, "--handler", "discard"]);
    }
    let before = bench.all();
    let difference = bench.json(&["export", "--diff", &path]);
    let made = [
        "Alice@lab.extra",
        "Bob.far",
        "Carol@lab.far",
        "Carol@lab.near",
    ];
    assert_eq!(named(&difference), made.map(str::to_owned).into());
    let (next, notes) = bench.export();
    assert_eq!(notes, "");
    assert!(bench.plan(&next).contains("taken over: Carol@lab: wire"));
    let up = bench.json(&["up", &next, "--replace"]);
    assert_eq!(up["unchanged"], json!(true), "{up}");
    assert_eq!(bench.all(), before);
    assert!(!bench.plan(&next).contains("by hand"));
    bench.ok(&["down", "--force"]);
    bench.assert_nothing_left();
}

/// It is the system's from then on: the next life has it too.
#[test]
fn what_was_taken_over_is_there_in_the_next_life() {
    let (bench, _, zoe) = by_hand();
    let (path, _) = bench.export();
    bench.ok(&["up", &path, "--replace"]);
    let extra = bench.ok(&["addr", "Alice", "extra"]);
    for name in ["Alice", "Bob"] {
        bench.ok(&["restart", name]);
    }
    wait_until("all is wired again", || {
        let wires = bench.json(&["ls", "connections"]);
        let wires = wires.as_array().unwrap();
        wires.len() == 2 && wires.iter().all(|it| it["proof"] == "proven")
    });
    assert_eq!(bench.ok(&["addr", "Alice", "extra"]), extra);
    assert!(!bench.plan(&path).contains("by hand"));
    bench.ok(&["down", "--force"]);
    // What it had before is its own again.
    bench.end_by_hand(zoe);
    bench.assert_nothing_left();
}

#[test]
fn a_change_that_fails_gives_back_what_it_took_over() {
    let (bench, path, zoe) = by_hand();
    let before = bench.all();
    let (next, _) = bench.export();
    let next = std::fs::read_to_string(next).unwrap();
    let bad = next.replace(
        "connections:",
        "  Eve: { command: [sh, -c, 'exit 3'], speaks: nothing }\nconnections:",
    );
    let bad = bench.file("bad.yaml", &bad);
    assert_ne!(bench.osb(&["up", &bad, "--replace"]).code, 0);
    assert_eq!(bench.all(), before);
    assert!(
        bench
            .plan(&path)
            .contains("left alone: Alice: socket extra")
    );
    // And it can be taken over after all.
    let (next, _) = bench.export();
    let up = bench.json(&["up", &next, "--replace"]);
    assert_eq!(up["unchanged"], json!(true), "{up}");
    assert_eq!(bench.all(), before);
    bench.ok(&["down", "--force"]);
    bench.end_by_hand(zoe);
    bench.assert_nothing_left();
}

#[test]
fn what_is_in_the_way_is_told_before_anything_is_done() {
    let (bench, _, zoe) = by_hand();
    let before = bench.all();
    let other = SYSTEM.replace("main:", "extra: { kind: PULL, handler: log }, main:");
    let path = bench.file("topology.yaml", &other);
    let said = bench.osb(&["plan", &path, "--exit-code"]);
    assert_eq!(said.code, 10, "{said}");
    assert!(said.stdout.contains("in the way: Alice.extra"), "{said}");
    let said = bench.osb(&["up", &path]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("osb close Alice extra"), "{said}");
    assert_eq!(bench.all(), before);
    bench.ok(&["close", "Bob", "news"]);
    bench.ok(&["close", "Alice", "extra"]);
    bench.ok(&["up", &path]);
    bench.ok(&["down", "--force"]);
    bench.end_by_hand(zoe);
    bench.assert_nothing_left();
}

/// A program that binds a socket by itself finds it there in its next life.
#[test]
fn a_program_binds_again_what_its_spec_has_from_it() {
    let bench = Bench::new();
    let program = "import json, sys\nfor line in sys.stdin:\n    if json.loads(line)['type'] == 'start':\n        print(json.dumps({'type': 'bind', 'alias': 'own', 'kind': 'PUB', 'id': 1}), flush=True)\n        break\nfor line in sys.stdin:\n    if json.loads(line).get('error'):\n        sys.exit(9)\n    if json.loads(line)['type'] == 'stop':\n        sys.exit(0)\n";
    let program = bench.file("own.py", program);
    let system = format!(
        "osb: 1\nname: own\nagents: {{ Alice: {{ command: [python3, {program}], env: {{ API_TOKEN: hush }} }} }}\n"
    );
    let path = bench.file("topology.yaml", &system);
    bench.ok(&["up", &path]);
    wait_until("it has bound", || {
        bench.osb(&["addr", "Alice", "own"]).code == 0
    });
    assert!(bench.plan(&path).contains("left alone: Alice: socket own"));
    // Secrets are hidden, unless they are asked for.
    for arguments in [&["export"][..], &["export", "-o", "json"]] {
        let said = bench.osb(arguments);
        assert!(!said.stdout.contains("hush"), "{said}");
        assert!(said.stderr.contains("hidden: API_TOKEN"), "{said}");
    }
    let pid = bench.pid("Alice");
    let (next, _) = bench.export();
    bench.ok(&["up", &next, "--replace"]);
    assert_eq!(bench.pid("Alice"), pid);
    bench.ok(&["restart", "Alice"]);
    wait_until("it runs", || bench.agent("Alice")["state"] == "running");
    bench.ok(&["addr", "Alice", "own"]);
    assert!(!bench.plan(&next).contains("by hand"));
    bench.ok(&["down", "--force"]);
    bench.assert_nothing_left();
}
