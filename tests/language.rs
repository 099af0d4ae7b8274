//! What the command line makes of several files, variables and settings.

mod common;

use std::io::Write;
use std::process::Stdio;

use common::Bench;

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

#[test]
fn a_file_is_needed() {
    let bench = Bench::new();
    assert_eq!(bench.osb(&["check"]).code, 2);
    assert_eq!(bench.osb(&["plan", "--set", "a=1"]).code, 2);
}
