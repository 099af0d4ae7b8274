//! Random systems in which random things were made by hand.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Action, Admits, Endpoint, HeldEnd, HeldLink, Kind, Replies, Serializer, Transport,
};
use crate::plan::Change;
use crate::topology::{Flat, Source, load};

const NAMES: [&str; 4] = ["Alice", "Bob", "Carol", "Dave"];

fn read(text: &str) -> Topology {
    let source = Source {
        name: "topology.yaml".into(),
        stem: "any".into(),
        folder: "/srv".into(),
    };
    load(text, &source).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

fn system() -> Topology {
    read(
        "osb: 1\nname: any\nagents:\n  Alice: { bind: { main: PUSH, news: PUB } }\n  Bob: { bind: { ask: { kind: REP, handler: echo } } }\n  Carol: {}\n  Dave: { attach: true }\nconnections:\n  - { agent: Bob, to: Alice.main, alias: in, handler: collect }\n  - { agent: Carol, to: Alice.news, alias: news, handler: { a: log } }\n",
    )
}

fn address(agent: &AgentId, alias: &Alias, socket: &BindSpec) -> Address {
    Address {
        kind: socket.kind,
        role: Role::Server,
        transport: Transport::Tcp,
        address: format!("tcp://127.0.0.1/{agent}/{alias}"),
        requests: None,
        serializer: socket.serializer,
        key: None,
    }
}

fn link(to: &SocketId, by_name: bool) -> HeldLink {
    HeldLink {
        to: by_name.then(|| to.clone()),
        address: format!("tcp://127.0.0.1/{}/{}", to.agent, to.alias),
    }
}

fn bound(socket: &BindSpec) -> HeldSocket {
    HeldSocket {
        alias: socket.alias.clone(),
        kind: socket.kind,
        serializer: socket.serializer,
        handlers: socket.handlers.clone().unwrap(),
        replies: Replies::default(),
        end: HeldEnd::Bound {
            endpoint: socket.endpoint.clone(),
            admits: socket.admits.clone(),
        },
    }
}

fn connected(wire: &WireSpec, by_name: bool) -> HeldSocket {
    HeldSocket {
        alias: wire.alias.clone(),
        kind: wire.kind,
        serializer: wire.serializer.unwrap(),
        handlers: wire.handlers.clone(),
        replies: wire.replies.clone(),
        end: HeldEnd::Connected {
            to: vec![link(&wire.to, by_name)],
        },
    }
}

/// An agent that is just as it is meant to be.
fn as_meant(spec: &AgentSpec) -> Seen {
    let mut seen = Seen {
        agent: spec.name.clone(),
        state: State::Running,
        is_free: false,
        is_hosted: true,
        addresses: BTreeMap::new(),
        connections: BTreeSet::new(),
        told: Told::NotAsked,
        timers: Vec::new(),
    };
    let mut sockets: Vec<HeldSocket> = spec.bind.iter().map(bound).collect();
    sockets.extend(spec.wires.iter().map(|it| connected(it, true)));
    tell(&mut seen, sockets);
    seen
}

fn tell(seen: &mut Seen, sockets: Vec<HeldSocket>) {
    for it in &sockets {
        match &it.end {
            HeldEnd::Bound { endpoint, admits } => {
                let socket = BindSpec {
                    alias: it.alias.clone(),
                    kind: it.kind,
                    endpoint: endpoint.clone(),
                    serializer: it.serializer,
                    handlers: Some(it.handlers.clone()),
                    admits: admits.clone(),
                };
                let address = address(&seen.agent, &it.alias, &socket);
                seen.addresses.insert(it.alias.clone(), address);
            }
            HeldEnd::Connected { .. } => drop(seen.connections.insert(it.alias.clone())),
        }
    }
    seen.told = Told::Sockets(sockets);
}

fn sockets(seen: &Seen) -> &[HeldSocket] {
    match &seen.told {
        Told::Sockets(sockets) => sockets,
        Told::NotAsked | Told::Nothing => &[],
    }
}

fn all_as_meant(desired: &Topology) -> Vec<Seen> {
    desired.agents.iter().map(as_meant).collect()
}

/// Some numbers say what is done by hand.
type Deed = (u8, u8, u8, u8);

fn action(number: u8) -> Action {
    let words = [
        "log",
        "collect",
        "discard",
        "forward:main",
        "forward:nowhere",
        "command",
    ];
    words[usize::from(number) % words.len()].parse().unwrap()
}

fn do_by_hand(all: &mut Vec<Seen>, deed: Deed) {
    let (what, who, which, how) = deed;
    let who = usize::from(who) % all.len();
    let alias: Alias = format!("h{}", which % 3).parse().unwrap();
    let mut own = sockets(&all[who]).to_vec();
    let is_free = own.iter().all(|it| it.alias != alias);
    match what % 6 {
        0 | 1 if is_free => {
            let kind = [Kind::Push, Kind::Pub, Kind::Rep, Kind::Pull][usize::from(how) % 4];
            let handlers = match kind.receives() {
                true => Handlers::All(vec![action(how / 4); usize::from(how % 3) + 1]),
                false => Handlers::none(),
            };
            let endpoint = match how % 5 {
                0 => Some(Endpoint::Ipc { path: None }),
                1 => Some(Endpoint::Tcp {
                    ip: "0.0.0.0".parse().unwrap(),
                    port: 7000 + u16::from(which),
                }),
                _ => None,
            };
            own.push(HeldSocket {
                alias,
                kind,
                serializer: Serializer::ALL[usize::from(which) % Serializer::ALL.len()],
                handlers,
                replies: Replies::default(),
                end: HeldEnd::Bound {
                    endpoint,
                    admits: Admits::anyone(),
                },
            });
        }
        2 | 3 if is_free => {
            let theirs: Vec<(SocketId, Kind, Serializer)> = all
                .iter()
                .flat_map(|seen| {
                    let bound = sockets(seen).iter();
                    let bound = bound.filter(|it| matches!(it.end, HeldEnd::Bound { .. }));
                    bound.map(|it| {
                        let (agent, alias) = (seen.agent.clone(), it.alias.clone());
                        (SocketId { agent, alias }, it.kind, it.serializer)
                    })
                })
                .collect();
            let (to, kind, serializer) = theirs[usize::from(how) % theirs.len()].clone();
            let handlers = match kind.twin() {
                kind if kind.subscribes() && how % 2 == 0 => {
                    let topic = (how % 3).to_string();
                    Handlers::ByTopic([(topic, vec![action(how / 4)])].into())
                }
                kind if kind.receives() => Handlers::one(action(how / 4)),
                _ => Handlers::none(),
            };
            let mut links = vec![link(&to, how % 3 > 0)];
            if how % 7 == 0 {
                links.push(HeldLink {
                    to: None,
                    address: "tcp://10.9.9.9:1".to_owned(),
                });
            }
            own.push(HeldSocket {
                alias,
                kind: kind.twin(),
                serializer,
                handlers,
                replies: Replies::default(),
                end: HeldEnd::Connected { to: links },
            });
        }
        4 => {
            for it in own.iter_mut().filter(|it| it.kind.subscribes()) {
                let topic = format!("t{}", how % 3);
                it.handlers = Handlers::ByTopic([(topic, vec![action(which)])].into());
            }
        }
        5 if all.len() < 6 => {
            let spec = look::by_itself(&format!("Zoe{}", all.len()).parse().unwrap());
            all.push(Seen {
                is_free: true,
                is_hosted: false,
                ..as_meant(&spec)
            });
            return;
        }
        _ => {}
    }
    tell(&mut all[who], own);
}

fn read_again(topology: &Topology) -> Topology {
    read(&Flat::of(topology).to_yaml())
}

fn said(notes: &[Note]) -> BTreeSet<String> {
    let socket = |agent: &AgentId, alias: &Alias| format!("{agent}.{alias}");
    let name = |it: &Note| match it {
        Note::Address { socket, .. } | Note::Further { socket, .. } | Note::Closed { socket } => {
            socket.to_string()
        }
        Note::Refused { what, .. } => match what {
            ByHand::Agent { agent } => agent.to_string(),
            ByHand::Socket {
                agent,
                socket: bound,
            } => socket(agent, &bound.alias),
            ByHand::Wire { agent, wire } => socket(agent, &wire.alias),
            ByHand::Handlers { agent, alias, .. } => socket(agent, alias),
        },
        other => format!("{other:?}"),
    };
    notes.iter().map(name).collect()
}

proptest! {
    // Each reads many files.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_runs_is_a_file_of_which_a_plan_says_nothing_to_do(
        deeds in prop::collection::vec(any::<Deed>(), 0..24),
    ) {
        let desired = system();
        let mut seen = all_as_meant(&desired);
        deeds.into_iter().for_each(|deed| do_by_hand(&mut seen, deed));
        let running = Running::of(&desired, &seen);
        let file = read_again(&running.topology);
        prop_assert!(Change::between(&file.agents, &running.topology.agents).is_empty());
        // What is left out, `check` would refuse: nothing is for want of a way to write it.
        let is_unwritten = |it: &Note| matches!(it, Note::Refused { why, .. } if why == fit::OTHERWISE);
        prop_assert!(!running.notes.iter().any(is_unwritten), "{:?}", running.notes);
        // The file of what runs has everything that was made by hand.
        let take_over = TakeOver::of(&desired, &running, &file.agents);
        prop_assert!(take_over.change.is_empty(), "{:?}", take_over.change);
        prop_assert!(take_over.conflicts.is_empty() && take_over.untouched.is_empty());
        prop_assert_eq!(&take_over.taken_over, &running.by_hand);
        // The former file has nothing of it.
        let left = TakeOver::of(&desired, &running, &desired.agents);
        prop_assert!(left.change.is_empty() && left.conflicts.is_empty());
        prop_assert_eq!(&left.untouched, &running.by_hand);
        // What was taken over is no more by hand.
        let again = Running::of(&running.topology, &seen);
        prop_assert!(again.by_hand.is_empty(), "{:?}", again.by_hand);
        prop_assert_eq!(&again.topology, &running.topology);
        // Nothing is left out in silence.
        let said = said(&running.notes);
        for seen in &seen {
            let mut agents = running.topology.agents.iter();
            let spec = agents.find(|it| it.name == seen.agent);
            for it in sockets(seen) {
                let has = spec.is_some_and(|spec| {
                    spec.bind.iter().any(|b| b.alias == it.alias) || spec.wires.iter().any(|w| w.alias == it.alias)
                });
                prop_assert!(has || said.contains(&format!("{}.{}", seen.agent, it.alias)), "{it:?} {said:?}");
            }
        }
    }
}

