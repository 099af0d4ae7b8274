//! Whether agents can go with those that they name: these are there, at the same name server, and nobody goes with itself.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fields::there_are;
use super::super::replicas;
use super::super::review::{Flaw, Review, Span, Spanned, quote};
use super::super::sockets::{Directory, Who};
use super::circles::Graph;
use crate::model::{AgentId, AgentSpec};

/// Reports agents that others are to go with and that there are none of, and those that would go with themselves.
pub(in crate::topology) fn check(directory: &Directory<'_>, review: &mut Review) {
    let mut graph = Graph::default();
    for agent in directory.agents {
        review.repeating(agent.repeats);
        let own = &agent.name.value;
        for with in &agent.with {
            let span = &with.span;
            match directory.agent(&with.value) {
                Who::One(at) => {
                    let other = &directory.agents[at].name.value;
                    if other == own {
                        let flaw = Flaw::new(span, "an agent cannot be restarted with itself");
                        review.add(flaw.hint("take the name away"));
                    } else if other.nameserver == own.nameserver {
                        graph.add(own, other, span);
                    } else {
                        let message = format!("{other} is registered at another name server");
                        let hint = "agents are restarted with those of their own name server only";
                        review.add(Flaw::new(span, message).hint(hint));
                    }
                }
                Who::Several => review.add(directory.ambiguous(&with.value, "", span)),
                Who::Nobody if directory.incomplete => {}
                Who::Nobody => nobody(with, directory, review),
            }
        }
    }
    review.repeating(false);
    graph.check(circle, review);
}

fn circle(way: &str, span: &Span) -> Flaw {
    let message = format!("agents would be restarted with one another for ever: {way}");
    Flaw::new(span, message).hint("let one of them stay when another was restarted")
}

fn nobody(with: &Spanned<AgentId>, directory: &Directory<'_>, review: &mut Review) {
    let name = &with.value.to_string();
    let hint = replicas::one_of(&with.value, "", directory.replicated)
        .or_else(|| review.guess(name, directory.names()));
    let flaw = Flaw::new(&with.span, format!("there is no agent {}", quote(name)));
    review.add(flaw.hint(there_are(directory.names())).maybe_hint(hint));
}

/// Of those that go with one, and are after others that go with it too: each waits for these, unless they wait for it.
pub(in crate::topology) fn settle(agents: &mut [AgentSpec]) {
    let mut along = BTreeMap::<AgentId, Vec<AgentId>>::new();
    for agent in agents.iter() {
        for first in agent.with.keys() {
            let others = along.entry(first.clone()).or_default();
            others.push(agent.name.clone());
        }
    }
    let mut reached = BTreeMap::<AgentId, BTreeSet<AgentId>>::new();
    for first in along.keys() {
        reached.insert(first.clone(), all_along(first, &along));
    }
    let nobody = BTreeSet::new();
    for agent in agents.iter_mut().filter(|it| !it.with.is_empty()) {
        let after = agent.ties().after;
        let behind = reached.get(&agent.name).unwrap_or(&nobody);
        for (first, waits) in &mut agent.with {
            let go = reached.get(first).unwrap_or(&nobody);
            let waited = after.intersection(go).filter(|it| !behind.contains(*it));
            *waits = waited.cloned().collect();
        }
    }
}

/// All that are restarted when that one was.
fn all_along(first: &AgentId, along: &BTreeMap<AgentId, Vec<AgentId>>) -> BTreeSet<AgentId> {
    let mut found = BTreeSet::new();
    let mut open = vec![first];
    while let Some(agent) = open.pop() {
        for other in along.get(agent).into_iter().flatten() {
            if found.insert(other.clone()) {
                open.push(other);
            }
        }
    }
    found
}
