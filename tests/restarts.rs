//! Agents that have ended by themselves are started again, by the policies of their specs: with the ports, attributes,
//! timers and wires that they had. specs/topology.md, "Restarts".

use serde_json::Value;

use crate::common::{Bench, wait_until};

/// A feed that is bound here and connected there, in both directions.
const SYSTEM: &str = "
osb: 1
name: restarts
defaults: { restart: always }
agents:
  Alice:
    attributes: { colour: red }
    bind: { feed: PUB, work: PUSH }
    timers: [{ every: 20ms, send: feed, message: news }, { every: 20ms, send: work, message: 1 }]
  Bob: { bind: { in: { kind: PULL, handler: collect } } }
  Carol: {}
connections:
  - { agent: Carol, to: Alice.feed, alias: news, handler: collect }
  - { agent: Carol, to: Alice.work, alias: work, handler: collect }
  - { agent: Alice, to: Bob.in, alias: out }
";

fn agent(bench: &Bench, name: &str) -> Value {
    let agents = bench.json(&["ls", "agents"]);
    let mut agents = agents.as_array().unwrap().iter();
    agents.find(|it| it["name"] == name).unwrap().clone()
}

fn pid(bench: &Bench, name: &str) -> Option<i64> {
    agent(bench, name)["pid"].as_i64()
}

fn kill(pid: i64) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn is_back(bench: &Bench, name: &str, restarts: u64) -> bool {
    let agent = agent(bench, name);
    agent["state"] == "running" && agent["restarts"] == restarts
}

fn all_proven(bench: &Bench) -> bool {
    let connections = bench.json(&["ls", "connections"]);
    let connections = connections.as_array().unwrap();
    connections.len() == 3 && connections.iter().all(|it| it["proof"] == "proven")
}

/// Its attributes; null while it is between two lives.
fn attributes(bench: &Bench, name: &str) -> Value {
    let said = bench.osb(&["-o", "json", "get", name]);
    serde_json::from_str(&said.stdout).unwrap_or_default()
}

fn received(bench: &Bench, name: &str) -> usize {
    let attributes = attributes(bench, name);
    attributes["received"].as_array().map_or(0, Vec::len)
}

