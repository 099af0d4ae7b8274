//! Many agents at once, by a star at the end of their names.

use crate::common::{Bench, Said};
use serde_json::{Value, json};

/// Workers that answer, but for the last of them.
const SYSTEM: &str = r#"
osb: 1
name: many
agents:
  W1: &worker
    command: [sh, SCRIPT]
    settle: 0s
    bind: { out: PUB, rep: { kind: REP, handler: echo } }
  W2: *worker
  W10: { bind: { out: PUB } }
  Boss: {}
connections:
  - { agent: Boss, to: W1.rep, alias: ask }
"#;

/// Answers every call.
const SCRIPT: &str = r#"
while read -r line; do
  case $line in *'"type":"call"'*)
    id=${line#*\"id\":}
    echo "{\"type\":\"reply\",\"id\":${id%%[,\}]*},\"message\":\"well\"}" ;;
  esac
done
"#;

fn parsed(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn a_star_is_for_all_whose_names_begin_so() {
    let bench = Bench::new();
    let script = bench.file("worker.sh", SCRIPT);
    let said = bench.up(&SYSTEM.replace("SCRIPT", &script));
    assert_eq!(said.code, 0, "{said}");

    let said = bench.osb(&["set", "W*", "x=1"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (0, "AGENT  RESULT\nW1     done\nW2     done\nW10    done\n")
    );
    assert_eq!(
        bench.json(&["get", "W*", "x"]),
        json!({"W1": {"result": 1}, "W2": {"result": 1}, "W10": {"result": 1}})
    );
    bench.ok(&["set", "W2", "y=2"]);
    // One has it: the others are shown, and it is an error all the same.
    let said = bench.osb(&["get", "W*", "y", "-o", "json"]);
    assert_eq!(said.code, 1, "{said}");
    assert_eq!(said.stderr, "");
    let found = parsed(&said);
    assert_eq!(found["W2"], json!({"result": 2}));
    assert_eq!(found["W1"]["error"]["code"], "unknown_attribute");
    let order: Vec<usize> = ["W1\"", "W2\"", "W10\""]
        .iter()
        .map(|it| said.stdout.find(it).unwrap())
        .collect();
    assert!(order.is_sorted(), "{said}");

    // Nobody answers calls for W10.
    let said = bench.osb(&["call", "W*", "status"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stdout
            .starts_with("AGENT  RESULT\nW1     \"well\"\nW2     \"well\"\nW10    error: "),
        "{said}"
    );
    let said = bench.osb(&["call", "W*", "status", "-o", "names"]);
    assert_eq!((said.code, said.stdout.as_str()), (1, "W1\nW2\n"));
    assert!(said.stderr.starts_with("error: W10: "), "{said}");

    assert_eq!(
        bench.json(&["send", "W*", "out", "1"]),
        json!({"W1": {"result": null}, "W2": {"result": null}, "W10": {"result": null}})
    );
    assert_eq!(
        bench.json(&["send", "B*", "ask", "7", "--wait"]),
        json!({"Boss": {"result": 7}})
    );
    let set = bench.json(&["set", "*", "z=1"]);
    assert_eq!(set.as_object().unwrap().len(), 4, "{set}");

    let said = bench.osb(&["get", "V*"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.stderr
            .starts_with("error: no agent's name begins with \"V\"\nhint: "),
        "{said}"
    );
    let said = bench.osb(&["get", "W*1"]);
    assert_eq!(said.code, 2, "{said}");

    assert_eq!(
        bench.json(&["shutdown", "W*", "Boss"]),
        json!({"Boss": {"result": null}, "W1": {"result": null}, "W2": {"result": null}, "W10": {"result": null}})
    );
    for name in ["W1", "W2", "W10", "Boss"] {
        assert_eq!(bench.agent(name)["state"], "stopped");
    }
    let said = bench.osb(&["shutdown", "W*"]);
    assert_eq!(said.code, 0, "they are down already: {said}");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn agents_of_several_name_servers_are_told_apart() {
    let bench = Bench::new();
    let said = bench.up("osb: 1\nname: two\nnameservers: { main: , lab: }\nagents:\n  W1@main: {}\n  W1@lab: {}\n  W2@lab: {}\n");
    assert_eq!(said.code, 0, "{said}");
    let keys = |what: &str| {
        let set = bench.json(&["set", what, "x=1"]);
        set.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys("W*"), ["W1@lab", "W1@main", "W2"]);
    assert_eq!(keys("*@lab"), ["W1@lab", "W2"]);
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
