//! What the command line makes of several files, variables and settings.

use std::io::Write;
use std::process::Stdio;

use crate::common::{Bench, Said, wait_until};

const BASE: &str = "osb: 1\nname: base\nagents:\n  Boss: { bind: { jobs: PUSH } }\n  Worker:\n    replicas: ${WORKERS:-2}\nconnections:\n  - { agent: Worker*, to: Boss.jobs }\n";

#[test]
fn files_variables_and_settings_come_together() {
    let bench = Bench::new();
    let base = bench.file("base.yaml", BASE);
    let over = bench.file("over.yaml", "agents: { Boss: { attributes: { x: 1 } } }\n");
    let names = |arguments: &[&str], workers: &str| {
        let mut command = bench.command(&["check", "-o", "names"]);
        let output = command.args(arguments).env("WORKERS", workers).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(names(&[&base], ""), "Boss\nWorker0\nWorker1\n");
    assert_eq!(names(&[&base], "1"), "Boss\nWorker0\n");
    let more = [&base, "-f", &over, "--set", "agents.More="];
    assert_eq!(names(&more, "1"), "Boss\nWorker0\nMore\n");
}

#[test]
fn a_problem_is_shown_in_its_file() {
    let bench = Bench::new();
    let base = bench.file("base.yaml", BASE);
    let over = bench.file("over.yaml", "agents: { Boss: { hots: local } }\n");
    let said = bench.osb(&[
        "check",
        &base,
        &over,
        "--set",
        "agents.Boss.x=1",
        "-o",
        "json",
    ]);
    assert_eq!(said.code, 3, "{said}");
    let found: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(found["problems"][0]["file"], over.as_str());
    assert_eq!(found["problems"][1]["file"], "--set");
    let said = bench.osb(&["up", "-f", &base, "-f", &over]);
    assert_eq!(said.code, 3, "{said}");
    assert!(said.stderr.contains("over.yaml:1:19"), "{said}");
}

#[test]
fn what_is_expanded_is_valid() {
    let bench = Bench::new();
    let base = bench.file("base.yaml", BASE);
    let flat = bench.ok(&[
        "check",
        "--expand",
        &base,
        "--set",
        "agents.Boss.attributes.x='$$A'",
    ]);
    assert!(flat.contains("x: $$A"), "{flat}");
    let mut command = bench.command(&["check", "--expand", "-"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(flat.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), flat);
}

/// What the program of the only agent printed first.
fn printed(bench: &Bench, topology: &str, sensor: &str, arguments: &[&str]) -> String {
    let file = bench.file("release.yaml", topology);
    let mut command = bench.command(&["up", &file]);
    let up = command.args(arguments).env("SENSOR_FW", sensor).output();
    let up = Said::from(up.unwrap());
    assert_eq!(up.code, 0, "{up}");
    let mut line = String::new();
    wait_until("it prints", || {
        line = bench.ok(&["--system", "release", "logs", "A"]);
        line.contains("END")
    });
    bench.ok(&["--system", "release", "down"]);
    line
}

#[test]
fn a_program_sees_what_stands_in_the_file_the_variable_and_the_setting() {
    let bench = Bench::new();
    let topology = "osb: 1
name: release
agents:
  A:
    command: [sh, -c, 'echo $RELEASE,$SHA,$MASK,$FROMVAR,$0,END; exec sleep 60', 1.0]
    speaks: nothing
    env:
      RELEASE: 24.10
      SHA: 72225e2
      MASK: 0x10
      FROMVAR: ${SENSOR_FW}
";
    let line = printed(&bench, topology, "12345e6", &[]);
    assert!(
        line.contains("24.10,72225e2,0x10,12345e6,1.0,END"),
        "{line}"
    );
    let line = printed(&bench, topology, "", &["--set", "agents.A.env.SHA=1.50"]);
    assert!(line.contains("24.10,1.50,0x10,,1.0,END"), "{line}");
}

#[test]
fn a_file_is_needed() {
    let bench = Bench::new();
    assert_eq!(bench.osb(&["check"]).code, 2);
    assert_eq!(bench.osb(&["plan", "--set", "a=1"]).code, 2);
}

#[test]
fn included_files_lie_below() {
    let bench = Bench::new();
    let main = "include: [parts/a.yaml, parts/b.yaml]\nosb: 1\nname: x\nagents: { A: { attributes: { from: main } } }";
    let main = bench.file("main.yaml", main);
    std::fs::create_dir(bench.files().join("parts")).unwrap();
    bench.file(
        "parts/a.yaml",
        "agents: { A: { attributes: { from: a, a: 1 } } }",
    );
    bench.file(
        "parts/b.yaml",
        "include: ['${PART:-c}.yaml']\nagents: { B: }",
    );
    let part = "include: [../parts/a.yaml]\nagents: { C: { bind: { x: PUSH } } }\nconnections: [{ agent: A, to: C.x }]";
    bench.file("parts/c.yaml", part);
    let flat = bench.ok(&["check", "--expand", &main, "-o", "json"]);
    let flat: serde_json::Value = serde_json::from_str(&flat).unwrap();
    assert_eq!(flat["agents"]["A"]["attributes"]["from"], "main");
    assert_eq!(flat["agents"]["A"]["attributes"]["a"], 1);
    assert!(flat["agents"]["B"].is_object() && flat["agents"]["C"].is_object());
    assert_eq!(flat["connections"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_wrong_with_includes_is_said() {
    let bench = Bench::new();
    bench.file("a.yaml", "include: [b.yaml]");
    bench.file("b.yaml", "include: [a.yaml]\nagents: { A: { hots: x } }");
    let circle = bench.file("main.yaml", "osb: 1\ninclude: [a.yaml]");
    let said = bench.osb(&["check", &circle]);
    assert_eq!(said.code, 3, "{said}");
    assert!(said.stderr.contains("which includes it"), "{said}");
    bench.file("c.yaml", "agents: { A: { hots: x } }");
    let broken = bench.file("main.yaml", "include: [c.yaml]");
    let said = bench.osb(&["check", &broken]);
    assert_eq!(said.code, 3, "{said}");
    assert!(
        said.stderr.contains("c.yaml:1:16") && said.stderr.contains("main.yaml:1:1"),
        "{said}"
    );
    let missing = bench.file("main.yaml", "osb: 1\ninclude: [nowhere.yaml]");
    let said = bench.osb(&["check", &missing]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("main.yaml includes it"), "{said}");
    let wrong = bench.file("main.yaml", "osb: 1\ninclude: parts.yaml");
    let said = bench.osb(&["check", &wrong]);
    assert!(said.stderr.contains("include: expected a list"), "{said}");
}

#[test]
fn secrets_are_hidden_unless_they_are_asked_for() {
    let bench = Bench::new();
    let file = bench.file(
        "secret.yaml",
        "osb: 1\nname: secret\nagents:\n  Bob: { command: [bob], env: { LEVEL: info, DB_PASSWORD: hunter2, TOKEN: \"${env:TOKEN}\" } }\n",
    );
    for command in [
        &["check", "--expand", &file][..],
        &["check", "--expand", &file, "-o", "json"],
        &["plan", &file, "-o", "json"],
    ] {
        let said = bench.osb(command);
        assert!(!said.stdout.contains("hunter2"), "{said}");
        assert!(said.stdout.contains("info"), "{said}");
        let note = "values of env are hidden: DB_PASSWORD; --show-secrets shows them";
        assert!(said.stderr.contains(note), "{said}");
        let said = bench.osb(&[command, &["--show-secrets"]].concat());
        assert!(said.stdout.contains("hunter2"), "{said}");
        assert!(!said.stderr.contains("hidden"), "{said}");
    }
    // What is expanded with them is the same topology.
    let expand = |from: &str, text: &str| {
        let mut command = bench.command(&["check", "--expand", "--show-secrets", from]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = expand(&file, "");
    assert_eq!(expand("-", &shown), shown);
    assert!(shown.contains("${env:TOKEN}"), "{shown}");
}

#[test]
fn variables_stand_in_a_file_beside_the_topology_too() {
    let bench = Bench::new();
    let text = "osb: 1\nname: x\nagents: { A: { attributes: { a: \"${OSB_TEST_A}\", b: \"${OSB_TEST_B}\" } } }\n";
    let path = bench.file("topology.yaml", text);
    bench.file(
        ".env",
        "# words\nOSB_TEST_A=24.10\nexport OSB_TEST_B='from the file'\n",
    );
    let mut check = bench.command(&["check", "--expand", &path]);
    let said = Said::from(check.env("OSB_TEST_B", "from here").output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    assert!(
        said.stdout.contains("24.10") && said.stdout.contains("from here"),
        "{said}"
    );
    bench.file(".env", "OSB_TEST_A='never ended\n");
    let said = bench.osb(&["check", &path]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains(".env:1:12: the quote"), "{said}");
}

#[test]
fn variables_of_a_command_stand_in_files_too() {
    let bench = Bench::new();
    bench.file("base.env", "RELEASE=24.10\nLEVEL=base\nMODE=base\n");
    bench.file(
        "over.env",
        "LEVEL='o v e r'\nMODE=over\nAPI_TOKEN=hunter2\n",
    );
    let topology = "osb: 1
name: release
defaults: { env_file: base.env, x-note: 1 }
agents:
  A:
    command: [sh, -c, 'echo $RELEASE,$LEVEL,$MODE,$API_TOKEN,END; exec sleep 60']
    speaks: nothing
    env_file: [base.env, ./over.env]
    env: { MODE: own }
  B: { command: [b] }
  C: { command: [c], env_file: [] }
";
    let line = printed(
        &bench,
        topology,
        "",
        &["--set", "agents.B=", "--set", "agents.C="],
    );
    assert!(line.contains("24.10,o v e r,own,hunter2,END"), "{line}");
    let file = bench.file("release.yaml", topology);
    let said = bench.osb(&["check", "--expand", "-o", "json", &file]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stderr.contains("hidden: API_TOKEN"), "{said}");
    let flat: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(flat["agents"]["A"]["env"]["API_TOKEN"], "********");
    let base = serde_json::json!({ "RELEASE": "24.10", "LEVEL": "base", "MODE": "base" });
    assert_eq!(flat["agents"]["B"]["env"], base);
    assert!(flat["agents"]["C"].get("env").is_none());
}

#[test]
fn a_file_of_variables_that_cannot_be_read_is_said_where_it_is_named() {
    let bench = Bench::new();
    bench.file("bad.env", "A=1\nB\n");
    let text = "osb: 1\nagents:\n  A:\n    command: [a]\n    env_file: [bad.env, nowhere.env]\n";
    let path = bench.file("topology.yaml", text);
    let said = bench.osb(&["check", &path, "--set", "agents.A.sync=[]"]);
    assert_eq!(said.code, 3, "{said}");
    for expected in [
        "topology.yaml:5:16",
        "bad.env:2:1: B has no value",
        "topology.yaml:5:25",
        "nowhere.env: there is no such file",
    ] {
        assert!(said.stderr.contains(expected), "{expected}: {said}");
    }
}
