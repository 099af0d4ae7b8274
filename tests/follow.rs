//! Programs that are written while they run: `up --watch` starts those agents anew whose files have changed, and no others.

use std::fs;
use std::process::Child;
use std::sync::{Arc, Mutex};

use crate::common::{Bench, kill, listen, wait_until};

/// Says what its file says, each time that it begins, and puts down something of its own.
const PROGRAM: &str = "#!/bin/sh\necho \"says WORD\"\necho $$ > own.log\nmkdir -p __pycache__ && echo $$ > __pycache__/x.pyc\nexec sleep 1000\n";

fn program(word: &str) -> String {
    PROGRAM.replace("WORD", word)
}

struct Watching {
    bench: Bench,
    up: Child,
    said: Arc<Mutex<String>>,
}

impl Watching {
    /// Prog and Other run files of their own, and Idle none.
    fn begin() -> Self {
        Self::of("[sh, prog/run.sh]", "{ paths: [prog] }")
    }

    fn of(command: &str, sync: &str) -> Self {
        let bench = Bench::new();
        for folder in ["prog", "other"] {
            fs::create_dir(bench.files().join(folder)).unwrap();
            bench.file(&format!("{folder}/run.sh"), &program("one"));
        }
        let path = bench.file(
            "topology.yaml",
            &format!(
                "osb: 1
name: loop
defaults: {{ settle: 1ms }}
agents:
  Prog: {{ command: {command}, speaks: nothing, sync: {sync} }}
  Other: {{ command: [sh, run.sh], cwd: other, speaks: nothing, sync: [other] }}
  Idle: {{ command: [sleep, '1000'], speaks: nothing }}
"
            ),
        );
        let mut up = bench.spawn(&["up", &path, "--watch"]);
        let said = listen(up.stderr.take().unwrap());
        let watching = Self { bench, up, said };
        watching.until_said("watching the topology's files");
        watching
    }

    fn heard(&self, what: &str) -> usize {
        self.said.lock().unwrap().matches(what).count()
    }

    fn until_said(&self, what: &str) {
        wait_until(what, || self.heard(what) > 0);
    }

    fn pids(&self) -> [i32; 3] {
        ["Prog", "Other", "Idle"].map(|it| self.bench.pid(it))
    }

    /// Prog is another process than `before`, the others are not.
    fn only_prog_is_new(&self, before: [i32; 3]) -> [i32; 3] {
        wait_until("Prog is another", || {
            let prog = self.bench.agent("Prog");
            prog["state"] == "running" && prog["pid"] != before[0]
        });
        let now = self.pids();
        assert_eq!(now[1..], before[1..]);
        now
    }

    fn says(&self, word: &str) {
        let what = format!("says {word}");
        wait_until(&what, || self.bench.ok(&["logs", "Prog"]).contains(&what));
    }

    /// Something else is to be done, and is: so all has been done that came before.
    fn sign(&self, round: u8) {
        let text = fs::read_to_string(self.bench.files().join("topology.yaml")).unwrap();
        let sign = format!("  Sign{round}: {{}}\n");
        self.bench.file("topology.yaml", &(text + &sign));
        let sign = format!("Sign{round}");
        wait_until("the sign is there", || {
            self.bench.agent(&sign)["state"] == "running"
                && self.bench.agent("Prog")["state"] == "running"
        });
    }

    fn nothing_has_begun(&self, now: [i32; 3], round: u8) {
        self.sign(round);
        assert_eq!(self.pids(), now);
    }

    fn end(mut self) {
        kill(i32::try_from(self.up.id()).unwrap(), 2);
        assert!(
            self.up.wait().unwrap().success(),
            "{}",
            self.said.lock().unwrap()
        );
        self.bench.ok(&["down"]);
        self.bench.assert_nothing_left();
    }
}

#[test]
fn who_runs_a_file_that_changes_begins_anew_and_no_other_does() {
    let watching = Watching::begin();
    let bench = &watching.bench;
    let before = watching.pids();
    watching.says("one");
    // Written anew, put in its place by another name, and many times in a burst.
    bench.file("prog/run.sh", &program("two"));
    let now = watching.only_prog_is_new(before);
    watching.says("two");
    bench.file("prog/run.new", &program("three"));
    let files = bench.files().join("prog");
    fs::rename(files.join("run.new"), files.join("run.sh")).unwrap();
    let now = watching.only_prog_is_new(now);
    watching.says("three");
    for number in 0..50 {
        bench.file("prog/run.sh", &program(&format!("burst{number}")));
    }
    watching.says("burst49");
    wait_until("that was all", || bench.agent("Prog")["state"] == "running");
    let now = watching.only_prog_is_new(now);
    // With what it had, and what only stands beside it.
    bench.file("prog/run.sh", &program("burst49"));
    bench.file("beside.txt", "x");
    bench.file("prog/.run.sh.swp", "x");
    watching.nothing_has_begun(now, 1);
    // A folder that is new, and a file in it; and one that goes elsewhere and comes back.
    fs::create_dir_all(files.join("lib/deep")).unwrap();
    bench.file("prog/lib/deep/a.txt", "x");
    let now = watching.only_prog_is_new(now);
    bench.file("prog/lib/deep/a.txt", "y");
    let now = watching.only_prog_is_new(now);
    fs::rename(files.join("lib"), bench.files().join("lib")).unwrap();
    let now = watching.only_prog_is_new(now);
    fs::rename(bench.files().join("lib"), files.join("lib")).unwrap();
    let now = watching.only_prog_is_new(now);
    fs::remove_file(files.join("lib/deep/a.txt")).unwrap();
    let now = watching.only_prog_is_new(now);
    watching.nothing_has_begun(now, 2);
    watching.end();
}

/// A change of which nothing comes up is taken back, and the next save mends it.
#[test]
fn a_program_that_is_broken_is_told_of_and_mended_by_the_next_save() {
    let watching = Watching::begin();
    let bench = &watching.bench;
    let before = watching.pids();
    bench.file("prog/run.sh", "exit 3\n");
    watching.until_said("Prog ended at stage");
    bench.file("prog/run.sh", &program("mended"));
    watching.says("mended");
    watching.only_prog_is_new(before);
    watching.end();
}

/// What a program writes into its own folder whenever it begins does not start it for ever.
#[test]
fn a_program_that_writes_among_its_files_is_left_alone() {
    let watching = Watching::of(
        "[sh, -c, 'date +%N > prog/state.txt; exec sleep 1000']",
        "[prog]",
    );
    let bench = &watching.bench;
    bench.file("prog/run.sh", &program("two"));
    watching.until_said("state.txt changes each time that agents begin");
    // It begins once more, for that is the last change that counts.
    watching.sign(1);
    let now = watching.pids();
    watching.nothing_has_begun(now, 2);
    let now = watching.pids();
    bench.file("prog/run.sh", &program("three"));
    watching.only_prog_is_new(now);
    watching.end();
}
