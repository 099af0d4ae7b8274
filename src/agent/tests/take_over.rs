//! Sockets that were made by a request, and that a spec has too.

use serde_json::{Value, json};

use super::fixture::{Fixture, alias, all, bind, configure};
use crate::model::{AgentSpec, BindSpec, Edit, Serializer, SpecVersion};
use crate::wire::{AgentRequest, Alter, Fault};

fn spec(bind: Vec<BindSpec>) -> AgentSpec {
    AgentSpec {
        bind,
        ..AgentSpec::named("Alice".parse().unwrap())
    }
}

fn alter(from: SpecVersion, edits: Vec<Edit>, back: bool) -> AgentRequest {
    AgentRequest::Alter(Alter {
        from,
        version: from.next(),
        spec: Box::new(spec(Vec::new())),
        edits,
        back,
    })
}

/// Its address and its handlers.
fn seen(agent: &mut Fixture) -> (Value, Value) {
    let address = AgentRequest::Addr {
        alias: Some(alias("extra")),
    };
    let sockets = agent.ask(AgentRequest::Sockets {});
    assert_eq!(sockets.as_array().unwrap().len(), 1, "{sockets}");
    (agent.ask(address), sockets[0]["handlers"].clone())
}

fn close() -> Edit {
    let alias = alias("extra");
    Edit::Close { alias }
}

#[test]
fn a_spec_takes_over_what_was_bound_just_so_and_gives_it_back() {
    let mut agent = Fixture::start();
    let by_hand = bind("extra", "PULL", Serializer::Json, &["log"]);
    agent.bind(by_hand.clone());
    agent.ask(configure(spec(Vec::new())));
    let before = seen(&mut agent);
    assert_eq!(before.1, json!({ "all": ["log"] }));
    let first = SpecVersion::FIRST;
    let collects = BindSpec {
        handlers: Some(all(&["collect"])),
        ..by_hand.clone()
    };
    // Not just so: nothing is done.
    let raw = BindSpec {
        serializer: Serializer::Raw,
        ..collects.clone()
    };
    let fault = agent.try_ask(alter(first, vec![Edit::Bind(raw)], false));
    assert!(matches!(fault, Err(Fault::AliasTaken { .. })), "{fault:?}");
    agent.ask(alter(first, vec![Edit::Bind(collects.clone())], false));
    let taken = (before.0.clone(), json!({ "all": ["collect"] }));
    assert_eq!(seen(&mut agent), taken);
    // It is the spec's: another one does not take it over.
    let twice = agent.try_ask(AgentRequest::Bind(collects.clone()));
    assert!(matches!(twice, Err(Fault::AliasTaken { .. })));
    agent.ask(alter(first.next(), vec![close()], true));
    assert_eq!(seen(&mut agent), before, "as it was made");
    // A spec that really has it no more closes it.
    let third = first.next().next();
    agent.ask(alter(third, vec![Edit::Bind(collects)], false));
    assert_eq!(seen(&mut agent), taken);
    agent.ask(alter(third.next(), vec![close()], false));
    assert_eq!(agent.ask(AgentRequest::Sockets {}), json!([]));
}

#[test]
fn one_that_comes_with_its_first_spec_takes_over_too() {
    let mut agent = Fixture::start();
    let by_hand = bind("extra", "PUSH", Serializer::Json, &[]);
    agent.bind(by_hand.clone());
    let before = seen(&mut agent);
    // Where it is bound is the same, said or not.
    let unsaid = BindSpec {
        endpoint: None,
        ..by_hand
    };
    agent.ask(configure(spec(vec![unsaid])));
    assert_eq!(seen(&mut agent), before);
}
