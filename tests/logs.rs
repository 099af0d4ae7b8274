//! What agents log and what their programs print: kept apart, gathered, found again.

mod common;

use common::{Bench, repository, wait_until};

fn logger() -> Bench {
    let bench = Bench::new();
    let topology = repository()
        .join("examples")
        .join("logger")
        .join("topology.yaml");
    let said = bench.osb(&["up", topology.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said}");
    bench.ok(&["send", "Alice", "work", "3"]);
    bench.ok(&["send", "Alice", "work", "12"]);
    wait_until("the overtime is logged", || {
        bench.ok(&["logs", "Bob"]).contains("12 hours of work")
    });
    bench
}

/// The texts of what `osb logs` prints.
fn texts(bench: &Bench, arguments: &[&str]) -> Vec<String> {
    let said = bench.ok(&[&["-o", "json", "logs"], arguments].concat());
    let object = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
    said.lines()
        .map(|line| object(line)["text"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn logs_are_found_by_level_words_time_and_part() {
    let bench = logger();
    let of_bob = |arguments: &[&str]| texts(&bench, &[&["Bob"], arguments].concat());
    assert_eq!(of_bob(&["--level", "error"]), ["12 hours of work"]);
    assert_eq!(
        of_bob(&["--only", "log", "--grep", "hours"]),
        ["3 hours of work", "12 hours of work"]
    );
    let printed = [
        "bob.py is on duty",
        "working for 12 hours",
        "working for 3 hours",
    ];
    let mut output = of_bob(&["--only", "output"]);
    output.sort();
    assert_eq!(output, printed);
    assert_eq!(
        of_bob(&["--only", "log", "-n", "1", "--grep", "3"]),
        ["3 hours of work"]
    );
    assert!(of_bob(&["--since", "2000-01-01T00:00:00Z", "--until", "1h"]).is_empty());
    assert!(!of_bob(&["--since", "1h"]).is_empty());
    let said = bench.osb(&["logs", "--since", "yesterday"]);
    assert_eq!(said.code, 2, "{said}");
    let said = bench.osb(&["logs", "--grep", "("]);
    assert_eq!(said.code, 2, "{said}");
}

#[test]
fn a_logger_hears_all_levels_and_keeps_what_it_is_told_to() {
    let bench = logger();
    wait_until("the error has arrived", || {
        bench
            .osb(&["get", "Watcher", "received"])
            .stdout
            .contains("12 hours")
    });
    let received = bench.json(&["get", "Watcher", "received"]);
    let entry = &received.as_array().unwrap()[0];
    assert_eq!(
        (&entry["agent"], &entry["level"]),
        (&"Bob".into(), &"error".into())
    );
    assert_eq!(received.as_array().unwrap().len(), 1, "{received}");
    assert!(bench.log("logger", "Watcher").contains("ready for work"));
}

#[test]
fn a_program_that_fails_shows_why() {
    let bench = Bench::new();
    let topology =
        "osb: 1\nname: bad\nagents:\n  Bob: { command: [python3, -c, 'raise KeyError(7)'] }\n";
    let said = bench.up(topology);
    if said.code == 0 {
        // It came up, and Bob failed a moment later.
        wait_until("Bob has failed", || bench.agent("Bob")["state"] == "failed");
        let end = bench.osb(&["wait", "--ended", "Bob"]).stderr;
        assert!(
            end.contains("KeyError: 7") && end.contains("Traceback"),
            "{end}"
        );
        bench.ok(&["down"]);
    } else {
        assert!(said.stderr.contains("KeyError: 7"), "{said}");
    }
    bench.assert_nothing_left();
}
