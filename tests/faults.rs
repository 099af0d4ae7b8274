//! What the parts of a system do when others are killed, held up, shared or not there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Bench, daemon_of, kill, kill_with_keeper, wait_for, wait_until};

const PAIR: &str = r#"
osb: 1
name: pair
agents:
  Alice: { bind: { main: PUSH } }
  Bob: {}
connections:
  - { agent: Bob, to: Alice.main, alias: inbox, handler: collect }
"#;

/// A name server in the foreground, which is nobody's but the test's.
struct Shared {
    process: Child,
    address: String,
}

impl Shared {
    fn start(bench: &Bench, bind: &str) -> Self {
        let mut command = bench.command(&["ns", "--bind", bind]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("tcp://").to_owned();
        Self { process, address }
    }

    fn attached(&self, topology: &str) -> String {
        format!("{topology}nameserver: {{ attach: \"{}\" }}\n", self.address)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn two_systems_on_one_name_server_have_hosts_of_their_own() {
    let bench = Bench::new();
    let shared = Shared::start(&bench, "127.0.0.1:0");
    assert_eq!(bench.up(&shared.attached(PAIR)).code, 0);
    let other = PAIR.replace("Alice", "Carol").replace("Bob", "Dave");
    let other = shared.attached(&other.replace("name: pair", "name: other"));
    let said = bench.up(&other);
    assert_eq!(said.code, 0, "{said}");
    let hosts = bench.json(&["--system", "other", "ls", "hosts"]);
    let systems = hosts.as_array().unwrap().iter();
    let systems: Vec<_> = systems.map(|it| (&it["name"], &it["system"])).collect();
    let local = &serde_json::json!("local");
    assert_eq!(
        systems,
        [
            (local, &serde_json::json!("other")),
            (local, &serde_json::json!("pair"))
        ]
    );
    bench.ok(&["down", "other"]);
    let agents = bench.json(&["--system", "pair", "ls", "agents"]);
    assert_eq!(agents[0]["name"], "Alice", "{agents}");
    assert_eq!(agents[0]["state"], "running", "{agents}");
    assert_eq!(agents.as_array().unwrap().len(), 2, "{agents}");
    let said = bench.up(&other);
    assert_eq!(said.code, 0, "the place is free again: {said}");
}

#[test]
fn a_system_of_the_same_name_from_elsewhere_is_refused_and_harms_nobody() {
    let (bench, elsewhere) = (Bench::new(), Bench::new());
    let shared = Shared::start(&bench, "127.0.0.1:0");
    assert_eq!(bench.up(&shared.attached(PAIR)).code, 0);
    let other = PAIR.replace("Alice", "Carol").replace("Bob", "Dave");
    let said = elsewhere.up(&shared.attached(&other));
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("a system called pair is at"), "{said}");
    let agents = bench.json(&["ls", "agents"]);
    assert_eq!(agents[0]["state"], "running", "{agents}");
    assert_eq!(agents[1]["state"], "running", "{agents}");
}

#[test]
fn a_system_comes_up_again_on_a_name_server_that_stayed() {
    let bench = Bench::new();
    let shared = Shared::start(&bench, "127.0.0.1:0");
    for _round in 0..2 {
        let said = bench.up(&shared.attached(PAIR));
        assert_eq!(said.code, 0, "{said}");
        bench.ok(&["down"]);
        let agents = bench.json(&["--ns", &shared.address, "ls", "agents"]);
        assert_eq!(agents, serde_json::json!([]), "nobody is left of it");
    }
}

#[test]
fn down_is_soon_done_without_daemons_and_says_who_ended() {
    for (daemon, signal) in [(" ns", 9), (" ns", 19), (" host ", 9)] {
        let bench = Bench::new();
        assert_eq!(bench.up(PAIR).code, 0);
        let keeper = bench.pid_of(daemon).unwrap();
        match signal {
            9 => kill_with_keeper(keeper),
            signal => kill(daemon_of(keeper), signal),
        }
        let began = Instant::now();
        let said = bench.osb(&["down"]);
        assert_eq!(said.code, 0, "{daemon}: {said}");
        assert!(said.stdout.contains("2 agents ended"), "{daemon}: {said}");
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{daemon}: {said}"
        );
        bench.assert_nothing_left();
    }
}

#[test]
fn what_an_agent_left_behind_without_a_host_daemon_goes_with_the_system() {
    let bench = Bench::new();
    let said = bench
        .up("osb: 1\nname: x\nagents:\n  Parent: { command: [sh, -c, \"sleep 600 & wait\"] }\n");
    assert_eq!(said.code, 0, "{said}");
    let agent = bench.pid("Parent");
    wait_until("the grandchild is there", || {
        bench.pid_of("sleep 600").is_some()
    });
    kill_with_keeper(bench.pid_of(" host ").unwrap());
    kill(agent, 9);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// Bob is not proven, and so `up` not done, for as long as the test wants.
const SLOW: &str = r#"
osb: 1
name: slow
defaults: { start_timeout: 50s }
agents:
  Alice: { bind: { main: REP }, command: [sh, -c, "kill -STOP $PPID; sleep 600"] }
  Bob: {}
connections:
  - { agent: Bob, to: Alice.main, alias: ask }
"#;

#[test]
fn a_name_server_that_dies_while_the_system_comes_up_is_named_at_once() {
    let bench = Bench::new();
    let path = bench.file("slow.yaml", SLOW);
    let up = bench.spawn(&["up", &path]);
    let nameserver = wait_for("agents are being started", || {
        (bench.processes().len() >= 6).then(|| bench.pid_of(" ns "))?
    });
    let began = Instant::now();
    kill(nameserver, 9);
    let output = up.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("the name server ended"), "{stderr}");
    assert!(began.elapsed() < Duration::from_secs(30), "{stderr}");
    bench.assert_nothing_left();
}

#[test]
fn an_up_that_dies_while_its_name_server_begins_leaves_nothing() {
    let bench = Bench::new();
    let path = bench.file("pair.yaml", PAIR);
    for round in 0..6 {
        let mut up = bench.spawn(&["up", &path]);
        // Before it has launched anything, nobody is there to clear an empty folder away.
        wait_until("it has begun", || bench.processes().len() > 1 + round % 5);
        kill(i32::try_from(up.id()).unwrap(), 9);
        up.wait().unwrap();
        let stands = || {
            let record = bench.system("pair").join("system.json");
            std::fs::read_to_string(record).is_ok_and(|text| text.contains("\"up\""))
        };
        match stands() {
            true => drop(bench.ok(&["down"])),
            false => bench.assert_nothing_left(),
        }
    }
}

#[test]
fn agents_that_are_done_as_soon_as_they_are_let_go_do_no_harm() {
    let bench = Bench::new();
    let mut topology = "osb: 1\nname: jobs\nagents:\n".to_owned();
    for job in 0..8 {
        topology += &format!("  Job{job}: {{ command: [sh, -c, \"read start\"] }}\n");
    }
    let said = bench.up(&topology);
    assert_eq!(said.code, 0, "{said}");
    bench.ok(&["down"]);
}

#[test]
fn a_name_server_that_comes_back_is_told_everything() {
    let bench = Bench::new();
    let shared = Shared::start(&bench, "127.0.0.1:0");
    assert_eq!(bench.up(&shared.attached(PAIR)).code, 0);
    let address = bench.ok(&["addr", "Alice", "main"]);
    kill(bench.pid("Bob"), 9);
    wait_until("Bob has failed", || bench.agent("Bob")["state"] == "failed");
    let place = shared.address.clone();
    drop(shared);
    let _again = Shared::start(&bench, &place);
    wait_until("all is known again", || {
        let agents = bench.json(&["ls", "agents"]);
        let states: Vec<_> = agents
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["state"])
            .collect();
        states == ["running", "failed"]
    });
    assert_eq!(bench.ok(&["addr", "Alice", "main"]), address);
    bench.ok(&["down"]);
    assert_eq!(
        bench.json(&["--ns", &place, "ls", "hosts"]),
        serde_json::json!([])
    );
}
