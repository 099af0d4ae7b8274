//! Restart policies: `defaults`, what an agent says otherwise, and how they are written out.

use super::read;
use crate::model::{Decimal, Millis, Restart, RestartPolicy};

fn restarts(text: &str) -> Vec<Restart> {
    let topology = read(text).unwrap();
    topology.agents.iter().map(|agent| agent.restart).collect()
}

#[test]
fn what_an_agent_does_not_say_is_as_in_the_defaults() {
    let read = restarts(
        "osb: 1\nname: x\ndefaults: { restart: { policy: on-failure, limit: 3 } }\nagents:\n  A:\n  B: { restart: always }\n  C: { restart: { delay: 1s, factor: 1.5, jitter: 0, within: 1m, max_delay: 5s } }\n  D: { restart: never }\n",
    );
    let base = Restart {
        policy: RestartPolicy::OnFailure,
        limit: 3,
        ..Restart::default()
    };
    let of = |policy| Restart { policy, ..base };
    let long = Restart {
        delay: Millis::from_secs(1),
        max_delay: Millis::from_secs(5),
        factor: Decimal::of_thousandths(1500),
        jitter: Decimal::of_thousandths(0),
        within: Millis::from_secs(60),
        ..base
    };
    assert_eq!(
        read,
        [
            base,
            of(RestartPolicy::Always),
            long,
            of(RestartPolicy::Never)
        ]
    );
}

#[test]
fn what_is_run_when_an_agent_has_failed_is_its_own_or_that_of_all() {
    let text = "
osb: 1
defaults: { on_failed: [notify, 24.10] }
agents:
  Alice: {}
  Bob: { on_failed: [./mine.sh] }
";
    let topology = read(text).unwrap();
    let again = read(&crate::topology::Flat::of(&topology).to_yaml()).unwrap();
    assert_eq!(again, topology);
    let argv = |at: usize| topology.agents[at].on_failed.clone().unwrap().argv;
    assert_eq!(argv(0), ["notify", "24.10"]);
    assert_eq!(argv(1), ["./mine.sh"]);
}

#[test]
fn what_cannot_be_run_when_an_agent_has_failed() {
    insta::assert_snapshot!(super::bad::told([
        "osb: 1\nagents: { A: { on_failed: [] } }",
        "osb: 1\nagents: { A: { on_failed: notify me } }",
        "osb: 1\nagents: { A: { on_failed: [[a]] } }",
        "osb: 1\nagents: { A: { attach: true, on_failed: [notify] } }",
    ]));
}
