mod away;
mod events;
mod spawned;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Address, AfterEnd, AgentInfo, Alias, ConnectionInfo, ExitReport, Guard, Holder, HostInfo,
    KeyEntry, Kind, Millis, Proof, PublicKey, Relaunches, Role, Serializer, Transport,
};
use crate::wire::{Announcement, End, Incarnation, Snapshot};

/// A registry with a clock in the test's hand.
struct Bench {
    registry: Registry,
    now: Now,
}

fn at(id: u8) -> RoutingId {
    RoutingId {
        id: Box::new([0, id]),
        key: None,
        place: None,
        server_key: 0,
    }
}

fn address() -> Address {
    Address {
        kind: Kind::Push,
        role: Role::Server,
        transport: Transport::Tcp,
        address: "tcp://127.0.0.1:5000".into(),
        requests: None,
        serializer: Serializer::Json,
        key: None,
    }
}

fn agent(name: &str, incarnation: u64) -> NameServerRequest {
    let main = BTreeMap::from([("main".parse().unwrap(), address())]);
    announced(name, incarnation, main, Vec::new())
}

fn announced(
    name: &str,
    incarnation: u64,
    addresses: BTreeMap<Alias, Address>,
    connections: Vec<ConnectionInfo>,
) -> NameServerRequest {
    NameServerRequest::Announce(Announcement::Agent {
        name: name.parse().unwrap(),
        incarnation: Incarnation(incarnation),
        host: Some("local".parse().unwrap()),
        pid: 7,
        state: State::Running,
        why: None,
        busy_ms: None,
        uptime_ms: 0,
        addresses,
        connections,
        spec_version: None,
        reached: Default::default(),
        relaunches: Default::default(),
        successor_of: None,
        former_lives: 0,
        within: None,
        guards: Guard::ALL.to_vec(),
    })
}

fn host() -> NameServerRequest {
    host_called("local")
}

fn host_called(name: &str) -> NameServerRequest {
    NameServerRequest::Announce(Announcement::Host {
        name: name.parse().unwrap(),
        incarnation: Incarnation(99),
        pid: 6,
        version: "1".into(),
        uptime_ms: 0,
        address: None,
        succeeds: None,
        former_pids: Vec::new(),
    })
}

fn exited(name: &str, incarnation: u64, status: i32) -> NameServerRequest {
    NameServerRequest::Exited {
        agent: name.parse().unwrap(),
        incarnation: Incarnation(incarnation),
        exit: ExitReport {
            status: Some(status),
            signal: None,
            log: vec!["bye".into()],
            cause: None,
        },
        asked: false,
        then: AfterEnd::Stays,
    }
}

impl Bench {
    fn new() -> Self {
        Self {
            registry: Registry::new("tcp://ns".into()),
            now: Now::ZERO,
        }
    }

    fn send(&mut self, from: u8, envelope: Envelope, content: Vec<u8>) -> Vec<Effect> {
        self.registry
            .on_message(&at(from), envelope, content, self.now);
        self.effects()
    }

    /// But for events, which have tests of their own.
    fn effects(&mut self) -> Vec<Effect> {
        let effects = self.registry.effects();
        effects
            .filter(|it| !matches!(it, Effect::Occurred { .. }))
            .collect()
    }

    fn ask<T: serde::de::DeserializeOwned>(
        &mut self,
        from: u8,
        request: NameServerRequest,
    ) -> Result<T, Fault> {
        let effects = self.send(
            from,
            Envelope::request(1, 0, Peer::NameServer),
            body(&request),
        );
        let answer = effects.into_iter().rev().find_map(|effect| match effect {
            Effect::Send { to, envelope, body } if to == at(from) && envelope.id == 1 => {
                Some((envelope.kind, body))
            }
            _ => None,
        });
        match answer.expect("an answer") {
            (MessageKind::Reply, body) => Ok(read_body(&body).unwrap()),
            (_, body) => Err(read_body(&body).unwrap()),
        }
    }

    fn pass(&mut self, seconds: u64) -> Vec<Effect> {
        self.now += Duration::from_secs(seconds);
        self.registry.on_time(self.now);
        self.effects()
    }

    fn state(&mut self, name: &str) -> Option<State> {
        let name = Some(name.parse().unwrap());
        let agents: Result<Vec<AgentInfo>, Fault> =
            self.ask(200, NameServerRequest::Agents { name });
        agents.ok().map(|agents| agents[0].state)
    }

    fn addr(&mut self, name: &str, alias: &str) -> Result<Address, Fault> {
        let request = NameServerRequest::Addr {
            agent: name.parse().unwrap(),
            alias: alias.parse().unwrap(),
        };
        self.ask(200, request)
    }
}

fn only_send(effects: Vec<Effect>) -> (RoutingId, Envelope, Vec<u8>) {
    match <[Effect; 1]>::try_from(effects) {
        Ok([Effect::Send { to, envelope, body }]) => (to, envelope, body),
        other => panic!("expected one message, got {other:?}"),
    }
}

#[test]
fn an_announced_socket_is_found_by_name() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    assert_eq!(bench.addr("Alice", "main"), Ok(address()));
    assert!(
        matches!(bench.addr("Alice", "mian"), Err(Fault::UnknownAlias { known, .. }) if known.len() == 1)
    );
    assert!(matches!(
        bench.addr("Alcie", "main"),
        Err(Fault::UnknownAgent { .. })
    ));
}

#[test]
fn a_living_name_is_not_given_away_and_a_dead_one_is() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let fault = bench.ask::<()>(2, agent("Alice", 2)).unwrap_err();
    assert_eq!(
        fault,
        Fault::NameTaken {
            peer: "Alice".parse().unwrap(),
            pid: Some(7)
        }
    );
    bench.pass(11);
    assert_eq!(bench.state("Alice"), Some(State::Unreachable));
    bench.ask::<()>(2, agent("Alice", 2)).unwrap();
    assert_eq!(bench.state("Alice"), Some(State::Running));
}

