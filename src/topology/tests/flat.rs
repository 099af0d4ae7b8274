//! Topologies written out and read again.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::good::EXAMPLE;
use super::{read, source};
use crate::model::Topology;
use crate::topology::{Flat, Input, InputKind, Surroundings, included, load_all};

/// The flat form, read again. Variables are set, so that a text which is not written out as
/// itself shows.
pub(super) fn again(topology: &Topology) -> Topology {
    let flat = Flat::of(topology).to_yaml();
    let input = Input::file("flat.yaml", flat.as_str());
    let set = |_: &str| Some("set".to_owned());
    load_all(&[input], &Surroundings::with_variables(&source(), &set))
        .unwrap_or_else(|problems| panic!("{problems}\n{flat}"))
}

#[test]
fn the_examples_come_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for example in std::fs::read_dir(folder).unwrap() {
        let folder = example.unwrap().path();
        let Ok(text) = std::fs::read_to_string(folder.join("topology.yaml")) else {
            continue;
        };
        let included = included(text.as_bytes(), &|_| None)
            .into_iter()
            .map(|name| {
                let text = std::fs::read_to_string(folder.join(&name)).unwrap();
                Input {
                    kind: InputKind::Included,
                    ..Input::file(name, text)
                }
            });
        let mut inputs: Vec<Input> = included.collect();
        inputs.push(Input::file("topology.yaml", text));
        let topology = load_all(&inputs, &Surroundings::bare(&source())).unwrap();
        assert_eq!(again(&topology), topology);
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
    let topology = read(EXAMPLE).unwrap();
    assert_eq!(again(&topology), topology);
}

#[test]
fn what_is_open_stays_so() {
    for text in [
        "osb: 1\nsecurity: none\nhosts: { local: { address: 10.0.0.7 } }\nagents: { A: { bind: { x: PUB, y: { kind: PUB, addr: '[::1]:5' } } } }",
        "osb: 1\nsecurity: none\nnameserver: 0.0.0.0:7400",
        "osb: 1\nnameserver: { attach: 10.0.0.5:7400 }",
        "osb: 1\nnameservers: { lab: 127.0.0.1:0, far: { attach: 127.0.0.1:7402 } }\nagents: { A: { bind: { x: PUSH } }, A@far: {}, W@far: { replicas: 2 } }\nconnections: [{ agent: A@far, to: A@lab.x }, { agent: W*, to: A@lab.x }]",
        "osb: 1\nagents: { A: { attach: true, bind: { x: PULL, y: { kind: REP, handler: command } } } }",
        "osb: 1\nhosts: { local: { address: 10.0.0.7 } }\nagents: { A: { transport: ipc, bind: { x: { kind: PUB, addr: x.sock } } } }",
    ] {
        let topology = read(text).unwrap();
        assert_eq!(again(&topology), topology);
    }
}

#[test]
fn the_flat_form_reads_well() {
    let text = "osb: 1\nagents: { Boss: { bind: { jobs: PUSH } }, W: { replicas: 2, command: [w, '$$HOME'] } }\nconnections: [{ agent: W*, to: Boss.jobs }]";
    insta::assert_snapshot!(Flat::of(&read(text).unwrap()).to_yaml());
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|truth| json!(truth)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        (-1e300..1e300f64).prop_map(|x| json!(x)),
        "[-a-zA-Z0-9: #'\"~{}$.+\\[\\]&*!|>%@\n\r\té]{0,12}".prop_map(|text| json!(text)),
        looking_like_more().prop_map(|text| json!(text)),
        any::<String>().prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map("[a-z:# $1{}]{0,5}", inner, 0..4)
                .prop_map(|map| json!(map)),
        ]
    })
}

/// Text that would be something else without quotes.
fn looking_like_more() -> &'static str {
    "[-+]?(0x|0o|0b)?[0-9_]{1,45}([.][0-9]{0,3})?([eE][-+]?[0-9]{1,3})?|~|null|Null|true|[.](nan|NaN|inf)|-[.]inf|=|<<"
}

/// A topology with all that a file can say.
fn topologies() -> impl Strategy<Value = Topology> {
    let agent = (
        prop::collection::btree_map("[a-z${}]{0,4}", values(), 0..3),
        prop::option::of((
            prop::collection::vec("[a-z ${}:\n]{1,9}", 1..4),
            prop::collection::btree_map(
                "[A-Z]{1,4}|[0-9]{1,30}",
                prop_oneof!["[a-z0-9 ${}:]{0,6}", looking_like_more()],
                0..3,
            ),
        )),
        (
            0usize..6,
            any::<bool>(),
            0usize..3,
            prop::option::of(1usize..4),
        ),
        prop::option::of(values()),
    );
    prop::collection::vec(agent, 1..5).prop_map(|agents| {
        let entries = agents.into_iter().enumerate().map(|(at, agent)| {
            let (attributes, program, (kind, ipc, serializer, replicas), message) = agent;
            let kind = ["PUSH", "PULL", "PUB", "SUB", "REQ", "REP"][kind];
            let serializer = ["json", "msgpack", "json"][serializer];
            let mut socket = json!({ "kind": kind, "transport": if ipc { "ipc" } else { "tcp" }, "serializer": serializer });
            match kind {
                "REP" => socket["handler"] = json!("echo"),
                "SUB" => socket["handler"] = json!({ "": ["log", "collect"], "$x": "log" }),
                _ => {}
            }
            let mut entry = json!({ "attributes": attributes, "bind": { "x": socket } });
            if let Some((command, env)) = program {
                entry["command"] = json!(command);
                entry["env"] = json!(env);
            }
            if let Some(replicas) = replicas {
                entry["replicas"] = json!(replicas);
            }
            if let Some(message) = message.filter(|_| ["PUSH", "PUB", "REQ"].contains(&kind)) {
                entry["timers"] = json!([
                    { "every": "1.5s", "send": "x", "message": message },
                    { "after": "1s", "alias": "late", "set": { "y": message } }
                ]);
            }
            (format!("A{at}-"), entry)
        });
        let agents: serde_json::Map<String, Value> = entries.collect();
        let connections = json!([{ "agent": "Other", "to": "A*.x", "alias": "to-" }]);
        let whole = json!({ "osb": 1, "agents": agents, "connections": connections });
        let mut whole: Value = escaped(whole);
        whole["agents"]["Other"] = json!({ "command": ["x"] });
        let text = serde_yaml::to_string(&whole).unwrap();
        read(&text).unwrap_or_else(|problems| panic!("{problems}\n{whole}"))
    })
}

fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => json!(text.replace('$', "$$")),
        Value::Array(items) => items.into_iter().map(escaped).collect(),
        Value::Object(map) => {
            let entries = map.into_iter().map(|(key, value)| (key, escaped(value)));
            Value::Object(entries.collect())
        }
        plain => plain,
    }
}

proptest! {
    #[test]
    fn any_topology_comes_back(topology in topologies()) {
        prop_assert_eq!(again(&topology), topology);
    }
}
