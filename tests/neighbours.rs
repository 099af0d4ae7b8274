//! Several systems at one name server: what is done with one touches nothing of the other.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use osb::model::Dial;
use osb::proxy::{Link, Notice, Watch};
use osb::wire::Event;
use serde_json::{Value, json};

use crate::common::{
    Bench, Said, TIMEOUT, daemon_of, kill, kill_to_the_end, kill_with_keeper, wait_until,
};

/// A system whose second agent gets what its first sends, at the name server that is given.
fn system(name: &str, nameserver: &str, agents: [&str; 2], more: &str) -> String {
    let [from, to] = agents;
    format!(
        "osb: 1
name: {name}
nameserver: {nameserver}
agents:
  {from}:
    bind: {{ main: {{ kind: PUSH, handler: null }} }}
    timers: [{{ every: 20ms, send: main, message: {from} }}]
  {to}: {{}}
{more}
connections:
  - {{ agent: {to}, to: {from}.main, alias: in, handler: collect }}
"
    )
}

/// The other: Carol and Dave.
fn other(at: &str, more: &str) -> String {
    system(
        "other",
        &format!("{{ attach: {at} }}"),
        ["Carol", "Dave"],
        more,
    )
}

impl Bench {
    fn brings_up(&self, name: &str, topology: &str) -> Said {
        let path = self.file(&format!("{name}.yaml"), topology);
        self.osb(&["up", &path])
    }

    fn of(&self, system: &str, arguments: &[&str]) -> Value {
        self.json(&[&["--system", system], arguments].concat())
    }

    /// The address of the system's name server, without what is before it.
    fn nameserver_of(&self, system: &str) -> String {
        let hosts = self.of(system, &["ls", "agents"]);
        let address = hosts[0]["nameserver"].as_str().unwrap().to_owned();
        address.trim_start_matches("tcp://").to_owned()
    }

    /// All of the system `name` that has to stay as it is, whatever becomes of others.
    fn facts(&self, name: &str) -> Value {
        let agents = self.of(name, &["ls", "agents"]);
        let agents = agents.as_array().unwrap().iter();
        let agents = agents.filter(|it| it["system"] == name).map(|it| {
            let keys = [
                "name",
                "pid",
                "incarnation",
                "spec_version",
                "restarts",
                "addresses",
            ];
            keys.map(|key| it[key].clone())
        });
        let hosts = self.of(name, &["ls", "hosts"]);
        let hosts = hosts.as_array().unwrap().iter();
        let hosts = hosts.filter(|it| it["system"] == name);
        let hosts = hosts.map(|it| [it["name"].clone(), it["pid"].clone()]);
        json!([agents.collect::<Vec<_>>(), hosts.collect::<Vec<_>>()])
    }

    /// How many messages `agent` has got.
    fn heard(&self, system: &str, agent: &str) -> usize {
        let said = self.osb(&["--system", system, "-o", "json", "get", agent, "received"]);
        let received: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
        received.as_array().map_or(0, Vec::len)
    }

    /// It is as it was, and its messages still come.
    fn goes_on(&self, system: &str, agent: &str, facts: &Value) {
        self.goes_on_as(facts, self.facts(system), (system, agent));
    }

    fn goes_on_as(&self, before: &Value, now: Value, (system, agent): (&str, &str)) {
        assert_eq!(now, *before);
        let before = self.heard(system, agent);
        wait_until("messages come", || self.heard(system, agent) > before);
    }
}