fn comes_back_as_it_was(security: &str) {
    let bench = Bench::new();
    let up = bench.up(&SYSTEM.replace(
        "name: restarts",
        &format!("name: restarts\nsecurity: {security}"),
    ));
    assert_eq!(up.code, 0, "{up}");
    let before = agent(&bench, "Alice");
    bench.ok(&["set", "Alice", "colour", "\"blue\""]);
    for restarts in 1..=2 {
        kill(pid(&bench, "Alice").unwrap());
        wait_until("Alice is back", || is_back(&bench, "Alice", restarts));
        wait_until("her wires are proven", || all_proven(&bench));
        let after = agent(&bench, "Alice");
        for alias in ["feed", "work"] {
            let address = |of: &Value| of["addresses"][alias]["address"].clone();
            assert_eq!(
                address(&after),
                address(&before),
                "{alias}: the port is the same"
            );
        }
        assert_ne!(after["incarnation"], before["incarnation"]);
        assert_eq!(after["last_end"]["signal"], 9);
        assert_eq!(attributes(&bench, "Alice")["colour"], "red");
        // Her timers run, and what they send arrives.
        let so_far = received(&bench, "Carol");
        wait_until("Carol hears", || received(&bench, "Carol") > so_far + 10);
    }
    assert_eq!(agent(&bench, "Bob")["restarts"], 0);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn an_agent_comes_back_as_it_was() {
    comes_back_as_it_was("none");
}

#[test]
fn an_agent_comes_back_in_a_closed_system() {
    comes_back_as_it_was("curve");
}

#[test]
fn a_crash_loop_waits_longer_and_ends_as_failed() {
    let bench = Bench::new();
    let up = bench.up("
osb: 1
name: crashes
agents:
  Bad:
    on_failed: [sh, -c, 'echo $OSB_AGENT: $OSB_REASON >>told']
    command: [sh, -c, 'sleep 0.3; exit 7']
    speaks: nothing
    settle: 50ms
    restart: { policy: on-failure, delay: 50ms, max_delay: 100ms, limit: 3, jitter: 0 }
  Job: { command: [sh, -c, 'sleep 0.2'], speaks: nothing, job: true, restart: always }
");
    assert_eq!(up.code, 0, "{up}");
    // It says that it has failed a moment before its host says what becomes of it.
    wait_until("it is given up", || {
        agent(&bench, "Bad")["then"]["given_up"].is_object()
    });
    let bad = agent(&bench, "Bad");
    assert_eq!(
        (&bad["state"], &bad["restarts"]),
        (&"failed".into(), &3.into())
    );
    assert_eq!(bad["exit_status"], 7);
    assert_eq!(bad["then"]["given_up"]["restarts"], 3);
    let table = bench.ok(&["ls", "agents"]);
    assert!(
        table.contains("given up after 3 restarts within 10m"),
        "{table}"
    );
    wait_until("it is told", || {
        let told = std::fs::read_to_string(bench.files().join("told")).unwrap_or_default();
        told == "Bad: exit status 7; given up after 3 restarts within 10m\n"
    });
    let job = agent(&bench, "Job");
    assert_eq!(
        (job["state"].as_str(), &job["restarts"]),
        (Some("stopped"), &Value::from(0))
    );
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_program_that_refers_to_sockets_is_launched_again_and_keeps_what_is_to_be_kept() {
    let bench = Bench::new();
    bench.file(
        "count.py",
        r#"
import json, sys
def say(**word): print(json.dumps(word), flush=True)
for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "start":
        lives = word["attributes"]["lives"] + 1
        say(type="set", attributes={"lives": lives, "where": sys.argv[1]})
        if lives == 1:
            say(type="set", attributes={"other": 5})
    elif word["type"] == "call":
        sys.exit(3)
"#,
    );
    let up = bench.up("
osb: 1
name: counts
agents:
  Alice: { bind: { main: PUSH } }
  Count:
    command: [python3, count.py, '${addr:Alice.main}']
    attributes: { lives: 0, other: 0 }
    keep: [lives]
    restart: on-failure
");
    assert_eq!(up.code, 0, "{up}");
    let main = bench.ok(&["addr", "Alice", "main"]);
    for lives in 1..=3 {
        wait_until("it counts its lives", || {
            attributes(&bench, "Count")["lives"] == lives
        });
        assert_eq!(attributes(&bench, "Count")["where"], main.trim());
        // Only what is to be kept is.
        let other = if lives == 1 { 5 } else { 0 };
        wait_until("the other attribute", || {
            attributes(&bench, "Count")["other"] == other
        });
        // It has no answer to give.
        let _ = bench.osb(&["call", "Count", "crash", "--timeout", "1s"]);
    }
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn who_is_asked_to_end_stays_down_until_the_next_up() {
    let bench = Bench::new();
    let topology =
        "osb: 1\nname: asked\nagents:\n  Alice: { restart: always }\n  Bob: { restart: always }\n";
    let up = bench.up(topology);
    assert_eq!(up.code, 0, "{up}");
    bench.ok(&["shutdown", "Alice"]);
    kill(pid(&bench, "Bob").unwrap());
    wait_until("Bob is back", || is_back(&bench, "Bob", 1));
    assert_eq!(agent(&bench, "Alice")["state"], "stopped");
    let again = bench.up(topology);
    assert_eq!(again.code, 0, "{again}");
    assert!(is_back(&bench, "Alice", 1), "{}", agent(&bench, "Alice"));
    kill(pid(&bench, "Alice").unwrap());
    wait_until("Alice is back", || is_back(&bench, "Alice", 2));
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn an_agent_whose_fixed_port_is_taken_tries_until_it_is_free() {
    let bench = Bench::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let up = bench.up(&format!(
        "osb: 1\nname: ports\nagents:\n  Alice: {{ bind: {{ main: {{ kind: PUSH, addr: {at} }} }}, restart: {{ policy: always, delay: 50ms, max_delay: 100ms, limit: 0 }} }}\n"
    ));
    assert_eq!(up.code, 0, "{up}");
    let mut taken = None;
    let mut lives = 0;
    wait_until("the port is taken in between", || {
        if let Some(pid) = pid(&bench, "Alice") {
            kill(pid);
            lives += 1;
        }
        taken = std::net::TcpListener::bind(at).ok();
        taken.is_some()
    });
    wait_until("it has tried in vain", || {
        agent(&bench, "Alice")["restarts"].as_u64() > Some(lives + 1)
    });
    wait_until("it says when it tries again", || {
        agent(&bench, "Alice")["then"]["again"].is_object()
    });
    drop(taken);
    wait_until("it has its port", || {
        let alice = agent(&bench, "Alice");
        let address = alice["addresses"]["main"]["address"].as_str();
        alice["state"] == "running" && address == Some(&format!("tcp://{at}"))
    });
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn agents_are_started_and_restarted_by_hand() {
    let bench = Bench::new();
    let never = SYSTEM.replace("restart: always", "restart: never");
    let up = bench.up(&never);
    assert_eq!(up.code, 0, "{up}");
    let life = |name: &str| agent(&bench, name)["incarnation"].clone();
    let (alice, bob) = (life("Alice"), life("Bob"));

    // One that runs is let be; one that has ended, however, comes back as it was.
    bench.ok(&["start", "Bob"]);
    assert_eq!(life("Bob"), bob);
    bench.ok(&["shutdown", "Alice"]);
    bench.ok(&["start", "Alice"]);
    assert_ne!(life("Alice"), alice);
    wait_until("her wires are proven", || all_proven(&bench));
    let so_far = received(&bench, "Carol");
    wait_until("her timers run", || received(&bench, "Carol") > so_far + 10);
    kill(pid(&bench, "Alice").unwrap());
    wait_until("she has failed", || {
        agent(&bench, "Alice")["state"] == "failed"
    });
    let said = bench.ok(&["start", "*"]);
    assert_eq!(
        said,
        "AGENT  RESULT\nAlice  done\nBob    done\nCarol  done\n"
    );

    let (alice, carol) = (life("Alice"), life("Carol"));
    let said = bench.ok(&["restart", "A*", "Bob"]);
    assert_eq!(said, "AGENT  RESULT\nAlice  done\nBob    done\n");
    assert!(life("Alice") != alice && life("Bob") != bob && life("Carol") == carol);
    wait_until("her wires are proven", || all_proven(&bench));

    let said = bench.osb(&["start", "Alcie"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("Alice"), "{said}");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn one_that_is_started_by_hand_with_its_go_waits_for_nobody() {
    let bench = Bench::new();
    let up = bench.up(SYSTEM);
    assert_eq!(up.code, 0, "{up}");
    let address = bench.json(&["ls", "systems"])[0]["nameserver"].clone();
    let address = address.as_str().unwrap();
    let program = "read start; echo '{\"type\":\"set\",\"attributes\":{\"told\":true}}'; cat";
    let command = [
        "agent", "Late", "--ns", address, "--go", "--", "sh", "-c", program,
    ];
    let mut late = bench.spawn(&command);
    wait_until("its program is told to start", || {
        attributes(&bench, "Late")["told"] == true
    });
    bench.ok(&["connect", "Late", "out", "--to", "Bob.in"]);
    let before = received(&bench, "Bob");
    bench.ok(&["every", "Late", "20ms", "send", "out", "7"]);
    wait_until("its timer runs", || received(&bench, "Bob") > before + 5);
    bench.ok(&["stop", "Late"]);
    late.wait().unwrap();
    bench.ok(&["down"]);
}

#[test]
fn one_that_was_started_by_hand_is_told_to_work() {
    let bench = Bench::new();
    let up = bench.up(SYSTEM);
    assert_eq!(up.code, 0, "{up}");
    let address = bench.json(&["ls", "systems"])[0]["nameserver"].clone();
    let address = address.as_str().unwrap();
    let mut late = bench.spawn(&["agent", "Late", "--ns", address]);
    wait_until("Late is there", || {
        let agents = bench.json(&["ls", "agents"]);
        let mut agents = agents.as_array().unwrap().iter();
        agents.any(|it| it["name"] == "Late" && it["state"] == "running")
    });
    bench.ok(&["set", "Late", "n=0"]);
    bench.ok(&["bind", "Late", "in", "PULL", "--handler", "collect"]);
    bench.ok(&["bind", "Late", "spare", "PUSH"]);
    bench.ok(&["connect", "Late", "out", "--to", "Bob.in"]);
    let before = received(&bench, "Bob");
    bench.ok(&["every", "Late", "20ms", "send", "out", "7"]);
    bench.ok(&["start", "Late"]);
    wait_until("its timer runs", || received(&bench, "Bob") > before + 5);
    bench.ok(&["shutdown", "Late"]);
    late.wait().unwrap();
    let said = bench.osb(&["start", "Late"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("`osb agent Late`"), "{said}");
    bench.ok(&["down"]);
}

/// Alice's former port is taken while she is stopped: she comes back at another one, and Bob's program has to know.
#[test]
fn a_program_whose_peer_is_elsewhere_is_started_again() {
    let bench = Bench::new();
    let said = bench.up("osb: 1\nname: moves\nagents:\n  Alice: { bind: { main: PUSH } }\n  Bob: { command: [sh, -c, 'echo at $0; exec sleep 600', '${addr:Alice.main}'], speaks: nothing, restart: never }\n");
    assert_eq!(said.code, 0, "{said}");
    let address = || bench.json(&["addr", "Alice", "main"])["address"].clone();
    let before = address().as_str().unwrap().to_owned();
    let bob = pid(&bench, "Bob");
    bench.ok(&["stop", "Alice"]);
    let taken = std::net::TcpListener::bind(before.trim_start_matches("tcp://")).unwrap();
    bench.ok(&["start", "Alice"]);
    wait_until("Bob's program knows", || {
        let now = address();
        now != before && {
            let said = bench.osb(&["logs", "Bob"]).stdout;
            said.contains(&format!("at {}", now.as_str().unwrap()))
        }
    });
    assert_ne!(pid(&bench, "Bob"), bob);
    let log = bench.ok(&["logs", "Bob"]);
    assert!(log.contains("Alice.main is elsewhere now"), "{log}");
    // Where nothing has moved, nothing is restarted.
    drop(taken);
    wait_until("Bob runs", || agent(&bench, "Bob")["state"] == "running");
    let bob = pid(&bench, "Bob");
    bench.ok(&["restart", "Alice"]);
    wait_until("Alice runs", || {
        agent(&bench, "Alice")["state"] == "running" && agent(&bench, "Alice")["restarts"] == 2
    });
    assert_eq!(pid(&bench, "Bob"), bob);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