#[test]
fn the_same_life_may_move_to_another_connection() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.ask::<()>(2, agent("Alice", 1)).unwrap();
    let effects = bench.send(
        3,
        Envelope::request(5, 0, "Alice".parse().unwrap()),
        b"x".to_vec(),
    );
    assert_eq!(only_send(effects).0, at(2));
}

#[test]
fn leases_run_out_in_two_steps_and_a_word_restores_them() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    for (seconds, state) in [
        (2, State::Running),
        (1, State::Suspect),
        (7, State::Unreachable),
    ] {
        bench.pass(seconds);
        assert_eq!(bench.state("Alice"), Some(state));
    }
    let heartbeat = body(&NameServerRequest::Heartbeat {});
    bench.send(1, Envelope::oneway(Peer::NameServer), heartbeat);
    assert_eq!(bench.state("Alice"), Some(State::Running));
    bench.pass(4);
    assert_eq!(
        bench.state("Alice"),
        Some(State::Suspect),
        "the lease runs again"
    );
}

#[test]
fn who_asks_an_unreachable_agent_is_told_at_once() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.pass(3);
    let request = |id| Envelope::request(id, 0, "Alice".parse().unwrap());
    // Suspicion is no reason not to ask.
    assert_eq!(only_send(bench.send(9, request(5), vec![])).0, at(1));
    bench.pass(9);
    let (to, envelope, content) = only_send(bench.send(9, request(6), vec![]));
    assert_eq!(
        (to, envelope.kind, envelope.id),
        (at(9), MessageKind::Error, 6)
    );
    let fault = Fault::Unreachable {
        agent: "Alice".parse().unwrap(),
        silent: Millis::from_secs(12),
    };
    assert_eq!(read_body::<Fault>(&content).unwrap(), fault);
    // It may come back, and then reads what nobody waits for.
    let told = Envelope::oneway("Alice".parse().unwrap());
    assert_eq!(only_send(bench.send(9, told, vec![])).0, at(1));
}

#[test]
fn who_waits_for_an_agent_is_told_when_it_is_given_up() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.ask::<()>(2, agent("Bob", 2)).unwrap();
    let request = |of: &str, id| Envelope::request(id, 60_000, of.parse().unwrap());
    bench.pass(2);
    for (asker, of, id) in [(9, "Alice", 5), (2, "Alice", 6), (9, "Bob", 7)] {
        bench.send(asker, request(of, id), vec![]);
    }
    // Suspicion ends no request: it may be well again the next moment.
    assert_eq!(bench.pass(1), []);
    let heartbeat = || body(&NameServerRequest::Heartbeat {});
    for living in [2, 9] {
        bench.send(living, Envelope::oneway(Peer::NameServer), heartbeat());
    }
    let mut told: Vec<(RoutingId, u64)> = Vec::new();
    for effect in bench.pass(7) {
        let Effect::Send { to, envelope, body } = effect else {
            panic!("{effect:?}")
        };
        let fault = Fault::Unreachable {
            agent: "Alice".parse().unwrap(),
            silent: Millis::from_secs(10),
        };
        assert_eq!(read_body::<Fault>(&body).unwrap(), fault);
        told.push((to, envelope.id));
    }
    told.sort_by_key(|it| it.1);
    assert_eq!(told, [(at(9), 5), (at(2), 6)]);
    // Its answer when it is back has no requester any more.
    let late = || Envelope::answer::<()>(&Ok(()), 5, Peer::Client(ClientId(1)));
    let (to, envelope, _) = only_send(bench.send(1, late(), vec![]));
    let asked_anew = (to, envelope.kind);
    assert_eq!(asked_anew, (at(1), MessageKind::Event));
    assert_eq!(bench.send(1, late(), vec![]), []);
}

#[test]
fn a_member_that_comes_back_by_announcing_itself_is_leased_again() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.pass(3);
    bench.pass(7);
    bench.ask::<()>(2, agent("Alice", 1)).unwrap();
    bench.pass(3);
    assert_eq!(bench.state("Alice"), Some(State::Suspect));
}

#[test]
fn a_stranger_that_heartbeats_is_told_to_announce_itself() {
    let mut bench = Bench::new();
    let heartbeat = body(&NameServerRequest::Heartbeat {});
    let effects = bench.send(1, Envelope::oneway(Peer::NameServer), heartbeat);
    let (to, envelope, content) = only_send(effects);
    assert_eq!((to, envelope.kind), (at(1), MessageKind::Event));
    assert_eq!(
        read_body::<Event>(&content).unwrap(),
        Event::Unregistered {}
    );
}

#[test]
fn an_agent_that_comes_back_says_anew_what_it_is_before_its_wires_are_proven() {
    let mut bench = Bench::new();
    let proven = Proof::Proven { us: 1 };
    let inbox = ConnectionInfo {
        alias: "inbox".parse().unwrap(),
        kind: Kind::Pull,
        to: None,
        address: Some("tcp://127.0.0.1:5000".to_owned()),
        proof: proven,
        proof_ms: 0,
        times: 1,
    };
    let alice = || announced("Alice", 1, BTreeMap::new(), vec![inbox.clone()]);
    let proof = |bench: &mut Bench| {
        let name = Some("Alice".parse().unwrap());
        let listed: Vec<AgentInfo> = bench.ask(9, NameServerRequest::Agents { name }).unwrap();
        listed[0].connections[0].proof
    };
    bench.ask::<()>(1, alice()).unwrap();
    assert_eq!(proof(&mut bench), proven);
    bench.pass(10);
    assert_eq!(proof(&mut bench), Proof::Unreachable);

    // This heartbeat may be as old as the silence.
    let heartbeat = body(&NameServerRequest::Heartbeat {});
    let effects = bench.send(1, Envelope::oneway(Peer::NameServer), heartbeat.clone());
    let (to, envelope, content) = only_send(effects);
    assert_eq!((to, envelope.kind), (at(1), MessageKind::Event));
    assert_eq!(
        read_body::<Event>(&content).unwrap(),
        Event::Unregistered {}
    );
    assert_eq!(bench.state("Alice"), Some(State::Running));
    assert_eq!(proof(&mut bench), Proof::Unreachable);
    let effects = bench.send(1, Envelope::oneway(Peer::NameServer), heartbeat);
    assert!(effects.is_empty(), "it is asked once");

    bench.ask::<()>(1, alice()).unwrap();
    assert_eq!(proof(&mut bench), proven);
}

