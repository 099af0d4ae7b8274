//! Machines that lose their power and start again: each does what its units say, and the system is back as it was, without a
//! person. Here the test does what systemd would; machines are namespaces.

use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::common::lab::{DESK, Lab, lab};
use crate::common::{kill, wait_until};

/// Alice on the first machine feeds Bob on the second, and Carol at the desk. Idle is there to be stopped. Reader is a program
/// that refers to Alice, and Never is one that no policy would start again.
fn topology(lab: &Lab, security: &str) -> String {
    let config = lab.ssh_config().display().to_string();
    format!(
        r#"
osb: 1
name: survives
security: {security}
nameserver: {DESK}:7400
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, address: 10.77.0.11, ssh_config: {config} }}
  lab2: {{ ssh: lab2, ssh_config: {config} }}
agents:
  Alice:
    host: lab1
    attributes: {{ greeting: Hello }}
    bind: {{ main: PUSH }}
    timers: [{{ every: 20ms, send: main, message: hi }}]
  Bob: {{ host: lab2, restart: never }}
  Idle: {{ host: lab2 }}
  Reader:
    host: lab2
    command: [sh, -c, 'echo "reads $0"; exec sleep 1000', "${{addr:Alice.main}}"]
    speaks: nothing
  Carol: {{}}
connections:
  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: collect }}
  - {{ agent: Carol, to: Alice.main, alias: inbox, handler: collect }}
"#
    )
}

/// What a unit of a machine starts, and the process once it has.
struct Unit {
    machine: &'static str,
    words: Vec<String>,
    running: Option<Child>,
}

impl Unit {
    fn new(machine: &'static str, words: &str) -> Self {
        let words = words.split(' ').map(str::to_owned).collect();
        Self {
            machine,
            words,
            running: None,
        }
    }
}

fn units() -> Vec<Unit> {
    let host = |machine, address: &str, own: &str| {
        let words = format!(
            "--ns tcp://{DESK}:7400 host --name {machine} --for-system survives{address} --boot{own}"
        );
        Unit::new(machine, &words)
    };
    let desk = format!(
        "--ns tcp://{DESK}:7400 host --name local --for-system survives --address {DESK} --boot"
    );
    vec![
        host("lab1", " --address 10.77.0.11", " --own-dir"),
        host("lab2", "", " --own-dir"),
        Unit::new("desk", &desk),
    ]
}

fn nameserver(security: &str) -> Unit {
    let open = match security {
        "none" => " --insecure",
        _ => "",
    };
    let words = format!("ns --bind {DESK}:7400 --for-system survives --boot{open}");
    Unit::new("desk", &words)
}

impl Lab {
    /// The machine has no power any more: nobody hears another word of it. Gives the pids of the agents that were there.
    fn power_off(&self, machine: &str, units: &mut [Unit]) -> Vec<u64> {
        let pids = match machine {
            "desk" => self.pids_of(&["Carol"]),
            "lab1" => self.pids_of(&["Alice"]),
            _ => self.pids_of(&["Bob", "Reader"]),
        };
        self.cut(machine, false);
        let all = || match machine {
            "desk" => self.bench.processes(),
            other => self.processes(other),
        };
        all().into_iter().for_each(|pid| kill(pid, 9));
        for unit in units.iter_mut().filter(|it| it.machine == machine) {
            if let Some(mut process) = unit.running.take() {
                let _ = process.wait();
            }
        }
        wait_until("all have ended", || all().is_empty());
        pids
    }

    fn power_on(&self, machine: &str) {
        self.cut(machine, true);
    }

    fn begin(&self, unit: &mut Unit) {
        let words: Vec<&str> = unit.words.iter().map(String::as_str).collect();
        let mut command = match unit.machine {
            "desk" => self.command(&words),
            machine => self.command_on(machine, &words),
        };
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        unit.running = Some(process.unwrap());
    }

    fn survivors(&self) -> Vec<Value> {
        let said = self.osb(&["-o", "json", "ls", "agents"]);
        let agents: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
        agents.as_array().cloned().unwrap_or_default()
    }

    fn pids_of(&self, names: &[&str]) -> Vec<u64> {
        let agents = self.survivors();
        let meant = agents
            .iter()
            .filter(|it| names.iter().any(|name| it["name"] == *name));
        meant.filter_map(|it| it["pid"].as_u64()).collect()
    }

