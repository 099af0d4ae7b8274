//! State and keys in folders that are not this user's alone: no command uses what others may have put there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::common::{Bench, entries, skip};

const ONE: &str = "osb: 1\nname: one\nagents: { Alice: { bind: { main: PUSH } } }\n";
const OTHER: &str = "osb: 1\nname: other\nagents: { Bob: {} }\n";
/// Nobody here is called so.
const SOMEBODY: &str = "12345";

/// Commands that use what is remembered, or make it.
const COMMANDS: [&[&str]; 14] = [
    &["ls", "systems"],
    &["ls", "agents"],
    &["ls", "runs"],
    &["down", "one"],
    &["up", "other.yaml"],
    &["up", "one.yaml"],
    &["get", "Alice"],
    &["addr", "Alice", "main"],
    &["send", "Alice", "main", "1"],
    &["wait", "Alice"],
    &["logs"],
    &["logs", "--clear"],
    &["keys", "init", "other"],
    &["keys", "show"],
];

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn chown(owner: &str, path: &Path) {
    let mut command = Command::new("chown");
    let done = command.arg("-hR").arg(owner).arg(path).status();
    assert!(done.unwrap().success());
}

/// Each command refuses, and says so.
fn all_refuse(bench: &Bench, why: &str) {
    for command in COMMANDS {
        let said = bench.osb(command);
        assert_eq!(said.code, 1, "osb {command:?}: {said}");
        assert!(said.stderr.contains(why), "osb {command:?}: {said}");
        assert!(said.stderr.contains("\nhint: "), "osb {command:?}: {said}");
    }
}

fn up() -> Bench {
    let bench = Bench::new();
    bench.file("one.yaml", ONE);
    bench.file("other.yaml", OTHER);
    bench.ok(&["up", "one.yaml"]);
    bench
}

#[test]
fn what_others_can_write_to_is_not_used() {
    let bench = up();
    let (pid, all) = (bench.pid("Alice"), bench.state().join("osb"));
    for (loose, mode) in [(&all, 0o777), (&bench.state(), 0o772)] {
        let former = fs::metadata(loose).unwrap().permissions();
        set_mode(loose, mode);
        all_refuse(&bench, "others may write to ");
        fs::set_permissions(loose, former).unwrap();
    }
    assert_eq!(bench.pid("Alice"), pid, "nobody has touched it");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// As root most of all: a record names processes that are to be ended.
#[test]
fn what_belongs_to_another_user_is_not_used() {
    if !nix::unistd::geteuid().is_root() {
        return skip("who is not root can give nothing to others");
    }
    let bench = up();
    let (pid, all) = (bench.pid("Alice"), bench.state().join("osb"));
    for foreign in [&all, &bench.state()] {
        chown(SOMEBODY, foreign);
        all_refuse(&bench, "belongs to another user (uid 12345)");
        chown("0", foreign);
    }
    // Neither the folder of one system, nor a record in it.
    for foreign in [bench.system("one"), bench.system("one").join("system.json")] {
        chown(SOMEBODY, &foreign);
        let said = bench.osb(&["down", "one"]);
        assert_eq!(said.code, 1, "{said}");
        let why = "belongs to another user (uid 12345)";
        assert!(said.stderr.contains(why), "{said}");
        chown("0", &foreign);
    }
    assert_eq!(bench.pid("Alice"), pid, "nobody has touched it");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn keys_are_not_made_where_others_can_write_or_through_a_link() {
    let bench = Bench::new();
    let keys = bench.state().join("osb/.keys");
    fs::create_dir_all(&keys).unwrap();
    set_mode(&bench.state(), 0o700);
    set_mode(&keys, 0o777);
    let init = &["keys", "init", "x"];
    let said = bench.osb(init);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("others may write to "), "{said}");
    assert!(entries(&keys).is_empty());
    set_mode(&keys, 0o700);
    let elsewhere = bench.files().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    set_mode(&elsewhere, 0o700);
    symlink(&elsewhere, keys.join("x")).unwrap();
    let said = bench.osb(init);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("is a link"), "{said}");
    fs::remove_dir_all(&keys).unwrap();
    symlink(&elsewhere, &keys).unwrap();
    let said = bench.osb(init);
    assert_eq!(said.code, 1, "{said}");
    assert!(entries(&elsewhere).is_empty());
    fs::remove_file(&keys).unwrap();
    bench.ok(init);
    // Keys that others may look at are not used.
    set_mode(&keys.join("x"), 0o755);
    let said = bench.osb(&["--system", "x", "keys", "show"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("chmod 700"), "{said}");
}