#[test]
fn requests_go_by_name_and_answers_come_back_once() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let effects = bench.send(
        9,
        Envelope::request(5, 0, "Alice".parse().unwrap()),
        b"not json".to_vec(),
    );
    let (to, delivered, content) = only_send(effects);
    assert_eq!((to, content.as_slice()), (at(1), &b"not json"[..]));
    assert!(matches!(delivered.peer, Peer::Client(_)));
    let answer = Envelope {
        kind: MessageKind::Reply,
        ..delivered
    };
    let (to, envelope, content) = only_send(bench.send(1, answer.clone(), b"fine".to_vec()));
    assert_eq!(
        (to, envelope.id, content.as_slice()),
        (at(9), 5, &b"fine"[..])
    );
    assert_eq!(envelope.peer, "Alice".parse().unwrap());
    assert_eq!(bench.send(1, answer, b"again".to_vec()), []);
}

#[test]
fn those_who_wait_for_a_dead_agent_are_told() {
    let mut bench = Bench::new();
    bench.ask::<()>(8, host()).unwrap();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.send(
        9,
        Envelope::request(5, 0, "Alice".parse().unwrap()),
        Vec::new(),
    );
    let effects = bench.send(
        8,
        Envelope::oneway(Peer::NameServer),
        body(&exited("Alice", 1, 3)),
    );
    assert_eq!(effects, []);
    bench.now += crate::model::timing::LAST_WORDS_TIMEOUT;
    assert_eq!(bench.registry.next_deadline(), Some(bench.now));
    let (to, envelope, content) = only_send(bench.pass(0));
    assert_eq!(
        (to, envelope.kind, envelope.id),
        (at(9), MessageKind::Error, 5)
    );
    assert_eq!(
        read_body::<Fault>(&content).unwrap(),
        Fault::Gone {
            peer: "Alice".parse().unwrap()
        }
    );
    assert_eq!(bench.state("Alice"), Some(State::Failed));
    assert!(matches!(
        bench.addr("Alice", "main"),
        Err(Fault::NotRunning { .. })
    ));
}

#[test]
fn only_its_own_host_can_say_that_an_agent_ended() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let fault = bench.ask::<()>(5, exited("Alice", 1, 0)).unwrap_err();
    assert!(matches!(fault, Fault::Refused { .. }));
    bench.ask::<()>(8, host()).unwrap();
    bench.ask::<()>(8, exited("Alice", 77, 1)).unwrap();
    assert_eq!(
        bench.state("Alice"),
        Some(State::Running),
        "an older life's end is no news"
    );
    bench.ask::<()>(8, exited("Alice", 1, 0)).unwrap();
    assert_eq!(bench.state("Alice"), Some(State::Stopped));
}

#[test]
fn an_agent_that_ended_before_it_spoke_is_listed_as_failed() {
    let mut bench = Bench::new();
    bench.ask::<()>(8, host()).unwrap();
    bench.ask::<()>(8, exited("Alice", 1, 127)).unwrap();
    assert_eq!(bench.state("Alice"), Some(State::Failed));
}

#[test]
fn a_word_that_the_news_of_an_end_has_overtaken_revives_nobody() {
    let mut bench = Bench::new();
    bench.ask::<()>(8, host()).unwrap();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    for name in ["Alice", "Bob"] {
        bench.ask::<()>(8, exited(name, 1, 3)).unwrap();
        let fault = bench.ask::<()>(2, agent(name, 1)).unwrap_err();
        assert!(matches!(fault, Fault::Refused { .. }), "{fault}");
        assert_eq!(bench.state(name), Some(State::Failed));
    }
}

#[test]
fn a_new_life_that_ended_before_it_spoke_is_told_from_the_one_before() {
    let mut bench = Bench::new();
    bench.ask::<()>(8, host()).unwrap();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.ask::<()>(8, exited("Alice", 1, 0)).unwrap();
    bench.ask::<()>(8, exited("Alice", 2, 127)).unwrap();
    assert_eq!(bench.state("Alice"), Some(State::Failed));
}

#[test]
fn the_ended_agents_of_a_host_that_leaves_are_forgotten() {
    let mut bench = Bench::new();
    bench.ask::<()>(8, host()).unwrap();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.ask::<()>(2, agent("Bob", 2)).unwrap();
    bench.ask::<()>(8, exited("Alice", 1, 0)).unwrap();
    bench
        .ask::<()>(8, NameServerRequest::Leave { end: None })
        .unwrap();
    assert_eq!(bench.state("Alice"), None);
    assert_eq!(bench.state("Bob"), Some(State::Running));
}

#[test]
fn watchers_get_a_snapshot_and_then_every_change() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let snapshot: Snapshot = bench.ask(9, NameServerRequest::Watch {}).unwrap();
    assert_eq!(snapshot.agents.len(), 1);
    let announce = body(&agent("Bob", 2));
    let effects = bench.send(2, Envelope::request(1, 0, Peer::NameServer), announce);
    let event = effects.iter().find_map(|effect| match effect {
        Effect::Send { to, body, .. } if *to == at(9) => Some(read_body::<Event>(body).unwrap()),
        _ => None,
    });
    assert!(
        matches!(event, Some(Event::Agent { change: Change::Registered, agent, .. }) if agent.name.as_str() == "Bob")
    );
    let telling = bench.pass(3);
    assert!(!telling.is_empty(), "the watcher is told of silence too");
}

