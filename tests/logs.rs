//! What agents log and what their programs print: kept apart, gathered, found again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{self, Bench, kill, kill_with_keeper, listen, repository, wait_until};
use serde_json::Value;

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

/// A program in Python, as the words of a command in YAML.
fn python(program: &str) -> String {
    format!(
        "[python3, -uc, {}]",
        serde_json::to_string(program).unwrap()
    )
}

/// The objects that `osb logs` prints, whole ones only.
fn objects(text: &str) -> Vec<Value> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_line_that_is_not_ended_is_shown_and_goes_on() {
    let bench = Bench::new();
    let ask = python(
        "import sys, os, time\nprint('Password: ', end='', file=sys.stderr)\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('thanks', file=sys.stderr)\nprint('end', file=sys.stderr)\ntime.sleep(600)",
    );
    let said = bench.up(&format!(
        "osb: 1\nname: ask\nagents:\n  A: {{ command: {ask}, speaks: nothing }}\n"
    ));
    assert_eq!(said.code, 0, "{said}");
    let mut follower = bench.spawn(&["-o", "json", "logs", "-f", "A", "--only", "output"]);
    let heard = listen(follower.stdout.take().unwrap());
    wait_until("what is unfinished is shown", || {
        bench.ok(&["logs", "A"]).contains("ERR+  Password: ")
    });
    fs::write(bench.files().join("go"), "").unwrap();
    let errors = || {
        let mut lines = objects(&heard.lock().unwrap());
        lines.retain(|it| it["stream"] == "err");
        lines
    };
    wait_until("the end is followed", || {
        errors().last().is_some_and(|it| it["text"] == "end")
    });
    let lines = errors();
    let parts: Vec<(&str, bool)> = lines
        .iter()
        .map(|it| (it["text"].as_str().unwrap(), it["goes_on"] == true))
        .collect();
    assert_eq!(
        parts,
        [("Password: ", true), ("thanks", false), ("end", false)]
    );
    kill(i32::try_from(follower.id()).unwrap(), 2);
    follower.wait().unwrap();
}

/// Prints numbered lines without end.
const COUNT: &str =
    "import itertools, time\nfor i in itertools.count(): print('n', i); time.sleep(0.001)";

/// The numbers of lines printed by [`COUNT`].
fn numbers(text: &str) -> Vec<u64> {
    let number = |it: &Value| it["text"].as_str()?.strip_prefix("n ")?.parse().ok();
    objects(text).iter().filter_map(number).collect()
}

fn assert_without_gaps(numbers: &[u64]) {
    let gap = numbers.windows(2).find(|pair| pair[1] != pair[0] + 1);
    assert_eq!(gap, None, "of {numbers:?}");
}

fn follow_counter(
    bench: &Bench,
    limits: &str,
) -> (
    std::process::Child,
    std::sync::Arc<std::sync::Mutex<String>>,
) {
    let count = python(COUNT);
    let said = bench.up(&format!(
        "osb: 1\nname: count\ndefaults: {{ logs: {limits}, settle: 0s }}\nagents:\n  C: {{ command: {count}, speaks: nothing }}\n"
    ));
    assert_eq!(said.code, 0, "{said}");
    let mut follower = bench.spawn(&["-o", "json", "logs", "-f", "C", "--only", "output"]);
    let heard = listen(follower.stdout.take().unwrap());
    (follower, heard)
}

fn size_of(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(it) if it.is_dir() => size_of(&entry.path()),
            Ok(it) => it.len(),
            // Moved or removed meanwhile.
            Err(_) => 0,
        })
        .sum()
}

