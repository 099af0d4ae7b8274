//! What hosts need for agents that are asked for at run time.

use super::*;

fn other_host() -> NameServerRequest {
    let NameServerRequest::Announce(mut said) = host() else {
        unreachable!()
    };
    if let Announcement::Host { name, .. } = &mut said {
        *name = "other/local".parse().unwrap();
    }
    NameServerRequest::Announce(said)
}

#[test]
fn a_host_has_its_own_agents_forgotten_and_no_others() {
    let mut bench = Bench::new();
    bench.ask::<()>(9, host()).unwrap();
    bench.ask::<()>(8, other_host()).unwrap();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let forget = || NameServerRequest::Forget {
        agents: vec!["Alice".parse().unwrap(), "Nobody".parse().unwrap()],
    };
    bench.ask::<()>(9, forget()).unwrap();
    assert_eq!(bench.state("Alice"), Some(State::Running), "she lives");
    bench.ask::<()>(9, exited("Alice", 1, 0)).unwrap();
    bench.ask::<()>(8, forget()).unwrap();
    assert_eq!(bench.state("Alice"), Some(State::Stopped));
    bench.ask::<()>(9, forget()).unwrap();
    assert_eq!(bench.state("Alice"), None);
}

#[test]
fn a_host_that_follows_an_agent_is_told_why_that_comes_no_further() {
    let mut bench = Bench::new();
    let mut tell = |from, request: &NameServerRequest| {
        let envelope = Envelope::request(1, 0, Peer::NameServer);
        let effects = bench.send(from, envelope, body(request)).into_iter();
        let faults = effects.filter_map(|effect| match effect {
            Effect::Send { to, body, .. } if to == at(9) => match read_body::<Event>(&body) {
                Ok(Event::Presence(presence)) => presence.fault.map(|it| *it),
                _ => None,
            },
            _ => None,
        });
        faults.collect::<Vec<Fault>>()
    };
    tell(9, &host());
    let follow = NameServerRequest::Follow {
        agents: ["Alice".parse().unwrap()].into(),
    };
    tell(9, &follow);
    tell(1, &agent("Alice", 1));
    let reason = "no".to_owned();
    let fault = Fault::Refused { reason };
    let mut stuck = agent("Alice", 1);
    if let NameServerRequest::Announce(Announcement::Agent { reached, .. }) = &mut stuck {
        reached.fault = Some(fault.clone());
    }
    assert_eq!(tell(1, &stuck), [fault]);
    assert_eq!(tell(1, &stuck), [], "it is told once");
}

#[test]
fn those_in_the_process_of_an_agent_end_with_it_and_nothing_is_kept_of_them() {
    let mut bench = Bench::new();
    bench.ask::<()>(9, host()).unwrap();
    bench.ask::<()>(1, agent("Parent", 1)).unwrap();
    let child = |name: &str, incarnation, process| {
        let mut said = agent(name, incarnation);
        if let NameServerRequest::Announce(Announcement::Agent { host, within, .. }) = &mut said {
            (*host, *within) = (None, process);
        }
        said
    };
    let process = Some(Incarnation(1));
    bench.ask::<()>(2, child("Child", 2, process)).unwrap();
    bench
        .ask::<()>(3, child("Other", 3, Some(Incarnation(7))))
        .unwrap();
    bench.ask::<()>(4, child("Stranger", 4, None)).unwrap();
    assert_eq!(bench.state("Child"), Some(State::Running));
    bench.ask::<()>(9, exited("Parent", 1, 137)).unwrap();
    assert_eq!(bench.state("Parent"), Some(State::Failed));
    assert_eq!(bench.state("Child"), None);
    for name in ["Other", "Stranger"] {
        assert_eq!(bench.state(name), Some(State::Running), "{name}");
    }
    // The next life of the parent has a child of that name at once.
    bench.ask::<()>(1, agent("Parent", 5)).unwrap();
    let next = Some(Incarnation(5));
    bench.ask::<()>(5, child("Child", 6, next)).unwrap();
    // That end was told before.
    bench.ask::<()>(9, exited("Parent", 1, 137)).unwrap();
    assert_eq!(bench.state("Child"), Some(State::Running));
}
