//! From any system to any other: what is applied to the one gives the other, and nothing is done that is not needed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::{
    Action, Admits, Alias, BindSpec, Handlers, Kind, Millis, Program, Replies, Restart,
    RestartPolicy, Serializer, SocketId, TimerAction, TimerSpec, When, WireSpec,
};

const NAMES: [&str; 4] = ["Alice", "Bob", "Carol", "Dave"];

fn alias(text: &str) -> Alias {
    text.parse().unwrap()
}

fn handlers(which: u8) -> Handlers {
    match which % 3 {
        0 => Handlers::one(Action::Log),
        1 => Handlers::one(Action::Discard),
        _ => Handlers::none(),
    }
}

fn socket((name, kind, how): (u8, u8, u8)) -> BindSpec {
    BindSpec {
        alias: alias(&format!("b{}", name % 3)),
        kind: [Kind::Push, Kind::Pub][usize::from(kind % 2)],
        endpoint: None,
        serializer: Serializer::Json,
        handlers: (how % 2 == 0).then(|| handlers(how)),
        admits: Admits {
            wires: BTreeSet::from([NAMES[usize::from(how % 4)].parse().unwrap()]),
            ..Admits::default()
        },
    }
}

fn wire((name, to, how): (u8, u8, u8)) -> WireSpec {
    // The alias says the kind, so that those of an alias are of one kind; aliases of sockets that bind may come again.
    let names = ["w0", "w1", "b0"];
    WireSpec {
        alias: alias(names[usize::from(name % 3)]),
        to: format!("{}.b{}", NAMES[usize::from(to % 4)], to % 3)
            .parse()
            .unwrap(),
        kind: Kind::Pull,
        // Those of one alias have one.
        serializer: Some([Serializer::Json, Serializer::Raw][usize::from(name % 3 % 2)]),
        handlers: handlers(how),
        replies: Replies::default(),
        resting: false,
    }
}

fn timer((name, every): (u8, u8)) -> TimerSpec {
    TimerSpec {
        alias: (name % 3 > 0).then(|| alias(&format!("t{}", name % 3))),
        when: When::Every(Millis::new(u64::from(every % 3) + 1)),
        action: TimerAction::Set {
            attributes: BTreeMap::new(),
        },
    }
}

fn three() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    prop::collection::vec(any::<(u8, u8, u8)>(), 0..4)
}

fn spec() -> impl Strategy<Value = AgentSpec> {
    let pairs = || prop::collection::vec(any::<(u8, u8)>(), 0..4);
    (three(), three(), pairs(), pairs(), any::<[u8; 4]>()).prop_map(
        |(bind, wires, attributes, timers, more)| {
            let mut spec = AgentSpec::named("X".parse().unwrap());
            for socket in bind.into_iter().map(socket) {
                if spec.bind.iter().all(|it| it.alias != socket.alias) {
                    spec.bind.push(socket);
                }
            }
            for wire in wires.into_iter().map(wire) {
                let is_free = spec.bind.iter().all(|it| it.alias != wire.alias);
                if is_free && !spec.wires.iter().any(|it| it.to == wire.to) {
                    spec.wires.push(wire);
                }
            }
            let attributes = attributes.into_iter();
            spec.attributes = attributes
                .map(|(name, value)| (format!("x{}", name % 3), (value % 2).into()))
                .collect();
            for timer in timers.into_iter().map(timer) {
                let is_free = spec.timers.iter().all(|it| it.alias != timer.alias);
                if timer.alias.is_none() || is_free {
                    spec.timers.push(timer);
                }
            }
            if more[0] % 3 == 0 {
                let argv = [format!("p{}", more[0] % 2)];
                spec.program = Some(Program::of_words(argv, "/".into()));
            }
            spec.settle = Millis::new(u64::from(more[1] % 2));
            spec.stop_timeout = (more[1] % 3 > 0).then(|| Millis::new(u64::from(more[1] % 3)));
            if more[2] % 2 == 0 {
                spec.restart = Restart {
                    policy: RestartPolicy::Always,
                    ..Restart::default()
                };
            }
            if more[3] % 2 == 0 {
                spec.keep.insert("x".to_owned());
            }
            spec
        },
    )
}

fn agents() -> impl Strategy<Value = Vec<AgentSpec>> {
    let all = prop::collection::vec(prop::option::of(spec()), NAMES.len());
    all.prop_map(|all| {
        let named = |(name, spec): (&str, Option<AgentSpec>)| {
            spec.map(|spec| AgentSpec {
                name: name.parse().unwrap(),
                ..spec
            })
        };
        NAMES.into_iter().zip(all).filter_map(named).collect()
    })
}

/// What does not depend on the order of the file.
fn sorted(mut agents: Vec<AgentSpec>) -> Vec<AgentSpec> {
    for agent in &mut agents {
        agent.bind.sort_by(|a, b| a.alias.cmp(&b.alias));
        agent
            .wires
            .sort_by(|a, b| (&a.alias, &a.to).cmp(&(&b.alias, &b.to)));
        agent.timers.sort_by_key(|it| format!("{it:?}"));
    }
    agents.sort_by(|a, b| a.name.cmp(&b.name));
    agents
}

fn is_touched(edit: &Edit, socket: &Alias) -> bool {
    match edit {
        Edit::Close { alias } | Edit::Bind(BindSpec { alias, .. }) => alias == socket,
        Edit::Disconnect { alias, .. } | Edit::Rest { alias, .. } => alias == socket,
        Edit::Connect(WireSpec { alias, .. }) => alias == socket,
        Edit::Admit { alias, .. } | Edit::Handle { alias, .. } => alias == socket,
        Edit::Set { .. } | Edit::Unset { .. } | Edit::Patience { .. } => false,
        Edit::StopTimer(_) | Edit::Timer(_) => false,
    }
}

