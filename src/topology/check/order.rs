//! Whether there is an order in which programs can be started: each after those that it refers to,
//! and those that it is to come after.

use super::super::draft::{AfterDraft, AgentDraft, ReadyDraft};
use super::super::fields::there_are;
use super::super::health;
use super::super::references::agents_in;
use super::super::replicas;
use super::super::review::{Flaw, Review, Span, Spanned, quote};
use super::super::sockets::{Directory, Who};
use super::circles::Graph;
use crate::model::{AgentId, Speaks};

/// Reports agents that programs are to come after and that there are none of, and programs that
/// wait for one another.
pub(in crate::topology) fn check(directory: &Directory<'_>, review: &mut Review) {
    let mut graph = Graph::default();
    for agent in directory.agents {
        review.repeating(agent.repeats);
        for (other, span) in waits_for(agent, directory, review) {
            graph.add(&agent.name.value, other, span);
        }
    }
    review.repeating(false);
    graph.check(circle, review);
}

fn circle(way: &str, span: &Span) -> Flaw {
    let message = format!("programs would wait for one another: {way}");
    Flaw::new(span, message).hint(
        "each is started when those are ready that it refers to: let one ask later, by `osb addr`",
    )
}

/// Which agents the agent's program waits for, and where the file says so.
fn waits_for<'a>(
    agent: &'a AgentDraft,
    directory: &Directory<'a>,
    review: &mut Review,
) -> Vec<(&'a AgentId, &'a Span)> {
    let Some(program) = &agent.program else {
        return Vec::new();
    };
    let name = |at: usize| &directory.agents[at].name.value;
    let probe = match &program.ready {
        ReadyDraft::Probe { argv, .. } => argv.as_slice(),
        ReadyDraft::Started | ReadyDraft::Done | ReadyDraft::Port(_) | ReadyDraft::Line(_) => &[],
    };
    let texts = program.argv.iter().chain(program.env.values()).chain(probe);
    let texts = texts.chain(health::late_words(program.health.as_ref()));
    let mut found: Vec<(usize, &Span)> = texts
        .flat_map(|text| {
            let agents = agents_in(text, directory);
            agents.into_iter().map(|at| (at, &text.span))
        })
        .collect();
    for after in &program.after {
        match directory.agent(&after.value.agent) {
            Who::One(at) if *name(at) == agent.name.value => {
                let flaw = Flaw::new(&after.span, "a program cannot be started after itself");
                review.add(flaw.hint("take the name away"));
            }
            Who::One(at) => {
                if after.value.healthy {
                    may_be_healthy(&directory.agents[at], &after.span, review);
                }
                found.push((at, &after.span));
            }
            Who::Several => review.add(directory.ambiguous(&after.value.agent, "", &after.span)),
            Who::Nobody if directory.incomplete => {}
            Who::Nobody => nobody(after, directory, review),
        }
    }
    let own = |at: usize| *name(at) == agent.name.value;
    let others = found.into_iter().filter(|(at, _)| !own(*at));
    others.map(|(at, span)| (name(at), span)).collect()
}

/// Reports an agent that would never be healthy, or of which `up` would not learn it.
fn may_be_healthy(other: &AgentDraft, span: &Span, review: &mut Review) {
    let name = &other.name.value;
    let program = other.program.as_ref();
    let check = program
        .and_then(|it| it.health.as_ref())
        .and_then(|it| it.check.as_ref());
    let speaks_osb = program.is_some_and(|it| it.speaks == Speaks::Osb);
    let is_job = program.is_some_and(|it| matches!(it.ready, ReadyDraft::Done));
    let (message, hint) = match check {
        _ if is_job => (
            format!("{name} is a job: it is not healthy, but done"),
            format!("write {name}: ready"),
        ),
        _ if speaks_osb => (
            format!("{name} speaks osb: it is there before any command is started"),
            "take it away".to_owned(),
        ),
        None => (
            format!("{name} has no health check to wait for"),
            format!("add health: {{ port: 8080 }} to {name}, or another check"),
        ),
        Some(_) => return,
    };
    review.add(Flaw::new(span, message).hint(hint));
}

fn nobody(after: &Spanned<AfterDraft>, directory: &Directory<'_>, review: &mut Review) {
    let names = || directory.names();
    let name = &after.value.agent.to_string();
    let hint = replicas::one_of(&after.value.agent, "", directory.replicated)
        .or_else(|| review.guess(name, names()));
    let flaw = Flaw::new(&after.span, format!("there is no agent {}", quote(name)));
    review.add(flaw.hint(there_are(names())).maybe_hint(hint));
}