#[test]
fn a_watcher_that_misses_an_event_begins_again() {
    let mut bench = Bench::new();
    bench
        .ask::<Snapshot>(9, NameServerRequest::Watch {})
        .unwrap();
    bench.registry.on_undelivered(
        &at(9),
        Envelope::event(),
        Vec::new(),
        Undelivered::Full,
        bench.now,
    );
    let heartbeat = body(&NameServerRequest::Heartbeat {});
    let effects = bench.send(9, Envelope::oneway(Peer::NameServer), heartbeat);
    let (to, _, content) = only_send(effects);
    assert_eq!(to, at(9));
    assert_eq!(
        read_body::<Event>(&content).unwrap(),
        Event::Unregistered {}
    );
}

#[test]
fn a_request_to_nobody_is_answered_at_once() {
    let mut bench = Bench::new();
    let effects = bench.send(
        9,
        Envelope::request(5, 0, "Alice".parse().unwrap()),
        Vec::new(),
    );
    let (_, envelope, content) = only_send(effects);
    assert_eq!(envelope.kind, MessageKind::Error);
    assert!(matches!(
        read_body::<Fault>(&content).unwrap(),
        Fault::UnknownAgent { .. }
    ));
}

proptest! {
    /// Members come, speak, fall silent and die at random: no living name is ever held by two, the
    /// tables agree with each other, and after long silence nobody counts as running.
    #[test]
    fn the_tables_agree(steps in prop::collection::vec((0u8..7, 1u8..5, 0u8..3, 0u64..3), 0..80)) {
        let mut bench = Bench::new();
        let _ = bench.ask::<()>(8, host());
        for (what, from, name, number) in steps {
            let name = ["Alice", "Bob", "Carol"][usize::from(name)];
            match what {
                0 | 1 => drop(bench.ask::<()>(from, agent(name, number))),
                2 => drop(bench.ask::<()>(from, NameServerRequest::Leave { end: None })),
                3 => drop(bench.ask::<()>(8, exited(name, number, 1))),
                4 => drop(bench.send(from, Envelope::request(number, 500, name.parse().unwrap()), Vec::new())),
                5 => drop(bench.ask::<Snapshot>(from, NameServerRequest::Watch {})),
                _ => drop(bench.pass(number + 1)),
            }
            let registry = &bench.registry;
            for (route, peer) in &registry.routes {
                let member = registry.members.get(peer);
                prop_assert!(member.is_some_and(|member| member.route == *route));
            }
            for watcher in &registry.watchers {
                prop_assert!(registry.routes.contains_key(watcher), "{watcher:?} watches and is nobody");
            }
        }
        bench.pass(3);
        bench.pass(700);
        prop_assert_eq!(bench.registry.next_deadline(), None);
        for name in ["Alice", "Bob", "Carol"] {
            prop_assert_ne!(bench.state(name), Some(State::Running));
        }
    }
}

fn leave(status: Option<i32>, asked: bool) -> NameServerRequest {
    let exit = ExitReport {
        status,
        signal: None,
        log: Vec::new(),
        cause: None,
    };
    let end = Some(End { exit, asked });
    NameServerRequest::Leave { end }
}

fn exit_of(bench: &mut Bench, name: &str) -> Option<i32> {
    let name = Some(name.parse().unwrap());
    let agents: Vec<AgentInfo> = bench.ask(200, NameServerRequest::Agents { name }).unwrap();
    agents[0].exit.as_ref().and_then(|exit| exit.status)
}

#[test]
fn without_its_host_an_agent_tells_itself_how_it_ended() {
    let mut bench = Bench::new();
    bench.ask::<()>(8, host()).unwrap();
    for (name, status, asked, state) in [
        ("Alice", 7, false, State::Failed),
        ("Bob", 0, false, State::Stopped),
        ("Carol", 143, true, State::Stopped),
    ] {
        bench.ask::<()>(1, agent(name, 1)).unwrap();
        bench.ask::<()>(1, leave(Some(status), asked)).unwrap();
        assert_eq!(bench.state(name), Some(state));
        // Its host is there, and is about to tell, with the end of the log.
        assert_eq!(exit_of(&mut bench, name), None);
    }
    bench.pass(3);
    assert_eq!(exit_of(&mut bench, "Alice"), Some(7));
    // The daemon that comes in the place of the host has seen nothing of it.
    let unseen = |name: &str| NameServerRequest::Exited {
        agent: name.parse().unwrap(),
        incarnation: Incarnation(1),
        exit: ExitReport {
            status: None,
            signal: None,
            log: Vec::new(),
            cause: None,
        },
        asked: false,
        then: AfterEnd::Stays,
    };
    bench.ask::<()>(8, unseen("Alice")).unwrap();
    let told = (bench.state("Alice"), exit_of(&mut bench, "Alice"));
    assert_eq!(told, (Some(State::Failed), Some(7)));
    // An end that nobody saw is neither good nor bad.
    bench.ask::<()>(2, agent("Dave", 1)).unwrap();
    bench.ask::<()>(8, unseen("Dave")).unwrap();
    assert_eq!(bench.state("Dave"), Some(State::Ended));
    bench.ask::<()>(3, agent("Eve", 1)).unwrap();
    bench
        .ask::<()>(3, NameServerRequest::Leave { end: None })
        .unwrap();
    assert_eq!(bench.state("Eve"), Some(State::Ended));
}

#[test]
fn a_daemon_takes_the_place_of_one_whose_end_has_been_seen() {
    let mut bench = Bench::new();
    bench.ask::<()>(8, host()).unwrap();
    let next = |succeeds| {
        NameServerRequest::Announce(Announcement::Host {
            name: "local".parse().unwrap(),
            incarnation: Incarnation(100),
            pid: 7,
            version: "1".into(),
            uptime_ms: 0,
            address: None,
            succeeds,
            former_pids: Vec::new(),
        })
    };
    for wrong in [None, Some(5)] {
        let taken = bench.ask::<()>(9, next(wrong));
        assert!(matches!(taken, Err(Fault::NameTaken { .. })));
    }
    bench.ask::<()>(9, next(Some(6))).unwrap();
    let hosts: Vec<HostInfo> = bench.ask(200, NameServerRequest::Hosts {}).unwrap();
    assert_eq!(hosts.iter().map(|it| it.pid).collect::<Vec<_>>(), [7]);
}

