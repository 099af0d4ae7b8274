//! Machines that lose their power and start again: each does what its units say, and the system is back as it was, without a
//! person. Here the test does what systemd would; machines are namespaces.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::common::lab::{DESK, Lab, lab};
use crate::common::{self, Said, kill_all, wait_until};

/// Alice on the first machine feeds Bob on the second, and Carol at the desk. Idle is there to be stopped. Reader is a program
/// that refers to Alice, and Never is one that no policy would start again.
fn topology(lab: &Lab, security: &str) -> String {
    let config = lab.ssh_config().display().to_string();
    let files = lab.bench.files().display().to_string();
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
  Once: {{ host: lab2, command: [sh, -c, 'echo once >>{files}/done'], speaks: nothing, job: {{ once: true }} }}
  Each: {{ host: lab2, command: [sh, -c, 'echo each >>{files}/done'], speaks: nothing, job: true }}
connections:
  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: collect }}
  - {{ agent: Carol, to: Alice.main, alias: inbox, handler: collect }}
"#
    )
}

/// A unit of a machine, and its process once it has been started.
struct Unit {
    machine: &'static str,
    text: String,
    running: Option<Child>,
}

impl Unit {
    fn read(machine: &'static str, path: &Path) -> Self {
        Self {
            machine,
            text: fs::read_to_string(path).unwrap(),
            running: None,
        }
    }

    fn settings<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t str> {
        let lines = self.text.lines();
        lines.filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
    }

    /// What it starts, as systemd would: no word here has a blank in it.
    fn command(&self, lab: &Lab) -> Command {
        let line = self.settings("ExecStart").next().unwrap();
        assert!(!line.contains('"'), "{line}");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &lab.space(self.machine)]);
        command.args(line.split(' ')).env_clear();
        for setting in self.settings("Environment") {
            let (name, value) = setting.trim_matches('"').split_once('=').unwrap();
            command.env(name, value);
        }
        command
    }

    fn is_of_nameserver(&self) -> bool {
        self.text.contains("osb name server")
    }
}