/// All that can be done with `other`, which is up, leaves `pair` as it is.
fn whatever_becomes_of_the_other(bench: &Bench, at: &str) {
    let facts = bench.facts("pair");
    let same = |what: &str| {
        println!("{what}");
        bench.goes_on("pair", "Bob", &facts);
    };
    // One that is new, one that is altered, one that begins anew, and others that are scaled.
    let more = "  Eve: {}\n  W: { replicas: 3 }\n  Prog: { command: [sleep, '1000'], speaks: nothing, settle: 1ms }";
    let said = bench.brings_up("other", &other(at, more));
    assert_eq!(said.code, 0, "{said}");
    same("agents come");
    let more = "  Eve: { attributes: { x: 1 } }\n  W: { replicas: 1 }\n  Prog: { command: [sleep, '1001'], speaks: nothing, settle: 1ms }";
    let path = bench.file("other.yaml", &other(at, more));
    bench.ok(&["plan", &path]);
    same("a plan is made");
    bench.ok(&["up", &path]);
    same("agents are altered, begin anew and go");
    assert_eq!(bench.of("other", &["get", "Eve", "x"]), json!(1));
    // An agent dies, a daemon dies, and one dies with its keeper.
    let listed = |name: &str| {
        let agents = bench.of("other", &["ls", "agents"]);
        let mut agents = agents.as_array().unwrap().iter();
        agents
            .find(|it| it["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    kill(
        i32::try_from(listed("Dave")["pid"].as_i64().unwrap()).unwrap(),
        9,
    );
    wait_until("it is seen", || listed("Dave")["state"] == "failed");
    same("an agent is killed");
    bench.ok(&["up", &path]);
    same("it is brought back");
    let host = || {
        let hosts = bench.of("other", &["ls", "hosts"]);
        let mut hosts = hosts.as_array().unwrap().iter();
        let pid = hosts.find(|it| it["system"] == "other")?["pid"].as_i64()?;
        i32::try_from(pid).ok()
    };
    let keeper = host().unwrap();
    kill_to_the_end(daemon_of(keeper));
    same("a daemon is killed");
    wait_until("it is there again", || {
        crate::common::kept_by(keeper).is_some()
    });
    kill_with_keeper(keeper);
    same("a daemon is killed with its keeper");
    bench.ok(&["up", &path]);
    wait_until("another has come", || {
        host().is_some_and(|pid| pid != keeper)
    });
    same("another daemon takes its agents");
    // Names that are taken are told with whose they are, and nothing is touched.
    let taken = other(at, "  Alice: {}");
    let before = bench.facts("other");
    let path = bench.file("other.yaml", &taken);
    for command in ["plan", "up"] {
        let said = bench.osb(&["-o", "json", command, &path]);
        assert_eq!(said.code, 1, "{said}");
        assert!(said.stderr.contains("Alice (of the system pair)"), "{said}");
        assert!(said.stderr.contains("name_taken"), "{said}");
    }
    assert_eq!(bench.facts("other"), before);
    same("a name is refused");
    bench.ok(&["down", "other"]);
    same("the other goes down");
    let said = bench.brings_up("other", &taken);
    assert!(said.stderr.contains("Alice (of the system pair)"), "{said}");
    same("it does not come up");
}

#[test]
fn a_system_at_the_name_server_of_another_and_neither_touches_the_other() {
    let bench = Bench::new();
    let pair = system("pair", "127.0.0.1:0", ["Alice", "Bob"], "");
    let said = bench.brings_up("pair", &pair);
    assert_eq!(said.code, 0, "{said}");
    let at = bench.nameserver_of("pair");
    let said = bench.brings_up("other", &other(&at, ""));
    assert_eq!(said.code, 0, "{said}");
    wait_until("it works", || bench.heard("other", "Dave") > 0);
    // The one that runs the name server is changed.
    let facts = bench.facts("other");
    let more = system("pair", "127.0.0.1:0", ["Alice", "Bob"], "  Eve: {}");
    for topology in [&more, &pair] {
        let said = bench.brings_up("pair", topology);
        assert_eq!(said.code, 0, "{said}");
        bench.goes_on("other", "Dave", &facts);
    }
    whatever_becomes_of_the_other(&bench, &at);
    bench.ok(&["down", "pair"]);
    bench.assert_nothing_left();
}

#[test]
fn two_systems_at_a_name_server_of_nobody() {
    let bench = Bench::new();
    let mut nameserver = bench.spawn(&["ns", "--bind", "127.0.0.1:0"]);
    let at = first_line(&mut nameserver);
    let attach = format!("{{ attach: {at} }}");
    let pair = system("pair", &attach, ["Alice", "Bob"], "");
    let said = bench.brings_up("pair", &pair);
    assert_eq!(said.code, 0, "{said}");
    let said = bench.brings_up("other", &other(&at, ""));
    assert_eq!(said.code, 0, "{said}");
    whatever_becomes_of_the_other(&bench, &at);
    let said = bench.brings_up("other", &other(&at, ""));
    assert_eq!(said.code, 0, "{said}");
    // The name server is none's to end, and nobody is asked.
    bench.ok(&["down", "pair"]);
    bench.ok(&["down", "other"]);
    kill(i32::try_from(nameserver.id()).unwrap(), 15);
    nameserver.wait().unwrap();
    bench.assert_nothing_left();
}

fn first_line(of: &mut Child) -> String {
    let mut line = String::new();
    let stdout = of.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line.trim().trim_start_matches("tcp://").to_owned()
}

#[test]
fn who_runs_the_name_server_of_others_says_so_before_it_goes_down() {
    let bench = Bench::new();
    let pair = system("pair", "127.0.0.1:0", ["Alice", "Bob"], "");
    assert_eq!(bench.brings_up("pair", &pair).code, 0);
    let at = bench.nameserver_of("pair");
    assert_eq!(bench.brings_up("other", &other(&at, "")).code, 0);
    let mut late = bench.spawn(&["agent", "Late", "--ns", &at]);
    let is_there = || {
        bench
            .ok(&["--ns", &at, "ls", "-o", "names"])
            .contains("Late")
    };
    wait_until("one that was started by hand is there", is_there);

    let facts = [bench.facts("pair"), bench.facts("other")];
    let said = bench.osb(&["down", "pair"]);
    assert_eq!(said.code, 1, "{said}");
    let who = "serves others too: system other (1 host, 2 agents), agent Late";
    assert!(said.stderr.contains(who), "{said}");
    assert!(said.stderr.contains("`osb down pair --force`"), "{said}");
    let said = bench.osb(&["-o", "json", "down", "pair"]);
    assert!(said.stderr.contains(r#""code":"in_use""#), "{said}");
    assert_eq!([bench.facts("pair"), bench.facts("other")], facts);

    // On a terminal it is asked.
    for (answer, goes) in [("n\n", false), ("y\n", true)] {
        let said = on_terminal(&bench, &["down", "pair"], answer);
        assert!(said.stderr.contains("take pair down? [y/N]"), "{said}");
        assert_eq!(said.stdout.contains("pair is down"), goes, "{said}");
        assert_eq!(said.stderr.contains("nothing was done"), !goes, "{said}");
    }
    // The other has lost its name server, and its own down is never asked of anyone.
    assert_eq!(bench.osb(&["--system", "other", "ls"]).code, 4);
    bench.ok(&["down", "other"]);
    kill(i32::try_from(late.id()).unwrap(), 15);
    late.wait().unwrap();
    bench.assert_nothing_left();
}

/// Runs `osb` with a terminal as its input, on which the answer is typed.
fn on_terminal(bench: &Bench, arguments: &[&str], answer: &str) -> Said {
    let ends = nix::pty::openpty(None, None).unwrap();
    let mut command = bench.command(arguments);
    let command = command.stdin(ends.slave);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let mut terminal = std::fs::File::from(ends.master);
    terminal.write_all(answer.as_bytes()).unwrap();
    Said::from(child.wait_with_output().unwrap())
}

#[test]
fn with_force_nobody_is_asked_and_it_is_told_who_has_lost_its_name_server() {
    let bench = Bench::new();
    let pair = system("pair", "127.0.0.1:0", ["Alice", "Bob"], "");
    assert_eq!(bench.brings_up("pair", &pair).code, 0);
    let at = bench.nameserver_of("pair");
    assert_eq!(bench.brings_up("other", &other(&at, "")).code, 0);
    let down = bench.of("pair", &["down", "--force"]);
    let other = &down["others"][0]["systems"][0];
    assert_eq!(other["name"], "other", "{down}");
    assert_eq!(other["agents"], json!(["Carol", "Dave"]), "{down}");
    bench.ok(&["down", "other"]);
    bench.assert_nothing_left();
}

/// One that does not answer cannot say who hangs on it: that is no reason to stay up, nor to wait for long.
#[test]
fn a_name_server_that_hangs_is_not_waited_for_twice() {
    let bench = Bench::new();
    let pair = system("pair", "127.0.0.1:0", ["Alice", "Bob"], "");
    assert_eq!(bench.brings_up("pair", &pair).code, 0);
    let at = bench.nameserver_of("pair");
    assert_eq!(bench.brings_up("other", &other(&at, "")).code, 0);
    let keeper = bench.pid_of(" ns ").unwrap();
    kill(daemon_of(keeper), 19);
    bench.ok(&["down", "pair"]);
    bench.ok(&["down", "other"]);
    bench.assert_nothing_left();
}

/// What is changed in one group is told of by its own name server alone, and touches nothing of another.
#[test]
fn a_change_in_one_group_touches_no_other() {
    let bench = Bench::new();
    let two = |lab: &str| {
        format!(
            "osb: 1
name: two
nameservers: {{ main: 127.0.0.1:0, lab: 127.0.0.1:0 }}
agents:
  Alice:
    bind: {{ main: {{ kind: PUSH, handler: null }} }}
    timers: [{{ every: 20ms, send: main, message: hi }}]
  Bob: {{}}
{lab}
connections:
  - {{ agent: Bob, to: Alice.main, alias: in, handler: collect }}
"
        )
    };
    let before = two(
        "  Carol@lab: { bind: { main: PUSH } }\n  Dave@lab: { command: [sleep, '1000'], speaks: nothing, settle: 1ms }\n  Gone@lab: {}",
    );
    let after = two(
        "  Carol@lab: { bind: { main: PUSH, more: PUB }, attributes: { x: 1 } }\n  Dave@lab: { command: [sleep, '1001'], speaks: nothing, settle: 1ms }\n  New@lab: {}\n  W@lab: { replicas: 3 }",
    );
    assert_eq!(bench.brings_up("two", &before).code, 0);
    let facts = || {
        let mut facts = bench.facts("two");
        let of_main = |it: &Value| ["Alice", "Bob"].map(Value::from).contains(&it[0]);
        facts[0].as_array_mut().unwrap().retain(of_main);
        facts
    };
    let stands = facts();
    let address = bench.agent("Alice")["nameserver"].clone();
    let events = watch(address.as_str().unwrap());
    for topology in [&after, &before] {
        let said = bench.brings_up("two", topology);
        assert_eq!(said.code, 0, "{said}");
        bench.goes_on_as(&stands, facts(), ("two", "Bob"));
    }
    // The sign that all that came before has been told.
    bench.ok(&["set", "Alice", "x", "1"]);
    bench.ok(&["bind", "Alice", "sign", "PUB"]);
    let told = std::iter::from_fn(|| events.recv_timeout(TIMEOUT).ok());
    let told: Vec<String> = told.take_while(|it| !it.contains("sign")).collect();
    assert_eq!(told, Vec::<String>::new());
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// What a name server tells of its agents and hosts from now on.
fn watch(address: &str) -> Receiver<String> {
    let dial = Dial {
        address: address.to_owned(),
        keys: None,
    };
    let (tell, told) = channel();
    let (begun, begins) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let (link, _) = Link::open(&dial).unwrap();
            let mut watch = Watch::begin(&link);
            while let Some(notice) = watch.next().await {
                let sent = match notice {
                    Notice::Snapshot(_) => begun.send(()).is_ok(),
                    Notice::Event(Event::Agent { agent, .. }) => {
                        tell.send(format!("{agent:?}")).is_ok()
                    }
                    Notice::Event(Event::Host { host, .. }) => {
                        tell.send(format!("{host:?}")).is_ok()
                    }
                    Notice::Event(_) => true,
                };
                if !sent {
                    return;
                }
            }
        });
    });
    begins.recv_timeout(TIMEOUT).unwrap();
    told
}
