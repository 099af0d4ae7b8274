//! `up` says that a program runs only if it does: it has answered, or has lived for a while.

use crate::common::{Bench, wait_until};

fn one(command: &str, more: &str) -> String {
    format!("osb: 1\nname: one\nagents:\n  A: {{ command: {command}{more} }}\n  B: {{}}\n")
}

#[test]
fn a_program_that_crashes_at_once_is_no_success() {
    let bench = Bench::new();
    for (command, more, words) in [
        ("[python3, nosuch.py]", "", "nosuch.py"),
        (
            "[python3, -c, import nosuch]",
            "",
            "No module named 'nosuch'",
        ),
        ("[sh, -c, 'echo some words >&2; exit 7']", "", "some words"),
        (
            "[sh, -c, 'echo some words; exit 7']",
            ", speaks: nothing",
            "some words",
        ),
        (
            "[sh, -c, 'echo $0; exit 7', '${addr:own}']",
            ", bind: { own: PULL }",
            "tcp://",
        ),
    ] {
        // For as long as it takes it to crash on a busy machine.
        let said = bench.up(&one(command, &format!("{more}, settle: 20s")));
        assert_eq!(said.code, 1, "{command}: {said}");
        assert!(said.stderr.contains("A ended at stage "), "{said}");
        assert!(said.stderr.contains("exit status "), "{said}");
        assert!(said.stderr.contains(words), "{said}");
        bench.assert_nothing_left();
    }
}

#[test]
fn a_program_that_ends_well_at_once_is_stopped_and_no_failure() {
    let bench = Bench::new();
    for (command, more) in [
        ("[sh, -c, 'read line']", ""),
        ("[\"true\"]", ", speaks: nothing"),
    ] {
        // For as long as it takes it to crash on a busy machine.
        let said = bench.up(&one(command, &format!("{more}, settle: 20s")));
        assert_eq!(said.code, 0, "{said}");
        assert_eq!(bench.agent("A")["state"], "stopped");
        bench.ok(&["down"]);
    }
}

#[test]
fn a_program_that_answers_is_not_waited_for() {
    let bench = Bench::new();
    let ready = r#"[sh, -c, "read line; echo '{\"type\":\"ready\"}'; cat > /dev/null"]"#;
    let said = bench.up(&one(ready, ", settle: 1h"));
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stderr.contains("settle"), "{said}");
    assert_eq!(bench.agent("A")["state"], "running");
}

#[test]
fn who_has_no_programs_or_wants_none_watched_pays_nothing() {
    let bench = Bench::new();
    let said = bench.up("osb: 1\nname: none\ndefaults: { settle: 1h }\nagents: { A: {} }\n");
    assert_eq!(said.code, 0, "{said}");
    assert!(!said.stderr.contains("settle"), "{said}");
    bench.ok(&["down"]);
    let said = bench.up(&one(
        "[sh, -c, 'read line; sleep 1; exit 7']",
        ", settle: 0s",
    ));
    assert_eq!(said.code, 0, "{said}");
    assert!(!said.stderr.contains("settle"), "{said}");
    wait_until("it has failed", || bench.agent("A")["state"] == "failed");
}

/// What a job waits for may be a timer's: it begins before the job is over.
#[test]
fn jobs_do_not_keep_timers_from_beginning() {
    let bench = Bench::new();
    let said = bench.up(r#"
osb: 1
name: job
agents:
  Clock: { bind: { out: PUSH }, timers: [{ every: 10ms, send: out, message: tick }] }
  Job: { command: [sh, -c, 'read start; read message; echo "$message"'], job: true }
connections:
  - { agent: Job, to: Clock.out, alias: in }
"#);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(bench.agent("Job")["state"], "stopped");
}