#[test]
fn of_what_is_as_it_is_meant_to_be_there_is_nothing_to_say() {
    let desired = system();
    let running = Running::of(&desired, &all_as_meant(&desired));
    assert_eq!(running.topology, desired);
    assert!(running.by_hand.is_empty() && running.notes.is_empty());
    for (spec, seen) in desired.agents.iter().zip(all_as_meant(&desired)) {
        assert!(!is_otherwise(spec, &seen));
    }
}

/// What a file can say is not left out.
#[test]
fn sockets_wires_and_agents_that_were_made_by_hand_are_written() {
    let desired = system();
    let mut seen = all_as_meant(&desired);
    for deed in [
        (5, 0, 0, 0),
        (0, 0, 0, 4),
        (0, 4, 0, 3),
        // By its address, and by its name.
        (2, 2, 0, 0),
        (2, 1, 1, 1),
        (4, 2, 0, 1),
    ] {
        do_by_hand(&mut seen, deed);
    }
    let running = Running::of(&desired, &seen);
    assert_eq!(running.by_hand.len(), 6, "{running:?}");
    let is_free_address = |it: &Note| matches!(it, Note::Address { .. });
    assert!(running.notes.iter().all(is_free_address));
    let carol = running
        .topology
        .agents
        .iter()
        .find(|it| it.name.to_string() == "Carol");
    assert!(
        carol
            .unwrap()
            .wires
            .iter()
            .any(|it| it.alias.as_str() == "h0")
    );
}

