//! Programs that are told where others are: by `${addr:…}` and its like in their commands.

mod common;

use common::{Bench, wait_until};
use serde_json::json;

/// Tells what it was called with, in attributes of its agent.
const TELLS: &str = r#"[sh, -c, 'printf "{\"type\":\"set\",\"attributes\":{\"words\":\"%s\",\"url\":\"%s\"}}\n" "$*" "$URL"; cat > /dev/null', sh, "#;

#[test]
fn references_are_filled_in() {
    let bench = Bench::new();
    let topology = format!(
        r#"
osb: 1
name: refs
agents:
  Alice:
    attributes: {{ level: 3, greeting: hello, tags: [a, b] }}
    bind: {{ main: PULL, "dotted.alias": PUSH }}
  Bob:
    command: {TELLS}"${{attr:Alice.greeting}}", "${{attr:Alice.level}}", "${{addr:Alice.main:host}}:${{addr:Alice.main:port}}",
      "${{host}}/${{host:address}}", "${{env:OSB_TEST_X}}/${{env:OSB_TEST_UNSET:-none}}", "$${{host}}"]
    env: {{ URL: "${{addr:Alice.dotted.alias}} ${{addr:own}}" }}
    bind: {{ own: PULL }}
"#
    );
    let path = bench.file("topology.yaml", &topology);
    let mut up = bench.command(&["up", &path]);
    let said = up.env("OSB_TEST_X", "x").output().unwrap();
    assert!(said.status.success(), "{said:?}");
    wait_until("Bob has told", || {
        bench.osb(&["get", "Bob", "url"]).code == 0
    });
    let addr = |of: &str| bench.ok(&["addr", of]).trim().to_owned();
    let main = addr("Alice.main");
    let at = main.trim_start_matches("tcp://");
    assert_eq!(
        bench.json(&["get", "Bob", "words"]),
        json!(format!("hello 3 {at} local/127.0.0.1 x/none ${{host}}"))
    );
    assert_eq!(
        bench.json(&["get", "Bob", "url"]),
        json!(format!("{} {}", addr("Alice.dotted.alias"), addr("Bob.own")))
    );
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_variable_that_is_not_set_where_the_program_runs_is_named() {
    let bench = Bench::new();
    for (addr, stage) in [("", "start"), ("${addr:Bob.own}", "launch")] {
        let said = bench.up(&format!(
            r#"
osb: 1
name: unset
agents:
  Bob: {{ command: [sh, -c, cat, "${{env:OSB_TEST_UNSET}}{addr}"], bind: {{ own: PULL }} }}
"#
        ));
        assert_eq!(said.code, 1, "{said}");
        let reason = "the variable OSB_TEST_UNSET is not set on local";
        assert!(said.stderr.contains(reason), "{said}");
        assert!(said.stderr.contains(&format!("at stage {stage}")), "{said}");
        bench.assert_nothing_left();
    }
}
