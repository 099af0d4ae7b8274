//! Machines that say what they like to those who log in there, and never end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::common::lab::{DESK, Lab, lab};
use crate::common::wait_until;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn topology(lab: &Lab) -> String {
    let config = lab.ssh_config().display().to_string();
    format!(
        "osb: 1\nname: afar\nnameserver: {DESK}:7400\nhosts:\n  local: {{ address: {DESK} }}\n  lab1: {{ ssh: lab1, address: 10.77.0.11, ssh_config: {config} }}\nagents: {{ Alice: {{ host: lab1 }} }}\n"
    )
}

/// Puts a program in the place of osb there. `$1` is `--version`, or `host`.
fn instead_of_osb(lab: &Lab, script: &str) {
    let path = lab.dir("lab1").join("bin/osb");
    fs::remove_file(&path).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// `up` fails at that stage, and says so; nothing is left there.
fn fails(lab: &Lab, stage: &str, why: &str) {
    let said = lab.up(&topology(lab));
    assert_eq!(said.code, 4, "{said}");
    let told = format!("lab1 failed at stage {stage}: ");
    assert!(said.stderr.contains(&told), "{said}");
    assert!(said.stderr.contains(why), "{said}");
    assert!(said.stderr.contains("\nhint: lab1: "), "{said}");
    wait_until("nothing of it runs there", || {
        lab.processes("lab1").is_empty()
    });
}

#[test]
fn lines_without_an_end_are_not_read_on() {
    let Some(lab) = lab(1) else { return };
    let version = format!("[ \"$1\" = --version ] && echo osb {VERSION} && exit");
    instead_of_osb(&lab, &format!("{version}; exec cat /dev/zero"));
    fails(&lab, "start", "a line of more than 64 KiB came");
    instead_of_osb(&lab, &format!("{version}; exec yes"));
    fails(&lab, "start", "more came than was asked for");
    // Of what is no osb, no more is read than a version is long; it gets one.
    instead_of_osb(&lab, "exec cat /dev/zero");
    let said = lab.up(&topology(&lab));
    assert_eq!(said.code, 0, "{said}");
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

#[test]
fn what_looks_for_osb_there_ends_with_the_connection() {
    let Some(lab) = lab(1) else { return };
    instead_of_osb(&lab, "exec sleep 600");
    let topology = lab.bench.file("topology.yaml", &topology(&lab));
    let mut command = lab.command(&["up", &topology]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut up = command.spawn().unwrap();
    let runs = |words: &str| {
        lab.processes("lab1").into_iter().any(|pid| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.replace('\0', " ").contains(words)
        })
    };
    wait_until("it is asked for its version", || runs("sleep 600"));
    up.kill().unwrap();
    up.wait().unwrap();
    wait_until("it has ended", || lab.processes("lab1").is_empty());
    lab.osb(&["down"]);
}

#[test]
fn an_account_that_runs_nothing_is_told_from_one_without_osb() {
    let Some(lab) = lab(1) else { return };
    let path = lab.dir("lab1").join("authorized");
    let key = fs::read_to_string(&path).unwrap();
    let nologin = "command=\"echo This account is currently not available.; exit 1\" ";
    fs::write(&path, format!("{nologin}{key}")).unwrap();
    fails(&lab, "log in", "This account is currently not available.");
}

/// Its words about itself are not asked for, if it is where others may write: another is put there, or none.
#[test]
fn a_copy_of_osb_is_known_by_its_sum() {
    let Some(lab) = lab(1) else { return };
    lab.uninstall("lab1");
    let up = || {
        let said = lab.up(&topology(&lab));
        let down = lab.osb(&["down"]);
        assert_eq!(down.code, 0, "{down}");
        said
    };
    assert_eq!(up().code, 0);
    let folder = lab.dir("lab1").join("cache/osb").join(VERSION);
    let copy = folder.join("osb");
    let first = fs::metadata(&copy).unwrap().modified().unwrap();
    assert_eq!(up().code, 0);
    let second = fs::metadata(&copy).unwrap().modified().unwrap();
    assert_eq!(first, second, "the one that is there is taken");
    let ran = lab.dir("lab1").join("ran");
    let false_one = format!("#!/bin/sh\ntouch {}; echo osb {VERSION}\n", ran.display());
    // Beside it first: the one that is there may still run.
    let beside = folder.join("false");
    fs::write(&beside, false_one).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o700)).unwrap();
    fs::rename(&beside, &copy).unwrap();
    let said = up();
    assert_eq!(said.code, 0, "{said}");
    assert!(!ran.exists(), "it was not even asked");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let said = lab.up(&topology(&lab));
    assert_eq!(said.code, 4, "{said}");
    assert!(said.stderr.contains("others may write to "), "{said}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
}
