//! A system that is up becomes another: what is not otherwise is not touched, and a change that fails leaves what was.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::seeded::Seeded;
use crate::common::{Bench, kill, listen, wait_until};

const FORMER: &str = "
osb: 1
name: change
agents:
  Alice:
    bind: { main: { kind: PUSH, handler: null }, old: { kind: PUB, handler: null } }
    attributes: { x: 1, same: 1 }
    timers: [{ alias: tick, every: 20ms, send: main, message: alice }]
  Bob: { attributes: { y: 1 } }
  Carol: {}
  Prog: { command: [sleep, '1000'], speaks: nothing, settle: 1ms }
connections:
  - { agent: Bob, to: Alice.main, alias: in, handler: collect }
  - { agent: Bob, to: Alice.old, alias: news, handler: discard }
";

const NEXT: &str = "
osb: 1
name: change
agents:
  Alice:
    bind: { main: { kind: PUSH, handler: null }, new: { kind: PUB, handler: null } }
    attributes: { x: 2, same: 1 }
    timers: [{ alias: tick, every: 10ms, send: main, message: alice }]
  Bob: { restart: always }
  Dave: { bind: { main: { kind: PUSH, handler: null } }, timers: [{ every: 20ms, send: main, message: dave }] }
  Prog: { command: [sleep, '1001'], speaks: nothing, settle: 1ms }
connections:
  - { agent: Bob, to: Dave.main, alias: in, handler: collect }
  - { agent: Bob, to: Alice.new, alias: news, handler: { a: discard } }
  - { agent: Dave, to: Alice.main, alias: in, handler: discard }
";

