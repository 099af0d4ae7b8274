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
