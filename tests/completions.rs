//! Completions and manual pages, as a shell and a reader ask for them.

use crate::common::{Bench, entries};

/// What bash is offered for the last of these words.
fn offered(bench: &Bench, words: &[&str]) -> Vec<String> {
    let mut command = bench.command(&["--"]);
    command
        .args(words)
        .env("OSB_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_IFS", "\n");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn names_are_offered_as_they_are_now() {
    let bench = Bench::new();
    assert_eq!(offered(&bench, &["osb", "chec"]), ["check"]);
    assert!(
        offered(&bench, &["osb", "addr", "A"]).is_empty(),
        "nothing runs"
    );
    let said = bench.up(
        "osb: 1\nname: names\nagents:\n  Alice: { bind: { main: PUSH, ask: PUSH } }\n  Anna: { bind: { other: PUB } }\n  Bob: {}\n",
    );
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(offered(&bench, &["osb", "addr", "A"]), ["Alice", "Anna"]);
    assert_eq!(offered(&bench, &["osb", "logs", "Alice", "B"]), ["Bob"]);
    assert_eq!(offered(&bench, &["osb", "graph", "A"]), ["Alice", "Anna"]);
    assert_eq!(offered(&bench, &["osb", "graph", "to"]), ["topology.yaml"]);
    assert_eq!(offered(&bench, &["osb", "graph", "-o", "m"]), ["mermaid"]);
    let aliases = offered(&bench, &["osb", "addr", "Alice", ""]);
    assert_eq!(aliases[..2], ["ask", "main"], "and none of Anna's");
    assert!(!aliases.contains(&"other".to_owned()));
    let targets = offered(&bench, &["osb", "connect", "Bob", "in", "--to", "An"]);
    assert_eq!(targets, ["Anna.other"]);
    let kinds = offered(&bench, &["osb", "bind", "Bob", "in", "PU"]);
    assert_eq!(kinds, ["PUB", "PULL", "PUSH"]);
    bench.ok(&["every", "Bob", "1h", "--alias", "slow", "set", "x=1"]);
    assert_eq!(
        offered(&bench, &["osb", "stop-timer", "Bob", "s"]),
        ["slow"]
    );
    assert_eq!(offered(&bench, &["osb", "down", "n"]), ["names"]);
    assert_eq!(
        offered(&bench, &["osb", "--system", "names", "get", "Al"]),
        ["Alice"]
    );
}

#[test]
fn scripts_for_shells_and_pages_for_readers() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            bench.ok(&["completions", shell]).contains("OSB_COMPLETE"),
            "{shell}"
        );
    }
    let said = bench.osb(&["completions", "tcsh"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.stderr.contains("bash"), "{said}");
    assert!(bench.ok(&["man"]).contains(".TH osb 1"));
    bench.ok(&["man", bench.files().to_str().unwrap()]);
    let pages = entries(&bench.files());
    assert!(
        pages.contains(&"osb.1".to_owned()) && pages.contains(&"osb-up.1".to_owned()),
        "{pages:?}"
    );
    assert!(pages.contains(&"osb-host.1".to_owned()), "{pages:?}");
    assert_eq!(bench.osb(&["man", "/no/such/folder"]).code, 1);
}
