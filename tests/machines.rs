//! Systems on several machines: by real ssh, and by daemons that others start.

use std::process::Stdio;

use crate::common::lab::{DESK, Lab, lab};
use crate::common::{self, Said, wait_until};
use serde_json::json;

/// Alice on the first machine, Bob on the second, and the others that are named.
fn topology(lab: &Lab, hosts: &str) -> String {
    let hosts = hosts.replace("CONFIG", &lab.ssh_config().display().to_string());
    format!(
        r#"
osb: 1
name: two
nameserver: {DESK}:7400
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
  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: [collect, log] }}
  - {{ agent: Carol, to: Alice.main, alias: inbox, handler: [collect, log] }}
"#
    )
}

const BY_SSH: &str = "  lab1: { ssh: lab1, address: 10.77.0.11, ssh_config: CONFIG }\n  lab2: { ssh: lab2, ssh_config: CONFIG }";

fn hears(lab: &Lab, agent: &str) {
    wait_until("messages arrive", || {
        lab.osb(&["get", agent, "received"]).stdout.contains("hi")
    });
}

#[test]
fn one_topology_by_ssh() {
    let Some(lab) = lab(2) else { return };
    // One has osb, the other gets it.
    lab.uninstall("lab2");
    let said = lab.up(&topology(&lab, BY_SSH));
    assert_eq!(said.code, 0, "{said}");
    hears(&lab, "Bob");
    hears(&lab, "Carol");
    let address = lab.ok(&["addr", "Alice", "main"]);
    assert!(address.starts_with("tcp://10.77.0.11:"), "{address}");
    let hosts = lab.json(&["ls", "hosts"]);
    let shown = |at: usize| (hosts[at]["name"].clone(), hosts[at]["address"].clone());
    assert_eq!(shown(0), (json!("lab1"), json!("10.77.0.11")));
    assert_eq!(
        shown(1),
        (json!("lab2"), json!("10.77.0.12")),
        "its own choice"
    );
    assert_eq!(shown(2), (json!("local"), json!(DESK)));
    for host in hosts.as_array().unwrap() {
        let machine = &host["machine"];
        assert!(machine["memory"].as_u64().unwrap() > 0, "{host}");
        assert!(machine["round_trip_ms"].as_f64().unwrap() > 0.0, "{host}");
        let offset = machine["clock_offset_ms"].as_f64().unwrap();
        assert!(offset.abs() < 1000.0, "all have one clock here: {host}");
    }
    // Bob's log is on its own machine, and Carol's on this one.
    let logs = lab.ok(&["logs"]);
    for part in ["Bob", "Carol", "hi"] {
        assert!(logs.contains(part), "{part}: {logs}");
    }
    let bob = lab.ok(&["logs", "Bob", "-n", "2"]);
    assert_eq!(bob.matches("hi").count(), 2, "{bob}");
    let copy = lab.dir("lab2").join("cache/osb");
    assert!(copy.join(env!("CARGO_PKG_VERSION")).join("osb").exists());
    assert!(!lab.dir("lab1").join("cache").exists());
    assert!(!lab.processes("lab1").is_empty() && !lab.processes("lab2").is_empty());

    let again = lab.ok(&["up", "topology.yaml"]);
    assert!(again.contains("unchanged"), "{again}");
    let down = lab.ok(&["down"]);
    assert!(down.contains("3 agents ended"), "{down}");
    lab.assert_nothing_left();
}

