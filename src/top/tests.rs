//! The screen as a whole: what happens, what keys do, and what is seen of it.

use std::time::Duration;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

use super::*;
use crate::model::{AgentInfo, HostInfo};
use crate::wire::AgentStatus;

const LOOK: Look = Look {
    has_colour: false,
    is_utf8: true,
};

fn at(seconds: u64) -> Now {
    Duration::from_secs(seconds)
}

fn info(name: &str, state: &str) -> AgentInfo {
    let exit = json!({"status": 7, "signal": null, "log": ["it is over"]});
    serde_json::from_value(json!({
        "name": name, "host": "lab1", "nameserver": "tcp://127.0.0.1:7400", "state": state, "pid": 4711, "uptime_s": 61.0,
        "restarts": if state == "failed" { 3 } else { 0 },
        "exit": if state == "failed" { exit } else { json!(null) },
        "addresses": {"main": {"kind": "PUSH", "role": "server", "transport": "tcp", "address": "tcp://127.0.0.1:40123",
            "serializer": "json"}},
        "connections": if name == "Bob" { json!([{"alias": "inbox", "kind": "PULL", "to": "Alice.main",
            "address": "tcp://127.0.0.1:40123", "proof": {"proven": {"us": 300}}, "proof_ms": 1000, "times": 1}]) } else { json!([]) },
    }))
    .unwrap()
}

fn host() -> HostInfo {
    let host = json!({"name": "lab1", "address": "10.0.0.11", "state": "running", "pid": 1, "version": "0.1.0", "uptime_s": 100.0, "agents": 2});
    serde_json::from_value(host).unwrap()
}

/// After so many seconds, so many messages, and so much of a processor.
fn status(seconds: u64, sent: u64, cpu_us: u64) -> Result<Box<AgentStatus>, String> {
    let process = |pid: u32, cpu_us: u64| json!({"pid": pid, "processes": 1, "cpu_us": cpu_us, "memory": 12 << 20});
    let status = json!({"state": "running", "garbage_lines": 0, "skipped_ticks": 0, "queued": {"main": 4},
        "sockets": {"main": {"received": 0, "sent": sent, "dropped": 2, "waiting": 1, "garbled": 0}},
        "usage": {"at_us": seconds * 1_000_000, "agent": process(4711, cpu_us), "program": process(4712, 2 * cpu_us)}});
    Ok(Box::new(serde_json::from_value(status).unwrap()))
}

fn snapshot(agents: &[(&str, &str)]) -> Input {
    Input::Snapshot {
        group: None,
        agents: agents
            .iter()
            .map(|(name, state)| info(name, state))
            .collect(),
        hosts: Some(vec![host()]),
    }
}

fn agent(name: &str) -> AgentId {
    name.parse().unwrap()
}

/// Three agents, of which Alice has told of herself twice.
fn top(size: (u16, u16)) -> Top {
    let mut top = Top::new("demo".to_owned(), [None], size);
    let agents = [
        ("Alice", "running"),
        ("Bob", "running"),
        ("Carol", "failed"),
    ];
    let _ = top.on(snapshot(&agents), at(0));
    for (second, sent) in [(1, 100), (2, 350)] {
        let told = status(second, sent, second * 20_000);
        let agent = agent("Alice");
        assert!(top.on(Input::Status { agent, told }, at(second)).is_empty());
    }
    top
}

fn drawn(
    top: &mut Top,
    (columns, lines): (u16, u16),
    look: Look,
    now: Now,
) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| draw(frame, top, look, now)).unwrap();
    terminal
}

