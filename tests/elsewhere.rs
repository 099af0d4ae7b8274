//! Agents that others start: waited for, configured like any other, and released at the end.

use std::process::{Child, Stdio};

use crate::common::{self, Bench, Said, kill, wait_for, wait_until};
use serde_json::json;

/// A program that asks for nothing: it counts what it gets, and says each time that it is started.
const COUNTER: &str = r#"
n=0
while read -r line; do
  case $line in
    *'"type":"start"'*) echo '{"type":"log","text":"started"}' ;;
    *'"type":"release"'*) echo '{"type":"log","text":"released"}' ;;
    *'"type":"message"'*) n=$((n+1)); echo "{\"type\":\"set\",\"attributes\":{\"n\":$n}}" ;;
    *'"type":"stop"'*) exit 0 ;;
  esac
done
"#;

/// A name server that was started by hand.
struct Ns {
    child: Child,
    address: String,
}

impl Ns {
    fn start(bench: &Bench) -> Self {
        use std::io::{BufRead, BufReader};
        let mut child = bench.spawn(&["ns", "--bind", "127.0.0.1:0"]);
        let mut address = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut address).unwrap();
        let address = address.trim().trim_start_matches("tcp://").to_owned();
        Self { child, address }
    }

    fn osb(&self, bench: &Bench, arguments: &[&str]) -> Said {
        bench.osb(&[&["--ns", &self.address], arguments].concat())
    }

    fn state(&self, bench: &Bench, agent: &str) -> String {
        let said = self.osb(bench, &["ls", "agents", "-o", "json"]);
        let agents: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let mut agents = agents.as_array().unwrap().iter();
        let agent = agents.find(|it| it["name"] == agent);
        agent.map_or_else(String::new, |it| it["state"].as_str().unwrap().to_owned())
    }
}

impl Drop for Ns {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An agent that was started by hand, its log in a file.
struct ByHand {
    child: Child,
    log: std::path::PathBuf,
}

impl ByHand {
    fn start(bench: &Bench, ns: &str, name: &str, program: &[&str]) -> Self {
        let mut arguments = vec!["agent", name];
        if !ns.is_empty() {
            arguments.extend(["--ns", ns]);
        }
        if !program.is_empty() {
            arguments.push("--");
            arguments.extend(program);
        }
        let log = bench.files().join(format!("{name}.err"));
        let child = bench
            .command(&arguments)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Told to end, and its status.
    fn end(mut self, signal: i32) -> Option<i32> {
        kill(self.pid(), signal);
        self.child.wait().unwrap().code()
    }
}

fn topology(name: &str, ns: &str) -> String {
    format!(
        r#"
osb: 1
name: {name}
nameserver: {{ attach: {ns} }}
agents:
  Alice:
    attach: true
    attributes: {{ greeting: Hello }}
    bind: {{ main: PUSH }}
    timers: [{{ every: 20ms, send: main, message: hi }}]
  Bob: {{ attach: true }}
connections:
  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: command }}
"#
    )
}

fn comes_up(bench: &Bench, topology: &str) {
    let said = bench.up(topology);
    assert_eq!(said.code, 0, "{said}");
}

#[test]
fn one_script_configures_what_two_others_have_started() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let mut alice = ByHand::start(&bench, &ns.address, "Alice", &[]);
    let mut bob = ByHand::start(&bench, &ns.address, "Bob", &["sh", "-c", COUNTER]);
    let said = bench.up(&topology("guide", &ns.address));
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.contains("Alice.main → Bob.inbox"), "{said}");
    wait_until("Bob's program gets messages", || {
        bench.osb(&["get", "Bob", "n"]).stdout.trim() > "0"
    });
    assert_eq!(bench.agent("Bob")["host"], json!(null));
    assert_eq!(bench.json(&["get", "Alice", "greeting"]), json!("Hello"));

    // The host daemon of this machine has attached them.
    let hosts = bench.json(&["ls", "hosts"]);
    assert_eq!(hosts[0]["system"], json!("guide"), "{hosts}");
    assert_eq!(hosts[0]["agents"], json!(0), "it has started none");
    let again = bench.up(&topology("guide", &ns.address));
    assert!(again.stdout.contains("is up already, unchanged"), "{again}");

    let down = bench.ok(&["down"]);
    assert_eq!(
        down.trim(),
        "guide is down: 0 agents ended; released, because others started them: Alice, Bob"
    );
    assert!(alice.lives() && bob.lives());
    let said = ns.osb(&bench, &["addr", "Alice", "-o", "json"]);
    assert_eq!(said.stdout.trim(), "{}", "its sockets are closed: {said}");
    let said = ns.osb(&bench, &["get", "Alice", "-o", "json"]);
    assert_eq!(said.stdout.trim(), "{}", "and it is as it was: {said}");

    let said = bench.up(&topology("again", &ns.address));
    assert_eq!(said.code, 0, "{said}");
    wait_until("Bob's program was started twice", || {
        bob.log().matches("started").count() == 2 && bob.log().contains("released")
    });
    bench.ok(&["down"]);
    assert_eq!(alice.end(15), Some(0));
    assert_eq!(bob.end(15), Some(0));
}