/// What says on a machine that all is well, and writes down what it was asked for.
fn stub(lab: &Lab, machine: &str) {
    let folder = lab.dir(machine).join("bin");
    fs::create_dir_all(&folder).unwrap();
    for name in ["systemctl", "loginctl"] {
        let path = folder.join(name);
        let log = folder.join("said").display().to_string();
        fs::write(&path, format!("#!/bin/sh\necho {name} \"$@\" >>{log}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// systemd takes it as it is.
fn verify(unit: &Unit, lab: &Lab) {
    let copy = lab.bench.file("verified.service", &unit.text);
    let mut verify = Command::new("systemd-analyze");
    match verify.args(["verify", "--man=no", &copy]).output() {
        Ok(output) => {
            let said = Said::from(output);
            assert!(!said.stderr.contains("verified.service"), "{said}");
            assert_eq!(said.code, 0, "{said}");
        }
        Err(_) => common::skip("there is no systemd-analyze"),
    }
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
        kill_all(all);
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

    /// `osb` at the desk, with what stands for systemd there.
    fn with_systemd(&self, arguments: &[&str]) -> Said {
        let path = format!("{}:/usr/bin:/bin", self.dir("desk").join("bin").display());
        let mut command = self.command(arguments);
        command.env("PATH", path).env_remove("XDG_CONFIG_HOME");
        Said::from(command.output().unwrap())
    }

    fn unit_folder(&self, machine: &str) -> PathBuf {
        self.dir(machine).join(".config/systemd/user")
    }

    /// The units that are written on all machines, the name server's last.
    fn units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for machine in ["lab1", "lab2", "desk"] {
            let folder = self.unit_folder(machine);
            let names = common::entries(&folder).into_iter();
            units.extend(names.map(|name| Unit::read(machine, &folder.join(name))));
        }
        units.sort_by_key(Unit::is_of_nameserver);
        units
    }

    fn begin(&self, unit: &mut Unit) {
        let mut command = unit.command(self);
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
            ("Each", "stopped"),
            ("Idle", "stopped"),
            ("Once", "stopped"),
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
        ["desk", "lab1", "lab2"]
            .into_iter()
            .for_each(|machine| stub(&lab, machine));
        let said = lab.with_systemd(&["install", "topology.yaml", "--user"]);
        assert_eq!(said.code, 0, "{said}");
        let mut units = lab.units();
        assert_eq!(units.len(), 4, "{said}");
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
        let done = || fs::read_to_string(lab.bench.files().join("done")).unwrap();
        let times = |word: &str| done().lines().filter(|it| *it == word).count();
        wait_until("the job is done again", || times("each") == 3);
        assert_eq!(times("once"), 1);
        // One that was stopped comes back when it is started.
        lab.ok(&["start", "Idle"]);
        // What was brought up so is one system with what `up` knows, and ends like any other.
        assert_eq!(lab.json(&["up", "topology.yaml"])["unchanged"], json!(true));
        lab.ok(&["down"]);
        for unit in &mut units {
            let status = unit.running.take().unwrap().wait().unwrap();
            assert!(status.success(), "{}: {status}", unit.text);
        }
        lab.assert_nothing_left();
        // `down` holds over the next start of all machines.
        units.iter_mut().for_each(|unit| lab.begin(unit));
        for unit in &mut units {
            let status = unit.running.take().unwrap().wait().unwrap();
            assert!(status.success(), "{}: {status}", unit.text);
        }
        lab.assert_nothing_left();
        let said = lab.with_systemd(&["uninstall", "survives"]);
        assert_eq!(said.code, 0, "{said}");
        assert!(lab.units().is_empty());
    }
}

#[test]
fn install_writes_on_every_machine_and_uninstall_takes_back_what_nobody_has_changed() {
    let Some(lab) = lab(2) else { return };
    ["desk", "lab1", "lab2"]
        .into_iter()
        .for_each(|machine| stub(&lab, machine));
    let path = lab.bench.file("topology.yaml", &topology(&lab, "curve"));
    // The keys of hosts are admitted where there are keys.
    let said = lab.with_systemd(&["install", &path, "--user"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("osb up"), "{said}");
    let printed = lab.with_systemd(&["install", &path, "--user", "--print"]);
    assert_eq!(printed.code, 0, "{printed}");
    assert!(lab.units().is_empty(), "nothing is written");
    lab.ok(&["up", &path]);
    let lasting = || {
        let keys = lab.json(&["--system", "survives", "keys", "show"]);
        let keys = keys.as_array().unwrap().clone();
        let hosts = keys.iter().filter(|it| it.to_string().contains("host"));
        hosts.filter(|it| it["term"] == "lasting").count()
    };
    for _ in 0..2 {
        let said = lab.with_systemd(&["install", &path, "--user"]);
        assert_eq!(said.code, 0, "{said}");
        let units = lab.units();
        assert_eq!(units.len(), 4, "{said}");
        for unit in &units {
            assert!(printed.stdout.contains(&unit.text), "{}", unit.text);
            verify(unit, &lab);
        }
        assert_eq!(lasting(), 3, "those of former units are revoked");
    }
    let key = lab.state("lab1").join("osb/.boot/survives/host-lab1.key");
    let mode = fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = fs::read_to_string(lab.dir("lab1").join("bin/said")).unwrap();
    assert!(
        said.contains("loginctl --no-ask-password enable-linger root"),
        "{said}"
    );
    assert!(
        said.contains("systemctl --user --no-ask-password enable osb-host-survives-lab1.service"),
        "{said}"
    );
    let changed = lab
        .unit_folder("lab2")
        .join("osb-host-survives-lab2.service");
    let text = fs::read_to_string(&changed).unwrap();
    fs::write(&changed, text.replace("RestartSec=1", "RestartSec=9")).unwrap();
    let said = lab.with_systemd(&["install", &path, "--user"]);
    assert!(
        said.code == 4 && said.stderr.contains("move it away"),
        "{said}"
    );
    let said = lab.with_systemd(&["uninstall", &path]);
    assert_eq!(said.code, 0, "{said}");
    assert!(
        said.stderr
            .contains("osb-host-survives-lab2.service on lab2"),
        "{said}"
    );
    assert_eq!(lab.units().len(), 1, "it is left");
    assert_eq!(lasting(), 0);
    assert!(!key.exists());
    let again = lab.with_systemd(&["uninstall", "survives"]);
    assert!(
        again.code == 1 && again.stderr.contains("was not installed"),
        "{again}"
    );
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// Each writes what it does: the job, what waits for that, and what waits for that on the same machine and on another. Sink is
/// connected to by who it is after, so that nobody gets anywhere who waits for a whole agent.
fn in_order(lab: &Lab) -> String {
    let config = lab.ssh_config().display().to_string();
    let order = lab.bench.files().join("order").display().to_string();
    let program = |name: &str, script: &str, more: &str| {
        let script = script.replace("+", &format!("echo +{name} >>{order}"));
        let script = script.replace("=", &format!("echo ={name} >>{order}"));
        format!("    command: [sh, -c, '{script}']\n    speaks: nothing\n    settle: 10ms\n{more}")
    };
    let job = program("Job", "+; sleep 0.5; =", "    job: true\n");
    let stays = "exec sleep 1000";
    let server = format!("+; sleep 0.3; =; echo ready; {stays}");
    let server = program(
        "Server",
        &server,
        "    ready: { line: ready }\n    after: Job\n",
    );
    let last = format!("+; {stays}");
    let client = program("Client", &last, "    after: Server\n");
    let far = program("Far", &last, "    after: Server\n");
    let sink = program("Sink", &last, "    after: [Server, Gone]\n");
    let gone = program("Gone", stays, "");
    format!(
        r#"
osb: 1
name: survives
security: none
nameserver: {DESK}:7400
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, address: 10.77.0.11, ssh_config: {config} }}
agents:
  Client:
    host: lab1
{client}
  Far:
{far}
  Gone:
    host: lab1
{gone}
  Job:
    host: lab1
{job}
  Server:
    host: lab1
{server}
  Sink:
    host: lab1
    bind: {{ in: PULL }}
{sink}
connections:
  - {{ agent: Server, to: Sink.in, alias: out }}
"#
    )
}

#[test]
fn after_a_power_cut_agents_get_to_work_in_the_order_of_after_on_all_machines() {
    let Some(lab) = lab(1) else { return };
    let order = lab.bench.files().join("order");
    let written = |what: &str| {
        let mut lines: Vec<String> = Vec::new();
        wait_until(&format!("{what}: all have begun"), || {
            let text = fs::read_to_string(&order).unwrap_or_default();
            lines = text.lines().map(str::to_owned).collect();
            lines.len() >= 7
        });
        fs::remove_file(&order).unwrap();
        lines[4..].sort();
        assert_eq!(
            lines,
            [
                "+Job", "=Job", "+Server", "=Server", "+Client", "+Far", "+Sink"
            ],
            "{what}"
        );
    };
    let said = lab.up(&in_order(&lab));
    assert_eq!(said.code, 0, "{said}");
    written("up");
    // Who was stopped is not waited for.
    lab.ok(&["stop", "Gone"]);
    ["desk", "lab1"]
        .into_iter()
        .for_each(|machine| stub(&lab, machine));
    let said = lab.with_systemd(&["install", "topology.yaml", "--user"]);
    assert_eq!(said.code, 0, "{said}");
    let mut units = lab.units();
    // Once the machine with the last ones comes first, and once that with the first ones.
    for reversed in [false, true] {
        for machine in ["lab1", "desk"] {
            lab.power_off(machine, &mut units);
        }
        for machine in ["lab1", "desk"] {
            lab.power_on(machine);
        }
        match reversed {
            false => units.iter_mut().for_each(|unit| lab.begin(unit)),
            true => units.iter_mut().rev().for_each(|unit| lab.begin(unit)),
        }
        written(&format!("reversed: {reversed}"));
        wait_until("the wire is proven", || {
            let connections = lab.osb(&["-o", "json", "ls", "connections"]);
            let connections: Value = serde_json::from_str(&connections.stdout).unwrap_or_default();
            connections[0]["proof"] == "proven"
        });
    }
    // The daemon may be killed while they wait.
    lab.power_off("lab1", &mut units);
    lab.power_on("lab1");
    let unit = units.iter_mut().find(|it| it.machine == "lab1").unwrap();
    lab.begin(unit);
    wait_until("the job is under way", || {
        fs::read_to_string(&order).is_ok_and(|text| text.contains("+Job"))
    });
    let keeper = unit.running.as_ref().unwrap().id();
    common::kill(common::daemon_of(i32::try_from(keeper).unwrap()), 9);
    let all = ["+Client", "+Job", "+Server", "+Sink", "=Job", "=Server"];
    let mut lines = Vec::new();
    wait_until("all have begun", || {
        let text = fs::read_to_string(&order).unwrap_or_default();
        lines = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines == all
    });
    lab.ok(&["down"]);
    for unit in &mut units {
        let status = unit.running.take().unwrap().wait().unwrap();
        assert!(status.success(), "{}: {status}", unit.text);
    }
    lab.assert_nothing_left();
}

#[test]
fn after_a_power_cut_spawned_agents_are_back_and_ephemeral_ones_are_not() {
    let Some(lab) = lab(1) else { return };
    let config = lab.ssh_config().display().to_string();
    let said = lab.up(&format!(
        r#"
osb: 1
name: survives
security: none
nameserver: {DESK}:7400
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, address: 10.77.0.11, ssh_config: {config} }}
agents:
  Alice: {{ host: lab1, bind: {{ out: PUSH }} }}
"#
    ));
    assert_eq!(said.code, 0, "{said}");
    let connected = ["--host", "lab1", "--connect", "Alice.out=in"];
    lab.ok(&[&["spawn", "Kept"], &connected[..]].concat());
    lab.ok(&[&["spawn", "W1", "--ephemeral"], &connected[..]].concat());
    ["desk", "lab1"]
        .into_iter()
        .for_each(|machine| stub(&lab, machine));
    let said = lab.with_systemd(&["install", "topology.yaml", "--user"]);
    assert_eq!(said.code, 0, "{said}");
    let mut units = lab.units();
    let former = lab.power_off("lab1", &mut units);
    lab.power_on("lab1");
    let unit = units.iter_mut().find(|it| it.machine == "lab1").unwrap();
    lab.begin(unit);
    let running = |name: &str| (name.to_owned(), "running".to_owned());
    wait_until("Kept is back", || {
        let mut states = lab.states();
        let gone = states.extract_if(.., |it| it.0 == "W1");
        let is_gone = gone.into_iter().all(|it| it.1 != "running");
        is_gone && states == ["Alice", "Kept"].map(running) && lab.pids_of(&["Alice"]) != former
    });
    // Its name is free.
    lab.ok(&["spawn", "W1", "--ephemeral", "--host", "lab1"]);
    lab.ok(&["down"]);
    for unit in units.iter_mut().filter(|it| it.running.is_some()) {
        let status = unit.running.take().unwrap().wait().unwrap();
        assert!(status.success(), "{}: {status}", unit.text);
    }
    lab.assert_nothing_left();
}
