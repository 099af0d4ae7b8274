//! Agents that are asked for while their system is up: a part of it from then on, or ephemeral.

use osb::model::NewAgent;
use osb::proxy::NameServer;
use serde_json::json;

use crate::common::closed_system::ClosedSystem;
use crate::common::{
    Bench, daemon_of, kill, kill_to_the_end, kill_with_keeper, repository, wait_until,
};

const SYSTEM: &str = "
osb: 1
name: pool
agents:
  Alice:
    bind: { main: { kind: PUSH, handler: null } }
    timers: [{ alias: tick, every: 20ms, send: main, message: hello }]
";

impl Bench {
    fn pool(security: &str) -> Self {
        let bench = Self::new();
        let up = bench.up(&format!("{SYSTEM}{security}"));
        assert_eq!(up.code, 0, "{up}");
        bench
    }

    fn spawned(&self, arguments: &[&str]) {
        self.ok(&[&["spawn"], arguments].concat());
    }

    fn state_of(&self, agent: &str) -> String {
        let state = self.agent(agent)["state"].clone();
        state.as_str().unwrap_or("unknown").to_owned()
    }

    fn planned(&self) -> String {
        self.ok(&["plan", "topology.yaml"])
    }
}

const LISTENER: [&str; 4] = ["--connect", "Alice.main=in", "--attribute", "x=1"];

fn listener<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[name], &LISTENER[..], more].concat()
}