#[test]
fn logs_of_a_run_that_is_over_are_read_and_forgotten_on_all_machines() {
    let Some(lab) = lab(2) else { return };
    for _ in 1..=2 {
        let said = lab.up(&topology(&lab, BY_SSH));
        assert_eq!(said.code, 0, "{said}");
        wait_until("Bob hears", || {
            let said = lab.ok(&["logs", "Bob", "--grep", "hi"]);
            said.lines().count() >= 2
        });
        lab.ok(&["down"]);
    }
    lab.assert_nothing_left();
    let all = lab.ok(&["--system", "two", "logs", "--run", "1"]);
    for agent in ["Bob", "Carol"] {
        assert!(all.contains(&format!("{agent} ")), "{agent}: {all}");
    }
    let bob = |which: &[&str]| lab.ok(&[&["logs", "Bob", "--grep", "hi"], which].concat());
    assert!(bob(&["--last", "-n", "2"]).lines().count() == 2);
    // Each run's own.
    assert_ne!(bob(&["--run", "1"]), bob(&["--run", "2"]));
    let runs = lab.json(&["ls", "runs"]);
    assert_eq!(runs[1]["hosts"], json!(["lab1", "lab2"]), "{runs}");
    lab.cut("lab2", false);
    let said = lab.osb(&["logs", "--last"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stdout.contains("Carol"), "{said}");
    let part = "not all logs of this run could be read: lab2 (";
    assert!(said.stderr.contains(part), "{said}");
    // Who is not there is not missed by those who want others' logs.
    lab.ok(&["logs", "--last", "Carol"]);
    lab.cut("lab2", true);
    assert_eq!(
        lab.ok(&["logs", "--clear"]).trim(),
        "two: the logs of 2 runs are gone, and those of 4 on other machines"
    );
    let said = lab.osb(&["logs", "--last"]);
    assert_eq!(said.code, 1, "{said}");
    for name in ["lab1", "lab2"] {
        let kept = lab
            .state(name)
            .join("osb/.runs/.hosts")
            .join(name)
            .join("two");
        assert!(!kept.exists(), "{}", kept.display());
    }
}

#[test]
fn logs_are_followed_on_all_machines_and_again_when_one_is_back() {
    let Some(lab) = lab(2) else { return };
    let text = topology(&lab, BY_SSH).replace("every: 20ms", "every: 200ms");
    let said = lab.up(&text);
    assert_eq!(said.code, 0, "{said}");
    let mut follow = lab.command(&["logs", "-f", "--grep", "hi", "Bob", "Carol"]);
    let follow = follow.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut follow = follow.spawn().unwrap();
    let heard = common::listen(follow.stdout.take().unwrap());
    let notes = common::listen(follow.stderr.take().unwrap());
    let lines_of = |agent: &str| {
        let text = heard.lock().unwrap();
        text.lines().filter(|line| line.starts_with(agent)).count()
    };
    for agent in ["Bob", "Carol"] {
        let begun = lines_of(agent);
        wait_until("lines of both machines come", || {
            lines_of(agent) > begun + 5
        });
    }
    lab.cut("lab2", false);
    let noted = |part: &str| notes.lock().unwrap().contains(part);
    wait_until("its absence is noted", || {
        noted("logs of lab2 are not followed for now: its host daemon is unreachable")
    });
    let before = lines_of("Carol");
    wait_until("the desk's are followed", || lines_of("Carol") > before + 5);
    let before = lines_of("Bob");
    lab.cut("lab2", true);
    wait_until("its return is noted", || {
        noted("logs of lab2 are followed again")
    });
    wait_until("lines come again", || lines_of("Bob") > before + 5);
    // Nothing is missing, and nothing comes twice.
    lab.ok(&["stop-timer", "Alice", "timer-1"]);
    let all = || lab.ok(&["logs", "Bob", "--grep", "hi"]).lines().count();
    wait_until("all has come", || lines_of("Bob") == all());
    lab.ok(&["down"]);
    assert!(follow.wait().unwrap().success(), "it ends with the system");
    lab.assert_nothing_left();
}

#[test]
fn hosts_that_others_have_started() {
    let Some(lab) = lab(2) else { return };
    let hosts = "  lab1: { attach: true, address: 10.77.0.11 }\n  lab2: { attach: true }";
    let path = lab.bench.file("topology.yaml", &topology(&lab, hosts));
    lab.ok(&["keys", "init", "two"]);
    let start = |name: &str| {
        let ns = format!("{DESK}:7400");
        lab.ok(&["keys", "join", "host", name]);
        let join = lab.bench.files().join(format!("{name}.join"));
        let join = join.to_str().unwrap();
        let words = ["--ns", &ns, "host", "--name", name, "--join", join];
        let mut command = lab.command_on(name, &words);
        command
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    // One is there before the name server is, the other comes late.
    let mut first = start("lab1");
    let mut up = lab.command(&["up", &path]);
    let up = up
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let up = up.spawn().unwrap();
    wait_until("lab1 is registered", || {
        let hosts = lab.osb(&[
            "--ns",
            &format!("{DESK}:7400"),
            "ls",
            "hosts",
            "-o",
            "names",
        ]);
        hosts.stdout.contains("lab1")
    });
    let mut second = start("lab2");
    let said = Said::from(up.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    hears(&lab, "Bob");
    let down = lab.ok(&["down"]);
    assert!(down.contains("3 agents ended"), "{down}");
    lab.bench.assert_nothing_left();
    // The daemons stay, with their keepers and nothing else on their machines, and serve the next system.
    assert_eq!(
        (lab.processes("lab1").len(), lab.processes("lab2").len()),
        (2, 2)
    );
    let again = lab.osb(&["up", &path]);
    assert_eq!(again.code, 0, "{again}");
    hears(&lab, "Bob");
    lab.ok(&["down"]);
    for daemon in [&mut first, &mut second] {
        common::kill(i32::try_from(daemon.id()).unwrap(), 15);
        assert!(daemon.wait().unwrap().success());
    }
    lab.assert_nothing_left();
}

#[test]
fn a_host_that_does_not_come_is_named() {
    let Some(lab) = lab(1) else { return };
    let text = format!(
        "osb: 1\nname: x\nsecurity: none\nnameserver: {DESK}:7400\nhosts: {{ lab1: {{ attach: true }}, lab2: {{ attach: true }} }}\ndefaults: {{ start_timeout: 500ms }}\nagents: {{ A: {{ host: lab1 }}, B: {{ host: lab2 }} }}\n"
    );
    let said = lab.up(&text);
    assert_eq!(said.code, 5, "{said}");
    for part in [
        "hosts started elsewhere, and not there within 500ms: lab1, lab2",
        &format!("osb host --ns {DESK}:7400 --name lab1"),
    ] {
        assert!(said.stderr.contains(part), "{part}: {said}");
    }
    lab.assert_nothing_left();
}

#[test]
fn a_machine_that_cannot_be_reached_is_reported_and_the_rest_goes_down() {
    let Some(lab) = lab(2) else { return };
    let said = lab.up(&topology(&lab, BY_SSH));
    assert_eq!(said.code, 0, "{said}");
    lab.cut("lab2", false);
    let said = lab.osb(&["down"]);
    assert_eq!(said.code, 4, "{said}");
    let part = "down but for machines that could not be reached: lab2";
    assert!(said.stderr.contains(part), "{said}");
    assert!(lab.bench.processes().is_empty());
    lab.assert_nothing_left_on("lab1");
    assert!(!lab.processes("lab2").is_empty());
    // Nothing new begins before the old is gone.
    let again = lab.osb(&["up", "topology.yaml"]);
    assert_eq!(again.code, 4, "{again}");
    lab.cut("lab2", true);
    lab.ok(&["down", "two"]);
    lab.assert_nothing_left();
}

#[test]
fn a_failed_up_takes_everything_back_everywhere() {
    let Some(lab) = lab(2) else { return };
    let broken = topology(&lab, BY_SSH).replace("Bob: {", "Bob: { command: [no-such-program],");
    let said = lab.up(&broken);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("no-such-program"), "{said}");
    lab.assert_nothing_left();

    // Killed in the middle, it leaves nothing either.
    let waits = topology(&lab, BY_SSH).replace("Carol: {}", "Carol: { attach: true }");
    let path = lab.bench.file("topology.yaml", &waits);
    let mut up = lab
        .command(&["up", &path])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until("agents are there", || {
        lab.processes("lab1").len() > 2 && lab.processes("lab2").len() > 2
    });
    up.kill().unwrap();
    up.wait().unwrap();
    lab.assert_nothing_left_on("lab1");
    lab.assert_nothing_left_on("lab2");
}

#[test]
fn what_fails_on_the_way_is_named_with_its_stage_and_remedy() {
    let Some(lab) = lab(2) else { return };
    let fails = |hosts: &str, parts: &[&str]| {
        let said = lab.up(&topology(&lab, hosts));
        assert_eq!(said.code, 4, "{said}");
        for part in parts {
            assert!(said.stderr.contains(part), "{part}: {said}");
        }
        lab.assert_nothing_left();
    };
    let lab2 = "\n  lab2: { ssh: lab2, ssh_config: CONFIG }";
    let nowhere = format!("  lab1: {{ ssh: no-such-machine.invalid, ssh_config: CONFIG }}{lab2}");
    fails(
        &nowhere,
        &["host lab1", "stage resolve", "is the name right?"],
    );
    let nobody = format!("  lab1: {{ ssh: lab1, port: 2222, ssh_config: CONFIG }}{lab2}");
    fails(
        &nobody,
        &[
            "host lab1",
            "stage connect",
            "Connection refused",
            "does its sshd listen",
        ],
    );
    std::fs::write(lab.dir("lab1").join("authorized"), "").unwrap();
    fails(
        BY_SSH,
        &[
            "host lab1",
            "stage authenticate",
            "Permission denied",
            "BatchMode=yes lab1",
        ],
    );
    let key = lab.dir("desk").join("key.pub");
    std::fs::copy(key, lab.dir("lab1").join("authorized")).unwrap();
    let known = lab.dir("desk").join("known_hosts");
    let keys = std::fs::read_to_string(&known).unwrap();
    std::fs::write(&known, "").unwrap();
    fails(
        BY_SSH,
        &[
            "host lab1",
            "host lab2",
            "Host key verification failed",
            "compare the key",
        ],
    );
    std::fs::write(&known, keys).unwrap();

    // Another version, and no place for this one.
    lab.uninstall("lab1");
    let other = "#!/bin/sh\necho osb 0.0.1\n";
    let path = lab.dir("lab1").join("bin/osb");
    std::fs::write(&path, other).unwrap();
    lab.in_space("lab1", &["chmod", "755", path.to_str().unwrap()]);
    std::fs::write(lab.dir("lab1").join("cache"), "a file").unwrap();
    fails(BY_SSH, &["host lab1", "stage copy", "cache"]);
    std::fs::remove_file(lab.dir("lab1").join("cache")).unwrap();

    // A way there and none back.
    lab.in_space(
        "desk",
        &["ip", "address", "add", "10.78.0.1/32", "dev", "lo"],
    );
    lab.in_space("lab1", &["ip", "route", "add", "blackhole", "10.78.0.1/32"]);
    lab.in_space("lab2", &["ip", "route", "add", "10.78.0.1/32", "via", DESK]);
    let afar = topology(&lab, BY_SSH).replace(
        &format!("nameserver: {DESK}:7400"),
        "nameserver: 10.78.0.1:7400",
    );
    let said = lab.up(&afar);
    assert_eq!(said.code, 4, "{said}");
    for part in [
        "host lab1",
        "stage dial back",
        "10.78.0.1:7400",
        "is there a firewall between",
    ] {
        assert!(said.stderr.contains(part), "{part}: {said}");
    }
    lab.assert_nothing_left();
}

#[test]
fn replicas_are_spread_over_the_hosts_with_a_label() {
    let Some(lab) = lab(2) else { return };
    let config = lab.ssh_config().display().to_string();
    let inventory = format!(
        "hosts:\n  local: {{ address: {DESK} }}\n  lab1: {{ ssh: lab1, ssh_config: {config}, labels: [gpu] }}\n  lab2: {{ ssh: lab2, ssh_config: {config}, labels: [gpu, big] }}\n"
    );
    lab.bench.file("inventory.yaml", &inventory);
    let text = format!(
        "osb: 1\nname: spread\nnameserver: {DESK}:0\nhosts: inventory.yaml\nagents:\n  W: {{ replicas: 5, on: {{ label: gpu }}, bind: {{ out: PUSH }} }}\n  Big: {{ on: {{ label: big }} }}\n"
    );
    let said = lab.up(&text);
    assert_eq!(said.code, 0, "{said}");
    let agents = lab.json(&["ls", "agents"]);
    let placed: Vec<String> = agents
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| format!("{}@{}", agent["name"], agent["host"]).replace('"', ""))
        .collect();
    let expected = [
        "Big@lab2", "W0@lab1", "W1@lab2", "W2@lab1", "W3@lab2", "W4@lab1",
    ];
    assert_eq!(placed, expected);
    assert!(
        lab.ok(&["addr", "W3", "out"])
            .starts_with("tcp://10.77.0.12:")
    );
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// Files beside the topology: a program in a folder, with data and a link beside it.
fn files(lab: &Lab) {
    let dir = lab.bench.files().join("lab");
    std::fs::create_dir_all(dir.join("data")).unwrap();
    let script = "echo \"I am $(id -un) in $PWD, $GREETING, home $HOME, $(cat data/note) $(cat link) $OSB_SEEN\"\nwhile read -r line; do :; done\n";
    for (path, text) in [
        ("run.sh", script),
        ("data/note", "noted"),
        ("data/skip.tmp", "not wanted"),
    ] {
        std::fs::write(dir.join(path), text).unwrap();
    }
    let run = dir.join("run.sh");
    std::fs::set_permissions(run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("data/note", dir.join("link")).unwrap();
}

fn with_files(lab: &Lab) -> String {
    let config = lab.ssh_config().display().to_string();
    format!(
        r#"
osb: 1
name: files
nameserver: {DESK}:0
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, ssh_config: {config} }}
  lab2: {{ ssh: lab2, ssh_config: {config} }}
defaults: {{ sync: {{ paths: [lab], except: ["*.tmp"] }} }}
agents:
  Alice: {{ host: lab1, command: [./run.sh], cwd: lab, env: {{ GREETING: hello }} }}
  Late: {{ host: lab1, command: [sh, lab/run.sh], speaks: nothing, env: {{ GREETING: late }} }}
  Bob: {{ host: lab2, command: [./run.sh], cwd: lab }}
  Carol: {{ command: [./run.sh], cwd: lab, env: {{ GREETING: here }} }}
"#
    )
}

#[test]
fn files_go_to_the_machines_once() {
    let Some(lab) = lab(2) else { return };
    files(&lab);
    let text = with_files(&lab).replace("  Late", "  #Late");
    let path = lab.bench.file("topology.yaml", &text);
    let up = lab
        .command(&["up", &path])
        .env("OSB_SEEN", "the desk's")
        .output();
    let said = Said::from(up.unwrap());
    assert_eq!(said.code, 0, "{said}");
    // Two of the three files that are wanted: `lab/run.sh` and the note.
    for host in ["lab1", "lab2"] {
        let line = format!("sent to {host}");
        let line = said.stderr.lines().find(|it| it.contains(&line));
        assert!(line.is_some_and(|it| it.contains("2/2")), "{said}");
    }
    let tree = lab.state("lab1").join("osb/.hosts/lab1/files/files/0");
    let there = |agent: &str, parts: &[&str]| {
        wait_until("it has spoken", || {
            let log = lab.ok(&["logs", agent]);
            parts.iter().all(|part| log.contains(part))
        });
    };
    // The user is that of ssh, the environment that of its command, and env is added.
    let home = format!("home {}", lab.dir("lab1").display());
    let at = format!("in {}/lab", tree.display());
    there("Alice", &["I am root", &at, "hello", &home, "noted noted"]);
    there("Bob", &["in ", "noted noted"]);
    let here = format!("in {}/lab, here", lab.bench.files().display());
    there("Carol", &[&here, "noted noted the desk's"]);
    assert!(
        !lab.ok(&["logs", "Alice"]).contains("the desk's"),
        "nothing of it goes along"
    );
    assert!(!tree.join("lab/data/skip.tmp").exists());
    let hosts = lab.json(&["ls", "hosts"]);
    let amount = |at: usize| hosts[at]["machine"]["files"]["files"].clone();
    assert_eq!((amount(0), amount(1)), (json!(2), json!(2)));
    assert!(hosts[2]["machine"]["files"].is_null(), "the folder itself");
    assert!(lab.ok(&["up", "topology.yaml"]).contains("unchanged"));
    lab.ok(&["down"]);
    lab.assert_nothing_left();

    // What is there does not travel again, and what has changed does.
    let said = lab.up(&text);
    assert!(
        said.stderr.contains("0/0  0 files, 0 B sent to lab1"),
        "{said}"
    );
    lab.ok(&["down"]);
    std::fs::write(lab.bench.files().join("lab/data/note"), "anew").unwrap();
    let said = lab.up(&text);
    assert!(
        said.stderr.contains("1/1  1 file, 4 B sent to lab1"),
        "{said}"
    );
    there("Alice", &["anew anew"]);
    lab.ok(&["down"]);
    assert_eq!(lab.up(&with_files(&lab)).code, 0);
    let at = format!("in {}, late", tree.display());
    there("Late", &[&at]);
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

#[test]
fn files_that_cannot_be_copied_leave_nothing_half() {
    let Some(lab) = lab(2) else { return };
    files(&lab);
    let text = with_files(&lab);
    let fails = |code: i32, parts: &[&str]| {
        let said = lab.up(&text);
        assert_eq!(said.code, code, "{said}");
        for part in parts {
            assert!(said.stderr.contains(part), "{part}: {said}");
        }
        lab.assert_nothing_left();
    };
    // On this side, before anything begins.
    let out = lab.bench.files().join("lab/out");
    std::os::unix::fs::symlink("/etc/passwd", &out).unwrap();
    fails(
        1,
        &[
            "lab/out is a link that leads out",
            "hint: put what it leads to",
        ],
    );
    std::fs::remove_file(&out).unwrap();

    // On the other: no room.
    let cache = lab.dir("lab1").join("cache");
    std::fs::create_dir_all(&cache).unwrap();
    lab.make_small("lab1", &cache);
    let big = lab.bench.files().join("lab/big");
    std::fs::write(&big, vec![7; 1 << 20]).unwrap();
    fails(
        4,
        &[
            "host lab1",
            "stage copy files",
            "No space left",
            "make room on that machine",
        ],
    );
    lab.make_large("lab1", &cache);

    // A folder that others can write to.
    let loose = cache.join("osb/files");
    std::fs::create_dir_all(&loose).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&loose, open).unwrap();
    fails(
        4,
        &[
            "host lab1",
            "stage copy files",
            "others may write",
            "chmod 700",
        ],
    );
    std::fs::remove_dir_all(&cache).unwrap();

    // Ctrl-C in the middle of it.
    let big_file = std::fs::File::create(&big).unwrap();
    big_file.set_len(512 << 20).unwrap();
    let path = lab.bench.file("topology.yaml", &text);
    let mut up = lab.command(&["up", &path]);
    let mut up = up.stderr(std::process::Stdio::null()).spawn().unwrap();
    let on_its_way = || {
        let files = lab.dir("lab1").join("cache/osb/files");
        common::entries(&files)
            .iter()
            .any(|name| name.starts_with("new."))
    };
    wait_until("something is on its way", on_its_way);
    common::kill(i32::try_from(up.id()).unwrap(), 2);
    assert_eq!(up.wait().unwrap().code(), Some(130));
    lab.assert_nothing_left();
    wait_until("nothing half is left", || !on_its_way());
}

#[test]
fn what_was_spawned_at_a_daemon_that_others_have_started_ends_with_the_system() {
    let Some(lab) = lab(1) else { return };
    let ns = format!("{DESK}:7400");
    let mut daemon = lab.command_on("lab1", &["--ns", &ns, "host", "--name", "lab1"]);
    let mut daemon = daemon.stderr(std::process::Stdio::null()).spawn().unwrap();
    let said = lab.up(&format!(
        "osb: 1\nname: x\nsecurity: none\nnameserver: {DESK}:7400\nhosts: {{ lab1: {{ attach: true }} }}\nagents: {{ A: {{ host: lab1 }}, B: }}\n"
    ));
    assert_eq!(said.code, 0, "{said}");
    lab.ok(&["spawn", "Kept", "--host", "lab1"]);
    lab.ok(&["spawn", "W1", "--ephemeral", "--host", "lab1"]);
    let down = lab.ok(&["down"]);
    assert!(down.contains("4 agents ended"), "{down}");
    lab.bench.assert_nothing_left();
    assert_eq!(lab.processes("lab1").len(), 2, "the daemon stays");
    common::kill(i32::try_from(daemon.id()).unwrap(), 15);
    assert!(daemon.wait().unwrap().success());
    lab.assert_nothing_left();
}

#[test]
fn an_attached_host_that_is_cut_off_is_finished_with_when_it_is_back() {
    let Some(lab) = lab(1) else { return };
    let text = format!(
        "osb: 1\nname: x\nsecurity: none\nnameserver: {DESK}:7400\nhosts: {{ lab1: {{ attach: true }} }}\nagents: {{ A: {{ host: lab1 }}, B: }}\n"
    );
    let ns = format!("{DESK}:7400");
    let mut daemon = lab.command_on("lab1", &["--ns", &ns, "host", "--name", "lab1"]);
    let mut daemon = daemon.stderr(std::process::Stdio::null()).spawn().unwrap();
    let said = lab.up(&text);
    assert_eq!(said.code, 0, "{said}");
    lab.cut("lab1", false);
    let state = || lab.json(&["ls", "hosts"])[0]["state"].clone();
    wait_until("its silence is seen", || state() != "running");
    let said = lab.osb(&["down"]);
    assert_eq!(said.code, 4, "{said}");
    let part = "could not be reached: lab1 (its host daemon is";
    assert!(said.stderr.contains(part), "{said}");
    assert_eq!(
        lab.bench.processes().len(),
        2,
        "the name server stays for it"
    );
    lab.cut("lab1", true);
    wait_until("it is back, and down finishes", || {
        lab.osb(&["down", "x"]).code == 0
    });
    lab.bench.assert_nothing_left();
    assert_eq!(lab.processes("lab1").len(), 2, "the daemon stays");
    common::kill(i32::try_from(daemon.id()).unwrap(), 15);
    assert!(daemon.wait().unwrap().success());
    lab.assert_nothing_left();
}

/// The name server on the first machine, agents there, on the second and at the desk.
fn with_far_nameserver(lab: &Lab, at: &str) -> String {
    topology(lab, BY_SSH).replace(
        &format!("nameserver: {DESK}:7400"),
        &format!("nameserver: {{ launch: \"{at}\", host: lab1 }}"),
    )
}

#[test]
fn a_name_server_on_another_machine() {
    let Some(lab) = lab(2) else { return };
    let text = with_far_nameserver(&lab, "10.77.0.11:0");
    let path = lab.bench.file("topology.yaml", &text);
    let said = lab.osb(&["doctor", &path]);
    assert_eq!(said.code, 0, "{said}");
    let said = lab.up(&text);
    assert_eq!(said.code, 0, "{said}");
    hears(&lab, "Bob");
    hears(&lab, "Carol");
    let systems = lab.json(&["ls", "systems"]);
    let at = systems[0]["nameserver"].as_str().unwrap().to_owned();
    assert!(at.starts_with("tcp://10.77.0.11:"), "{at}");
    assert_eq!(systems[0]["state"], "running");
    let again = lab.ok(&["up", "topology.yaml"]);
    assert!(again.contains("unchanged"), "{again}");
    let down = lab.ok(&["down"]);
    assert!(down.contains("3 agents ended"), "{down}");
    lab.assert_nothing_left();

    // Its port is taken: that is said, and nothing stays.
    let mut taken = lab.command_on("lab1", &["ns", "--bind", "10.77.0.11:7400", "--insecure"]);
    let mut taken = taken.stdout(Stdio::piped()).spawn().unwrap();
    let listens = common::listen(taken.stdout.take().unwrap());
    wait_until("it listens", || listens.lock().unwrap().contains("7400"));
    let said = lab.up(&with_far_nameserver(&lab, "10.77.0.11:7400"));
    assert_eq!(said.code, 1, "{said}");
    for part in [
        "the name server on lab1",
        "another process listens there",
        "another in the topology",
    ] {
        assert!(said.stderr.contains(part), "{part}: {said}");
    }
    common::kill(i32::try_from(taken.id()).unwrap(), 15);
    taken.wait().unwrap();
    lab.assert_nothing_left();

    // What fails later takes it back too.
    let broken = text.replace("Bob: {", "Bob: { command: [no-such-program],");
    assert_eq!(lab.up(&broken).code, 1);
    lab.assert_nothing_left();
    let waits = text.replace("Carol: {}", "Carol: { attach: true }");
    let path = lab.bench.file("topology.yaml", &waits);
    let mut up = lab.command(&["up", &path]);
    let mut up = up.stderr(Stdio::null()).spawn().unwrap();
    wait_until("all is there", || {
        lab.processes("lab1").len() > 4 && lab.processes("lab2").len() > 2
    });
    up.kill().unwrap();
    up.wait().unwrap();
    lab.assert_nothing_left_on("lab1");
    lab.assert_nothing_left_on("lab2");
    // What it had written down here is cleared away by the next command.
    lab.ok(&["down", "two"]);
    lab.assert_nothing_left();
}

#[test]
fn a_name_server_that_is_cut_off_is_ended_when_its_machine_is_back() {
    let Some(lab) = lab(2) else { return };
    let said = lab.up(&with_far_nameserver(&lab, "10.77.0.11:0"));
    assert_eq!(said.code, 0, "{said}");
    lab.cut("lab1", false);
    let said = lab.osb(&["down"]);
    assert_eq!(said.code, 4, "{said}");
    assert!(said.stderr.contains("could not be reached: lab1"), "{said}");
    // The second machine was gone to by ssh.
    lab.assert_nothing_left_on("lab2");
    assert!(lab.bench.processes().is_empty());
    lab.cut("lab1", true);
    lab.ok(&["down", "two"]);
    lab.assert_nothing_left();
}

#[test]
fn two_name_servers_on_two_machines() {
    let Some(lab) = lab(2) else { return };
    let config = lab.ssh_config().display().to_string();
    let text = format!(
        r#"
osb: 1
name: two
nameservers:
  one: {{ launch: 10.77.0.11:7400, host: lab1 }}
  other: {{ launch: "0.0.0.0:0", host: lab2 }}
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, ssh_config: {config} }}
  lab2: {{ ssh: lab2, address: 10.77.0.12, ssh_config: {config} }}
agents:
  Alice@one:
    host: lab1
    bind: {{ main: PUB }}
    timers: [{{ every: 20ms, send: main, message: hi }}]
  Alice@other: {{ host: lab2 }}
  Carol@other: {{ host: lab1 }}
  Dave@one: {{}}
connections:
  - {{ agent: Alice@other, to: Alice@one.main, alias: inbox, handler: collect }}
  - {{ agent: Carol@other, to: Alice@one.main, alias: inbox, handler: collect }}
  - {{ agent: Dave, to: Alice@one.main, alias: inbox, handler: collect }}
"#
    );
    let said = lab.up(&text);
    assert_eq!(said.code, 0, "{said}");
    for agent in ["Alice@other", "Carol", "Dave"] {
        hears(&lab, agent);
    }
    let systems = lab.json(&["ls", "systems"]);
    let other = systems[0]["nameservers"][1]["address"].as_str().unwrap();
    assert!(other.starts_with("tcp://10.77.0.12:"), "{other}");
    // One group goes and comes again, and the other stays.
    lab.ok(&["down", "--only", "other"]);
    let again = lab.ok(&["up", "topology.yaml"]);
    assert!(again.contains("Carol"), "{again}");
    hears(&lab, "Carol");
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

