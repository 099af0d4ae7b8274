//! `up` of a system on several machines, of which something is missing: that comes back, and nothing else is touched.

use std::process::{Child, Stdio};

use crate::common::lab::{DESK, Lab, lab};
use crate::common::{daemon_of, kill, kill_with_keeper, wait_until};
use nix::libc::{SIGCONT, SIGSTOP};
use serde_json::{Value, json};

/// Alice on the first machine feeds Bob on the second, and Carol at the desk.
fn topology(lab: &Lab, nameserver: &str, hosts: &str) -> String {
    let hosts = hosts.replace("CONFIG", &lab.ssh_config().display().to_string());
    format!(
        r#"
osb: 1
name: three
nameserver: {nameserver}
hosts:
  local: {{ address: {DESK} }}
{hosts}
agents:
  Alice:
    host: lab1
    bind: {{ main: PUSH }}
    timers: [{{ every: 20ms, send: main, message: hi }}]
  Bob: {{ host: lab2 }}
  Carol: {{}}
connections:
  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: collect }}
  - {{ agent: Carol, to: Alice.main, alias: inbox, handler: collect }}
"#
    )
}

const BY_SSH: &str = "  lab1: { ssh: lab1, address: 10.77.0.11, ssh_config: CONFIG }\n  lab2: { ssh: lab2, ssh_config: CONFIG }";
const ALL: [&str; 3] = ["Alice", "Bob", "Carol"];

impl Lab {
    fn agent(&self, name: &str) -> Value {
        let agents = self.json(&["ls", "agents"]);
        let mut agents = agents.as_array().unwrap().iter();
        agents.find(|it| it["name"] == name).cloned().unwrap()
    }

    fn pid(&self, name: &str) -> i32 {
        i32::try_from(self.agent(name)["pid"].as_i64().expect("a pid")).unwrap()
    }

    fn pids(&self) -> [i32; 3] {
        ALL.map(|name| self.pid(name))
    }

    /// The process of that machine that has `words` in its command line.
    fn pid_there(&self, machine: &str, words: &str) -> Option<i32> {
        let line = |pid: &i32| {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.replace('\0', " ").contains(words)
        };
        self.processes(machine).into_iter().find(line)
    }

    /// Kills it.
    fn kill_there(&self, machine: &str, words: &str) {
        let victim = self.pid_there(machine, words).unwrap();
        kill_with_keeper(victim);
    }

    fn up_again(&self) -> Value {
        self.json(&["up", "topology.yaml"])
    }

    /// That Bob and Carol hear Alice, from now on.
    fn talk(&self) {
        for agent in ["Bob", "Carol"] {
            let heard = || {
                let all = self.json(&["get", agent, "received"]);
                all.as_array().map_or(0, Vec::len)
            };
            let before = heard();
            wait_until("messages arrive", || heard() > before);
        }
    }
}

