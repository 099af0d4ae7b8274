//! The journal: who did what, when and from where, and what was refused.

use super::*;

/// The events of the system's journal.
fn events(bench: &Bench, arguments: &[&str]) -> Vec<Value> {
    let events = bench.json(&[&["keys", "log"], arguments].concat());
    events.as_array().unwrap().clone()
}

fn count(bench: &Bench, arguments: &[&str]) -> usize {
    events(bench, arguments).len()
}

/// The keys of each kind of event, by the table of specs/journal.md.
fn specified(kind: &str) -> Vec<String> {
    let page = include_str!("../../specs/journal.md");
    let row = format!("| `{kind}` | ");
    let row = page.lines().find_map(|line| line.strip_prefix(&row));
    let row = row.unwrap_or_else(|| panic!("no kind {kind} in specs/journal.md"));
    let keys = row.split(" | ").next().unwrap().split('`');
    keys.skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every event is as specs/journal.md and its schema say.
fn assert_as_specified(events: &[Value]) {
    let schema = include_str!("../../specs/journal.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for event in events {
        let wrong = schema.iter_errors(event).next();
        assert!(wrong.is_none(), "{event}: {}", wrong.unwrap());
        let mut known = specified(event["kind"].as_str().unwrap());
        known.extend(["n", "at", "who", "from", "kind"].map(str::to_owned));
        for key in event.as_object().unwrap().keys() {
            assert!(known.contains(key), "{key} of {event}");
        }
    }
}

#[test]
fn the_journal_tells_who_did_what_and_what_was_refused() {
    let system = up();
    let bench = &system.bench;
    let ana = bench.files().join("ana.key");
    bench.ok(&["keys", "new", "ana", "--level", "read", "--to", path(&ana)]);
    let as_ana = |arguments: &[&str]| {
        let ana = ["--ns", &system.address, "--key", path(&ana)];
        Bench::new().osb(&[&ana[..], arguments].concat()).code
    };
    assert_eq!(as_ana(&["ls", "agents"]), 0);
    assert_eq!(as_ana(&["get", "Alice", "treasure"]), 1);
    // Who may not read it is written down in it.
    assert_eq!(as_ana(&["keys", "log"]), 1);
    let elsewhere = Bench::new();
    let mut carol = joins(&system, "Carol", &elsewhere);
    bench.ok(&["keys", "revoke", "agent", "Carol"]);
    wait_for("Carol's end", || carol.try_wait().unwrap());
    for _ in 0..3 {
        assert!(is_not_let_in(&system.dial(Some(system.random()))));
    }
    let all = events(bench, &[]);
    assert_as_specified(&all);
    let numbers: Vec<u64> = all.iter().map(|it| it["n"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");

    let refused = events(bench, &["--who", "ana", "--refused"]);
    let told: Vec<_> = refused.iter().map(|it| (&it["verb"], &it["on"])).collect();
    let (get, journal) = (
        ("get_attr".into(), "Alice".into()),
        ("journal".into(), Value::Null),
    );
    assert_eq!(told, [(&get.0, &get.1), (&journal.0, &journal.1)]);
    assert_eq!(refused[0]["from"], "127.0.0.1");
    assert_eq!(refused[0]["who"]["level"], "read");
    assert!(count(bench, &["--who", "ana", "--verb", "agents"]) >= 1);
    let of_carol = events(bench, &["--on", "Carol"]);
    let kinds: Vec<_> = of_carol
        .iter()
        .filter_map(|it| it["kind"].as_str())
        .collect();
    let kinds: Vec<_> = kinds.into_iter().filter(|it| *it != "asked").collect();
    assert_eq!(kinds, ["admitted", "joined", "revoked"]);
    let turned_away = events(bench, &["--kind", "turned_away"]);
    assert_eq!(turned_away.len(), 1, "they are counted: {turned_away:?}");
    assert_eq!(count(bench, &["-n", "2"]), 2);
    let table = bench.ok(&["keys", "log", "--who", "ana", "--refused"]);
    assert!(table.contains("operator ana"), "{table}");
    assert!(
        table.contains("refused: get_attr is not for the level read"),
        "{table}"
    );
    // No secret, and no payload.
    assert!(!serde_json::to_string(&all).unwrap().contains("xyzzy"));

    let before = *numbers.last().unwrap();
    let bench = &system.bench;
    bench.ok(&["down"]);
    // While it is down, what is done to its list is written down too, and numbers go on.
    bench.ok(&["keys", "revoke", "operator", "ana"]);
    let last = events(bench, &["-n", "1"]).remove(0);
    assert_eq!(
        (&last["kind"], &last["holder"]["operator"]["name"]),
        (&"revoked".into(), &"ana".into())
    );
    assert!(last["n"].as_u64().unwrap() > before);
    assert_eq!(last["who"]["holder"]["operator"]["name"], "owner");
    bench.assert_nothing_left();
}

#[test]
fn who_has_admitted_a_key_is_always_known() {
    let system = up();
    let keys = system.bench.json(&["keys", "show"]);
    for key in keys.as_array().unwrap() {
        let by = key["admitted_by"]
            .as_object()
            .unwrap_or_else(|| panic!("{key}"));
        let expected = match key["level"].as_str().unwrap() {
            "agent" => "host",
            _ => "operator",
        };
        assert!(by.contains_key(expected), "{key}");
    }
    // Whatever the requester says.
    let mut entry = KeyEntry::lasting(
        system.random().own.public,
        operator("ana", OperatorAccess::Read),
    );
    entry.admitted_by = Some(Holder::Agent("Bob".parse().unwrap()));
    let admit = NameServerRequest::Admit(entry.clone());
    system.owner().ask::<()>(&admit).wait().unwrap();
    let keys: Vec<KeyEntry> = system
        .owner()
        .ask(&NameServerRequest::Keys {})
        .wait()
        .unwrap();
    let there = keys.into_iter().find(|it| it.key == entry.key).unwrap();
    assert_eq!(there.admitted_by.unwrap().to_string(), "operator owner");
    system.down();
}