impl Bench {
    fn names(&self) -> Vec<String> {
        self.ok(&["ls", "agents", "-o", "names"])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn wires(&self) -> Vec<String> {
        let all = self.json(&["ls", "connections"]);
        let all = all.as_array().unwrap().iter();
        let mut all: Vec<String> = all
            .map(|it| {
                assert_eq!(it["proof"], "proven", "{it}");
                format!("{} {}", it["from"], it["to"]).replace('"', "")
            })
            .collect();
        all.sort();
        all
    }

    fn up_json(&self, topology: &str) -> Value {
        let path = self.file("topology.yaml", topology);
        self.json(&["up", &path])
    }

    fn hears(&self, what: &str) {
        wait_until("Bob hears it", || {
            let received = self.json(&["get", "Bob", "received"]);
            let received = received.as_array().unwrap();
            received.last() == Some(&json!(what))
        });
    }

    fn is_as_before(&self, pids: [i32; 3]) {
        assert_eq!(self.names(), ["Alice", "Bob", "Carol", "Prog"]);
        assert_eq!(["Alice", "Bob", "Carol"].map(|name| self.pid(name)), pids);
        assert_eq!(self.agent("Prog")["state"], "running");
        assert_eq!(
            self.wires(),
            ["Alice.main Bob.in", "Alice.old Bob.news"].map(str::to_owned)
        );
        assert_eq!(self.json(&["get", "Alice", "x"]), json!(1));
        assert_eq!(self.json(&["get", "Bob", "y"]), json!(1));
        self.hears("alice");
        let up = self.up_json(FORMER);
        assert_eq!(up["unchanged"], json!(true), "{up}");
    }
}

fn up() -> Bench {
    let bench = Bench::new();
    let said = bench.up(FORMER);
    assert_eq!(said.code, 0, "{said}");
    bench
}

fn pids(bench: &Bench) -> [i32; 3] {
    ["Alice", "Bob", "Carol"].map(|name| bench.pid(name))
}

#[test]
fn only_what_is_otherwise_is_touched() {
    let bench = up();
    let before = (pids(&bench), bench.pid("Prog"));
    let main = bench.ok(&["addr", "Alice", "main"]);
    bench.hears("alice");
    let up = bench.up_json(NEXT);
    assert_eq!(
        up["changed"],
        json!({ "added": ["Dave"], "removed": ["Carol"], "anew": ["Prog"], "altered": ["Alice", "Bob"] })
    );
    assert_eq!(bench.names(), ["Alice", "Bob", "Dave", "Prog"]);
    assert_eq!(
        (bench.pid("Alice"), bench.pid("Bob")),
        (before.0[0], before.0[1])
    );
    assert_ne!(bench.pid("Prog"), before.1);
    assert_eq!(bench.ok(&["addr", "Alice", "main"]), main);
    assert_eq!(
        bench.wires(),
        [
            "Alice.main Dave.in",
            "Alice.new Bob.news",
            "Dave.main Bob.in"
        ]
        .map(str::to_owned)
    );
    assert_eq!(bench.json(&["get", "Alice", "x"]), json!(2));
    assert!(
        bench
            .osb(&["get", "Bob", "y"])
            .stderr
            .contains("no attribute")
    );
    bench.hears("dave");
    assert_eq!(
        bench.json(&["get", "Bob", "received"])[0],
        json!("alice"),
        "nothing is forgotten"
    );
    let timers = bench.json(&["timers", "Alice"]);
    assert_eq!(timers[0]["when"], json!({ "every": 10 }), "{timers}");
    assert!(bench.osb(&["addr", "Alice", "old"]).code != 0);
    // Its policy is another, and its next life is what it is now.
    kill(before.0[1], 9);
    wait_until("Bob is there again", || {
        let bob = bench.agent("Bob");
        bob["state"] == "running" && bob["pid"] != before.0[1]
    });
    bench.hears("dave");
    // And back.
    let up = bench.up_json(FORMER);
    assert_eq!(up["changed"]["added"], json!(["Carol"]));
    bench.hears("alice");
    let up = bench.up_json(FORMER);
    assert_eq!(up["unchanged"], json!(true));
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_change_that_fails_leaves_what_was() {
    let bench = up();
    let before = pids(&bench);
    let bad = NEXT.replace(
        "Dave: {",
        "Eve: { command: [sh, -c, 'exit 3'], speaks: nothing }\n  Dave: {",
    );
    let said = bench.up(&bad);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("Eve ended at stage settle"), "{said}");
    assert!(!said.stderr.contains("put back"), "{said}");
    bench.is_as_before(before);
    // A port that is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let bad = NEXT.replace("new: {", &format!("new: {{ addr: '127.0.0.1:{port}',"));
    let said = bench.up(&bad);
    assert!(
        said.stderr.contains("Alice failed at stage alter"),
        "{said}"
    );
    bench.is_as_before(before);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// Whenever it is interrupted, the system is what it was or what it was to be.
#[test]
fn a_change_that_is_interrupted_leaves_what_was() {
    let bench = up();
    let before = pids(&bench);
    let never = NEXT.replace(
        "Dave: {",
        "Eve: { command: [sleep, '1000'], speaks: nothing, ready: { line: never } }\n  Dave: {",
    );
    let path = bench.file("topology.yaml", &never);
    let mut seeded = seeded();
    let waits = (0..8).map(|_| seeded.below(150)).chain([700]);
    for wait in waits {
        let mut up = bench.spawn(&["up", &path]);
        std::thread::sleep(Duration::from_millis(wait));
        kill(i32::try_from(up.id()).unwrap(), 2);
        let status = up.wait().unwrap();
        assert!(!status.success());
        bench.is_as_before(before);
        bench.file("topology.yaml", &never);
    }
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// Killed with no time to put anything back: the next `up` makes the system what its file says.
#[test]
fn whenever_one_is_killed_the_next_puts_all_in_order() {
    let bench = up();
    let mut seeded = seeded();
    for _ in 0..8 {
        let path = bench.file("topology.yaml", NEXT);
        let mut up = bench.spawn(&["up", &path]);
        std::thread::sleep(Duration::from_millis(seeded.below(150)));
        up.kill().unwrap();
        up.wait().unwrap();
        bench.up_json(FORMER);
        let now = pids(&bench);
        bench.is_as_before(now);
    }
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn one_that_is_killed_is_finished_or_put_back_by_the_next() {
    for next in [FORMER, NEXT] {
        let bench = up();
        let never = NEXT.replace(
            "Dave: {",
            "Eve: { command: [sleep, '1000'], speaks: nothing, ready: { line: never } }\n  Dave: {",
        );
        let path = bench.file("topology.yaml", &never);
        let mut up = bench.spawn(&["up", &path]);
        wait_until("Alice is altered", || {
            bench.osb(&["get", "Alice", "x"]).stdout.trim() == "2"
        });
        up.kill().unwrap();
        up.wait().unwrap();
        let up = bench.up_json(next);
        assert_eq!(up["unchanged"], json!(false));
        let agents = match next {
            FORMER => ["Alice", "Bob", "Carol", "Prog"],
            _ => ["Alice", "Bob", "Dave", "Prog"],
        };
        assert_eq!(bench.names(), agents);
        let (x, heard, wires) = match next {
            FORMER => (1, "alice", 2),
            _ => (2, "dave", 3),
        };
        assert_eq!(bench.json(&["get", "Alice", "x"]), json!(x));
        assert_eq!(bench.wires().len(), wires);
        bench.hears(heard);
        bench.ok(&["down"]);
        bench.assert_nothing_left();
    }
}

#[test]
fn what_cannot_be_changed_is_refused_and_another_file_has_to_be_meant() {
    let bench = up();
    let before = pids(&bench);
    let said = bench.up(&FORMER.replace(
        "agents:",
        "nameserver: 127.0.0.1:0\nnameservers_x: 1\nagents:",
    ));
    assert_ne!(said.code, 0);
    let said = bench.up(&FORMER.replace("agents:", "nameserver: 127.0.0.1:7499\nagents:"));
    assert!(
        said.stderr
            .contains("name servers cannot be changed while it is"),
        "{said}"
    );
    assert!(said.stderr.contains("osb down change"), "{said}");
    let other = bench.file("other.yaml", NEXT);
    let said = bench.osb(&["up", &other]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("--replace"), "{said}");
    bench.is_as_before(before);
    let other = bench.file("other.yaml", NEXT);
    bench.ok(&["up", &other, "--replace"]);
    assert_eq!(bench.names(), ["Alice", "Bob", "Dave", "Prog"]);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// In a closed system a socket admits those whose wires lead to it, and no others any more.
#[test]
fn who_has_a_wire_no_more_is_not_admitted() {
    let bench = Bench::new();
    let closed = |text: &str| text.replace("agents:", "security: curve\nagents:");
    let said = bench.up(&closed(FORMER));
    assert_eq!(said.code, 0, "{said}");
    let alice = bench.pid("Alice");
    let up = bench.up_json(&closed(NEXT));
    assert_eq!(up["changed"]["altered"], json!(["Alice", "Bob"]));
    assert_eq!(bench.pid("Alice"), alice);
    bench.hears("dave");
    let status = bench.json(&["ls", "sockets"]);
    assert!(status.is_array());
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn agents_that_others_start_are_altered_too() {
    let bench = Bench::new();
    let topology = |x: u8, more: &str| {
        format!(
            "osb: 1\nname: far\nnameserver: 127.0.0.1:0\nagents:\n  Alice: {{ bind: {{ main: {{ kind: PUSH, handler: null }} }} }}\n  Guest: {{ attach: true, attributes: {{ x: {x} }}, bind: {{ {more} }} }}\nconnections:\n  - {{ agent: Guest, to: Alice.main, alias: in, handler: discard }}\n"
        )
    };
    let path = bench.file("topology.yaml", &topology(1, ""));
    let up = bench.spawn(&["up", &path]);
    wait_until("there is a name server", || {
        bench.osb(&["ls", "hosts"]).stdout.contains("running")
    });
    let mut guest = bench.spawn(&["agent", "Guest"]);
    let up = up.wait_with_output().unwrap();
    assert!(up.status.success(), "{up:?}");
    let up = bench.up_json(&topology(2, "out: { kind: PUB, handler: null }"));
    assert_eq!(up["changed"]["altered"], json!(["Guest"]));
    assert_eq!(bench.json(&["get", "Guest", "x"]), json!(2));
    bench.ok(&["addr", "Guest", "out"]);
    assert_eq!(bench.pid("Guest"), i32::try_from(guest.id()).unwrap());
    bench.ok(&["down"]);
    kill(i32::try_from(guest.id()).unwrap(), 15);
    guest.wait().unwrap();
    bench.assert_nothing_left();
}

/// All files of the state, with what they say.
fn files(bench: &Bench) -> Vec<(PathBuf, Vec<u8>)> {
    let mut open = vec![bench.state()];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        match std::fs::read_dir(&path) {
            Ok(entries) => open.extend(entries.map(|it| it.unwrap().path())),
            Err(_) => found.push((path.clone(), std::fs::read(&path).unwrap_or_default())),
        }
    }
    found.sort();
    found
}

/// What does not pass by itself.
fn standing(bench: &Bench) -> (Vec<Value>, Vec<i32>) {
    let agents = bench.json(&["ls", "agents"]);
    let agents = agents.as_array().unwrap().iter();
    let agents = agents.map(|it| {
        json!([
            it["name"],
            it["pid"],
            it["state"],
            it["addresses"],
            it["spec_version"],
            it["incarnation"]
        ])
    });
    let mut processes = bench.processes();
    processes.sort_unstable();
    (agents.collect(), processes)
}

#[test]
fn a_plan_says_what_would_be_done_and_does_nothing() {
    let bench = Bench::new();
    let path = bench.file("topology.yaml", FORMER);
    let plan = |more: &[&str]| bench.osb(&[&["plan", path.as_str()], more].concat());
    assert_eq!(plan(&["--exit-code"]).code, 10, "it would be brought up");
    bench.ok(&["up", &path]);
    let said = plan(&["--exit-code"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(
        said.stdout.trim(),
        "change is up, and what the file says: nothing to do"
    );
    let secret = "settle: 1ms, env: { API_TOKEN: one, LEVEL: 2 } }";
    bench.file("topology.yaml", &NEXT.replace("settle: 1ms }", secret));
    let before = (standing(&bench), files(&bench));
    let said = plan(&["--exit-code"]);
    assert_eq!(said.code, 10);
    insta::assert_snapshot!(said.stdout);
    assert!(said.stderr.contains("hidden: API_TOKEN"), "{said}");
    let json = bench.json(&["plan", &path]);
    assert_eq!(
        (&json["format"], &json["unchanged"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(json["added"][0]["name"], "Dave");
    assert!(!json.to_string().contains("one"), "{json}");
    assert_eq!(
        (standing(&bench), files(&bench)),
        before,
        "nothing was done"
    );
    assert!(
        plan(&["--offline"])
            .stdout
            .starts_with("system change: launch")
    );
    // What ends meanwhile is brought back.
    bench.file("topology.yaml", FORMER);
    bench.ok(&["stop", "Carol"]);
    let said = plan(&[]);
    assert!(
        said.stdout
            .contains("agents that have ended, and are brought back: Carol"),
        "{said}"
    );
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_plan_that_was_saved_is_carried_out_as_it_was_shown_or_not_at_all() {
    let bench = up();
    let path = bench.file("topology.yaml", NEXT);
    let plan = bench.files().join("plan.json");
    let plan = plan.to_str().unwrap();
    bench.ok(&["plan", &path, "--out", plan]);
    // The file is another by now: what was shown counts.
    bench.file("topology.yaml", "osb: 1\nagents: {}\n");
    bench.ok(&["stop", "Bob"]);
    let said = bench.osb(&["up", "--plan", plan]);
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stderr.contains("otherwise since it was planned"),
        "{said}"
    );
    bench.ok(&["start", "Bob"]);
    wait_until("Bob runs", || bench.agent("Bob")["state"] == "running");
    bench.ok(&["up", "--plan", plan]);
    assert_eq!(bench.names(), ["Alice", "Bob", "Dave", "Prog"]);
    let said = bench.osb(&["up", "--plan", plan]);
    assert_eq!(said.code, 1, "once: {said}");
    let said = bench.osb(&["up", "--plan", &path]);
    assert!(said.stderr.contains("is no plan"), "{said}");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_system_can_be_made_again_what_it_was() {
    let bench = up();
    let file = bench.file("topology.yaml", NEXT);
    bench.ok(&["up", &file]);
    let history = bench.json(&["history"]);
    assert_eq!(history.as_array().unwrap().len(), 2);
    assert_eq!(
        (
            &history[0]["back"],
            &history[0]["added"],
            &history[0]["removed"]
        ),
        (&json!(0), &json!(["Dave"]), &json!(["Carol"]))
    );
    assert_eq!(history[1]["added"], Value::Null);
    let said = bench.osb(&["up", "--rollback", "2"]);
    assert!(said.stderr.contains("2 states are kept"), "{said}");
    let back = bench.json(&["up", "--rollback"]);
    assert_eq!(back["changed"]["added"], json!(["Carol"]));
    assert_eq!(bench.names(), ["Alice", "Bob", "Carol", "Prog"]);
    bench.hears("alice");
    // That is a state of its own: once more is forward again.
    bench.ok(&["up", "--rollback"]);
    assert_eq!(bench.names(), ["Alice", "Bob", "Dave", "Prog"]);
    let table = bench.ok(&["history"]);
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.contains("+1 -1 ~3"), "{table}");
    // What is kept of a run is kept no longer than that.
    bench.ok(&["down"]);
    assert!(bench.osb(&["up", "--rollback"]).code != 0);
    bench.assert_nothing_left();
}

/// What is taken away from an agent, and no more, is the second of the two steps alone.
#[test]
fn one_that_loses_only_a_peer_is_altered() {
    let bench = Bench::new();
    let topology = |bob: &str, carol: &str| {
        format!(
            "osb: 1\nname: lose\nagents:\n  Alice: {{ bind: {{ main: {{ kind: PUSH, handler: null }}, more: {{ kind: PUSH, handler: null }} }} }}\n  Bob: {{}}\n  Carol: {{}}\nconnections:\n  - {{ agent: Bob, to: Alice.{bob}, alias: in, handler: discard }}\n  - {{ agent: Carol, to: Alice.{carol}, alias: in, handler: discard }}\n"
        )
    };
    bench.up_json(&topology("main", "main"));
    let before = pids(&bench);
    for (bob, carol) in [("main", "more"), ("more", "more"), ("main", "main")] {
        let up = bench.up_json(&topology(bob, carol));
        assert!(up["changed"]["anew"].as_array().unwrap().is_empty(), "{up}");
        let wires = [
            format!("Alice.{bob} Bob.in"),
            format!("Alice.{carol} Carol.in"),
        ];
        assert!(wires.iter().all(|it| bench.wires().contains(it)));
        assert_eq!(bench.wires().len(), 2);
    }
    // One leaves, and nothing comes.
    let one = topology("main", "main");
    let one = one.rsplit_once("  - ").unwrap().0;
    bench.up_json(one);
    assert_eq!(bench.wires(), ["Alice.main Bob.in"]);
    assert_eq!(pids(&bench), before);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// It is watched by the folder: a file that is written anew, put in the place of another, or included.
#[test]
fn who_watches_makes_of_the_system_what_the_files_say() {
    let bench = Bench::new();
    let part = |x: u8| format!("agents: {{ Alice: {{ attributes: {{ x: {x} }} }} }}\n");
    bench.file("part.yaml", &part(1));
    let path = bench.file(
        "topology.yaml",
        "osb: 1\nname: watched\ninclude: [part.yaml]\n",
    );
    let mut up = bench.spawn(&["up", &path, "--watch"]);
    let said = listen(up.stderr.take().unwrap());
    let shown = listen(up.stdout.take().unwrap());
    let heard = |what: &str| said.lock().unwrap().matches(what).count();
    let x_is = |x: &str| {
        wait_until("Alice is altered", || {
            bench.osb(&["get", "Alice", "x"]).stdout.trim() == x
        });
    };
    wait_until("it watches", || heard("watching the topology's files") == 1);
    let pid = bench.pid("Alice");
    bench.file("part.yaml", &part(2));
    x_is("2");
    // What is not good is reported, and changes nothing.
    bench.file("part.yaml", "agents: { Alice: { attributs: {} } }\n");
    wait_until("the mistake is shown", || {
        heard("did you mean attributes?") == 1
    });
    wait_until("and what it means", || {
        heard("the system stays as it was") == 1
    });
    // As editors do it.
    bench.file("new.yaml", &part(3));
    std::fs::rename(
        bench.files().join("new.yaml"),
        bench.files().join("part.yaml"),
    )
    .unwrap();
    x_is("3");
    assert_eq!(bench.pid("Alice"), pid);
    wait_until("that is done", || {
        shown.lock().unwrap().matches("is up, changed").count() == 2
    });
    kill(i32::try_from(up.id()).unwrap(), 2);
    assert!(up.wait().unwrap().success());
    assert_eq!(heard("watched goes on"), 1);
    assert_eq!(bench.pid("Alice"), pid, "the system stays");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// Without a terminal there is nobody to ask.
#[test]
fn who_is_to_confirm_is_asked() {
    let bench = up();
    let path = bench.file("topology.yaml", NEXT);
    let said = bench.osb(&["up", &path, "--confirm"]);
    assert_eq!(said.code, 2, "{said}");
    let asked = |answer: &str| {
        let ends = nix::pty::openpty(None, None).unwrap();
        let mut command = bench.command(&["up", &path, "--confirm"]);
        command
            .stdin(ends.slave)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let mut terminal = std::fs::File::from(ends.master);
        std::io::Write::write_all(&mut terminal, answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = asked("n\n");
    assert!(
        said.contains("+ Dave starts") && said.contains("nothing was done"),
        "{said}"
    );
    assert_eq!(bench.names(), ["Alice", "Bob", "Carol", "Prog"]);
    asked("y\n");
    assert_eq!(bench.names(), ["Alice", "Bob", "Dave", "Prog"]);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

pub(crate) fn seed() -> u64 {
    std::env::var("OSB_SEED").map_or(1, |seed| seed.parse().unwrap())
}

fn seeded() -> Seeded {
    Seeded::of(seed())
}

/// A system of up to five agents without programs: any may have sockets, wires to any sockets, attributes and timers.
pub(crate) fn any_system(seeded: &mut Seeded) -> String {
    let names = ["Alice", "Bob", "Carol", "Dave", "Eve"];
    let there: Vec<&str> = names.into_iter().filter(|_| seeded.below(4) > 0).collect();
    let mut sockets = Vec::new();
    let mut text = "osb: 1\nname: any\nagents:\n".to_owned();
    for name in &there {
        let mut bind = Vec::new();
        for alias in ["b0", "b1"] {
            if seeded.below(3) > 0 {
                let kind = ["PUSH", "PUB"][usize::try_from(seeded.below(2)).unwrap()];
                let serializer = ["json", "raw"][usize::try_from(seeded.below(5) / 4).unwrap()];
                bind.push(format!(
                    "{alias}: {{ kind: {kind}, serializer: {serializer}, handler: null }}"
                ));
                sockets.push((format!("{name}.{alias}"), kind));
            }
        }
        let timer = match bind.is_empty() || seeded.below(2) == 0 {
            true => String::new(),
            false => format!(
                ", timers: [{{ every: {}ms, send: {}, message: m }}]",
                10 + seeded.below(3),
                bind[0].split(':').next().unwrap()
            ),
        };
        let attributes = format!(
            "attributes: {{ x{}: {} }}",
            seeded.below(2),
            seeded.below(3)
        );
        text += &format!(
            "  {name}: {{ bind: {{ {} }}, {attributes}{timer} }}\n",
            bind.join(", ")
        );
    }
    text += "connections:\n";
    for client in &there {
        for alias in ["PUSH", "PUB"] {
            for (to, kind) in &sockets {
                if *kind == alias && !to.starts_with(client) && seeded.below(4) == 0 {
                    let handler = match (alias, seeded.below(2)) {
                        ("PUB", 0) => "{ m: discard }",
                        _ => "discard",
                    };
                    text += &format!(
                        "  - {{ agent: {client}, to: {to}, alias: in{alias}, handler: {handler} }}\n"
                    );
                }
            }
        }
    }
    text
}

/// From any system to any other: agents that stay keep their processes, all wires are proven, and nothing is left to do.
#[test]
fn any_system_becomes_any_other() {
    let (seed, mut seeded) = (seed(), seeded());
    let bench = Bench::new();
    let all = |bench: &Bench| -> Vec<(String, Value)> {
        let agents = bench.json(&["ls", "agents"]);
        let agents = agents.as_array().unwrap().iter();
        let named = agents.map(|it| (it["name"].as_str().unwrap().to_owned(), it["pid"].clone()));
        named.collect()
    };
    let mut before: Vec<(String, Value)> = Vec::new();
    for step in 0..20 {
        let next = any_system(&mut seeded);
        let path = bench.file("topology.yaml", &next);
        if bench.osb(&["check", &path]).code != 0 {
            // Handlers of one socket that do not agree, say.
            continue;
        }
        let said = bench.osb(&["up", &path]);
        assert_eq!(said.code, 0, "seed {seed}, step {step}: {said}\n{next}");
        let now = all(&bench);
        for (name, pid) in &now {
            let former = before.iter().find(|it| it.0 == *name);
            assert!(
                former.is_none_or(|it| it.1 == *pid),
                "seed {seed}, step {step}: {name}\n{next}"
            );
        }
        let declared = next.matches("- { agent:").count();
        assert_eq!(
            bench.wires().len(),
            declared,
            "seed {seed}, step {step}\n{next}"
        );
        let plan = bench.osb(&["plan", &path, "--exit-code"]);
        assert_eq!(plan.code, 0, "seed {seed}, step {step}: {plan}");
        before = now;
    }
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
