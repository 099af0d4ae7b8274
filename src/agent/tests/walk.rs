//! Random walks: sockets are bound, connected and closed, messages sent and requests made, many at a
//! time and in any order. Whatever comes, each is answered once, and the agent lives on.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::control::send;
use super::fixture::{Fixture, alias, all, bind};
use crate::model::{Millis, Serializer, TimerAction, TimerSpec, When};
use crate::wire::{
    AgentRequest, ConnectToRequest, Fault, MessageKind, NameServerRequest, read_body,
};

const ALIASES: [&str; 4] = ["a", "b", "c", "d"];
/// With what is done with messages that arrive there.
const KINDS: [(&str, &[&str]); 6] = [
    ("PUSH", &[]),
    ("PULL", &["forward:a"]),
    ("PUB", &[]),
    ("SUB", &["collect"]),
    ("REQ", &["forward:b"]),
    ("REP", &["forward:c"]),
];
/// How long a request of the walk may take.
const LIMIT: Duration = Duration::from_millis(300);

#[derive(Debug, Clone)]
enum Step {
    Bind(usize, usize),
    /// By name; where that is, the name server says: at the agent's own socket of that alias.
    Connect(usize, usize),
    Close(usize),
    CloseAll,
    Send(usize),
    Ask(usize),
    Subscribe(usize),
    Unsubscribe(usize),
    Timer(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..ALIASES.len();
    prop_oneof![
        4 => (at.clone(), 0..KINDS.len()).prop_map(|(at, kind)| Step::Bind(at, kind)),
        4 => (at.clone(), at.clone()).prop_map(|(at, to)| Step::Connect(at, to)),
        4 => at.clone().prop_map(Step::Close),
        1 => Just(Step::CloseAll),
        6 => at.clone().prop_map(Step::Send),
        3 => at.clone().prop_map(Step::Ask),
        2 => at.clone().prop_map(Step::Subscribe),
        1 => at.clone().prop_map(Step::Unsubscribe),
        1 => at.prop_map(Step::Timer),
    ]
}

fn request(step: &Step) -> AgentRequest {
    let name = |at: &usize| alias(ALIASES[*at]);
    match step {
        Step::Bind(at, kind) => {
            let (kind, actions) = KINDS[*kind];
            AgentRequest::Bind(bind(ALIASES[*at], kind, Serializer::Json, actions))
        }
        Step::Connect(at, to) => AgentRequest::ConnectTo(ConnectToRequest {
            alias: name(at),
            to: format!("Alice.{}", ALIASES[*to]).parse().unwrap(),
            handlers: None,
            replies: crate::model::Replies::default(),
        }),
        Step::Close(at) => AgentRequest::Close {
            alias: name(at),
            linger: Some(Millis::new(0)),
        },
        Step::CloseAll => AgentRequest::CloseAll { linger: None },
        Step::Send(at) => send(ALIASES[*at], json!(1), None),
        Step::Ask(at) => AgentRequest::SendRecv {
            alias: name(at),
            message: json!(1),
        },
        Step::Subscribe(at) => AgentRequest::Subscribe {
            alias: name(at),
            handlers: all(&["collect"]),
        },
        Step::Unsubscribe(at) => AgentRequest::Unsubscribe {
            alias: name(at),
            topics: vec![String::new()],
        },
        Step::Timer(at) => AgentRequest::Timer(TimerSpec {
            alias: None,
            when: When::Every(Millis::new(2)),
            action: TimerAction::send(ALIASES[*at], 1).unwrap(),
        }),
    }
}

/// Answers what the agent asks on its way, as a name server and the agent itself would, until all
/// its own answers are there.
fn settle(agent: &mut Fixture, mut open: BTreeSet<u64>, addresses: &mut Value) {
    while !open.is_empty() {
        let (envelope, content) = agent.receive();
        match envelope.kind {
            MessageKind::Reply | MessageKind::Error => {
                assert!(open.remove(&envelope.id), "answered once");
            }
            MessageKind::Request => {
                let asked = read_body::<NameServerRequest>(&content);
                let outcome = match asked {
                    Ok(NameServerRequest::Addr { agent, alias }) => {
                        let found = addresses.get(alias.as_str()).cloned();
                        found.ok_or(Fault::UnknownAlias {
                            agent,
                            alias,
                            known: Vec::new(),
                        })
                    }
                    Ok(NameServerRequest::Announce(announcement)) => {
                        let told = serde_json::to_value(announcement).unwrap();
                        *addresses = told["addresses"].clone();
                        Ok(Value::Null)
                    }
                    // It is asked to prove or to probe.
                    _ => Ok(Value::Null),
                };
                agent.answer(&envelope, outcome);
            }
            MessageKind::Oneway | MessageKind::Event => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_the_agent_lives_on(batches in prop::collection::vec(prop::collection::vec(step(), 1..8), 1..12)) {
        let mut agent = Fixture::start();
        agent.go();
        let mut addresses = json!({});
        for batch in batches {
            let open = batch.iter().map(|step| agent.begin(&request(step), LIMIT)).collect();
            settle(&mut agent, open, &mut addresses);
        }
        let last = agent.begin(&AgentRequest::CloseAll { linger: Some(Millis::new(0)) }, LIMIT);
        settle(&mut agent, [last].into(), &mut addresses);
        prop_assert_eq!(agent.status().sockets.len(), 0);
        prop_assert_eq!(agent.shutdown(), 0);
    }
}
