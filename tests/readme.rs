//! The README's tour is what osb prints: numbers, times and the width of columns apart.

use std::collections::BTreeSet;

use crate::common::{Bench, Said, repository, wait_until};
use regex_lite::Regex;

/// A command as it stands in the README, and what it is said to print.
struct Step {
    command: String,
    prints: Vec<String>,
}

/// The steps of the code block behind a marker.
fn steps(marker: &str) -> Vec<Step> {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let marker = format!("<!-- {marker} -->");
    let behind = readme
        .split(&marker)
        .nth(1)
        .expect("the README has that marker");
    let mut steps: Vec<Step> = Vec::new();
    let code = |line: &&str| line.starts_with("    ") || line.is_empty();
    let block = behind.lines().skip_while(|line| line.is_empty());
    for line in block
        .take_while(code)
        .map(|line| line.get(4..).unwrap_or(""))
    {
        match (line.strip_prefix("$ osb "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                prints: Vec::new(),
            }),
            (None, Some(step)) => step.prints.push(line.to_owned()),
            (None, None) => panic!("{line:?} is printed by nothing"),
        }
    }
    assert!(!steps.is_empty());
    steps
}

/// What stays the same each time.
fn plain<'a>(lines: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let rules = [
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"\d+(\.\d+)?", "N"),
        (r" {2,}", "  "),
    ];
    let rules = rules.map(|(from, to)| (Regex::new(from).unwrap(), to));
    let lines = lines.into_iter().map(|line| {
        let line = line.trim_end().to_owned();
        let apply =
            |line: String, (from, to): &(Regex, &str)| from.replace_all(&line, *to).into_owned();
        rules.iter().fold(line, apply)
    });
    lines.filter(|line| !line.is_empty()).collect()
}

fn words(command: &str) -> Vec<String> {
    command
        .split(' ')
        .map(|word| word.trim_matches('\'').to_owned())
        .collect()
}

fn run(bench: &Bench, step: &Step) -> Said {
    let mut osb = bench.command(&[]);
    osb.args(words(&step.command));
    if !bench.files().join("demo.yaml").exists() {
        osb.current_dir(repository());
    }
    Said::from(osb.output().unwrap())
}

fn assert_true(bench: &Bench, step: &Step) {
    let said = run(bench, step);
    let printed = said.stdout.lines().chain(said.stderr.lines());
    let told = step.prints.iter().map(String::as_str);
    assert_eq!(plain(printed), plain(told), "osb {}", step.command);
}

#[test]
fn the_tour_is_what_is_printed() {
    let bench = Bench::new();
    for step in steps("tour") {
        if step.command.starts_with("logs") {
            wait_until("both have arrived", || {
                let printed = run(&bench, &step).stdout;
                printed.contains(": hi") && printed.contains("Hello, Bob!")
            });
        }
        assert_true(&bench, &step);
    }
    bench.assert_nothing_left();
}

#[test]
fn a_plan_is_shown_as_it_is() {
    let bench = Bench::new();
    for step in steps("plan") {
        assert_true(&bench, &step);
    }
    bench.assert_nothing_left();
}

#[test]
fn mistakes_are_shown_as_they_are() {
    let bench = Bench::new();
    let demo = "osb: 1\n\nagents:\n  Alice:\n    bnid: { main: PUSH }\n  Bob: { bind: { out: PUSH } }\nconnections:\n  - { agent: Alice, to: Bob.otu, alias: in }\n";
    bench.file("demo.yaml", demo);
    for step in steps("mistakes") {
        assert_true(&bench, &step);
    }
}