#[test]
fn a_daemon_on_another_machine_that_died_comes_back_and_no_agent_is_touched() {
    let Some(lab) = lab(2) else { return };
    let said = lab.up(&topology(&lab, &format!("{DESK}:7400"), BY_SSH));
    assert_eq!(said.code, 0, "{said}");
    let pids = lab.pids();
    lab.kill_there("lab2", "host --name lab2");
    let up = lab.up_again();
    let back = &up["brought_back"];
    assert_eq!(
        (&back["hosts"], &back["agents"]),
        (&json!(["lab2"]), &json!([]))
    );
    assert_eq!(lab.pids(), pids);
    lab.talk();
    assert_eq!(lab.up_again()["unchanged"], json!(true));
    // The next one too, and an agent that ended while nobody looked.
    lab.kill_there("lab2", "host --name lab2");
    kill(pids[1], 9);
    let up = lab.up_again();
    let back = &up["brought_back"];
    assert_eq!(
        (&back["hosts"], &back["agents"]),
        (&json!(["lab2"]), &json!(["Bob"]))
    );
    let now = lab.pids();
    assert_eq!((now[0], now[2]), (pids[0], pids[2]));
    assert_ne!(now[1], pids[1]);
    lab.talk();
    // Agents that have outlived their daemon end with the system.
    lab.kill_there("lab1", "host --name lab1");
    assert_eq!(lab.up_again()["brought_back"]["hosts"], json!(["lab1"]));
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

#[test]
fn a_name_server_on_another_machine_comes_back_where_it_was() {
    let Some(lab) = lab(2) else { return };
    let far = "{ launch: \"10.77.0.11:0\", host: lab1 }";
    for security in ["curve", "none"] {
        let text = topology(&lab, far, BY_SSH);
        let text = text.replace("name: three", &format!("name: three\nsecurity: {security}"));
        let said = lab.up(&text);
        assert_eq!(said.code, 0, "{said}");
        let address = || lab.json(&["ls", "systems"])[0]["nameserver"].clone();
        let (pids, before) = (lab.pids(), address());
        lab.kill_there("lab1", "osb ns --bind");
        let up = lab.up_again();
        assert_eq!(up["nameserver"], before);
        let back = &up["brought_back"];
        assert_eq!(
            (&back["nameservers"], &back["hosts"], &back["agents"]),
            (&json!(["main"]), &json!([]), &json!([]))
        );
        assert_eq!((lab.pids(), address()), (pids, before.clone()));
        lab.talk();
        assert_eq!(lab.up_again()["unchanged"], json!(true));
        // Its machine loses the daemon too.
        lab.kill_there("lab1", "osb ns --bind");
        lab.kill_there("lab1", "host --name lab1");
        let up = lab.up_again();
        let back = &up["brought_back"];
        assert_eq!(
            (&back["nameservers"], &back["hosts"], &back["agents"]),
            (&json!(["main"]), &json!(["lab1"]), &json!([]))
        );
        assert_eq!(lab.pids(), pids);
        lab.talk();
        lab.ok(&["down"]);
        wait_until("all have ended", || {
            lab.processes("lab1").is_empty() && lab.processes("lab2").is_empty()
        });
    }
}

#[test]
fn a_machine_that_cannot_be_reached_keeps_nothing_else_from_coming_back() {
    let Some(lab) = lab(2) else { return };
    let said = lab.up(&topology(&lab, &format!("{DESK}:7400"), BY_SSH));
    assert_eq!(said.code, 0, "{said}");
    let pids = lab.pids();
    lab.cut("lab2", false);
    kill(pids[2], 9);
    wait_until("Bob is given up", || {
        lab.agent("Bob")["state"] == "unreachable"
    });
    let said = lab.osb(&["up", "topology.yaml"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stdout.contains("brought back: Carol"), "{said}");
    for part in [
        "not all of three is back: host lab2: lab2 failed at stage connect",
        "Bob is out of reach",
        "hint: lab2: ",
    ] {
        assert!(said.stderr.contains(part), "{part}: {said}");
    }
    lab.cut("lab2", true);
    wait_until("Bob is back", || lab.agent("Bob")["state"] == "running");
    // His daemon has a connection of its own.
    wait_until("lab2 is back", || {
        let hosts = lab.json(&["ls", "hosts"]);
        let mut hosts = hosts.as_array().unwrap().iter();
        hosts.any(|it| it["name"] == "lab2" && it["state"] == "running")
    });
    let up = lab.up_again();
    assert_eq!(up["out_of_reach"], json!({ "hosts": [], "agents": [] }));
    let now = lab.pids();
    assert_eq!(now[..2], pids[..2]);
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

#[test]
fn a_daemon_that_lives_or_cannot_come_back_leaves_all_as_it_was() {
    let Some(lab) = lab(2) else { return };
    let said = lab.up(&topology(&lab, &format!("{DESK}:7400"), BY_SSH));
    assert_eq!(said.code, 0, "{said}");
    let pids = lab.pids();
    // It does not answer: none is started beside it.
    let daemon = lab.pid_there("lab2", "host --name lab2").unwrap();
    kill(daemon_of(daemon), SIGSTOP);
    let said = lab.osb(&["up", "topology.yaml"]);
    assert_eq!(said.code, 1, "{said}");
    let part =
        format!("a host daemon lab2 of this system runs on this machine already: pid {daemon}");
    assert!(said.stderr.contains(&part), "{said}");
    kill(daemon_of(daemon), SIGCONT);
    assert_eq!(lab.up_again()["unchanged"], json!(true));
    // The one in its place does not reach the name server: it ends, and what was there stays.
    lab.kill_there("lab2", "host --name lab2");
    lab.drop_between("lab2", "desk", 7400);
    let said = lab.osb(&["up", "topology.yaml"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("failed at stage dial back"), "{said}");
    assert_eq!(lab.pid_there("lab2", "host --name lab2"), None);
    lab.in_space("desk", &["ip", "rule", "del", "pref", "50"]);
    wait_until("Bob is heard of", || lab.agent("Bob")["state"] == "running");
    let up = lab.up_again();
    let back = &up["brought_back"];
    assert_eq!(
        (&back["hosts"], &back["agents"]),
        (&json!(["lab2"]), &json!([]))
    );
    assert_eq!(lab.pids(), pids);
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

#[test]
fn a_daemon_that_others_start_is_asked_for() {
    let Some(lab) = lab(2) else { return };
    let hosts = "  lab1: { attach: true, address: 10.77.0.11 }\n  lab2: { attach: true }";
    let ns = format!("{DESK}:7400");
    let path = lab.bench.file("topology.yaml", &topology(&lab, &ns, hosts));
    lab.ok(&["keys", "init", "three"]);
    let start = |name: &str| -> Child {
        let join = lab.bench.files().join(format!("{name}.join"));
        let join = join.to_str().unwrap();
        let words = ["--ns", &ns, "host", "--name", name, "--join", join];
        let mut command = lab.command_on(name, &words);
        command.stderr(Stdio::null()).spawn().unwrap()
    };
    let mut daemons = ["lab1", "lab2"].map(|name| {
        lab.ok(&["keys", "join", "host", name]);
        start(name)
    });
    let said = lab.osb(&["up", &path]);
    assert_eq!(said.code, 0, "{said}");
    let pids = lab.pids();
    kill_with_keeper(i32::try_from(daemons[1].id()).unwrap());
    daemons[1].wait().unwrap();
    // Nobody sees that.
    kill(pids[1], 9);
    wait_until("Bob is given up", || {
        lab.agent("Bob")["state"] == "unreachable"
    });
    let said = lab.osb(&["up", &path]);
    assert_eq!(said.code, 1, "{said}");
    let hint = format!("`osb host --ns {ns} --name lab2 --join lab2.join`");
    for part in [
        "not all of three is back: the daemon of lab2 is not there; Bob is out of reach",
        "`osb keys join host lab2`",
        &hint,
    ] {
        assert!(said.stderr.contains(part), "{part}: {said}");
    }
    let told = lab.osb(&["-o", "json", "up", &path]);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let lost = json!({ "hosts": ["lab2"], "agents": ["Bob"] });
    assert_eq!(
        (&told["unchanged"], &told["out_of_reach"]),
        (&json!(true), &lost)
    );
    daemons[1] = start("lab2");
    wait_until("it is there", || {
        let hosts = lab.json(&["ls", "hosts"]);
        hosts[1]["state"] == "running" && hosts[1]["pid"] == daemons[1].id()
    });
    // It tells what it finds of its former life.
    wait_until("Bob's end is known", || {
        lab.agent("Bob")["state"] == "ended"
    });
    let up = lab.up_again();
    assert_eq!(up["brought_back"]["agents"], json!(["Bob"]));
    let now = lab.pids();
    assert_eq!((now[0], now[2]), (pids[0], pids[2]));
    lab.talk();
    lab.ok(&["down"]);
    for daemon in &mut daemons {
        kill(i32::try_from(daemon.id()).unwrap(), 15);
        assert!(daemon.wait().unwrap().success());
    }
    lab.assert_nothing_left();
}