    fn states(&self) -> Vec<(String, String)> {
        let text = |it: &Value, what: &str| it[what].as_str().unwrap_or_default().to_owned();
        let agents = self.survivors();
        let states = agents
            .iter()
            .map(|it| (text(it, "name"), text(it, "state")));
        states.collect()
    }

    /// All is as it was: processes run that are other ones where they had ended, wires are proven, and messages arrive.
    fn is_back(&self, what: &str, former: &[u64]) {
        let wanted = [
            ("Alice", "running"),
            ("Bob", "running"),
            ("Carol", "running"),
            ("Idle", "stopped"),
            ("Reader", "running"),
        ];
        let wanted = wanted.map(|(name, state)| (name.to_owned(), state.to_owned()));
        let mut states = Vec::new();
        wait_until(&format!("{what}: all are back"), || {
            let now = self.pids_of(&["Alice", "Bob", "Carol", "Reader"]);
            states = self.states();
            states == wanted && !now.iter().any(|pid| former.contains(pid))
        });
        wait_until(&format!("{what}: all wires are proven"), || {
            let connections = self.osb(&["-o", "json", "ls", "connections"]);
            let connections: Value = serde_json::from_str(&connections.stdout).unwrap_or_default();
            let connections = connections.as_array().cloned().unwrap_or_default();
            connections.len() == 2 && connections.iter().all(|it| it["proof"] == "proven")
        });
        assert_eq!(self.json(&["get", "Alice", "greeting"]), json!("Hello"));
        for agent in ["Bob", "Carol"] {
            let heard = || {
                let all = self.json(&["get", agent, "received"]);
                all.as_array().map_or(0, Vec::len)
            };
            let before = heard();
            wait_until(&format!("{what}: messages arrive"), || heard() > before);
        }
    }
}

#[test]
fn after_a_power_cut_of_any_machine_or_of_all_the_system_is_back_as_it_was() {
    for security in ["curve", "none"] {
        let Some(lab) = lab(2) else { return };
        let said = lab.up(&topology(&lab, security));
        assert_eq!(said.code, 0, "{said}");
        lab.ok(&["stop", "Idle"]);
        let mut units = units();
        units.push(nameserver(security));
        for machine in ["lab1", "lab2"] {
            let former = lab.power_off(machine, &mut units);
            lab.power_on(machine);
            let unit = units.iter_mut().find(|it| it.machine == machine).unwrap();
            lab.begin(unit);
            lab.is_back(&format!("{security}: {machine}"), &former);
        }
        let former = lab.power_off("desk", &mut units);
        assert_eq!(former.len(), 1);
        lab.power_on("desk");
        let desk = units.iter_mut().filter(|it| it.machine == "desk");
        desk.for_each(|unit| lab.begin(unit));
        lab.is_back(&format!("{security}: the desk"), &former);
        // All at once, and the name server last.
        let former: Vec<u64> = ["lab1", "lab2", "desk"]
            .into_iter()
            .flat_map(|machine| lab.power_off(machine, &mut units))
            .collect();
        for machine in ["lab2", "lab1", "desk"] {
            lab.power_on(machine);
        }
        units.iter_mut().for_each(|unit| lab.begin(unit));
        lab.is_back(&format!("{security}: all"), &former);
        // One that was stopped comes back when it is started.
        lab.ok(&["start", "Idle"]);
        // What was brought up so is one system with what `up` knows, and ends like any other.
        assert_eq!(lab.json(&["up", "topology.yaml"])["unchanged"], json!(true));
        lab.ok(&["down"]);
        for unit in &mut units {
            let status = unit.running.take().unwrap().wait().unwrap();
            assert!(status.success(), "{}: {status}", unit.words.join(" "));
        }
        lab.assert_nothing_left();
        // `down` holds over the next start of all machines.
        units.iter_mut().for_each(|unit| lab.begin(unit));
        for unit in &mut units {
            let status = unit.running.take().unwrap().wait().unwrap();
            assert!(status.success(), "{}: {status}", unit.words.join(" "));
        }
        lab.assert_nothing_left();
    }
}
