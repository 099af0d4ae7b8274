//! What has happened: told by owners, each time once, and seen by the name server itself.

use super::*;
use crate::model::SocketId;
use crate::wire::{AgentEvent, LossEvent, Occurred, OwnEvent};

fn loss(of: &str) -> Occurred {
    Occurred::Loss {
        of: of.parse::<SocketId>().unwrap(),
        what: LossEvent::Dropped,
        count: 1,
    }
}

fn happened(kept: u64, events: &[(u64, Occurred)]) -> NameServerRequest {
    NameServerRequest::Happened {
        life: Incarnation(1),
        kept,
        events: events
            .iter()
            .map(|(own, what)| OwnEvent {
                own: *own,
                at: 7,
                what: what.clone(),
            })
            .collect(),
    }
}

impl Bench {
    /// What is new of what is told.
    fn tell(&mut self, from: u8, request: &NameServerRequest) -> Vec<(Option<u64>, Occurred)> {
        let envelope = Envelope::request(1, 0, Peer::NameServer);
        self.registry
            .on_message(&at(from), envelope, body(request), self.now);
        self.occurred()
    }

    fn occurred(&mut self) -> Vec<(Option<u64>, Occurred)> {
        let effects = self.registry.effects();
        effects
            .filter_map(|it| match it {
                Effect::Occurred { what, by, .. } => Some((by.map(|it| it.own), *what)),
                _ => None,
            })
            .collect()
    }
}

#[test]
fn what_an_agent_tells_is_taken_once_and_what_is_missing_is_counted() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let told = bench.tell(
        1,
        &happened(0, &[(1, loss("Alice.main")), (2, loss("Alice.main"))]),
    );
    let numbers = |told: &[(Option<u64>, Occurred)]| told.iter().map(|it| it.0).collect::<Vec<_>>();
    assert_eq!(numbers(&told), [Some(1), Some(2)]);
    let told = bench.tell(
        1,
        &happened(0, &[(2, loss("Alice.main")), (5, loss("Alice.main"))]),
    );
    assert_eq!(numbers(&told), [None, Some(5)]);
    let gap = Occurred::Gap {
        of: "Alice".parse().unwrap(),
        count: 2,
    };
    assert_eq!(told[0].1, gap);
    let upto: u64 = bench
        .ask(1, happened(5, &[(5, loss("Alice.main"))]))
        .unwrap();
    assert_eq!(upto, 5);
}

#[test]
fn nobody_tells_of_others() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.ask::<()>(2, agent("Bob", 2)).unwrap();
    bench.ask::<()>(3, host()).unwrap();
    bench.ask::<()>(4, host_called("other")).unwrap();
    let started = Occurred::Agent {
        of: "Alice".parse().unwrap(),
        what: AgentEvent::Started {
            pid: 7,
            restarts: 0,
        },
    };
    let gap = Occurred::Gap {
        of: "Alice".parse().unwrap(),
        count: 9,
    };
    for (from, what) in [
        (2, loss("Alice.main")),
        (1, gap),
        (4, started.clone()),
        (9, loss("Alice.main")),
    ] {
        let refused = bench.ask::<u64>(from, happened(0, &[(1, what)]));
        assert!(matches!(refused, Err(Fault::Refused { .. })), "{refused:?}");
        assert!(bench.occurred().is_empty());
    }
    // The one that has started it may.
    assert_eq!(bench.tell(3, &happened(0, &[(1, started)])).len(), 1);
}

#[test]
fn who_is_silent_is_seen_and_who_is_heard_again() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let mut states = Vec::new();
    for seconds in [3, 7] {
        bench.now += Duration::from_secs(seconds);
        bench.registry.on_time(bench.now);
        states.extend(bench.occurred());
    }
    let heartbeat = body(&NameServerRequest::Heartbeat {});
    let envelope = Envelope::oneway(Peer::NameServer);
    bench
        .registry
        .on_message(&at(1), envelope, heartbeat, bench.now);
    states.extend(bench.occurred());
    let said: Vec<String> = states
        .into_iter()
        .map(|(_, it)| match it {
            Occurred::Agent {
                what: AgentEvent::State { state, why },
                ..
            } => format!("{state}: {}", why.unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        said,
        [
            "suspect: not heard of for 3s",
            "unreachable: not heard of for 10s",
            "running: heard again after 10s"
        ]
    );
}

#[test]
fn what_was_kept_before_is_not_taken_again() {
    let mut bench = Bench::new();
    let origin = EventOrigin {
        owner: "Alice".parse().unwrap(),
        life: Incarnation(1),
        own: 4,
    };
    bench.registry.recall_events([&origin].into_iter());
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let told = [4, 5].map(|own| (own, loss("Alice.main")));
    let new = bench.tell(1, &happened(0, &told));
    assert_eq!(new.iter().map(|it| it.0).collect::<Vec<_>>(), [Some(5)]);
}