#[test]
fn a_closed_name_server_on_another_machine_has_its_keys_from_the_desk() {
    let Some(lab) = lab(2) else { return };
    let text = with_far_nameserver(&lab, "10.77.0.11:0").replace("security: none", "");
    for _ in 0..2 {
        let said = lab.up(&text);
        assert_eq!(said.code, 0, "{said}");
        hears(&lab, "Bob");
        let systems = lab.json(&["ls", "systems"]);
        let at = systems[0]["nameserver"].as_str().unwrap().to_owned();
        // A stranger learns nothing.
        let stranger = lab
            .command_on("lab2", &["--ns", &at, "ls"])
            .output()
            .unwrap();
        assert_ne!(Said::from(stranger).code, 0);
        lab.ok(&["down"]);
        wait_until("all have ended", || {
            lab.processes("lab1").is_empty() && lab.processes("lab2").is_empty()
        });
    }
}

/// Keeps what goes over the switch between the machines, until its standard input ends.
const SNIFFER: &str = r#"
import select, socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
with open(sys.argv[1], "wb") as kept:
    print("listening", flush=True)
    while True:
        ready, _, _ = select.select([wire, sys.stdin], [], [])
        if sys.stdin in ready:
            break
        kept.write(wire.recv(65536))
"#;

/// What went over the wires while `work` was done.
fn captured(lab: &Lab, work: impl FnOnce()) -> Vec<u8> {
    let kept = lab.bench.files().join("captured");
    let mut sniffer = std::process::Command::new("ip")
        .args([
            "netns",
            "exec",
            &lab.space("switch"),
            "python3",
            "-c",
            SNIFFER,
        ])
        .arg(&kept)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let stdout = sniffer.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut said).unwrap();
    assert_eq!(said, "listening\n");
    work();
    drop(sniffer.stdin.take());
    assert!(sniffer.wait().unwrap().success());
    std::fs::read(kept).unwrap()
}

