//! `osb doctor`: machines, programs, ports and ways, looked at before anything starts.

use std::net::TcpListener;

use crate::common::lab::{DESK, Lab, lab};
use crate::common::{self, Bench, Said, entries, wait_until};
use serde_json::{Value, json};

/// Alice on lab1 with a fixed port, Bob on lab2 with a program, Carol on the desk.
fn topology(lab: &Lab) -> String {
    let config = lab.ssh_config().display().to_string();
    format!(
        r#"
osb: 1
name: two
nameserver: {DESK}:7400
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, address: 10.77.0.11, ssh_config: {config} }}
  lab2: {{ ssh: lab2, ssh_config: {config} }}
agents:
  Alice: {{ host: lab1, bind: {{ main: PUSH, fixed: {{ kind: PUB, addr: "10.77.0.11:5000" }} }} }}
  Bob: {{ host: lab2, command: [sh, -c, "cat"], bind: {{ out: PUSH }} }}
  Carol: {{}}
connections:
  - {{ agent: Bob, to: Alice.main, alias: inbox }}
  - {{ agent: Bob, to: Alice.fixed, alias: news }}
  - {{ agent: Alice, to: Bob.out, alias: in }}
  - {{ agent: Carol, to: Alice.fixed, alias: news }}
"#
    )
}

fn doctor(lab: &Lab, topology: &str) -> Said {
    let path = lab.bench.file("topology.yaml", topology);
    let said = lab.osb(&["doctor", &path]);
    lab.assert_nothing_left();
    said
}

fn examined(lab: &Lab) -> (i32, Value) {
    let said = lab.osb(&["-o", "json", "doctor", "topology.yaml"]);
    let value = serde_json::from_str(&said.stdout);
    (
        said.code,
        value.unwrap_or_else(|error| panic!("{error}: {said}")),
    )
}

/// The entries of a list that are not well.
fn bad(list: &Value) -> Vec<&Value> {
    let list = list.as_array().unwrap().iter();
    list.filter(|it| it["verdict"] == "bad").collect()
}

fn contains(said: &Said, parts: &[&str]) {
    for part in parts {
        assert!(said.stdout.contains(part), "{part}: {said}");
    }
}