#[test]
fn a_spawned_agent_is_a_part_of_its_system_until_it_is_removed() {
    let bench = Bench::pool("");
    let spec = bench.file("bob.yaml", "attributes: { y: 2 }\nrestart: always\n");
    bench.spawned(&listener("Bob", &["--spec", &spec]));
    assert_eq!(bench.json(&["get", "Bob"])["x"], json!(1));
    assert_eq!(bench.json(&["get", "Bob"])["y"], json!(2));
    wait_until("it is wired", || {
        bench.json(&["ls", "connections"])[0]["proof"] == json!("proven")
    });
    // Its policy holds, also for a daemon that comes later.
    let host = bench.pid_of("host --name local").unwrap();
    kill_to_the_end(daemon_of(host));
    let former = bench.pid("Bob");
    kill(former, 9);
    wait_until("it is there again", || {
        let agent = bench.agent("Bob");
        agent["state"] == "running" && agent["pid"] != json!(former)
    });
    let plan = bench.planned();
    assert!(plan.contains("- Bob ends: it was spawned"), "{plan}");
    let taken = bench.osb(&["spawn", "Bob"]);
    assert!(taken.stderr.contains("has an agent Bob already"), "{taken}");
    bench.ok(&["remove", "Bob"]);
    assert_eq!(bench.state_of("Bob"), "unknown");
    assert!(bench.planned().contains("nothing to do"));
    bench.spawned(&["Bob"]);
    let named = bench.osb(&["remove", "Alice"]);
    assert!(named.stderr.contains("Alice is named by"), "{named}");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn up_of_the_file_takes_a_spawned_agent_away() {
    let bench = Bench::pool("");
    bench.spawned(&listener("Bob", &["--set", "settle=1ms"]));
    let up = bench.json(&["up", "topology.yaml"]);
    assert_eq!(up["changed"]["removed"], json!(["Bob"]));
    assert_eq!(bench.state_of("Bob"), "unknown");
}

#[test]
fn an_ephemeral_agent_is_left_alone_by_plan_and_up_and_ends_with_the_system() {
    let bench = Bench::pool("");
    bench.spawned(&listener(
        "W1",
        &[
            "--ephemeral",
            "--restart",
            "always",
            "--set",
            "bind.out=PUSH",
        ],
    ));
    let pid = bench.pid("W1");
    let again = bench.osb(&["spawn", "W1", "--ephemeral"]);
    assert_ne!(again.code, 0);
    assert!(again.stderr.contains("the name W1 is taken"), "{again}");
    let plan = bench.planned();
    assert!(
        plan.contains("nothing to do") && plan.contains("left alone: W1"),
        "{plan}"
    );
    let same = bench.osb(&["up", "topology.yaml"]);
    assert!(
        same.code == 0 && same.stderr.contains("left alone: W1"),
        "{same}"
    );
    let other = bench.up(&format!("{SYSTEM}  Carol: {{}}\n"));
    assert!(
        other.code == 0 && other.stderr.contains("left alone: W1"),
        "{other}"
    );
    assert_eq!(bench.pid("W1"), pid);
    // Another life of the daemon takes it back, with its policy.
    let host = bench.pid_of("host --name local").unwrap();
    kill_to_the_end(daemon_of(host));
    kill(pid, 9);
    wait_until("it is there again", || {
        let agent = bench.agent("W1");
        agent["state"] == "running" && agent["pid"] != json!(pid)
    });
    bench.ok(&["remove", "W1"]);
    assert_eq!(bench.state_of("W1"), "unknown");
    bench.spawned(&["W1", "--ephemeral", "--", "sleep", "1000"]);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn what_does_not_come_to_its_work_is_taken_back() {
    let bench = Bench::pool("");
    for more in [&["--ephemeral"][..], &[]] {
        let fails = [
            &["spawn", "Bad"],
            more,
            &["--", "sh", "-c", "echo no >&2; exit 7"],
        ]
        .concat();
        let said = bench.osb(&fails);
        assert_ne!(said.code, 0, "{said}");
        assert!(said.stderr.contains('7'), "{said}");
        assert!(
            !said.stderr.contains("what was begun was taken back"),
            "{said}"
        );
        let missing = [&["spawn", "Bad"], more, &["--", "no-such-program"]].concat();
        assert_ne!(bench.osb(&missing).code, 0);
        assert_eq!(bench.state_of("Bad"), "unknown");
        let nowhere = [&["spawn", "Bad", "--connect", "Nobody.main=in"], more].concat();
        let said = bench.osb(&nowhere);
        assert!(said.code == 3 && said.stderr.contains("Nobody"), "{said}");
    }
    assert!(bench.planned().contains("nothing to do"));
    // Its name is free.
    bench.spawned(&["Bad", "--ephemeral"]);
    // A job is up when it is done.
    bench.spawned(&["Job", "--ephemeral", "--set", "job=true", "--", "true"]);
    wait_until("its agent has ended", || bench.state_of("Job") == "stopped");
    bench.spawned(&["Job", "--ephemeral", "--set", "job=true", "--", "true"]);
}

#[test]
fn a_wire_that_is_not_proven_in_time_ends_the_agent() {
    let bench = Bench::pool("");
    let pid = bench.pid("Alice");
    kill(pid, 19);
    let said = bench.osb(&[
        "spawn",
        "Bob",
        "--connect",
        "Alice.main=in",
        "--ephemeral",
        "--set",
        "start_timeout=300ms",
    ]);
    kill(pid, 18);
    assert_ne!(said.code, 0, "{said}");
    assert!(
        said.stderr.contains("Bob") || said.stderr.contains("not proven"),
        "{said}"
    );
    wait_until("nothing is kept of it", || {
        bench.state_of("Bob") == "unknown"
    });
}

#[test]
fn an_agent_that_is_on_its_way_when_its_daemon_is_killed_is_taken_back() {
    let bench = Bench::pool("");
    let alice = bench.pid("Alice");
    kill(alice, 19);
    let mut spawning = bench.spawn(&["spawn", "Bob", "--connect", "Alice.main=in", "--ephemeral"]);
    wait_until("it is on its way", || bench.state_of("Bob") == "running");
    let host = bench.pid_of("host --name local").unwrap();
    kill_to_the_end(daemon_of(host));
    assert!(!spawning.wait().unwrap().success());
    wait_until("nothing is kept of it", || {
        bench.state_of("Bob") == "unknown"
    });
    kill(alice, 18);
    bench.spawned(&listener("Bob", &["--ephemeral"]));
}

#[test]
fn at_another_name_server_agents_are_known_by_their_names_there() {
    let bench = Bench::new();
    let up = bench.up("
osb: 1
name: pool
security: curve
nameservers: { main: , lab: }
agents:
  Alice: { bind: { main: { kind: PUSH } } }
  'Bob@lab': { bind: { desk: { kind: REP, handler: echo } } }
");
    assert_eq!(up.code, 0, "{up}");
    bench.spawned(&["W1@lab", "--ephemeral", "--connect", "Bob.desk=ask"]);
    let wires = [
        "--connect",
        "Bob@lab.desk=ask",
        "--connect",
        "Alice.main=in",
    ];
    bench.spawned(&[&["W2@lab"], &wires[..]].concat());
    let connections = bench.json(&["ls", "connections"]);
    let connections = connections.as_array().unwrap().iter();
    let mut proven: Vec<&str> = connections
        .filter(|it| it["proof"] == "proven")
        .map(|it| it["client"].as_str().unwrap())
        .collect();
    proven.sort_unstable();
    assert_eq!(proven, ["W1.ask", "W2.ask", "W2.in"]);
    let far = bench.osb(&[
        "spawn",
        "W3@lab",
        "--ephemeral",
        "--connect",
        "Alice.main=in",
    ]);
    assert!(far.code == 3 && far.stderr.contains("Alice"), "{far}");
    bench.ok(&["remove", "W1@lab", "W2@lab"]);
    assert!(bench.planned().contains("nothing to do"));
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn without_its_host_daemon_an_ephemeral_agent_is_refused_and_another_brings_the_daemon_back() {
    let bench = Bench::pool("");
    kill_with_keeper(bench.pid_of("host --name local").unwrap());
    let said = bench.osb(&["spawn", "W1", "--ephemeral", "--timeout", "2s"]);
    assert_ne!(said.code, 0, "{said}");
    bench.spawned(&["Bob"]);
    assert_eq!(bench.state_of("Bob"), "running");
    bench.spawned(&["W1", "--ephemeral"]);
}

#[test]
fn in_a_closed_system_spawned_agents_have_keys_and_are_admitted() {
    let closed = ClosedSystem::of(Bench::pool("security: curve\n"));
    let bench = &closed.bench;
    bench.spawned(&listener("Bob", &[]));
    bench.spawned(&listener("W1", &["--ephemeral"]));
    for agent in ["Bob", "W1"] {
        let handled = bench.json(&["ls", "connections"]);
        let handled = handled.as_array().unwrap().iter();
        let its = format!("{agent}.in");
        let mut proofs = handled.filter(|it| it["client"] == json!(its));
        assert_eq!(proofs.next().unwrap()["proof"], "proven");
    }
    bench.ok(&["remove", "Bob", "W1"]);
    assert!(bench.planned().contains("nothing to do"));
    closed.down();
}

/// A program that answers the method `go` by what came of spawning.
const SHELL: &str = r#"
. "$LIB/osb.sh"
osb_ready
while osb_read; do
  case $osb_word in
    *'"type":"call"'*)
      id=${osb_word#*'"id":'}
      if osb_ask '"type":"spawn","name":"S1"'; then said='"up"'; else said='"not up"'; fi
      osb_say "{\"type\":\"reply\",\"id\":${id%%,*},\"message\":$said}"
      ;;
    *'"type":"stop"'*) exit 0 ;;
  esac
done
"#;

const NODE: &str = r#"
const osb = require(process.env.LIB + "/osb.cjs");
osb.run({
  call: async ({ id, name }) => {
    const answer = (outcome) => osb.say({ type: "reply", id, ...outcome });
    try {
      if (name === "go") {
        await osb.ask({ type: "spawn", name: "N1", attributes: { x: 1 }, bind: { in: "PULL" } });
        const agents = await osb.ask({ type: "agents", agent: "N1" });
        const at = await osb.ask({ type: "addr", agent: "N1", alias: "in" });
        answer({ message: [agents[0].state, at.kind] });
      }
      if (name === "bad") await osb.ask({ type: "spawn", name: "N2", command: ["false"] });
      if (name === "ask") {
        answer({ message: await osb.ask({ type: "call", agent: "Shell", name: "go" }) });
      }
    } catch (error) {
      answer({ error: error.message });
    }
  },
  stop: () => process.exit(0),
});
"#;

fn programs(security: &str) -> Bench {
    let bench = Bench::new();
    bench.file("shell.sh", SHELL);
    bench.file("node.cjs", NODE);
    let lib = repository().join("examples").join("lib");
    let lib = lib.display();
    let up = bench.up(&format!(
        "
osb: 1
name: pool
security: {security}
agents:
  Shell: {{ command: [sh, shell.sh], env: {{ LIB: '{lib}' }} }}
  Node: {{ command: [node, node.cjs], env: {{ LIB: '{lib}' }} }}
"
    ));
    assert_eq!(up.code, 0, "{up}");
    bench
}

#[test]
fn programs_ask_for_agents_look_them_up_and_call_them() {
    let bench = programs("none");
    assert_eq!(
        bench.json(&["call", "Node", "go"]),
        json!(["running", "PULL"])
    );
    assert_eq!(bench.json(&["get", "N1", "x"]), json!(1));
    let taken = bench.osb(&["call", "Node", "go"]);
    assert!(taken.stderr.contains("the name N1 is taken"), "{taken}");
    let bad = bench.osb(&["call", "Node", "bad"]);
    assert!(bad.stderr.contains("cannot start N2"), "{bad}");
    assert_eq!(bench.state_of("N2"), "unknown");
    assert_eq!(bench.json(&["call", "Node", "ask"]), json!("up"));
    assert_eq!(bench.state_of("S1"), "running");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn in_a_closed_system_programs_have_the_rights_of_their_agents() {
    let bench = programs("curve");
    assert_eq!(
        bench.json(&["call", "Node", "go"]),
        json!(["running", "PULL"])
    );
    assert_eq!(bench.json(&["call", "Shell", "go"]), json!("up"));
    let call = bench.osb(&["call", "Node", "ask"]);
    assert!(
        call.stderr.contains("call is not for the level agent"),
        "{call}"
    );
}

#[test]
fn the_library_spawns_and_removes() {
    let bench = Bench::pool("");
    let systems = bench.json(&["ls", "systems"]);
    let ns = NameServer::connect(systems[0]["nameserver"].as_str().unwrap()).unwrap();
    let host = "local".parse().unwrap();
    let new = NewAgent::named("W1").unwrap();
    let new = new.attribute("x", 1).connect("in", "Alice.main").unwrap();
    let proxy = ns.spawn(&host, new.clone()).unwrap();
    assert!(proxy.is_running().unwrap());
    let taken = ns.spawn(&host, new).err().map(|it| it.to_string());
    assert!(taken.unwrap().contains("is taken"));
    ns.remove(proxy.name(), None).unwrap();
    assert_eq!(bench.state_of("W1"), "unknown");
    let named = ns.remove(&"Alice".parse().unwrap(), None);
    let named = named.unwrap_err().to_string();
    assert!(named.contains("a part of its system"), "{named}");
}