#[test]
fn logs_are_kept_within_limits_and_followed_through_all_their_files() {
    let bench = Bench::new();
    let (mut follower, heard) = follow_counter(&bench, "{ max_size: 4k, max_files: 3 }");
    let old = bench.system("count").join("logs").join("C.out.old");
    wait_until("files have been removed", || {
        let names = common::entries(&old);
        !names.is_empty() && !names.contains(&"000000000000".to_owned())
    });
    assert!(size_of(&bench.system("count").join("logs")) < 20_000);
    let seen = numbers(&heard.lock().unwrap()).len();
    wait_until("more is followed", || {
        numbers(&heard.lock().unwrap()).len() > seen + 500
    });
    let followed = numbers(&heard.lock().unwrap());
    assert_eq!(followed[0], 0);
    assert_without_gaps(&followed);
    let kept = bench.ok(&["-o", "json", "logs", "C", "--only", "output"]);
    assert_without_gaps(&numbers(&kept));
    assert!(numbers(&kept).len() > 150, "{kept}");
    let last = bench.ok(&["-o", "json", "logs", "C", "--only", "output", "-n", "200"]);
    assert_eq!(numbers(&last).len(), 200);
    assert_without_gaps(&numbers(&last));
    kill(i32::try_from(follower.id()).unwrap(), 2);
    follower.wait().unwrap();
}

/// Where cargo puts the programs of the examples.
fn rust_agent() -> PathBuf {
    let osb = Path::new(env!("CARGO_BIN_EXE_osb"));
    let built = osb.parent().unwrap().join("examples").join("rust-agent");
    assert!(built.exists(), "it is not built: cargo build --examples");
    built
}