#[test]
fn machines_that_are_well_are_left_as_they_were() {
    let Some(lab) = lab(2) else { return };
    // One gets osb for the time of the visit only.
    lab.uninstall("lab2");
    let said = doctor(&lab, &topology(&lab));
    assert_eq!(said.code, 0, "{said}");
    contains(
        &said,
        &["none; up copies this one", "10.77.0.12", "/usr/bin/sh"],
    );
    assert!(!said.stdout.contains("bad"), "{said}");
    for stage in ["machines", "ways"] {
        assert!(said.stderr.contains(stage), "{said}");
    }
    assert!(!lab.dir("lab2").join("cache").exists(), "nothing is left");
    let (code, found) = examined(&lab);
    assert_eq!(code, 0, "{found}");
    assert_eq!(found["hosts"][2]["copy"], json!(true));
    // lab1 and lab2 to the name server, lab2 twice to lab1, lab1 to lab2, the desk to lab1.
    let ways = found["ways"].as_array().unwrap();
    assert_eq!(ways.len(), 6, "{found}");
    assert!(ways.iter().all(|way| way["ms"].as_f64().unwrap() > 0.0));
    // And so it can be brought up.
    lab.ok(&["up", "topology.yaml"]);
    let said = lab.osb(&["doctor", "topology.yaml"]);
    contains(&said, &["another process listens there already"]);
    assert!(said.stderr.contains("two is up"), "{said}");
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

#[test]
fn a_firewall_that_drops_one_direction_is_seen_in_the_matrix() {
    let Some(lab) = lab(2) else { return };
    lab.drop_between("lab2", "lab1", 5000);
    let said = doctor(&lab, &topology(&lab));
    assert_eq!(said.code, 1, "{said}");
    contains(
        &said,
        &[
            "no answer",
            "nobody answered lab2 at 10.77.0.11:5000",
            "firewall",
        ],
    );
    let (_, found) = examined(&lab);
    let silent = bad(&found["ways"]);
    assert_eq!(silent.len(), 1, "{found}");
    assert_eq!(silent[0]["from"], "lab2");
    assert_eq!(silent[0]["to"], "lab1");
    assert_eq!(silent[0]["uses"], json!(["Bob.news to Alice.fixed"]));
}

#[test]
fn whatever_is_not_well_is_named_with_a_remedy() {
    let Some(lab) = lab(2) else { return };
    // A taken port, a missing program and another version, all at once.
    lab.uninstall("lab2");
    let path = lab.dir("lab2").join("bin/osb");
    std::fs::write(&path, "#!/bin/sh\necho osb 0.0.1\n").unwrap();
    lab.in_space("lab2", &["chmod", "755", path.to_str().unwrap()]);
    let ns = ["ns", "--bind", "10.77.0.11:5000", "--insecure"];
    let mut taken = lab.command_on("lab1", &ns);
    let mut taken = taken.stdout(std::process::Stdio::null()).spawn().unwrap();
    let text = topology(&lab).replace("[sh, -c, \"cat\"]", "[no-such-program]");
    lab.bench.file("topology.yaml", &text);
    let mut found = Value::Null;
    wait_until("the port is taken", || {
        found = examined(&lab).1;
        !bad(&found["ports"]).is_empty()
    });
    let (code, found) = examined(&lab);
    assert_eq!(code, 1);
    let ports = bad(&found["ports"]);
    assert_eq!(ports[0]["address"], "10.77.0.11:5000");
    assert_eq!(ports[0]["host"], "lab1");
    let programs = bad(&found["programs"]);
    assert_eq!(programs[0]["program"], "no-such-program");
    assert_eq!(programs[0]["agents"], json!(["Bob"]));
    assert_eq!(found["hosts"][2]["osb"], "0.0.1");
    assert_eq!(found["hosts"][2]["copy"], json!(true));
    common::kill(i32::try_from(taken.id()).unwrap(), 15);
    taken.wait().unwrap();
    let said = doctor(&lab, &text);
    contains(&said, &["0.0.1; up copies this one", "install it on lab2"]);

    // A machine that is not reached: the others are looked at.
    std::fs::write(lab.dir("lab1").join("authorized"), "").unwrap();
    let said = doctor(&lab, &topology(&lab));
    assert_eq!(said.code, 4, "{said}");
    contains(
        &said,
        &[
            "host lab1: stage authenticate: ",
            "Permission denied",
            "BatchMode=yes lab1",
            "/usr/bin/sh",
            "lab1 was not reached",
        ],
    );
}

#[test]
fn a_host_that_others_start_is_looked_for_where_it_is_to_register() {
    let Some(lab) = lab(1) else { return };
    let ns = format!("{DESK}:7400");
    let text = format!(
        "osb: 1\nname: x\nsecurity: none\nnameserver: {{ attach: \"{ns}\" }}\nhosts: {{ local: {{ address: {DESK} }}, lab1: {{ attach: true }} }}\n\
         agents: {{ A: {{ host: lab1, command: [sh], bind: {{ main: {{ kind: PUSH, addr: \"10.77.0.11:5000\" }} }} }}, B: {{}} }}\n\
         connections: [{{ agent: B, to: A.main, alias: in }}]\n"
    );
    let said = doctor(&lab, &text);
    assert_eq!(said.code, 4, "{said}");
    contains(
        &said,
        &[
            "10.77.0.1:7400 refused local",
            "osb ns --bind 10.77.0.1:7400",
        ],
    );

    let mut nameserver = lab.command(&["ns", "--bind", &ns, "--insecure"]);
    let mut nameserver = nameserver
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the name server is there", || {
        lab.osb(&["--ns", &ns, "ls"]).code == 0
    });
    let said = lab.osb(&["doctor", "topology.yaml"]);
    assert_eq!(said.code, 4, "{said}");
    contains(
        &said,
        &["not registered", "osb host --ns 10.77.0.1:7400 --name lab1"],
    );

    let mut daemon = lab.command_on("lab1", &["--ns", &ns, "host", "--name", "lab1"]);
    let mut daemon = daemon.stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_until("it is registered", || {
        lab.osb(&["doctor", "topology.yaml"]).code == 0
    });
    // There is no other way to that machine: its daemon looks, listens and dials.
    let said = lab.osb(&["-o", "json", "doctor", "topology.yaml"]);
    let found: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(found["programs"][0]["path"], "/usr/bin/sh", "{found:#}");
    assert_eq!(found["ports"][0]["verdict"], "well", "{found:#}");
    let ways: Vec<(&str, &str)> = found["ways"]
        .as_array()
        .unwrap()
        .iter()
        .map(|way| {
            (
                way["from"].as_str().unwrap(),
                way["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(ways.contains(&("lab1", "well")), "{ways:?}");
    assert!(ways.contains(&("local", "well")), "{ways:?}");
    assert!(
        ways.iter().all(|(_, verdict)| *verdict == "well"),
        "{ways:?}"
    );
    let mut other = lab.command_on("lab1", &["ns", "--bind", "10.77.0.11:5000", "--insecure"]);
    let mut other = other.stdout(std::process::Stdio::null()).spawn().unwrap();
    let worse = text.replace("[sh]", "[no-such-program]");
    lab.bench.file("worse.yaml", &worse);
    wait_until("its port is taken", || {
        let said = lab.osb(&["doctor", "worse.yaml"]);
        assert_eq!(said.code, 1, "{said}");
        contains(&said, &["program no-such-program on lab1: not found"]);
        said.stdout
            .contains("another process listens there already")
            || said
                .stderr
                .contains("another process listens there already")
    });
    for process in [&mut other, &mut daemon, &mut nameserver] {
        common::kill(i32::try_from(process.id()).unwrap(), 15);
        process.wait().unwrap();
    }
    lab.assert_nothing_left();
}

#[test]
fn one_machine_alone_has_programs_and_ports_too() {
    let bench = Bench::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let text = format!(
        "osb: 1\nname: alone\nagents:\n  A: {{ command: [./tool], bind: {{ main: {{ kind: PUSH, addr: \"{at}\" }} }} }}\n  B: {{ command: [no-such-program] }}\n"
    );
    bench.file("tool", "#!/bin/sh\n");
    let path = bench.file("topology.yaml", &text);
    let said = bench.osb(&["doctor", &path]);
    assert_eq!(said.code, 1, "{said}");
    contains(
        &said,
        &[
            "another process listens there already",
            "it may not be run",
            "chmod +x",
            "not found",
        ],
    );
    assert!(
        said.stderr.contains("3 things are not as alone needs it"),
        "{said}"
    );
    assert!(entries(&bench.state().join("osb")).is_empty());
    let nothing = bench.osb(&["doctor", "no-such-file.yaml"]);
    assert_ne!(nothing.code, 0);
}