/// What `to` is told about agents that it is connected to, since the last time.
fn presences(effects: Vec<Effect>, to: u8) -> Vec<(String, State, Vec<String>)> {
    let told = |effect| match effect {
        Effect::Send {
            to: there, body, ..
        } if there == at(to) => match read_body::<Event>(&body).ok()? {
            Event::Presence(presence) => {
                let addresses = presence.addresses.into_values();
                let addresses = addresses.map(|it| it.address).collect();
                Some((presence.agent.to_string(), presence.state, addresses))
            }
            _ => None,
        },
        _ => None,
    };
    effects.into_iter().filter_map(told).collect()
}

#[test]
fn those_who_are_connected_hear_what_becomes_of_the_other_end() {
    let mut bench = Bench::new();
    let hear = |bench: &mut Bench, from, request| {
        let envelope = Envelope::request(1, 0, Peer::NameServer);
        presences(bench.send(from, envelope, body(&request)), 2)
    };
    let follower = |address: Option<&str>| {
        let inbox = ConnectionInfo {
            alias: "inbox".parse().unwrap(),
            kind: Kind::Pull,
            to: Some("Alice.main".parse().unwrap()),
            address: address.map(str::to_owned),
            proof: Proof::Connecting,
            proof_ms: 0,
            times: 0,
        };
        announced("Bob", 1, BTreeMap::new(), vec![inbox])
    };
    let here = || vec!["tcp://127.0.0.1:5000".to_owned()];
    let running = || ("Alice".to_owned(), State::Running, here());
    let leave = || NameServerRequest::Leave { end: None };
    // It is not there yet; when it comes, it is told of.
    assert_eq!(hear(&mut bench, 2, follower(None)), []);
    assert_eq!(hear(&mut bench, 1, agent("Alice", 1)), [running()]);
    // Bob believes that it is elsewhere.
    let elsewhere = follower(Some("tcp://127.0.0.1:1"));
    assert_eq!(hear(&mut bench, 2, elsewhere), [running()]);
    let there = follower(Some("tcp://127.0.0.1:5000"));
    assert_eq!(hear(&mut bench, 2, there), []);
    // The same again is no news; an end and another life are.
    assert_eq!(hear(&mut bench, 1, agent("Alice", 1)), []);
    let ended = ("Alice".to_owned(), State::Ended, here());
    assert_eq!(hear(&mut bench, 1, leave()), [ended]);
    assert_eq!(hear(&mut bench, 3, agent("Alice", 2)), [running()]);
    // Who is connected no more hears nothing.
    assert_eq!(hear(&mut bench, 2, agent("Bob", 1)), []);
    assert_eq!(hear(&mut bench, 3, leave()), []);
}

#[test]
fn a_host_hears_where_the_sockets_of_its_agents_are_and_of_those_that_are_entrusted_to_it() {
    let mut bench = Bench::new();
    let hear = |bench: &mut Bench, from, request| {
        let envelope = Envelope::request(1, 0, Peer::NameServer);
        presences(bench.send(from, envelope, body(&request)), 9)
    };
    let main = || vec!["tcp://127.0.0.1:5000".to_owned()];
    hear(&mut bench, 9, host());
    let told = hear(&mut bench, 1, agent("Alice", 1));
    assert_eq!(told, [("Alice".to_owned(), State::Running, main())]);
    assert_eq!(hear(&mut bench, 1, agent("Alice", 1)), [], "no news");
    let moved = announced("Alice", 1, BTreeMap::new(), Vec::new());
    let told = hear(&mut bench, 1, moved);
    assert_eq!(told, [("Alice".to_owned(), State::Running, vec![])]);
    // One that others have started.
    let by_hand = |incarnation| {
        let NameServerRequest::Announce(mut said) = agent("Bob", incarnation) else {
            unreachable!()
        };
        if let Announcement::Agent { host, .. } = &mut said {
            *host = None;
        }
        NameServerRequest::Announce(said)
    };
    assert_eq!(hear(&mut bench, 2, by_hand(1)), []);
    let entrust = NameServerRequest::Entrust {
        agents: vec!["Bob".parse().unwrap(), "Nobody".parse().unwrap()],
        to: "local".parse().unwrap(),
    };
    let bob = || [("Bob".to_owned(), State::Running, main())];
    assert_eq!(hear(&mut bench, 3, entrust), bob());
    hear(&mut bench, 2, NameServerRequest::Leave { end: None });
    assert_eq!(hear(&mut bench, 4, by_hand(2)), bob(), "its next life");
    // Another system wants it too, and gives up: it stays entrusted to the first.
    let other = NameServerRequest::Entrust {
        agents: vec!["Bob".parse().unwrap()],
        to: "other/local".parse().unwrap(),
    };
    let NameServerRequest::Announce(mut said) = host() else {
        unreachable!()
    };
    if let Announcement::Host { name, .. } = &mut said {
        *name = "other/local".parse().unwrap();
    }
    bench
        .ask::<()>(8, NameServerRequest::Announce(said))
        .unwrap();
    hear(&mut bench, 3, other);
    hear(&mut bench, 8, NameServerRequest::Leave { end: None });
    hear(&mut bench, 4, NameServerRequest::Leave { end: None });
    assert_eq!(hear(&mut bench, 6, by_hand(4)), bob());
    hear(&mut bench, 6, NameServerRequest::Leave { end: None });
    // A host that has left has nobody entrusted to it any more.
    hear(&mut bench, 9, NameServerRequest::Leave { end: None });
    hear(&mut bench, 9, host());
    assert_eq!(hear(&mut bench, 5, by_hand(3)), []);
}