fn notes(seen: &[Seen]) -> BTreeSet<String> {
    said(&Running::of(&system(), seen).notes)
}

#[test]
fn what_is_not_there_or_does_not_tell_is_noted() {
    let desired = system();
    let mut seen = all_as_meant(&desired);
    seen[0].told = Told::Nothing;
    let bob = sockets(&seen[1]).to_vec();
    seen[1].connections.clear();
    tell(&mut seen[1], bob[..1].to_vec());
    seen[2].state = State::Failed;
    let stranger = as_meant(&look::by_itself(&"Snake".parse().unwrap()));
    seen.push(Seen {
        told: Told::Nothing,
        is_free: true,
        is_hosted: false,
        ..stranger
    });
    let running = Running::of(&desired, &seen);
    assert_eq!(running.topology, desired);
    let name = |name: &str| name.parse::<AgentId>().unwrap();
    assert_eq!(
        running.notes,
        [
            Note::Silent {
                agent: name("Alice")
            },
            Note::Closed {
                socket: "Bob.in".parse().unwrap()
            },
            Note::Ended {
                agent: name("Carol"),
                state: Some(State::Failed)
            },
            Note::Foreign {
                agent: name("Snake")
            },
        ]
    );
}

/// What was made by hand is in the way of what a file has of that name, unless it was meant to be that before.
#[test]
fn what_is_in_the_way_is_found_before_anything_is_done() {
    let desired = system();
    let mut seen = all_as_meant(&desired);
    do_by_hand(&mut seen, (0, 2, 0, 4));
    do_by_hand(&mut seen, (5, 0, 0, 0));
    let running = Running::of(&desired, &seen);
    assert_eq!(running.by_hand.len(), 2, "{:?}", notes(&seen));
    let text = Flat::of(&desired).to_yaml();
    let text = text.replace(
        "  Carol:\n",
        "  Zoe4: {}\n  Carol:\n    bind: { h0: PULL }\n",
    );
    let file = read(&text);
    let take_over = TakeOver::of(&desired, &running, &file.agents);
    let conflicts = [
        Conflict::Agent {
            agent: "Zoe4".parse().unwrap(),
        },
        Conflict::Socket {
            socket: "Carol.h0".parse().unwrap(),
        },
    ];
    assert_eq!(take_over.conflicts, conflicts);
    assert!(TakeOver::of(&file, &running, &file.agents).conflicts.len() < 2);
}

/// An agent that ends takes along what the file does not have.
#[test]
fn what_goes_with_a_process_is_lost() {
    let desired = system();
    let mut seen = all_as_meant(&desired);
    do_by_hand(&mut seen, (0, 2, 0, 4));
    let running = Running::of(&desired, &seen);
    let carol: AgentId = NAMES[2].parse().unwrap();
    let agents = desired.agents.iter().filter(|it| it.name != carol);
    let agents: Vec<AgentSpec> = agents.cloned().collect();
    let take_over = TakeOver::of(&desired, &running, &agents);
    assert_eq!(take_over.lost, running.by_hand);
    assert!(take_over.untouched.is_empty());
}
