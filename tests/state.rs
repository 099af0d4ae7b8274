//! What osb remembers of systems: for its owner's eyes only, and no obstacle when it is damaged.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::common::{Bench, kill_with_keeper, wait_until};

const ONE: &str = "osb: 1\nname: one\nagents:\n  Alice: { bind: { main: PUSH } }\n  Bob: { command: [sh, -c, \"echo hi; exec sleep 600\"], speaks: nothing }\n";
const OTHER: &str = "osb: 1\nname: other\nagents: { Eve: {} }\n";

fn two_systems() -> Bench {
    let bench = Bench::new();
    for topology in [ONE, OTHER] {
        let said = bench.up(topology);
        assert_eq!(said.code, 0, "{said}");
    }
    bench
}

#[test]
fn a_damaged_record_is_in_nobody_elses_way() {
    let bench = two_systems();
    fs::write(bench.system("one").join("system.json"), "{\"name\":").unwrap();
    // The only system that is left to be meant.
    assert_eq!(bench.agent("Eve")["state"], "running");
    bench.ok(&["logs", "Eve"]);
    let said = bench.osb(&["ls", "systems"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stderr.contains("`osb down one`"), "{said}");
    let systems = bench.json(&["ls", "systems"]);
    let states = [&systems[0]["state"], &systems[1]["state"]];
    assert_eq!(states, ["damaged", "running"], "{systems}");
    let reason = systems[0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("system.json cannot be read: EOF"),
        "{reason}"
    );
    let said = bench.osb(&["--system", "one", "ls"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("hint: `osb down one`"), "{said}");
    // Logs are files, and can be read all the same.
    let said = bench.osb(&["--system", "one", "logs"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.contains("Bob   | "), "{said}");
    let gone_by = "system.json cannot be read: EOF while parsing a value at line 1 column 8: these are the logs in the folder of one on this machine, and no others; `osb down one`";
    assert!(said.stderr.contains(gone_by), "{said}");
    let said = bench.up(ONE);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("hint: `osb down one`"), "{said}");
    let down = bench.ok(&["down", "one"]);
    let gone_by = "2 daemons, found by the folder they were told to work in; 2 agents of the list";
    assert!(down.contains(gone_by), "{down}");
    assert_eq!(bench.agent("Eve")["state"], "running");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn one_name_server_of_a_damaged_system_goes_down_by_what_was_noted() {
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: two\nnameservers: { main: 127.0.0.1:0, lab: 127.0.0.1:0 }\nagents: { Bob: {}, Carol: { nameserver: lab } }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    let pids = ["Bob", "Carol"].map(|agent| bench.pid(agent));
    fs::write(bench.system("two").join("system.json"), "{\"name\":").unwrap();
    let said = bench.osb(&["down", "two", "--only", "lap"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.stderr.contains("did you mean lab?"), "{said}");
    let down = bench.ok(&["down", "two", "--only", "lab"]);
    assert!(down.starts_with("lab of two is down, as far as"), "{down}");
    let gone_by = "2 daemons, found by the folder they were told to work in, and by what was noted of the run; 1 agent of the list";
    assert!(down.contains(gone_by), "{down}");
    assert_eq!(
        pids.map(|pid| bench.processes().contains(&pid)),
        [true, false]
    );
    bench.ok(&["down", "two"]);
    bench.assert_nothing_left();
}

#[test]
fn of_a_damaged_system_without_daemons_and_list_the_agents_are_found() {
    let bench = two_systems();
    let one = bench.system("one");
    fs::write(one.join("system.json"), "nonsense").unwrap();
    let daemons = ["host --name", "ns --bind"].map(|words| {
        let pids = bench.processes().into_iter();
        let dir = one.to_str().unwrap();
        let line =
            |pid: &i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let is_it = |pid: &i32| {
            let line = line(pid).replace('\0', " ");
            line.contains(words) && line.contains(dir)
        };
        pids.into_iter().find(is_it).unwrap()
    });
    daemons.into_iter().for_each(kill_with_keeper);
    fs::remove_file(one.join("agents.jsonl")).unwrap();
    let down = bench.json(&["down", "one"]);
    assert_eq!(down["damage"]["unlisted"], 2, "{down}");
    bench.ok(&["down", "other"]);
    bench.assert_nothing_left();
}

#[test]
fn what_a_later_osb_wrote_is_read_over_or_refused_by_number() {
    let bench = two_systems();
    let path = bench.system("one").join("system.json");
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record["colour"] = "blue".into();
    fs::write(&path, record.to_string()).unwrap();
    bench.ok(&["--system", "one", "addr", "Alice", "main"]);
    record["format"] = 99.into();
    fs::write(&path, record.to_string()).unwrap();
    let said = bench.osb(&["--system", "one", "ls"]);
    assert!(said.stderr.contains("was written by a later osb"), "{said}");
    bench.ok(&["down", "one"]);
    bench.ok(&["down", "other"]);
    bench.assert_nothing_left();
}

/// All files in it, however deep.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().flatten();
    entries
        .flat_map(|entry| match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path()),
            false => vec![entry.path()],
        })
        .collect()
}

#[test]
fn what_is_remembered_is_for_its_owner_alone() {
    let bench = Bench::new();
    let path = bench.file("topology.yaml", &format!("{ONE}security: curve\n"));
    // A mask that hides nothing.
    let mut up = std::process::Command::new("sh");
    up.args(["-c", "umask 0; exec \"$0\" up \"$1\""])
        .args([env!("CARGO_BIN_EXE_osb"), &path])
        .env("OSB_STATE_DIR", bench.state());
    assert!(up.output().unwrap().status.success());
    wait_until("Bob has printed something", || {
        bench.osb(&["logs", "Bob"]).stdout.contains("hi")
    });
    let files = files(&bench.state());
    assert!(files.len() > 8, "{files:?}");
    for path in files {
        let metadata = fs::metadata(&path).unwrap();
        let folder = fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(folder.mode() & 0o077, 0, "{}", path.display());
        if metadata.is_file() {
            assert_eq!(metadata.mode() & 0o177, 0, "{}", path.display());
        }
    }
    bench.ok(&["down"]);
}
