//! Operators who may read, on machines of their own: what they see through the name server, and how it ends.

use super::*;
use std::fs::File;

/// Ana, who may read, on a machine of her own.
struct Ana<'a> {
    system: &'a ClosedSystem,
    machine: Bench,
    key: String,
}

impl<'a> Ana<'a> {
    fn of(system: &'a ClosedSystem) -> Self {
        let machine = Bench::new();
        let key = path(&machine.files().join("ana.key")).to_owned();
        system
            .bench
            .ok(&["keys", "new", "ana", "--level", "read", "--to", &key]);
        Self {
            system,
            machine,
            key,
        }
    }

    fn arguments<'b>(&'b self, arguments: &[&'b str]) -> Vec<&'b str> {
        [
            &["--ns", &self.system.address, "--key", &self.key],
            arguments,
        ]
        .concat()
    }

    fn osb(&self, arguments: &[&str]) -> common::Said {
        self.machine.osb(&self.arguments(arguments))
    }

    /// One that goes on, with its output in a file of that name.
    fn begin(&self, name: &str, arguments: &[&str]) -> std::process::Child {
        let mut command = self.machine.command(&self.arguments(arguments));
        command.stdout(File::create(self.machine.files().join(name)).unwrap());
        let errors = self.machine.files().join(format!("{name}.err"));
        command.stderr(File::create(errors).unwrap());
        command.spawn().unwrap()
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.machine.files().join(name)).unwrap()
    }
}

#[test]
fn logs_are_read_on_a_machine_where_nothing_was_brought_up() {
    let system = up();
    let ana = Ana::of(&system);
    system.bench.ok(&["log", "Bob", "it is Bob who says so"]);
    system.bench.ok(&["log", "Alice", "and this is Alice"]);
    let said = ana.osb(&["logs"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.contains("it is Bob who says so"), "{said}");
    assert!(said.stdout.contains("this is Alice"), "{said}");
    let said = ana.osb(&["-o", "json", "logs", "Bob", "-n", "1", "--grep", "who says"]);
    let line: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (&line["agent"], &line["stream"]),
        (&"Bob".into(), &"log".into())
    );
    let said = ana.osb(&["logs", "Bbo"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("did you mean Bob"), "{said}");
    // Without a key there is nothing to see.
    let said = Bench::new().osb(&["--ns", &system.address, "logs"]);
    assert_eq!(said.code, 4, "{said}");
    system.down();
}

#[test]
fn whoever_follows_by_a_key_that_is_revoked_is_told_and_ends() {
    let system = up();
    let ana = Ana::of(&system);
    let mut followers = [
        ("logs", ana.begin("logs", &["logs", "-f"])),
        (
            "wait",
            ana.begin("wait", &["wait", "Nobody", "--timeout", "1h"]),
        ),
    ];
    let mut count = 0;
    wait_until("what is written is followed", || {
        count += 1;
        system.bench.ok(&["log", "Bob", &format!("word {count}")]);
        ana.text("logs").contains("word")
    });
    let revoked = Instant::now();
    system.bench.ok(&["keys", "revoke", "operator", "ana"]);
    for (name, process) in &mut followers {
        let status = wait_for("its end", || process.try_wait().unwrap());
        eprintln!(
            "{name} has ended {:?} after the key was revoked",
            revoked.elapsed()
        );
        let said = ana.text(&format!("{name}.err"));
        assert_eq!(status.code(), Some(4), "{name}: {said}");
        assert!(
            said.contains("this key is admitted no more"),
            "{name}: {said}"
        );
    }
    // The owner's go on.
    bob_goes_on(&system);
    system.down();
}
