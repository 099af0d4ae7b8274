//! Systems that a program brings up by the library: it starts the command osb, and nothing else in its place.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::common::{Bench, wait_until};
use osb::{Planned, System, SystemError};

const TIMEOUT: Duration = Duration::from_secs(30);
const TWO: &str = "osb: 1\nname: two\nagents:\n  Alice: { attributes: { speed: 1 } }\n  Bob: {}\n";

/// A command that does what `script` says.
fn command(bench: &Bench, name: &str, script: &str) -> String {
    let path = bench.file(name, &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// The command osb, in the surroundings of the test.
fn osb(bench: &Bench) -> String {
    let (state, osb) = (bench.state(), env!("CARGO_BIN_EXE_osb"));
    let script = format!("OSB_STATE_DIR='{}' exec '{osb}' \"$@\"", state.display());
    command(bench, "osb", &script)
}

#[test]
fn a_program_brings_a_system_up_and_takes_it_down() {
    let bench = Bench::new();
    let (osb, file) = (osb(&bench), bench.file("two.yaml", TWO));
    let system = System::file(&file)
        .osb(&osb)
        .arg("--set")
        .arg("agents.Alice.attributes.speed=3")
        .up()
        .unwrap();
    assert_eq!(system.name().as_str(), "two");
    assert_eq!(system.nameserver().agents().unwrap().len(), 2);
    let alice = system.proxy("Alice").unwrap();
    alice.wait_for_running(TIMEOUT).unwrap();
    assert_eq!(alice.get_attr_as::<u8>("speed").unwrap(), 3);
    assert!(system.nameserver_named("main").is_ok());
    let other = system.nameserver_named("other").map(drop).unwrap_err();
    assert_eq!(
        other.to_string(),
        "there is no name server other: there is main"
    );
    drop(system);
    assert_eq!(bench.agent("Bob")["state"], "running", "it stays up");

    let again = System::file(&file).osb(&osb).arg("--replace").up().unwrap();
    again.down().unwrap();
    assert_eq!(bench.processes(), [] as [i32; 0]);

    let held = System::file(&file).osb(&osb).while_held().up().unwrap();
    assert!(held.proxy("Bob").unwrap().is_running().unwrap());
    drop(held);
    wait_until("nothing is left", || bench.processes().is_empty());
}

#[test]
fn a_program_plans_and_changes_a_system_that_is_up() {
    let bench = Bench::new();
    let osb = osb(&bench);
    let text = |workers: u8, speed: u8, more: &str| {
        let text = format!(
            "osb: 1\nname: grown\nagents:\n  Worker: {{ replicas: {workers} }}\n  Alice: {{ attributes: {{ speed: {speed} }} }}\n{more}"
        );
        System::file(bench.file("grown.yaml", &text)).osb(&osb)
    };
    assert_eq!(text(2, 1, "").plan().unwrap(), Planned::BringUp);
    let system = text(2, 1, "").up().unwrap();
    assert!(system.changed().is_empty());
    let more = "  Carol: { command: [sleep, \"600\"], speaks: nothing }\n";
    let next = text(2, 2, more);
    let Planned::Change(change) = next.plan().unwrap() else {
        panic!("it is up");
    };
    let names = |names: &[String]| names.join(" ");
    assert_eq!(
        (names(&change.added), names(&change.altered)),
        ("Carol".into(), "Alice".into())
    );
    assert_eq!(bench.agent("Alice")["state"], "running");
    assert_eq!(
        system
            .proxy("Alice")
            .unwrap()
            .get_attr_as::<u8>("speed")
            .unwrap(),
        1,
        "it was a plan"
    );
    let system = next.up().unwrap();
    assert_eq!(*system.changed(), change);
    assert_eq!(
        system
            .proxy("Alice")
            .unwrap()
            .get_attr_as::<u8>("speed")
            .unwrap(),
        2
    );
    let scaled = system.scale("Worker", 4).unwrap();
    assert_eq!(names(&scaled.added), "Worker2 Worker3");
    let exported = system.export().unwrap();
    assert!(exported.contains("Worker3:"), "{exported}");
    let back = system.roll_back(1).unwrap();
    assert_eq!(names(&back.removed), "Worker2 Worker3");
    let anew = text(2, 2, &more.replace("600", "601"));
    let Planned::Change(change) = anew.plan().unwrap() else {
        panic!("it is up");
    };
    assert_eq!(
        (names(&change.anew), names(&change.reasons["Carol"])),
        ("Carol".into(), "command".into())
    );
    let refused = system.move_agent("Alice", "lab9").unwrap_err();
    assert!(
        refused.to_string().starts_with("osb move has failed: "),
        "{refused}"
    );
    system.down().unwrap();
    assert_eq!(bench.processes(), [] as [i32; 0]);
}

#[test]
fn what_osb_says_is_the_error() {
    let bench = Bench::new();
    let osb = osb(&bench);
    let up = |file: &str| System::file(file).osb(&osb).up().map(drop).unwrap_err();
    let missing = up("no such file.yaml");
    assert!(
        matches!(&missing, SystemError::Failed { verb: "up", code, .. } if code == "unreadable"),
        "{missing:?}"
    );
    let wrong = bench.file("wrong.yaml", "osb: 1\nname: wrong\nagentz: {}\n");
    let told = up(&wrong).to_string();
    assert!(
        told.contains("wrong.yaml:3: a topology has no key"),
        "{told}"
    );
    assert!(told.contains("did you mean agents?"), "{told}");
}

#[test]
fn no_other_program_is_started_in_its_place() {
    let bench = Bench::new();
    let file = bench.file("two.yaml", TWO);
    let up = |osb: &Path| System::file(&file).osb(osb).up().map(drop).unwrap_err();
    let itself = up(&std::env::current_exe().unwrap());
    assert!(
        itself
            .to_string()
            .ends_with("is not the command osb: it is this program itself"),
        "{itself}"
    );
    let nowhere = up(Path::new("/nowhere/osb"));
    let told = "there is no command osb where the program looks for it: /nowhere/osb: install it";
    assert!(nowhere.to_string().starts_with(told), "{nowhere}");
    assert!(nowhere.to_string().contains("OSB_BIN"), "{nowhere}");
    let other = command(&bench, "other", "echo I am another \"$@\"");
    let other = up(Path::new(&other));
    assert!(
        matches!(&other, SystemError::NotOsb { reason, .. } if reason.contains("\"I am another --version\"")),
        "{other:?}"
    );
}