#[test]
fn an_agent_that_comes_back_is_made_what_it_was_and_works_on() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let alice = ByHand::start(&bench, &ns.address, "Alice", &[]);
    let _bob = ByHand::start(&bench, &ns.address, "Bob", &["sh", "-c", COUNTER]);
    comes_up(&bench, &topology("guide", &ns.address));
    assert_eq!(alice.end(15), Some(0));
    assert_eq!(ns.state(&bench, "Alice"), "stopped");
    let counted = || {
        let counted = bench.osb(&["get", "Bob", "n"]);
        counted.stdout.trim().parse::<u32>().unwrap_or_default()
    };
    let _alice = ByHand::start(&bench, &ns.address, "Alice", &[]);
    wait_until("it is what it was", || {
        let said = bench.osb(&["get", "Alice", "greeting"]);
        said.code == 0 && said.stdout.contains("Hello")
    });
    let before = counted();
    wait_until("Bob's program gets messages again", || {
        counted() > before + 5
    });
    assert_eq!(bench.agent("Alice")["spec_version"], json!(1));
    bench.ok(&["down"]);
}

#[test]
fn who_comes_late_is_waited_for_and_ends_when_its_own_script_ends() {
    let bench = Bench::new();
    let topology = bench.file(
        "late.yaml",
        r#"
osb: 1
name: late
agents:
  Alice: { bind: { main: PUSH }, timers: [{ every: 20ms, send: main, message: hi }] }
  Bob: { attach: true }
connections:
  - { agent: Bob, to: Alice.main, handler: collect }
"#,
    );
    let mut up = bench.spawn(&["up", &topology]);
    // Without an address it joins the only system of this machine, which is just being brought up.
    let bob = wait_for("the name server is there", || {
        let mut bob = ByHand::start(&bench, "", "Bob", &[]);
        wait_until("Bob is registered, or cannot be", || {
            bob.log().contains("is registered at") || !bob.lives()
        });
        bob.lives().then_some(bob)
    });
    assert!(up.wait().unwrap().success());
    wait_until("Bob collects", || {
        bench.osb(&["get", "Bob", "received"]).stdout.contains("hi")
    });
    assert_eq!(bench.agent("Alice")["host"], json!("local"));
    let status = bench.ok(&["wait", "Bob"]);
    assert!(status.contains("running"), "{status}");
    kill(bob.pid(), 9);
    wait_until("Bob's silence is seen", || {
        let state = bench.agent("Bob")["state"].clone();
        state == "suspect" || state == "unreachable"
    });
    bench.ok(&["down"]);
    drop(bob);
}

#[test]
fn who_does_not_come_is_named_and_what_was_started_is_taken_back() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let mut alise = ByHand::start(&bench, &ns.address, "Alise", &[]);
    let mut bob = ByHand::start(&bench, &ns.address, "Bob", &[]);
    wait_until("both are there", || {
        ns.state(&bench, "Alise") == "running" && ns.state(&bench, "Bob") == "running"
    });
    let topology = format!(
        "osb: 1\nname: x\nnameserver: {{ attach: {} }}\ndefaults: {{ start_timeout: 500ms }}\nagents:\n  Alice: {{ attach: true }}\n  Bob: {{ attach: true, bind: {{ main: PUSH }} }}\n  Carol: {{}}\n",
        ns.address
    );
    let said = bench.up(&topology);
    assert_eq!(said.code, 5, "{said}");
    for part in [
        "started elsewhere, and not there within 500ms: Alice",
        "the topology says Alice: did you mean Alise?",
        &format!("osb agent Alice --ns {}", ns.address),
        "waiting for Alice",
    ] {
        assert!(said.stderr.contains(part), "{part}: {said}");
    }
    assert!(!bench.system("x").exists());
    assert_eq!(ns.state(&bench, "Carol"), "");
    assert!(alise.lives() && bob.lives());
}

