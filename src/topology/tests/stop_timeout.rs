//! `stop_timeout`: how long agents get to end by themselves.

use super::read;
use crate::model::{Millis, longest_stop};

#[test]
fn how_long_an_agent_gets_is_its_own_or_that_of_all() {
    let text = "
osb: 1
defaults: { stop_timeout: 10s }
agents:
  Alice: {}
  Bob: { stop_timeout: 1.5s }
  Now: { stop_timeout: 0s }
  Other: { attach: true }
";
    let topology = read(text).unwrap();
    let flat = crate::topology::Flat::of(&topology).to_yaml();
    assert_eq!(read(&flat).unwrap(), topology);
    let own = topology.agents.iter().map(|it| it.stop_timeout);
    let ms = |ms| Some(Millis::new(ms));
    // Whoever starts Other ends it.
    let all = [ms(10_000), ms(1500), ms(0), None];
    assert_eq!(own.collect::<Vec<_>>(), all);
    assert_eq!(longest_stop(&topology.agents), ms(10_000));
}

#[test]
fn where_nothing_is_said_nothing_is_written_out() {
    let topology = read("osb: 1\nagents: { Alice: {} }").unwrap();
    assert_eq!(longest_stop(&topology.agents), None);
    let flat = crate::topology::Flat::of(&topology).to_yaml();
    assert!(!flat.contains("stop_timeout"), "{flat}");
}

#[test]
fn what_is_no_such_time() {
    insta::assert_snapshot!(super::bad::told([
        "osb: 1\nagents: { A: { stop_timeout: 10 } }",
        "osb: 1\nagents: { A: { stop_timeout: 0 } }",
        "osb: 1\nagents: { A: { stop_timeout: -1s } }",
        "osb: 1\nagents: { A: { stop_timeout: 400d } }",
        "osb: 1\nagents: { A: { stop_timeout: [1s] } }",
        "osb: 1\ndefaults: { stop_timeout: soon }",
        "osb: 1\nagents: { A: { attach: true, stop_timeout: 1s } }",
        "osb: 1\nagents: { A: { stop_grace_period: 1s } }",
    ]));
}