#[test]
fn a_host_hears_of_those_that_it_follows_whoever_has_started_them() {
    let mut bench = Bench::new();
    let hear = |bench: &mut Bench, from, request| {
        let envelope = Envelope::request(1, 0, Peer::NameServer);
        let told = presences(bench.send(from, envelope, body(&request)), 8).into_iter();
        told.map(|(name, state, _)| (name, state))
            .collect::<Vec<_>>()
    };
    hear(&mut bench, 9, host());
    let NameServerRequest::Announce(mut said) = host() else {
        unreachable!()
    };
    if let Announcement::Host { name, .. } = &mut said {
        *name = "other/local".parse().unwrap();
    }
    hear(&mut bench, 8, NameServerRequest::Announce(said));
    hear(&mut bench, 1, agent("Alice", 1));
    let follow = |names: &[&str]| NameServerRequest::Follow {
        agents: names.iter().map(|it| it.parse().unwrap()).collect(),
    };
    let alice = |state| vec![("Alice".to_owned(), state)];
    let told = hear(&mut bench, 8, follow(&["Alice", "Late"]));
    assert_eq!(told, alice(State::Running), "how she stands now");
    let leave = || NameServerRequest::Leave { end: None };
    assert_eq!(hear(&mut bench, 1, leave()), alice(State::Ended));
    assert_eq!(
        hear(&mut bench, 3, agent("Alice", 2)),
        alice(State::Running),
        "another life"
    );
    let late = [("Late".to_owned(), State::Running)];
    assert_eq!(hear(&mut bench, 4, agent("Late", 1)), late);
    // The next takes the place of the one before.
    assert_eq!(hear(&mut bench, 8, follow(&[])), []);
    assert_eq!(hear(&mut bench, 3, leave()), []);
    // Only hosts follow.
    bench.ask::<()>(4, follow(&["Alice"])).unwrap_err();
}

/// The same life, whose program has ended, and was started anew so often.
fn relaunched(incarnation: u64, state: State, relaunches: Relaunches) -> NameServerRequest {
    let NameServerRequest::Announce(mut said) = agent("Alice", incarnation) else {
        unreachable!()
    };
    if let Announcement::Agent {
        state: own,
        relaunches: told,
        ..
    } = &mut said
    {
        *own = state;
        **told = relaunches;
    }
    NameServerRequest::Announce(said)
}

#[test]
fn a_program_that_is_started_anew_is_counted_and_told_to_who_goes_with_its_agent() {
    let mut bench = Bench::new();
    let tell = |bench: &mut Bench, from, request| {
        bench.send(
            from,
            Envelope::request(1, 0, Peer::NameServer),
            body(&request),
        )
    };
    let alice = |bench: &mut Bench| {
        let all = NameServerRequest::Agents { name: None };
        bench.ask::<Vec<AgentInfo>>(9, all).unwrap().remove(0)
    };
    tell(&mut bench, 9, host());
    tell(&mut bench, 1, agent("Alice", 1));
    let exit = ExitReport {
        status: None,
        signal: Some(9),
        log: Vec::new(),
        cause: None,
    };
    let ended = |count, wait_ms| Relaunches {
        count,
        last_end: Some(exit.clone()),
        wait_ms,
    };
    let waits = relaunched(1, State::Starting, ended(0, Some(5000)));
    tell(&mut bench, 1, waits);
    let agent_waits = alice(&mut bench);
    let wait = Millis::from_secs(5);
    assert_eq!(agent_waits.then, AfterEnd::Again { wait });
    assert_eq!(
        (agent_waits.state, agent_waits.pid),
        (State::Starting, Some(7))
    );
    // Her sockets are there.
    let addr = NameServerRequest::Addr {
        agent: "Alice".parse().unwrap(),
        alias: "main".parse().unwrap(),
    };
    bench.ask::<Address>(9, addr).unwrap();
    let runs = tell(&mut bench, 1, relaunched(1, State::Running, ended(1, None)));
    let heard = events(runs, 9);
    assert!(
        matches!(&heard[..], [Event::Presence(it), ..] if it.relaunches == 1),
        "{heard:?}"
    );
    // At once, before anyone has heard that she waits.
    let runs = tell(&mut bench, 1, relaunched(1, State::Running, ended(2, None)));
    assert!(!events(runs, 9).is_empty());
    assert_eq!(
        (alice(&mut bench).restarts, alice(&mut bench).last_end),
        (2, Some(exit))
    );
    tell(&mut bench, 1, NameServerRequest::Leave { end: None });
    tell(&mut bench, 2, agent("Alice", 2));
    assert_eq!(alice(&mut bench).restarts, 3, "and of the agent itself");
    tell(&mut bench, 2, agent("Alice", 2));
    assert_eq!(alice(&mut bench).restarts, 3);
}

/// The announcement of a process that is to take the place of a life of the agent.
fn successor(name: &str, incarnation: u64, of: u64) -> NameServerRequest {
    let NameServerRequest::Announce(mut said) = agent(name, incarnation) else {
        unreachable!()
    };
    if let Announcement::Agent { successor_of, .. } = &mut said {
        *successor_of = Some(Incarnation(of));
    }
    NameServerRequest::Announce(said)
}

fn take_over(name: &str, incarnation: u64) -> NameServerRequest {
    NameServerRequest::TakeOver {
        agent: name.parse().unwrap(),
        incarnation: Incarnation(incarnation),
    }
}

fn events(effects: Vec<Effect>, to: u8) -> Vec<Event> {
    let told = |effect| match effect {
        Effect::Send {
            to: there, body, ..
        } if there == at(to) => read_body::<Event>(&body).ok(),
        _ => None,
    };
    effects.into_iter().filter_map(told).collect()
}