#[test]
fn an_agent_is_part_of_one_system_at_a_time() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let _alice = ByHand::start(&bench, &ns.address, "Alice", &[]);
    let _bob = ByHand::start(&bench, &ns.address, "Bob", &["sh", "-c", COUNTER]);
    comes_up(&bench, &topology("one", &ns.address));
    let address = bench.ok(&["addr", "Alice", "main"]);
    let said = bench.up(&topology("two", &ns.address));
    assert_eq!(said.code, 1, "{said}");
    let part = "is part of the system one already";
    assert!(said.stderr.contains(part), "{said}");
    assert_eq!(bench.ok(&["addr", "Alice", "main"]), address);
    bench.ok(&["down", "one"]);
    comes_up(&bench, &topology("two", &ns.address));
}

#[test]
fn what_a_killed_up_has_left_is_replaced_by_the_next() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let _alice = ByHand::start(&bench, &ns.address, "Alice", &[]);
    let path = bench.file("x.yaml", &topology("x", &ns.address));
    let mut up = bench.spawn(&["up", &path]);
    wait_until("Alice is the system's", || {
        let log = bench.files().join("Alice.err");
        std::fs::read_to_string(log).is_ok_and(|log| log.contains("attached to the system x"))
    });
    up.kill().unwrap();
    up.wait().unwrap();
    let _bob = ByHand::start(&bench, &ns.address, "Bob", &["sh", "-c", COUNTER]);
    // Another may have it, for the first came not as far as letting it work.
    comes_up(&bench, &topology("y", &ns.address));
    bench.ok(&["down", "y"]);
    comes_up(&bench, &topology("x", &ns.address));
}

#[test]
fn the_end_of_one_that_has_come_ends_the_waiting_for_others() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let alice = ByHand::start(&bench, &ns.address, "Alice", &[]);
    let path = bench.file("x.yaml", &topology("x", &ns.address));
    let up = bench.spawn(&["up", &path]);
    wait_until("Alice is the system's", || {
        alice.log().contains("attached to the system x")
    });
    assert_eq!(alice.end(15), Some(0));
    let said = Said::from(up.wait_with_output().unwrap());
    assert_eq!(said.code, 1, "{said}");
    let part = "Alice, which was started elsewhere, is stopped at stage start";
    assert!(said.stderr.contains(part), "{said}");
}

#[test]
fn who_cannot_be_told_keeps_what_it_has_and_down_says_so() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let mut alice = ByHand::start(&bench, &ns.address, "Alice", &[]);
    let _bob = ByHand::start(&bench, &ns.address, "Bob", &["sh", "-c", COUNTER]);
    comes_up(&bench, &topology("x", &ns.address));
    drop(ns);
    let down = bench.ok(&["down", "x"]);
    let part = "could not be told, and keep their sockets: Alice, Bob";
    assert!(down.contains(part), "{down}");
    assert!(alice.lives());
}

#[test]
fn a_program_ends_with_its_agent_and_the_agent_with_its_program() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let mut bob = ByHand::start(&bench, &ns.address, "Bob", &["sh", "-c", "exit 7"]);
    assert_eq!(bob.child.wait().unwrap().code(), Some(7));
    let carol = ByHand::start(&bench, &ns.address, "Carol", &[]);
    wait_until("Carol is there", || ns.state(&bench, "Carol") == "running");
    // The name is hers as long as she lives.
    let mut other = ByHand::start(&bench, &ns.address, "Carol", &[]);
    assert_eq!(other.child.wait().unwrap().code(), Some(1));
    assert!(other.log().contains("Carol"), "{}", other.log());
    assert_eq!(carol.end(2), Some(0));
    let said = bench.osb(&["agent", "Dave", "--", "no-such-program"]);
    assert_eq!(said.code, 4, "there is no system to join: {said}");
    let said = ns.osb(&bench, &["agent", "Dave", "--", "no-such-program"]);
    assert_eq!(said.code, 127, "{said}");
}

