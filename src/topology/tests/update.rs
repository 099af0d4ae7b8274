//! `update`: how agents are replaced.

use super::read;
use crate::model::{Update, UpdateFailure, UpdateOrder, UpdateWait};

#[test]
fn what_is_not_said_is_as_by_default_and_all_is_written_out() {
    let text = "
osb: 1
agents:
  Worker: { replicas: 2, command: [work], update: {} }
  Reader: { replicas: 1, command: [read], update: { parallel: 3, order: start-first, wait: running, on_failure: stop, group: All } }
  Alone: { command: [work] }
";
    let topology = read(text).unwrap();
    let flat = crate::topology::Flat::of(&topology).to_yaml();
    assert_eq!(read(&flat).unwrap(), topology);
    let updates = topology.agents.iter().map(|it| it.update.clone());
    let usual = Update {
        group: "Worker".parse().unwrap(),
        parallel: 1,
        order: UpdateOrder::StopFirst,
        wait: UpdateWait::Healthy,
        on_failure: UpdateFailure::Rollback,
    };
    let other = Update {
        group: "All".parse().unwrap(),
        parallel: 3,
        order: UpdateOrder::StartFirst,
        wait: UpdateWait::Running,
        on_failure: UpdateFailure::Stop,
    };
    let all = [Some(usual.clone()), Some(usual), Some(other), None];
    assert_eq!(updates.collect::<Vec<_>>(), all);
}

#[test]
fn what_is_no_such_way() {
    insta::assert_snapshot!(super::bad::told([
        "osb: 1\nagents: { A: { replicas: 2, update: { parallel: 0 } } }",
        "osb: 1\nagents: { A: { replicas: 2, update: { order: first } } }",
        "osb: 1\nagents: { A: { replicas: 2, update: { wait: heathy } } }",
        "osb: 1\nagents: { A: { replicas: 2, update: { on_failure: [stop] } } }",
        "osb: 1\nagents: { A: { update: { order: start-first } } }",
        "osb: 1\nagents: { A: { attach: true, update: {} } }",
    ]));
}
