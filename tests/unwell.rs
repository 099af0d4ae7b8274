//! Machines that are not well: what is said of them, how long it takes, and that nothing is left.

use std::time::{Duration, Instant};

use crate::common::lab::{DESK, Lab, lab, v6};
use crate::common::{self, Said, wait_until};

/// Longer than any stage of ssh may take.
const BOUND: Duration = Duration::from_secs(60);

/// An agent on each of two machines, which are described so.
fn topology(lab: &Lab, hosts: [&str; 2]) -> String {
    let config = lab.ssh_config().display().to_string();
    let [one, two] = hosts;
    format!(
        "osb: 1\nname: ill\nnameserver: {DESK}:7400\nhosts:\n  local: {{ address: {DESK} }}\n  lab1: {{ ssh: lab1, ssh_config: {config}{one} }}\n  lab2: {{ ssh: lab2, ssh_config: {config}{two} }}\nagents:\n  A: {{ host: lab1 }}\n  B: {{ host: lab2 }}\n"
    )
}

/// Fails with status 4, in time, and says all that.
fn fails(lab: &Lab, topology: &str, parts: &[&str]) -> Said {
    let began = Instant::now();
    let said = lab.up(topology);
    assert!(began.elapsed() < BOUND, "{said}");
    assert_eq!(said.code, 4, "{said}");
    for part in parts {
        assert!(said.stderr.contains(part), "{part}: {said}");
    }
    lab.assert_nothing_left();
    said
}

#[test]
fn machines_that_hang_in_the_middle_of_authentication() {
    let Some(lab) = lab(2) else { return };
    let _silent = lab.mute("lab1", 2222, "");
    let _banner = lab.mute("lab2", 2222, "SSH-2.0-OpenSSH_9.9\\r\\n");
    let text = topology(&lab, [", port: 2222", ", port: 2222"]);
    fails(
        &lab,
        &text,
        &[
            "host lab1",
            "stage connect: Connection timed out during banner exchange",
            "does its sshd listen",
            "host lab2",
            "stage authenticate: ssh gave up: nothing more was heard from the machine",
            "BatchMode=yes lab2",
        ],
    );
    // A doctor is no more patient.
    let began = Instant::now();
    let said = lab.osb(&["doctor", "topology.yaml"]);
    assert!(began.elapsed() < BOUND, "{said}");
    assert_eq!(said.code, 4, "{said}");
    assert!(said.stdout.contains("nothing more was heard"), "{said}");
}

#[test]
fn machines_whose_disks_are_full() {
    let Some(lab) = lab(2) else { return };
    // One has no room for osb, the other none for its state.
    lab.uninstall("lab1");
    lab.small_disk("lab1", "cache", "1m");
    lab.small_disk("lab2", "state", "16k");
    let filler = lab.state("lab2").join("filler").display().to_string();
    lab.within(
        "lab2",
        &[
            "sh",
            "-c",
            &format!("head -c 64k /dev/zero > {filler} || true"),
        ],
    );
    fails(
        &lab,
        &topology(&lab, ["", ""]),
        &[
            "host lab1",
            "stage copy: ",
            "host lab2",
            "stage start: ",
            "No space left on device",
            "make room on that machine's disk: `ssh lab1 df -h`",
            "make room on that machine's disk: `ssh lab2 df -h`",
        ],
    );
    let cache = lab.dir("lab1").join("cache").display().to_string();
    assert_eq!(lab.within("lab1", &["ls", "-A", &cache]), "");
    let state = lab.state("lab2").display().to_string();
    assert_eq!(lab.within("lab2", &["ls", "-A", &state]), "filler\n");
    // With room, all is well.
    lab.within("lab2", &["rm", &filler]);
    lab.within("lab1", &["umount", &cache]);
    lab.within("lab2", &["umount", &state]);
    let said = lab.up(&topology(&lab, ["", ""]));
    assert_eq!(said.code, 0, "{said}");
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

#[test]
fn a_firewall_that_drops_the_dial_back_in_silence() {
    let Some(lab) = lab(2) else { return };
    lab.drop_between("lab1", "desk", 7400);
    let parts = [
        "host lab1",
        "stage dial back",
        "10.77.0.1:7400",
        "is there a firewall between",
    ];
    let said = fails(&lab, &topology(&lab, ["", ""]), &parts);
    assert!(!said.stderr.contains("host lab2"), "{said}");
    let said = lab.osb(&["doctor", "topology.yaml"]);
    assert_eq!(said.code, 1, "{said}");
    let part = "nobody answered lab1 at 10.77.0.1:7400 within 3s";
    assert!(said.stdout.contains(part), "{said}");
}

#[test]
fn addresses_of_ip_version_6() {
    let Some(lab) = lab(2) else { return };
    if !lab.has_v6() {
        return common::skip("this kernel has no IP version 6");
    }
    let config = lab.ssh_config().display().to_string();
    let desk = v6(DESK);
    let text = |nameserver: &str| {
        format!(
            r#"
osb: 1
name: six
nameserver: {nameserver}
hosts:
  local: {{ address: "{desk}" }}
  lab1: {{ ssh: lab1-v6, address: "fd77::11", ssh_config: {config} }}
  lab2: {{ ssh: lab2-v6, ssh_config: {config} }}
agents:
  Alice:
    host: lab1
    bind: {{ main: PUB, fixed: {{ kind: PUSH, addr: "[fd77::11]:5000" }} }}
    timers: [{{ every: 20ms, send: main, message: hi }}]
  Bob: {{ host: lab2, bind: {{ out: PUB }}, timers: [{{ every: 20ms, send: out, message: hi }}] }}
  Carol: {{}}
connections:
  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: collect }}
  - {{ agent: Carol, to: Bob.out, alias: inbox, handler: collect }}
  - {{ agent: Carol, to: Alice.fixed, alias: fixed }}
"#
        )
    };
    for nameserver in [
        format!("\"[{desk}]:0\""),
        "{ launch: \"[fd77::12]:0\", host: lab2 }".to_owned(),
    ] {
        let text = text(&nameserver);
        let path = lab.bench.file("topology.yaml", &text);
        let said = lab.osb(&["doctor", &path]);
        assert_eq!(said.code, 0, "{said}");
        let said = lab.up(&text);
        assert_eq!(said.code, 0, "{said}");
        for agent in ["Bob", "Carol"] {
            wait_until("messages arrive", || {
                lab.osb(&["get", agent, "received"]).stdout.contains("hi")
            });
        }
        let address = |agent: &str, alias: &str| lab.ok(&["addr", agent, alias]);
        assert!(address("Alice", "main").starts_with("tcp://[fd77::11]:"));
        assert_eq!(address("Alice", "fixed"), "tcp://[fd77::11]:5000\n");
        assert!(address("Bob", "out").starts_with("tcp://[fd77::12]:"));
        let hosts = lab.json(&["ls", "hosts"]);
        assert_eq!(hosts[1]["address"], "fd77::12", "its own choice");
        lab.ok(&["down"]);
        lab.assert_nothing_left();
    }
}
