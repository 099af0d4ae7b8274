//! Agents that go with others.

use std::collections::{BTreeMap, BTreeSet};

use super::bad::told;
use super::read;
use crate::model::AgentId;
use crate::topology::Flat;

fn with(text: &str, agent: &str) -> BTreeMap<AgentId, BTreeSet<AgentId>> {
    let topology = read(text).unwrap();
    // Written out, it says the same.
    let again = read(&Flat::of(&topology).to_yaml()).unwrap();
    assert_eq!(again, topology);
    let mut agents = topology.agents.into_iter();
    agents
        .find(|it| it.name.name.as_str() == agent)
        .unwrap()
        .with
}

fn ids(names: &[&str]) -> BTreeSet<AgentId> {
    names.iter().map(|it| it.parse().unwrap()).collect()
}

#[test]
fn who_goes_along_waits_for_those_before_it_that_go_along_too() {
    let text = "
osb: 1
agents:
  Alice: {}
  Bob: { command: [b], with: Alice }
  Along: { command: [a], with: Bob }
  Other: { command: [o] }
  Carol: { command: [c], with: [Alice, Other], after: [Along, Other] }
  Behind: { with: Carol }
";
    let carol = [
        ("Alice".parse().unwrap(), ids(&["Along"])),
        ("Other".parse().unwrap(), ids(&[])),
    ];
    assert_eq!(with(text, "Carol"), BTreeMap::from(carol));
    assert_eq!(with(text, "Other"), BTreeMap::new());
    // It would wait for what waits for it.
    let text = "
osb: 1
agents:
  Alice: {}
  Bob: { command: [b], with: [Alice, Carol] }
  Carol: { command: [c], with: Alice, after: Bob }
";
    let carol = [("Alice".parse().unwrap(), ids(&[]))];
    assert_eq!(with(text, "Carol"), BTreeMap::from(carol));
}

#[test]
fn what_is_wrong_is_told() {
    insta::assert_snapshot!(told([
        "osb: 1\nagents: { Alice: {}, Bob: { with: Alcie } }",
        "osb: 1\nagents: { Alice: { with: [Alice] } }",
        "osb: 1\nagents: { W: { replicas: 2 }, Bob: { with: W } }",
        "osb: 1\nagents: { A: { with: B }, B: { with: [C] }, C: { with: A } }",
        "osb: 1\nagents: { A: {}, B: { attach: true, with: A } }",
        "osb: 1\nagents: { A: { with: 5 } }",
        "osb: 1\nnameservers: { main: 127.0.0.1:0, lab: 127.0.0.1:0 }\nagents: { A: {}, B: { nameserver: lab, with: A } }",
    ]));
}