fn contains(captured: &[u8], text: &str) -> bool {
    captured.windows(text.len()).any(|it| it == text.as_bytes())
}

/// The same system, open and closed: a listener between the machines reads all of the one, and
/// nothing of the other.
#[test]
fn who_listens_between_the_machines_reads_nothing() {
    let Some(lab) = lab(2) else { return };
    let closed = topology(&lab, BY_SSH)
        .replace("message: hi", "message: hi-xyzzy")
        .replace(
            "    bind: { main",
            "    attributes: { plan: plugh-attribute }\n    bind: { main",
        );
    let open = closed.replace("name: two", "name: two\nsecurity: none");
    let secrets = ["xyzzy", "plugh", "Alice", "\"method\"", "announce"];
    for (text, is_read) in [(open, true), (closed, false)] {
        let all = captured(&lab, || {
            let said = lab.up(&text);
            assert_eq!(said.code, 0, "{said}");
            hears(&lab, "Bob");
            lab.ok(&["get", "Alice"]);
            lab.ok(&["addr", "Alice", "main"]);
            lab.ok(&["down"]);
        });
        assert!(all.len() > 10_000, "{}", all.len());
        for secret in secrets {
            assert_eq!(contains(&all, secret), is_read, "{secret}");
        }
    }
    lab.assert_nothing_left();
}
