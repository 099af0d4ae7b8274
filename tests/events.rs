//! Events: what has happened is told, once, in order, to those who may know; also over a name server that is killed.

use std::collections::BTreeMap;

use crate::common::{Bench, kept_by, kill, listen, wait_for, wait_until};
use nix::libc::SIGKILL;
use serde_json::Value;

const TOPOLOGY: &str = "osb: 1\nname: events\nsecurity: none\nagents:\n  Alice: { bind: { main: PUSH }, restart: always }\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Alice.main, alias: inbox, handler: discard }\n";

/// Those that are kept.
fn events(bench: &Bench, arguments: &[&str]) -> Vec<Value> {
    let said = bench.ok(&[&["-o", "json", "events"], arguments].concat());
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// In short.
fn said(events: &[Value]) -> Vec<String> {
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    let one = |it: &Value| {
        let words = ["kind", "of", "what", "state"].map(|key| text(it, key));
        let words = words.into_iter().filter(|it| !it.is_empty());
        words.collect::<Vec<_>>().join(" ")
    };
    events.iter().map(one).collect()
}

/// Every event is as the schema in specs/ says, and stands in specs/events.md.
fn assert_as_specified(events: &[Value]) {
    let schema = include_str!("../specs/events.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let page = include_str!("../specs/events.md");
    for event in events {
        let wrong = schema.iter_errors(event).next();
        assert!(wrong.is_none(), "{event}: {}", wrong.unwrap());
        for key in event.as_object().unwrap().keys() {
            assert!(page.contains(&format!("`{key}`")), "{key} of {event}");
        }
    }
}

/// Of each life of each owner all numbers are there, each once, in order; so are those of the name server.
fn assert_each_is_there_once(events: &[Value]) {
    let mut owners: BTreeMap<String, u64> = BTreeMap::new();
    let mut last = 0;
    for event in events {
        let n = event["n"].as_u64().unwrap();
        assert_eq!(n, last + 1, "{event}");
        last = n;
        let Some(owner) = event["owner"].as_str() else {
            continue;
        };
        let life = format!("{owner} {}", event["life"]);
        let own = owners.entry(life).or_default();
        assert_eq!(event["own"].as_u64(), Some(*own + 1), "{event}");
        *own += 1;
    }
    assert!(owners.len() >= 3, "{owners:?}");
}

fn until(bench: &Bench, of: &str, wanted: &str, times: usize) {
    wait_until(&format!("{wanted}, {times} times"), || {
        // The name server may be away.
        let kept = bench.osb(&["-o", "json", "events", "--of", of]).stdout;
        let kept: Vec<Value> = kept
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        said(&kept).iter().filter(|it| *it == wanted).count() == times
    });
}

#[test]
fn what_happens_is_told_in_order_and_kept_when_the_system_is_down() {
    let bench = Bench::new();
    assert_eq!(bench.up(TOPOLOGY).code, 0);
    until(&bench, "Bob", "wire Bob.inbox proven", 1);
    kill(bench.pid("Alice"), SIGKILL);
    until(&bench, "Bob", "wire Bob.inbox proven", 2);
    bench.ok(&["stop", "Bob"]);
    let of_bob = said(&events(&bench, &["--of", "Bob", "--kind", "agent"]));
    assert_eq!(
        of_bob,
        [
            "agent Bob started",
            "agent Bob state running",
            "agent Bob ended"
        ]
    );
    let all = events(&bench, &[]);
    assert_as_specified(&all);
    assert_each_is_there_once(&all);
    let alice = said(&events(&bench, &["--of", "Al*", "--kind", "agent,socket"]));
    let born = [
        "agent Alice started",
        "agent Alice state running",
        "socket Alice.main bound",
    ];
    let twice = [&born[..], &["agent Alice ended"], &born[..]].concat();
    assert_eq!(alice, twice);
    assert_eq!(events(&bench, &["-n", "2"]), all[all.len() - 2..]);
    assert!(events(&bench, &["--until", "1h"]).is_empty());
    let refused = bench.osb(&["events", "--kind", "wires"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("did you mean wire?"), "{refused}");
    let open = bench.osb(&["events", "--audit"]);
    assert!(
        open.code == 1 && open.stderr.contains("this system is open"),
        "{open}"
    );

    bench.ok(&["down"]);
    let past = events(&bench, &["--last", "--system", "events"]);
    assert_eq!(past[..all.len()], all);
    assert_each_is_there_once(&past);
    let ends = past.iter().filter(|it| it["what"] == "ended").count();
    assert_eq!(ends, 3);
    bench.assert_nothing_left();
}

/// What happens while the name server is dead is told when it is there again; nothing is told twice.
#[test]
fn nothing_is_lost_or_told_twice_when_the_name_server_is_killed() {
    let bench = Bench::new();
    assert_eq!(bench.up(TOPOLOGY).code, 0);
    let mut follower = bench.spawn(&["-o", "json", "events", "-f"]);
    let followed = listen(follower.stdout.take().unwrap());
    let lines = || -> Vec<Value> {
        let text = followed.lock().unwrap().clone();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    wait_until("the snapshot", || !lines().is_empty());
    for round in 1..=3 {
        let keeper = bench.pid_of("osb ns").unwrap();
        let nameserver = wait_for("the name server", || kept_by(keeper));
        let alice = bench.pid("Alice");
        kill(nameserver, SIGKILL);
        kill(alice, SIGKILL);
        until(&bench, "Alice", "agent Alice ended", round);
        until(&bench, "Bob", "wire Bob.inbox proven", round + 1);
        until(&bench, "Bob", "wire Bob.inbox lost", round);
    }
    let all = events(&bench, &[]);
    assert_each_is_there_once(&all);
    let began = all.iter().filter(|it| it["kind"] == "nameserver").count();
    assert_eq!(began, 4);

    // Who follows has them too, behind the snapshot.
    let snapshot = lines()[0].clone();
    assert_eq!(snapshot["kind"], "snapshot");
    assert_eq!(snapshot["agents"].as_array().unwrap().len(), 2);
    let n = snapshot["n"].as_u64().unwrap() as usize;
    wait_until("all are followed", || lines().len() > all.len() - n);
    assert_eq!(lines()[1..=all.len() - n], all[n..]);
    kill(follower.id().cast_signed(), SIGKILL);
    follower.wait().unwrap();
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn deeds_are_told_to_admins_and_attributes_to_those_who_may_ask_for_them() {
    let bench = Bench::new();
    let closed = TOPOLOGY.replace("security: none", "security: curve");
    assert_eq!(bench.up(&closed).code, 0);
    let ana = bench.files().join("ana.key").display().to_string();
    bench.ok(&["keys", "new", "ana", "--level", "read", "--to", &ana]);
    let mut follower = bench.spawn(&[
        "-o",
        "json",
        "events",
        "-f",
        "--kind",
        "attribute",
        "--of",
        "Alice",
    ]);
    let followed = listen(follower.stdout.take().unwrap());
    let lines = || followed.lock().unwrap().lines().count();
    wait_until("the snapshot", || lines() == 1);
    let mut n = 0;
    // It is asked for behind the snapshot.
    wait_until("attributes are told of", || {
        n += 1;
        bench.ok(&["set", "Alice", &format!("n={n}")]);
        lines() > 1
    });
    let told = followed.lock().unwrap().clone();
    let told: Value = serde_json::from_str(told.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&told["of"], &told["name"]), (&"Alice".into(), &"n".into()));
    kill(follower.id().cast_signed(), SIGKILL);
    follower.wait().unwrap();

    let audit = events(&bench, &["--audit"]);
    assert_as_specified(&audit);
    let of_alice = events(&bench, &["--audit", "--of", "Alice"]);
    assert!(
        of_alice.iter().any(|it| it["verb"] == "set_attr"),
        "{of_alice:?}"
    );
    assert!(
        audit
            .iter()
            .any(|it| it["what"] == "admitted" && it["of"] == "operator ana")
    );

    let as_ana =
        |arguments: &[&str]| bench.osb(&[&["--key", &ana, "-o", "json"], arguments].concat());
    let all = as_ana(&["events"]);
    assert_eq!(all.code, 0, "{all}");
    assert!(all.stdout.contains("\"wire\""), "{all}");
    for kind in ["deed", "member", "attribute"] {
        assert!(
            !all.stdout.contains(&format!("\"kind\":\"{kind}\"")),
            "{all}"
        );
    }
    let refused = as_ana(&["events", "--audit"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("not_permitted"),
        "{refused}"
    );
    let refused = as_ana(&["events", "-f", "--kind", "attribute"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("not_permitted"),
        "{refused}"
    );
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
