//! Follows `to: Alice.main`. Names may contain dots, so a target may be read in several ways; the
//! agents that there are decide which is meant.

use super::draft::ConnectionDraft;
use super::fields::there_are;
use super::replicas;
use super::review::{Flaw, Review, Spanned, did_you_mean, list, quote};
use super::sockets::{Directory, Who};
use crate::model::{AgentId, SocketId};

/// Where a connection leads.
pub(super) enum Found {
    Socket(SocketId),
    /// The review knows why, or does not because other parts could not be read.
    Nothing,
}

/// The bound socket that `draft` connects to.
pub(super) fn follow(
    draft: &ConnectionDraft,
    directory: &Directory<'_>,
    review: &mut Review,
) -> Found {
    let is_client = |at| matches!(directory.agent(&draft.agent.value), Who::One(own) if own == at);
    match find(&draft.to, "to", directory, review) {
        Some((at, _)) if is_client(at) => {
            review.add(own_socket(draft, &directory.shown(at)));
            Found::Nothing
        }
        Some((_, target)) => Found::Socket(target),
        None => Found::Nothing,
    }
}

/// The bound socket that `to` names, which stands at `what`, and its agent's place. None if the
/// review knows why, or does not because other parts could not be read.
pub(super) fn find(
    to: &Spanned<String>,
    what: &str,
    directory: &Directory<'_>,
    review: &mut Review,
) -> Option<(usize, SocketId)> {
    let text = &to.value;
    let several = |it: &SocketId| matches!(directory.agent(&it.agent), Who::Several);
    if let Some(SocketId { agent, alias }) = SocketId::readings(text).find(several) {
        review.add(directory.ambiguous(&agent, &format!(".{alias}"), &to.span));
        return None;
    }
    let known = |mut target: SocketId| match directory.agent(&target.agent) {
        Who::One(at) => {
            target.agent = directory.agents[at].name.value.clone();
            Some((at, target))
        }
        _ => None,
    };
    let readings = SocketId::readings(text).filter_map(known);
    let mut meant = readings.filter(|(at, it)| directory.bound(*at, &it.alias));
    let flaw = match (meant.next(), meant.next()) {
        (Some(found), None) => return Some(found),
        (Some((_, one)), Some((_, other))) => two_readings(to, &one, &other),
        (None, _) => dangling(to, what, directory, review)?,
    };
    review.add(flaw);
    None
}

fn own_socket(draft: &ConnectionDraft, agent: &AgentId) -> Flaw {
    let message = format!("{agent} connects to a socket of its own");
    Flaw::new(&draft.to.span, message)
        .hint("name another agent's socket; within an agent, use forward:ALIAS")
}

fn two_readings(to: &Spanned<String>, one: &SocketId, other: &SocketId) -> Flaw {
    let reading = |target: &SocketId| format!("{} of {}", target.alias, target.agent);
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
    if SocketId::readings(text).next().is_none() {
        let message = format!("{what}: expected AGENT.ALIAS, found {}", quote(text));
        return Some(Flaw::new(span, message).hint("such as Alice.main"));
    }
    let known = SocketId::readings(text).find_map(|target| match directory.agent(&target.agent) {
        Who::One(at) => {
            let agent = directory.shown(at);
            Some((at, SocketId { agent, ..target }))
        }
        _ => None,
    });
    match known {
        Some((agent, target)) => no_socket(to, agent, &target, directory, review),
        None if directory.incomplete => None,
        None => Some(no_agent(to, what, directory, review)),
    }
}

fn no_socket(
    to: &Spanned<String>,
    agent: usize,
    target: &SocketId,
    directory: &Directory<'_>,
    review: &mut Review,
) -> Option<Flaw> {
    let sockets = &directory.sockets[agent];
    let SocketId { agent, alias } = target;
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
    let readings: Vec<SocketId> = SocketId::readings(&to.value).collect();
    let names = || directory.names();
    let several = readings.iter().find_map(|SocketId { agent, alias }| {
        let tail = format!(".{alias}");
        match what {
            "to" => replicas::stands_for(agent, &tail, directory.replicated),
            _ => replicas::one_of(agent, &tail, directory.replicated),
        }
    });
    let guess = readings.iter().find_map(|SocketId { agent, alias }| {
        let nearest = review.nearest(&agent.to_string(), names())?;
        Some(did_you_mean(format!("{nearest}.{alias}")))
    });
    let wanted: Vec<String> = readings.iter().map(|it| it.agent.to_string()).collect();
    let message = format!(
        "there is no agent {}",
        list(wanted.iter().map(String::as_str))
    );
    Flaw::new(&to.span, message)
        .hint(there_are(names()))
        .maybe_hint(several.or(guess))
}