#[test]
fn what_a_program_prints_that_speaks_osb_is_kept_within_limits_too() {
    let bench = Bench::new();
    let script = format!(
        "python3 -u {} & exec {}",
        bench.file("count.py", COUNT),
        rust_agent().display()
    );
    let script = serde_json::to_string(&script).unwrap();
    let said = bench.up(&format!(
        "osb: 1\nname: kit\ndefaults: {{ logs: {{ max_size: 4k, max_files: 3 }} }}\nagents:\n  C: {{ command: [sh, -c, {script}], speaks: osb }}\n"
    ));
    assert_eq!(said.code, 0, "{said}");
    let mut follower = bench.spawn(&["-o", "json", "logs", "-f", "C", "--only", "output"]);
    let heard = listen(follower.stdout.take().unwrap());
    let logs = bench.system("kit").join("logs");
    let wait_for_cuts = || {
        let names = || common::entries(&logs.join("C.out.old"));
        let begun = names();
        wait_until("files have been removed", || {
            let now = names();
            !now.is_empty() && now.iter().all(|it| !begun.contains(it))
        });
    };
    wait_for_cuts();
    // It is the daemon's work, and that of the one that comes in its place.
    kill_with_keeper(bench.pid_of("host --name local").unwrap());
    let said = bench.osb(&["up", bench.files().join("topology.yaml").to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said}");
    wait_for_cuts();
    wait_for_cuts();
    assert!(size_of(&logs) < 100_000, "{}", size_of(&logs));
    let text = heard.lock().unwrap().clone();
    let followed = numbers(&text);
    // What is missing was told.
    let gaps = followed.windows(2).filter(|pair| pair[1] != pair[0] + 1);
    let told = text.matches("bytes lost before this line: ").count();
    assert!(gaps.count() <= told, "{text}");
    assert!(followed.len() > 1000, "{text}");
    kill(i32::try_from(follower.id()).unwrap(), 2);
    follower.wait().unwrap();
}

#[test]
fn following_goes_on_when_another_program_cuts_or_moves_the_file() {
    let bench = Bench::new();
    let (mut follower, heard) = follow_counter(&bench, "{}");
    let file = bench.system("count").join("logs").join("C.out");
    let goes_on = |what: &str| {
        let seen = numbers(&heard.lock().unwrap()).len();
        wait_until(what, || numbers(&heard.lock().unwrap()).len() > seen + 100);
    };
    goes_on("it is followed");
    File::create(&file).unwrap();
    goes_on("it is followed after it was cut");
    fs::rename(&file, file.with_extension("moved")).unwrap();
    wait_until("the log goes on at its path", || file.exists());
    goes_on("it is followed after it was moved");
    // What is cut before it is read is gone; nothing else is.
    let followed = numbers(&heard.lock().unwrap());
    let gaps = followed.windows(2).filter(|pair| pair[1] != pair[0] + 1);
    assert!(gaps.count() <= 1, "{followed:?}");
    kill(i32::try_from(follower.id()).unwrap(), 2);
    follower.wait().unwrap();
}

#[test]
fn a_traceback_is_several_lines_and_long_lines_are_whole() {
    let bench = Bench::new();
    let program = python("import sys\nprint('x' * (17 << 20))\nfor line in sys.stdin: pass\n");
    let said = bench.up(&format!(
        "osb: 1\nname: long\nagents:\n  A: {{ command: {program} }}\n  B: {{}}\n"
    ));
    assert_eq!(said.code, 0, "{said}");
    bench.ok(&[
        "log",
        "B",
        "Traceback:\n  line 1\n2026-01-01T00:00:00.000Z ERROR forged",
    ]);
    wait_until("it is logged", || bench.log("long", "B").contains("forged"));
    let log = bench.log("long", "B");
    assert!(
        log.contains("Traceback:\n    line 1\n  2026-01-01"),
        "{log}"
    );
    wait_until("the long line is there", || {
        let lines = objects(&bench.ok(&["-o", "json", "logs", "A", "--only", "output"]));
        let texts = lines.iter().map(|it| it["text"].as_str().unwrap());
        let is_whole = lines.last().is_some_and(|it| it["goes_on"].is_null());
        is_whole && texts.map(str::len).sum::<usize>() == 17 << 20
    });
}

/// A small file system of its own for the logs of one system, as long as it is held.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs"])
            .arg(at)
            .output();
        mount
            .is_ok_and(|it| it.status.success())
            .then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn what_a_full_disk_swallows_is_counted_and_told() {
    let bench = Bench::new();
    let Some(disk) = SmallDisk::mount(&bench.state()) else {
        common::skip("no file system can be mounted here");
        return;
    };
    let program = python(
        "import os, time\ndef wait(name):\n  while not os.path.exists(name): time.sleep(0.002)\nfor n in range(300):\n  if n == 10: wait('full')\n  if n == 200: open('printed', 'w'); wait('room')\n  print('line', n)\ntime.sleep(600)",
    );
    let said = bench.up(&format!(
        "osb: 1\nname: full\nagents:\n  A: {{ command: {program}, speaks: nothing }}\n"
    ));
    assert_eq!(said.code, 0, "{said}");
    let shown = || bench.ok(&["logs", "A", "--only", "output"]);
    wait_until("the first lines are there", || shown().contains("line 9"));
    let filler = disk.0.join("filler");
    let mut file = File::create(&filler).unwrap();
    while std::io::Write::write(&mut file, &[0; 1024]).is_ok_and(|it| it > 0) {}
    fs::write(bench.files().join("full"), "").unwrap();
    wait_until("it has printed", || bench.files().join("printed").exists());
    // What it has printed is read between what others ask.
    (0..3).for_each(|_| drop(bench.ok(&["get", "A"])));
    fs::remove_file(&filler).unwrap();
    drop(file);
    fs::write(bench.files().join("room"), "").unwrap();
    wait_until("all has been printed", || shown().contains("line 299"));
    let shown = shown();
    let count = |line: &str| -> Option<u64> {
        let (_, rest) = line.split_once("lines lost before this one: ")?;
        assert!(rest.ends_with("(no space left on device)"), "{rest}");
        rest.split(' ').next()?.parse().ok()
    };
    let swallowed: u64 = shown.lines().filter_map(count).sum();
    let printed: Vec<u64> = shown
        .lines()
        .filter_map(|line| line.split_once("line ")?.1.parse().ok())
        .collect();
    // To the line.
    assert!(swallowed > 0, "{shown}");
    assert_eq!(printed.len() as u64 + swallowed, 300, "{shown}");
    bench.ok(&["down"]);
}

#[test]
fn logs_outlive_down_and_an_up_that_fails() {
    let bench = Bench::new();
    let topology = "osb: 1\nname: past\nagents:\n  A: { command: [sh, -c, \"echo once; exec sleep 600\"], speaks: nothing }\n";
    for number in 1..=2 {
        let said = bench.up(topology);
        assert_eq!(said.code, 0, "{said}");
        wait_until("A has printed", || bench.ok(&["logs"]).contains("once"));
        let mut follower = bench.spawn(&["logs", "-f"]);
        let heard = listen(follower.stdout.take().unwrap());
        wait_until("it is followed", || heard.lock().unwrap().contains("once"));
        let said = bench.osb(&["down"]);
        assert!(
            follower.wait().unwrap().success(),
            "it ends with the system"
        );
        let how = format!("its logs are kept: `osb --system past logs --run {number}`");
        assert!(said.stderr.contains(&how), "{said}");
    }
    bench.assert_nothing_left();
    assert!(bench.ok(&["ls", "systems"]).lines().count() <= 1);
    let said = bench.up(
        "osb: 1\nname: sick\nagents:\n  B: { command: [sh, -c, \"echo I am unwell; exit 7\"], speaks: nothing, ready: { port: 1 } }\n",
    );
    assert_eq!(said.code, 1, "{said}");
    let hint = "hint: all its logs: `osb --system sick logs --run 1`";
    assert!(said.stderr.contains(hint), "{said}");
    assert!(bench.ok(&["logs", "--last"]).contains("I am unwell"));
    let of_past = |which: &[&str]| bench.ok(&[&["--system", "past", "logs"], which].concat());
    assert_eq!(
        of_past(&["--last", "A", "-o", "json"])
            .matches("once")
            .count(),
        1
    );
    assert!(of_past(&["--run", "1", "--grep", "once"]).contains("once"));
    let runs = bench.json(&["ls", "runs"]);
    let runs = runs.as_array().unwrap().iter();
    let runs: Vec<(&str, &str)> = runs
        .map(|run| (run["read"].as_str().unwrap(), run["why"].as_str().unwrap()))
        .collect();
    assert_eq!(
        runs,
        [
            ("osb --system past logs --run 1", "down"),
            ("osb --system past logs --run 2", "down"),
            ("osb --system sick logs --run 1", "up_failed"),
        ]
    );
    assert_eq!(
        bench.ok(&["--system", "past", "ls", "runs", "-o", "names"]),
        "1\n2\n"
    );
    let said = bench.osb(&["--system", "past", "logs", "--run", "9"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("hint: there are runs 1, 2"), "{said}");
    assert_eq!(
        of_past(&["--clear"]).trim(),
        "past: the logs of 2 runs are gone"
    );
    assert_eq!(
        bench.ok(&["logs", "--clear"]).trim(),
        "sick: the logs of 1 runs are gone"
    );
    let said = bench.osb(&["logs", "--last"]);
    assert_eq!(said.code, 1, "{said}");
}

#[test]
fn lines_of_one_moment_come_in_the_order_of_names_as_people_have_it() {
    let bench = Bench::new();
    let said = bench.up("osb: 1\nname: many\nagents: { A: { replicas: 10 } }\n");
    assert_eq!(said.code, 0, "{said}");
    let agents = bench.ok(&["ls", "-o", "names"]);
    let logs = bench.system("many").join("logs");
    for agent in agents.lines() {
        let line = "2026-11-23T05:15:00.000Z INFO  now\n";
        fs::write(logs.join(format!("{agent}.log")), line).unwrap();
    }
    let said = bench.ok(&["logs", "--until", "2026-11-24T00:00:00Z", "--grep", "now"]);
    let order: Vec<&str> = said.lines().filter_map(|it| it.split(' ').next()).collect();
    assert_eq!(order, agents.lines().collect::<Vec<_>>(), "{said}");
}