/// What is seen, line by line.
fn seen(top: &mut Top, size: (u16, u16), look: Look, now: Now) -> String {
    let terminal = drawn(top, size, look, now);
    let text = terminal.backend().to_string();
    let lines = text.lines().map(|it| it.trim_matches('"').trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

fn press(top: &mut Top, keys: &str) -> Vec<Effect> {
    let press = |key: char| match key {
        '\n' => Pressed::Enter,
        '\x1b' => Pressed::Escape,
        '\t' => Pressed::Tab,
        '\x08' => Pressed::Backspace,
        key => Pressed::Char(key),
    };
    let keys = keys.chars().map(press);
    let effects = keys.flat_map(|key| top.on(Input::Pressed(key), at(3)));
    // Those that have come to be seen are asked, which has its own test.
    let effects = effects.filter(|it| !matches!(it, Effect::Ask(_)));
    effects.collect()
}

#[test]
fn every_view_on_a_screen_of_the_usual_size() {
    let size = (80, 24);
    let mut top = top(size);
    let mut views = Vec::new();
    for keys in ["3", "4", "2", "1", "?", " 3jj\n", "\x1bk\n"] {
        let _ = press(&mut top, keys);
        views.push(seen(&mut top, size, LOOK, at(3)));
    }
    insta::assert_snapshot!(views.join("\n=====\n"));
}

#[test]
fn narrow_wide_and_in_ascii() {
    let mut top = top((140, 8));
    let mut screens = vec![seen(&mut top, (140, 8), LOOK, at(3))];
    for size in [(40, 10), (20, 6), (12, 3)] {
        screens.push(seen(&mut top, size, LOOK, at(3)));
    }
    let ascii = Look {
        has_colour: true,
        is_utf8: false,
    };
    let _ = press(&mut top, "l");
    screens.push(seen(&mut top, (30, 12), ascii, at(3)));
    assert!(screens.last().unwrap().is_ascii());
    insta::assert_snapshot!(screens.join("\n=====\n"));
}

#[test]
fn colours_say_nothing_that_words_do_not() {
    let mut top = top((80, 24));
    let terminal = drawn(&mut top, (80, 24), LOOK, at(3));
    let cells = terminal.backend().buffer().content();
    assert!(cells.iter().all(|it| it.fg == ratatui::style::Color::Reset));
    let look = Look {
        has_colour: true,
        ..LOOK
    };
    let plain = seen(&mut top, (80, 24), LOOK, at(3));
    assert_eq!(seen(&mut top, (80, 24), look, at(3)), plain);
}

#[test]
fn an_end_is_seen_and_numbers_are_gathered() {
    let mut top = top((80, 24));
    let _ = seen(&mut top, (80, 24), LOOK, at(2));
    top.take_change();
    let event = Input::Agent {
        group: None,
        agent: Box::new(info("Alice", "failed")),
    };
    assert!(top.on(event, at(3)).is_empty());
    assert_eq!(top.take_change(), Change::Now);
    let screen = seen(&mut top, (80, 24), LOOK, at(3));
    assert!(screen.contains("Alice  failed"), "{screen}");
    assert!(screen.contains("2 not well"), "{screen}");
    let (agent, told) = (agent("Bob"), status(3, 1, 1));
    let _ = top.on(Input::Status { agent, told }, at(3));
    assert_eq!(top.take_change(), Change::Numbers);
    assert_eq!(top.take_change(), Change::None);
}

#[test]
fn those_that_are_seen_are_asked_and_all_if_it_is_sorted_by_what_they_say() {
    let mut top = Top::new("demo".to_owned(), [None], (80, 12));
    let names: Vec<String> = (1..=50).map(|n| format!("W{n}")).collect();
    let agents: Vec<(&str, &str)> = names.iter().map(|it| (it.as_str(), "running")).collect();
    let _ = top.on(snapshot(&agents), at(0));
    let asked = |top: &mut Top| match &top.on(Input::Tick, at(1))[..] {
        [Effect::Ask(agents)] => agents.clone(),
        other => panic!("{other:?}"),
    };
    let first = asked(&mut top);
    assert_eq!(
        top.on(Input::Pressed(Pressed::Down), at(1)),
        [Effect::Ask(first.clone())]
    );
    assert_eq!((first.len(), &first[0]), (8, &agent("W1")));
    let _ = top.on(Input::Pressed(Pressed::End), at(1));
    assert_eq!(asked(&mut top).last(), Some(&agent("W50")));
    let _ = press(&mut top, "ssss");
    assert_eq!(asked(&mut top).len(), 50);
    let _ = press(&mut top, "/W5\n");
    assert_eq!(asked(&mut top).len(), 2);
    // While its name server is away, nobody is asked in vain.
    let (group, told) = (None, Err("is gone".to_owned()));
    let _ = top.on(Input::Answer { group, told }, at(1));
    assert!(top.on(Input::Tick, at(2)).is_empty());
    let screen = seen(&mut top, (80, 12), LOOK, at(4));
    assert!(
        screen.contains("name server is gone for 3s: old values?"),
        "{screen}"
    );
    assert!(screen.contains("running?"), "{screen}");
}

#[test]
fn names_are_filtered_by_parts_and_by_stars() {
    let mut top = top((80, 24));
    let names = |top: &mut Top, filter: &str| {
        let _ = press(top, &format!("\x1b/{filter}\n"));
        top.prepare(at(3));
        let rows = top.rows.iter().map(|it| it.cells[0].text.clone());
        rows.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&mut top, "o"), "Bob Carol");
    assert_eq!(names(&mut top, "*o"), "");
    assert_eq!(names(&mut top, "A*"), "Alice");
    assert_eq!(names(&mut top, ""), "Alice Bob Carol");
    let _ = press(&mut top, "/x\x1b");
    assert_eq!((top.filter.as_str(), &top.mode), ("", &Mode::Browse));
}

#[test]
fn deeds_are_asked_for_and_their_outcome_is_said() {
    let mut top = top((80, 24));
    assert_eq!(press(&mut top, "r"), []);
    assert!(seen(&mut top, (80, 24), LOOK, at(3)).contains("restart Alice? y/n"));
    assert_eq!(press(&mut top, "n"), []);
    assert_eq!(
        press(&mut top, "jxy"),
        [Effect::Do(Deed::Stop, agent("Bob"))]
    );
    assert_eq!(press(&mut top, "ry"), [], "it is not done yet");
    let done = |outcome| Input::Done {
        deed: Deed::Stop,
        agent: agent("Bob"),
        outcome,
    };
    let refused = "the level read does not permit it";
    let _ = top.on(done(Err(refused.to_owned())), at(4));
    let screen = seen(&mut top, (80, 24), LOOK, at(4));
    assert!(
        screen.contains(&format!("cannot stop Bob: {refused}")),
        "{screen}"
    );
    assert!(!seen(&mut top, (80, 24), LOOK, at(20)).contains(refused));
    assert_eq!(
        press(&mut top, "ry"),
        [Effect::Do(Deed::Restart, agent("Bob"))]
    );
    assert_eq!(press(&mut top, "2r"), [], "a host is no agent");
}

#[test]
fn a_pane_follows_what_is_selected_and_shows_only_what_is_its_own() {
    let mut top = top((80, 24));
    let log = |name: &str| Feed::Logs(agent(name));
    let begun = press(&mut top, "l");
    assert_eq!(begun, [Effect::Feed(FeedId(1), log("Alice"))]);
    assert_eq!(press(&mut top, "j"), [Effect::Feed(FeedId(2), log("Bob"))]);
    for (feed, text) in [(1, "of Alice"), (2, "of Bob, \u{1b}[2J\u{202e}")] {
        let (feed, lines) = (FeedId(feed), vec![text.to_owned()]);
        let _ = top.on(
            Input::Lines {
                feed,
                lines,
                lost: 0,
            },
            at(3),
        );
    }
    let screen = seen(&mut top, (80, 24), LOOK, at(3));
    assert!(
        screen.contains("of Bob") && !screen.contains("of Alice"),
        "{screen}"
    );
    assert!(screen.contains("\\u001b[2J\\u202e"), "{screen}");
    let tap = Feed::Tap(agent("Bob"), None);
    assert_eq!(press(&mut top, "t"), [Effect::Feed(FeedId(3), tap)]);
    assert_eq!(press(&mut top, "t"), [Effect::EndFeed]);
    let wire = Feed::Tap(agent("Bob"), Some("inbox".parse().unwrap()));
    assert_eq!(press(&mut top, "4t"), [Effect::Feed(FeedId(4), wire)]);
    assert_eq!(press(&mut top, "\x1b"), [Effect::EndFeed]);
}

#[test]
fn another_system_is_looked_at() {
    let mut top = top((80, 24));
    assert_eq!(press(&mut top, "1"), [Effect::Systems]);
    let other = SystemSeen {
        name: "other".parse().unwrap(),
        state: "running",
        tone: Tone::Good,
        nameservers: "127.0.0.1:7401".to_owned(),
        file: "/x.yaml".to_owned(),
    };
    let _ = top.on(Input::Systems(vec![other]), at(3));
    assert_eq!(
        press(&mut top, "\n"),
        [Effect::Open("other".parse().unwrap())]
    );
    let (title, groups) = ("other".to_owned(), vec![None]);
    let _ = top.on(Input::Opened { title, groups }, at(4));
    let screen = seen(&mut top, (80, 24), LOOK, at(4));
    assert!(
        screen.contains("osb top  other  0 hosts, 0 agents"),
        "{screen}"
    );
    assert!(
        screen.contains("[3 agents]") && screen.contains("asking ..."),
        "{screen}"
    );
}

#[test]
fn mice_select() {
    let mut top = top((80, 24));
    let click =
        |top: &mut Top, column, line| top.on(Input::Pressed(Pressed::Click(column, line)), at(3));
    let _ = click(&mut top, 5, 4);
    assert_eq!(top.selected_agent(), Some(agent("Bob")));
    let _ = click(&mut top, 5, 20);
    assert_eq!(top.selected_agent(), Some(agent("Bob")));
    let _ = click(&mut top, 12, 1);
    assert_eq!(top.view, View::Hosts);
}

proptest! {
    /// Whatever is pressed, on a screen of whatever size.
    #[test]
    fn nothing_panics(keys in "[1234/?sSlrxytzjkgG \n\t\x1b\x08a*]{0,40}", columns in 0..200u16, lines in 0..60u16, agents in 0..5usize) {
        let mut top = top((columns, lines));
        let all = [("Alice", "running"), ("Bob", "unreachable"), ("Carol", "failed"), ("Dave", "stopped"), ("Eve", "starting")];
        let _ = top.on(snapshot(&all[..agents]), at(2));
        for key in keys.chars() {
            let _ = press(&mut top, &key.to_string());
            let _ = drawn(&mut top, (columns, lines), LOOK, at(3));
        }
        let _ = top.on(Input::Resized(lines, columns), at(4));
        let _ = top.on(Input::Tick, at(5));
        let _ = drawn(&mut top, (lines, columns), LOOK, at(5));
    }
}