#[test]
fn a_successor_takes_over_in_one_step() {
    let mut bench = Bench::new();
    let tell = |bench: &mut Bench, from, request| {
        bench.send(
            from,
            Envelope::request(1, 0, Peer::NameServer),
            body(&request),
        )
    };
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let inbox = ConnectionInfo {
        alias: "inbox".parse().unwrap(),
        kind: Kind::Pull,
        to: Some("Alice.main".parse().unwrap()),
        address: Some("tcp://127.0.0.1:5000".to_owned()),
        proof: Proof::Proven { us: 1 },
        proof_ms: 0,
        times: 1,
    };
    let bob = announced("Bob", 3, BTreeMap::new(), vec![inbox]);
    bench.ask::<()>(2, bob).unwrap();
    let refused = bench.ask::<()>(4, successor("Alice", 9, 8));
    assert!(matches!(refused, Err(Fault::Refused { .. })), "of nobody");
    tell(&mut bench, 3, NameServerRequest::Watch {});
    let told = events(tell(&mut bench, 4, successor("Alice", 2, 1)), 3);
    assert!(matches!(&told[..], [Event::Successor { .. }]), "{told:?}");
    // It is listed by itself, and the agent is who it was.
    let agents: Vec<AgentInfo> = bench
        .ask(3, NameServerRequest::Agents { name: None })
        .unwrap();
    let names: Vec<_> = agents.iter().map(|it| it.name.to_string()).collect();
    assert_eq!(names, ["Alice", "Bob"]);
    assert_eq!(agents[0].incarnation, Some(Incarnation(1).run()));
    let next: Vec<AgentInfo> = bench.ask(3, NameServerRequest::Successors {}).unwrap();
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].incarnation, Some(Incarnation(2).run()));

    let refused = bench.ask::<()>(3, take_over("Alice", 7));
    assert!(matches!(refused, Err(Fault::Refused { .. })));
    let effects = tell(&mut bench, 3, take_over("Alice", 2));
    let heard = presences(effects.clone(), 2);
    let main = vec!["tcp://127.0.0.1:5000".to_owned()];
    assert_eq!(heard, [("Alice".to_owned(), State::Running, main)], "once");
    assert_eq!(events(effects.clone(), 4), [Event::TookOver {}]);
    let watched = events(effects, 3);
    assert!(
        matches!(&watched[..], [Event::Agent { change: Change::Registered, agent, .. }] if agent.restarts == 1),
        "{watched:?}"
    );
    let next: Vec<AgentInfo> = bench.ask(3, NameServerRequest::Successors {}).unwrap();
    assert!(next.is_empty());
    // What it said before it heard of that changes nothing; the former one is no member any more.
    bench.ask::<()>(4, successor("Alice", 2, 1)).unwrap();
    bench.ask::<()>(4, agent("Alice", 2)).unwrap();
    let heartbeat = tell(&mut bench, 1, NameServerRequest::Ping {});
    assert!(!heartbeat.is_empty());
    let taken = bench.ask::<()>(1, agent("Alice", 1));
    assert!(matches!(taken, Err(Fault::NameTaken { .. })));
}

fn tell_watch(bench: &mut Bench) {
    let watch = body(&NameServerRequest::Watch {});
    bench.send(3, Envelope::request(1, 0, Peer::NameServer), watch);
}

#[test]
fn the_end_of_a_successor_is_not_the_agents() {
    let mut bench = Bench::new();
    bench.ask::<()>(9, host()).unwrap();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.ask::<()>(4, successor("Alice", 2, 1)).unwrap();
    tell_watch(&mut bench);
    let effects = bench.send(
        9,
        Envelope::request(1, 0, Peer::NameServer),
        body(&exited("Alice", 2, 7)),
    );
    let told = events(effects, 3);
    assert!(
        matches!(&told[..], [Event::Successor { agent, .. }] if agent.state == State::Failed && agent.exit.is_some()),
        "{told:?}"
    );
    let next: Vec<AgentInfo> = bench.ask(3, NameServerRequest::Successors {}).unwrap();
    assert!(next.is_empty());
    let agents: Vec<AgentInfo> = bench
        .ask(3, NameServerRequest::Agents { name: None })
        .unwrap();
    assert_eq!(agents[0].state, State::Running);
}

/// The host that an agent was entrusted to for a successor tells how that ended, though it has never said a word.
#[test]
fn the_end_of_a_successor_that_said_nothing_is_told() {
    let mut bench = Bench::new();
    let lab: HostId = "lab".parse().unwrap();
    bench.ask::<()>(8, host_called("lab")).unwrap();
    bench.ask::<()>(9, host()).unwrap();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    tell_watch(&mut bench);
    let end = |bench: &mut Bench, life| {
        let content = body(&exited("Alice", life, 7));
        let envelope = Envelope::request(1, 0, Peer::NameServer);
        events(bench.send(8, envelope, content), 3)
    };
    assert_eq!(end(&mut bench, 2), [], "it has nothing to do with Alice");
    let entrust = NameServerRequest::Entrust {
        agents: vec!["Alice".parse().unwrap()],
        to: lab,
    };
    bench.ask::<()>(3, entrust).unwrap();
    let told = end(&mut bench, 2);
    assert!(
        matches!(&told[..], [Event::Successor { agent, .. }] if agent.exit.is_some()),
        "{told:?}"
    );
    assert_eq!(end(&mut bench, 2), [], "once");
    let agents: Vec<AgentInfo> = bench
        .ask(3, NameServerRequest::Agents { name: None })
        .unwrap();
    assert_eq!(agents[0].state, State::Running);
}

/// A closed system of A and B, both agents of the host `local`, by the keys 1 and 2.
fn closed() -> Registry {
    closed_with([])
}

fn closed_with(more: impl IntoIterator<Item = KeyEntry>) -> Registry {
    let entry = |number: u8, name: &str| KeyEntry {
        by: Some("local".parse().unwrap()),
        ..KeyEntry::lasting(
            PublicKey::of([number; 32]),
            Holder::Agent(name.parse().unwrap()),
        )
    };
    let entries = [entry(1, "A"), entry(2, "B")].into_iter().chain(more);
    let ring = Keyring::recall(entries.map(|entry| KeyChange::Admit(Box::new(entry))));
    Registry::closed("tcp://127.0.0.1:7400".into(), ring, Duration::ZERO)
}

/// The connection of the member with that key.
fn by(key: u32) -> RoutingId {
    RoutingId {
        id: Box::new([0, 0]),
        key: Some(KeyId(key)),
        place: None,
        server_key: 0,
    }
}