proptest! {
    #[test]
    fn what_is_applied_to_one_system_gives_the_other(from in agents(), to in agents()) {
        let change = Change::between(&from, &to);
        prop_assert_eq!(sorted(change.applied_to(&from)), sorted(to));
    }

    #[test]
    fn there_is_nothing_between_a_system_and_itself(agents in agents()) {
        prop_assert!(Change::between(&agents, &agents).is_empty());
        let mut turned = agents.clone();
        turned.reverse();
        turned.iter_mut().for_each(|it| it.bind.reverse());
        turned.iter_mut().for_each(|it| it.wires.reverse());
        turned.iter_mut().for_each(|it| it.timers.reverse());
        prop_assert!(Change::between(&agents, &turned).is_empty());
    }

    /// A socket that is the same in both is not touched.
    #[test]
    fn the_least_is_done(from in spec(), to in spec()) {
        let edits = edits(&from, &to);
        for socket in from.bind.iter().filter(|it| to.bind.contains(it)) {
            prop_assert!(!edits.iter().any(|edit| is_touched(edit, &socket.alias)));
        }
        let ends = |spec: &AgentSpec, alias: &Alias| -> Vec<WireSpec> {
            spec.wires.iter().filter(|it| it.alias == *alias).cloned().collect()
        };
        for wire in from.wires.iter().filter(|it| to.wires.contains(it)) {
            let is_it = |edit: &Edit| match edit {
                Edit::Disconnect { alias, to } => (alias, to) == (&wire.alias, &wire.to),
                Edit::Connect(it) => it.to == wire.to,
                Edit::Close { alias } => *alias == wire.alias,
                _ => false,
            };
            prop_assert!(!edits.iter().any(is_it), "{:?}", ends(&to, &wire.alias));
        }
    }
}

fn named(name: &str) -> AgentSpec {
    AgentSpec::named(name.parse().unwrap())
}

#[test]
fn a_wire_that_moves_leaves_its_former_end_and_no_socket_is_closed() {
    let to = |end: &str| AgentSpec {
        wires: vec![WireSpec {
            to: end.parse::<SocketId>().unwrap(),
            ..wire((0, 0, 0))
        }],
        ..named("Bob")
    };
    let found = edits(&to("Alice.b0"), &to("Carol.b0"));
    let [Edit::Disconnect { to: left, .. }, Edit::Connect(wire)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(left.to_string(), "Alice.b0");
    assert_eq!(wire.to.to_string(), "Carol.b0");
}

#[test]
fn who_has_begun_with_other_contents_begins_anew() {
    use crate::model::{Contents, Digest, HostName, SyncSpec};
    let with = |paths: &[&str]| {
        let mut program = Program::of_words(["x".to_owned()], "/".into());
        program.sync = Some(Box::new(SyncSpec {
            from: "/srv".into(),
            paths: paths.iter().map(|it| it.parse().unwrap()).collect(),
            except: Default::default(),
        }));
        AgentSpec {
            program: Some(program),
            ..named("Bob")
        }
    };
    let contents = |byte: u8| Contents::from([("Bob".parse().unwrap(), Digest::new([byte; 32]))]);
    let reasons = |before: &Contents, now: &Contents, from: &AgentSpec, to: &AgentSpec| {
        let (from, to) = ([from.clone()], [to.clone()]);
        let mut change = Change::between(&from, &to);
        change.and_contents((before, now), &from, &to);
        let altered = change.altered.first();
        altered.map(|it| it.anew.clone()).unwrap_or_default()
    };
    let (bob, none) = (with(&["a"]), Contents::new());
    let (one, two) = (contents(1), contents(2));
    assert_eq!(reasons(&one, &two, &bob, &bob), [Reason::Contents]);
    assert!(reasons(&one, &one, &bob, &bob).is_empty());
    // With what it has begun, or what is there now, is not known.
    assert!(reasons(&none, &two, &bob, &bob).is_empty());
    assert!(reasons(&one, &none, &bob, &bob).is_empty());
    let mut other = bob.clone();
    other.program.as_mut().unwrap().cwd = "/srv/x".into();
    let all = [Reason::Folder, Reason::Contents];
    assert_eq!(reasons(&one, &two, &bob, &other), all);
    // Other files than before are no other contents; and of this machine, none of it matters.
    assert!(reasons(&one, &two, &bob, &with(&["b"])).is_empty());
    let far = |mut spec: AgentSpec| {
        spec.host = "lab1".parse::<HostName>().unwrap();
        spec
    };
    let (from, to) = (far(bob), far(with(&["b"])));
    assert_eq!(reasons(&one, &two, &from, &to), [Reason::Files]);
}

#[test]
fn a_policy_needs_no_process_and_a_command_does() {
    let mut other = named("Bob");
    other.stop_timeout = Some(Millis::from_secs(1));
    other.restart.policy = RestartPolicy::Always;
    let change = Change::between(&[named("Bob")], &[other]);
    let altered = &change.altered[0];
    assert!(altered.is_in_place() && altered.edits.is_empty());
    assert_eq!(altered.settings, [Setting::StopTimeout, Setting::Restart]);
    let program = |word: &str| AgentSpec {
        program: Some(Program::of_words([word.to_owned()], "/".into())),
        ..named("Bob")
    };
    let change = Change::between(&[program("a")], &[program("b")]);
    assert_eq!(change.altered[0].anew, [Reason::Command]);
    let change = Change::between(&[program("a")], &[named("Bob")]);
    assert_eq!(change.altered[0].anew, [Reason::Program]);
}