/// A hint has to work: a name server that is taken back is not where it was.
#[test]
fn who_is_waited_for_in_vain_is_to_be_started_where_it_will_be_found() {
    let bench = Bench::new();
    let said = bench.up("osb: 1\nname: x\ndefaults: { start_timeout: 200ms }\nagents: { Alice: { attach: true } }\n");
    assert_eq!(said.code, 5, "{said}");
    assert!(said.stderr.contains("`osb agent Alice`;"), "{said}");
    assert!(!said.stderr.contains("--ns"), "{said}");
    let port = common::free_port();
    let said = bench.up(&format!("osb: 1\nname: x\nnameserver: 127.0.0.1:{port}\ndefaults: {{ start_timeout: 200ms }}\nagents: {{ Alice: {{ attach: true }} }}\n"));
    let hint = format!("`osb agent Alice --ns 127.0.0.1:{port}`");
    assert!(said.stderr.contains(&hint), "{said}");
}

/// The words of specs/protocol.md that a member in another language is told.
fn python_example() -> (String, Vec<String>) {
    let spec = std::fs::read_to_string(common::repository().join("specs/protocol.md")).unwrap();
    let (_, from) = spec.split_once("```python\n").unwrap();
    let (program, after) = from.split_once("```").unwrap();
    let told = after.lines().skip_while(|line| line.is_empty());
    let told = told.map_while(|line| line.strip_prefix("    "));
    (program.to_owned(), told.map(str::to_owned).collect())
}

/// A member that knows ZeroMQ and the protocol and nothing else of osb.
fn announce_by_hand(nameserver: &str) -> (zmq::Socket, Vec<String>) {
    let socket = zmq::Context::new().socket(zmq::DEALER).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_rcvtimeo(60_000).unwrap();
    socket.connect(&format!("tcp://{nameserver}")).unwrap();
    let header = [
        &b"osb"[..],
        &[2, 1],
        &1u64.to_be_bytes(),
        &[0, 0, 0x27, 0x10, 0],
    ]
    .concat();
    let announcement = json!({
        "role": "agent", "name": "Snake", "incarnation": 7, "host": null, "pid": std::process::id(),
        "state": "running", "uptime_ms": 0, "addresses": {}, "connections": [],
    });
    let request = json!({"method": "announce", "params": announcement}).to_string();
    socket
        .send_multipart([&header[..], request.as_bytes()], 0)
        .unwrap();
    let told = (0..2).map(|_| {
        let frames = socket.recv_multipart(0).unwrap();
        let kind = match frames[0][4] {
            3 => "reply",
            5 => "event",
            _ => "error",
        };
        format!("{kind} {}", String::from_utf8_lossy(&frames[1]))
    });
    let told = told.collect();
    (socket, told)
}

#[test]
fn a_member_with_a_libzmq_of_its_own_is_told_what_it_lacks() {
    let bench = Bench::new();
    let mut ns = Ns::start(&bench);
    let log = common::listen(ns.child.stderr.take().unwrap());
    let (program, expected) = python_example();
    let (socket, told) = announce_by_hand(&ns.address);
    assert_eq!(told, expected);
    let listed = || {
        let said = ns.osb(&bench, &["ls", "agents", "-o", "json"]);
        serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()
    };
    let lacks = json!(["handshake_frames", "message_bounds", "zap_cookie"]);
    assert_eq!(listed()[0]["lacks"], lacks);
    let line = "warning: Snake has a libzmq of its own, and its sockets lack handshake_frames";
    wait_until("its log says so", || log.lock().unwrap().contains(line));
    drop(socket);

    // An agent of osb lacks nothing.
    let _alice = ByHand::start(&bench, &ns.address, "Alice", &[]);
    wait_until("it is there", || ns.state(&bench, "Alice") == "running");
    assert_eq!(listed()[0].get("lacks"), None);

    // The same by pyzmq, as it is written down.
    let python = |arguments: &[&str]| {
        let mut command = std::process::Command::new("python3");
        command.args(arguments).output().ok()
    };
    match python(&["-c", "import zmq"]) {
        Some(output) if output.status.success() => {}
        _ => return common::skip("there is no pyzmq here"),
    }
    let second = Ns::start(&bench);
    let file = bench.file("snake.py", &program);
    let output = python(&[&file, &format!("tcp://{}", second.address)]).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.lines().collect::<Vec<_>>(), expected, "{why}");
}
