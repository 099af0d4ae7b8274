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
