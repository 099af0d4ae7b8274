//! Holds the table of keys against the readers and the spec.

use super::read;
use crate::topology::keys::{self, Form, Section};

/// Where a section stands, and which keys beside the one that is looked at let its reader go on: one of these sets
/// is enough.
const PLACES: &[(&str, &str, &[&str])] = &[
    ("File", "", &["osb: 1"]),
    ("Defaults", "defaults:", &[""]),
    ("Logs", "defaults:\n logs:", &[""]),
    ("RestartForm", "defaults:\n restart:", &[""]),
    ("SyncForm", "defaults:\n sync:", &["paths: [a]"]),
    ("Host", "hosts:\n lab:", &["", "ssh: lab"]),
    ("On", "agents:\n A:\n  on:", &[""]),
    (
        "NameServerForm",
        "nameserver:",
        &["", "launch: 127.0.0.1:0"],
    ),
    ("LoggerForm", "agents:\n A: {}\nlogger:", &["agent: A"]),
    ("Agent", "agents:\n A:", &["", "command: [x]"]),
    (
        "Ready",
        "agents:\n A:\n  command: [x]\n  ready:",
        &["", "command: [x]"],
    ),
    ("Update", "agents:\n A:\n  replicas: 2\n  update:", &[""]),
    ("Health", "agents:\n A:\n  command: [x]\n  health:", &[""]),
    ("JobForm", "agents:\n A:\n  command: [x]\n  job:", &[""]),
    ("BindForm", "agents:\n A:\n  bind:\n   x:", &["kind: PULL"]),
    ("Connection", "connections:\n-", &["agent: A\nto: B.x"]),
    (
        "Timer",
        "agents:\n A:\n  timers:\n  -",
        &[
            "every: 1s\nsend: x",
            "send: x",
            "every: 1s",
            "every: 1s\ncall: x",
        ],
    ),
];

/// What no key takes, but for those that take anything.
const WRONG: &str = "[[{ a: 1 }]]";

/// All sections that a file may have, each once.
fn sections() -> Vec<&'static Section> {
    let mut found: Vec<&'static Section> = vec![&keys::FILE];
    let mut at = 0;
    while let Some(section) = found.get(at) {
        for key in section.keys {
            add(&key.form, &mut found);
        }
        at += 1;
    }
    found
}

fn add(form: &'static Form, to: &mut Vec<&'static Section>) {
    match form {
        Form::Section(section) if to.iter().any(|known| known.name == section.name) => {}
        Form::Section(section) => to.push(section),
        Form::OneOf(choice) => choice.forms.iter().for_each(|(form, _)| add(form, to)),
        Form::List(form) | Form::Map(form) | Form::Maybe(form) => add(form, to),
        Form::String | Form::Bool | Form::Number | Form::PortNumber | Form::Any | Form::Word(_) => {
        }
    }
}

/// Whether a reader complains about what stands at `key`, and not about the key.
fn is_read(place: &str, beside: &str, key: &str) -> bool {
    let mut text = match place {
        "" => String::new(),
        place => format!("osb: 1\n{place}"),
    };
    let indent = match place {
        "" => "",
        _ => "      ",
    };
    let beside = beside.lines();
    let others = beside.filter(|line| !line.starts_with(&format!("{key}:")));
    for line in ["x-note: 1"].into_iter().chain(others) {
        text += &format!("\n{indent}{line}");
    }
    text += &format!("\n{indent}{key}: {WRONG}\n");
    let line = text.lines().count();
    let Err(problems) = read(&text) else {
        return false;
    };
    let mut there = problems.iter().filter(|problem| problem.line == line);
    there.any(|problem| !problem.message.contains("has no key"))
}

#[test]
fn every_key_is_read() {
    for section in sections() {
        let place = PLACES.iter().find(|(name, _, _)| *name == section.name);
        let (_, place, beside) = place.unwrap_or_else(|| panic!("where is {}?", section.name));
        for key in section.keys {
            let takes_anything = matches!(key.form, Form::Any);
            let is_read = beside.iter().any(|them| is_read(place, them, key.name));
            assert!(is_read || takes_anything, "{}: {}", section.name, key.name);
        }
    }
}

#[test]
fn every_key_is_in_the_spec() {
    let spec = concat!(env!("CARGO_MANIFEST_DIR"), "/specs/topology.md");
    let spec = std::fs::read_to_string(spec).unwrap();
    for section in sections() {
        for name in section.names() {
            let said = [format!("`{name}"), format!("{name}:")];
            let is_said = said.iter().any(|it| spec.contains(it));
            assert!(is_said, "{}: {name}", section.name);
        }
    }
}

#[test]
fn no_key_stands_twice_and_no_two_sections_share_a_name() {
    let mut names: Vec<&str> = sections().iter().map(|section| section.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), sections().len());
    for section in sections() {
        let mut keys: Vec<&str> = section.names().collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), section.keys.len(), "{}", section.name);
    }
}