/// What the member with that key is told at once.
fn told(
    registry: &mut Registry,
    key: u32,
    to: &str,
    id: u64,
    content: Vec<u8>,
) -> Option<(MessageKind, Vec<u8>)> {
    let from = by(key);
    let envelope = Envelope::request(id, 60_000, to.parse().unwrap());
    registry.on_message(&from, envelope, content, Now::ZERO);
    registry.effects().find_map(|effect| match effect {
        Effect::Send { to, envelope, body } if to == from => Some((envelope.kind, body)),
        _ => None,
    })
}

fn over(told: Option<(MessageKind, Vec<u8>)>) -> (Quota, u64) {
    let (kind, content) = told.unwrap();
    assert_eq!(kind, MessageKind::Error);
    match read_body(&content).unwrap() {
        Fault::OverQuota { quota, most } => (quota, most),
        other => panic!("{other}"),
    }
}

#[test]
fn who_asks_too_much_is_told_so_and_others_are_answered() {
    let mut registry = closed();
    let ping = |registry: &mut Registry, key| {
        told(registry, key, "", 1, body(&NameServerRequest::Ping {}))
    };
    for _ in 0..100_000 {
        assert_eq!(ping(&mut registry, 1).unwrap().0, MessageKind::Reply);
    }
    // The journal is told once, however often it is tried.
    let mut noted = 0;
    for _ in 0..1000 {
        let envelope = Envelope::oneway(Peer::NameServer);
        registry.on_message(&by(1), envelope, Vec::new(), Now::ZERO);
        let effects = registry.effects();
        noted += effects.filter(|it| matches!(it, Effect::Note(_))).count();
    }
    assert_eq!(noted, 1);
    assert_eq!(over(ping(&mut registry, 1)), (Quota::Requests, 5000));
    assert_eq!(ping(&mut registry, 2).unwrap().0, MessageKind::Reply);
}

#[test]
fn so_many_requests_of_a_member_may_wait_for_answers() {
    let mut registry = closed();
    let announced = told(&mut registry, 2, "", 1, body(&agent("B", 1)));
    assert_eq!(announced.unwrap().0, MessageKind::Reply);
    let most = quota::UNANSWERED as u64;
    for id in 0..most {
        assert_eq!(told(&mut registry, 1, "B", id, b"{}".to_vec()), None);
    }
    let one_more = told(&mut registry, 1, "B", most, b"{}".to_vec());
    assert_eq!(over(one_more), (Quota::Unanswered, most));
}

/// The same, but its sockets have these guards only.
fn guarded_by(name: &str, incarnation: u64, have: &[Guard]) -> NameServerRequest {
    let mut said = agent(name, incarnation);
    if let NameServerRequest::Announce(Announcement::Agent { guards, .. }) = &mut said {
        *guards = have.to_vec();
    }
    said
}

/// What an announcement is answered with, in order: lines of the log, and the kinds and events that the agent gets.
fn told_of_guards(bench: &mut Bench, from: u8, said: &NameServerRequest) -> (usize, Vec<String>) {
    let announce = Envelope::request(1, 0, Peer::NameServer);
    let (mut lines, mut told) = (0, Vec::new());
    for effect in bench.send(from, announce, body(said)) {
        match effect {
            Effect::Warn(line) => {
                assert!(line.contains("lack") && line.contains("specs/security.md"));
                lines += 1;
            }
            Effect::Send { to, envelope, body } if to == at(from) => match envelope.kind {
                MessageKind::Event => match read_body(&body).unwrap() {
                    Event::Unguarded { lacks, .. } => told.push(Guard::listed(&lacks)),
                    other => told.push(format!("{other:?}")),
                },
                other => told.push(format!("{other:?}")),
            },
            _ => {}
        }
    }
    (lines, told)
}

#[test]
fn who_has_a_libzmq_of_its_own_is_told_once_in_each_life_what_its_sockets_lack() {
    let mut bench = Bench::new();
    let told = |bench: &mut Bench, from, said: &_| told_of_guards(bench, from, said);
    let reply = || vec!["Reply".to_owned()];
    let all = told(&mut bench, 1, &agent("Alice", 1));
    assert_eq!(all, (0, reply()), "nothing is lacking");
    // After the answer, so that who reads one message has that.
    let bob = guarded_by("Bob", 2, &[Guard::MessageBounds]);
    let lacks = "handshake_frames, zap_cookie".to_owned();
    let both = vec!["Reply".to_owned(), lacks.clone()];
    assert_eq!(told(&mut bench, 2, &bob), (1, both.clone()));
    assert_eq!(told(&mut bench, 2, &bob), (0, reply()), "it knows");
    let name = |name: &str| Some(name.parse().unwrap());
    let listed = |bench: &mut Bench, who| -> Vec<AgentInfo> {
        bench
            .ask(9, NameServerRequest::Agents { name: who })
            .unwrap()
    };
    assert_eq!(
        Guard::listed(&listed(&mut bench, name("Bob"))[0].lacks),
        lacks
    );
    assert!(listed(&mut bench, name("Alice"))[0].lacks.is_empty());
    // Another life is another libzmq, perhaps.
    bench.send(3, Envelope::request(1, 0, Peer::NameServer), body(&host()));
    bench.ask::<()>(3, exited("Bob", 2, 0)).unwrap();
    let bob = guarded_by("Bob", 3, &[Guard::MessageBounds]);
    assert_eq!(told(&mut bench, 4, &bob), (1, both));
}

#[test]
fn nobody_fills_the_log_by_registering_again_and_again() {
    let mut bench = Bench::new();
    bench.send(3, Envelope::request(1, 0, Peer::NameServer), body(&host()));
    let lives = |bench: &mut Bench, from: u64| -> usize {
        let life = |incarnation| {
            let said = guarded_by("Bob", incarnation, &[]);
            let (lines, told) = told_of_guards(bench, 2, &said);
            assert_eq!(told.len(), 2, "it is told each time: {told:?}");
            bench.ask::<()>(3, exited("Bob", incarnation, 0)).unwrap();
            lines
        };
        (from..from + 100).map(life).sum()
    };
    assert_eq!(lives(&mut bench, 1), 20);
    assert_eq!(lives(&mut bench, 200), 0);
    bench.pass(60);
    assert_eq!(lives(&mut bench, 400), 20);
}
