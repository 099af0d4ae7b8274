//! Follows `Alice.main`, in `to` or in a reference. Names may contain dots, so a target may be read
//! in several ways; the agents that there are decide which is meant.

use super::draft::ConnectionDraft;
use super::fields::there_are;
use super::replicas;
use super::review::{Flaw, Review, Spanned, did_you_mean, list, quote};
use super::sockets::Directory;
use crate::model::{AgentName, Target};

/// Where a connection leads.
pub(super) enum Found {
    Socket(Target),
    /// The review knows why, or does not because other parts could not be read.
    Nothing,
}

/// The bound socket that `draft` connects to.
pub(super) fn follow(
    draft: &ConnectionDraft,
    directory: &Directory<'_>,
    review: &mut Review,
) -> Found {
    match find(&draft.to, "to", directory, review) {
        Some(target) if target.agent == draft.agent.value => {
            review.add(own_socket(draft));
            Found::Nothing
        }
        Some(target) => Found::Socket(target),
        None => Found::Nothing,
    }
}

/// The bound socket that `to` names, which stands at `what`. None if the review knows why, or does
/// not because other parts could not be read.
pub(super) fn find(
    to: &Spanned<String>,
    what: &str,
    directory: &Directory<'_>,
    review: &mut Review,
) -> Option<Target> {
    let bound = |target: &Target| directory.socket(target).is_some_and(|socket| socket.bound);
    let mut meant = Target::readings(&to.value).filter(bound);
    let flaw = match (meant.next(), meant.next()) {
        (Some(target), None) => return Some(target),
        (Some(one), Some(other)) => two_readings(to, &one, &other),
        (None, _) => dangling(to, what, directory, review)?,
    };
    review.add(flaw);
    None
}

fn own_socket(draft: &ConnectionDraft) -> Flaw {
    let agent = &draft.agent.value;
    let message = format!("{agent} connects to a socket of its own");
    Flaw::new(&draft.to.span, message)
        .hint("name another agent's socket; within an agent, use forward:ALIAS")
}

fn two_readings(to: &Spanned<String>, one: &Target, other: &Target) -> Flaw {
    let reading = |target: &Target| format!("{} of {}", target.alias, target.agent);
    let (one, other) = (reading(one), reading(other));
    let message = format!(
        "{} can be read in two ways: {one}, and {other}",
        quote(&to.value)
    );
    Flaw::new(&to.span, message).hint("give one of the two another name")
}

/// Why no socket is found. None if nothing certain can be said.
fn dangling(
    to: &Spanned<String>,
    what: &str,
    directory: &Directory<'_>,
    review: &mut Review,
) -> Option<Flaw> {
    let (text, span) = (&to.value, &to.span);
    if Target::readings(text).next().is_none() {
        let message = format!("{what}: expected AGENT.ALIAS, found {}", quote(text));
        return Some(Flaw::new(span, message).hint("such as Alice.main"));
    }
    let known = Target::readings(text)
        .find_map(|target| Some((directory.index.get(target.agent.as_str())?, target)));
    match known {
        Some((agent, target)) => no_socket(to, *agent, &target, directory, review),
        None if directory.incomplete => None,
        None => Some(no_agent(to, what, directory, review)),
    }
}

fn no_socket(
    to: &Spanned<String>,
    agent: usize,
    target: &Target,
    directory: &Directory<'_>,
    review: &mut Review,
) -> Option<Flaw> {
    let sockets = &directory.sockets[agent];
    let Target { agent, alias } = target;
    if sockets.by_alias.contains_key(alias) {
        let message = format!("{target} is a connection itself");
        return Some(Flaw::new(&to.span, message).hint("name a socket that its agent binds"));
    }
    if sockets.incomplete {
        return None;
    }
    let bound = || {
        let all = sockets.by_alias.iter().filter(|(_, socket)| socket.bound);
        all.map(|(alias, _)| alias.as_str())
    };
    let message = format!("{agent} binds no socket {alias}");
    let hint = review.guess(alias.as_str(), bound());
    let binds = format!("{agent} binds: {}", list(bound()));
    Some(Flaw::new(&to.span, message).hint(binds).maybe_hint(hint))
}

fn no_agent(
    to: &Spanned<String>,
    what: &str,
    directory: &Directory<'_>,
    review: &mut Review,
) -> Flaw {
    let readings: Vec<Target> = Target::readings(&to.value).collect();
    let names = || directory.index.keys().copied();
    let several = readings.iter().find_map(|Target { agent, alias }| {
        let tail = format!(".{alias}");
        match what {
            "to" => replicas::stands_for(agent, &tail, directory.replicated),
            _ => replicas::one_of(agent, &tail, directory.replicated),
        }
    });
    let guess = readings.iter().find_map(|Target { agent, alias }| {
        let nearest = review.nearest(agent.as_str(), names())?;
        Some(did_you_mean(format!("{nearest}.{alias}")))
    });
    let wanted = readings.iter().map(|target| &target.agent);
    let message = format!("there is no agent {}", list(wanted.map(AgentName::as_str)));
    Flaw::new(&to.span, message)
        .hint(there_are(names()))
        .maybe_hint(several.or(guess))
}
