//! Whether timers can do what they are to do.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::draft::{TimerActionDraft, TimerDraft};
use super::super::review::{Flaw, Review, Spanned, quote};
use super::super::sockets::Socket;
use super::handlers::Owner;
use super::topic;
use crate::model::{Alias, TimerAction, TimerSpec};
use crate::wire;

/// The timers of an agent, checked.
pub(in crate::topology) fn settle(
    timers: &[TimerDraft],
    owner: &Owner<'_>,
    review: &mut Review,
) -> Vec<TimerSpec> {
    refuse_twins(timers, owner, review);
    let settled = timers.iter().map(|timer| TimerSpec {
        alias: timer.alias.as_ref().map(|alias| alias.value.clone()),
        when: timer.when,
        action: action(&timer.action, owner, review),
    });
    settled.collect()
}

fn refuse_twins(timers: &[TimerDraft], owner: &Owner<'_>, review: &mut Review) {
    let mut seen = BTreeSet::new();
    for alias in timers.iter().filter_map(|timer| timer.alias.as_ref()) {
        if !seen.insert(&alias.value) {
            let message = format!("{} already has a timer {}", owner.name, alias.value);
            let hint = "give each a name of its own, or none";
            review.add(Flaw::new(&alias.span, message).hint(hint));
        }
    }
}

fn action(action: &TimerActionDraft, owner: &Owner<'_>, review: &mut Review) -> TimerAction {
    match action {
        TimerActionDraft::Send { by, message, topic } => {
            if let Some(socket) = owner.sockets.find(&by.value, &by.span, owner.name, review) {
                sendable(by, message, topic.as_ref(), socket, review);
            }
            TimerAction::Send {
                alias: by.value.clone(),
                message: message.value.clone(),
                topic: topic.as_ref().and_then(|topic| topic::check(topic, review)),
            }
        }
        TimerActionDraft::Call { method, params } => {
            if !owner.has_command && !owner.attach {
                let name = quote(&method.value);
                let message = format!("{} has no command: nobody answers to {name}", owner.name);
                review.add(Flaw::new(&method.span, message).hint(owner.how_to_hear()));
            }
            TimerAction::Call {
                method: method.value.clone(),
                params: params.clone(),
            }
        }
        TimerActionDraft::Set(attributes) => TimerAction::Set {
            attributes: attributes.clone(),
        },
    }
}

fn sendable(
    by: &Spanned<Alias>,
    message: &Spanned<Value>,
    topic: Option<&Spanned<String>>,
    socket: &Socket,
    review: &mut Review,
) {
    let Some(kind) = socket.kind else {
        return;
    };
    if !kind.sends() {
        let message = format!(
            "{} is {} socket: a timer cannot send by it",
            by.value,
            kind.with_article()
        );
        review.add(Flaw::new(&by.span, message).hint("send by a PUSH, PUB or REQ socket"));
    }
    if let Some(topic) = topic.filter(|_| !kind.publishes()) {
        let message = format!("topics are for PUB sockets; {} is {kind}", by.value);
        review.add(Flaw::new(&topic.span, message).hint("take the topic away"));
    }
    if let Err(error) = wire::encode(&message.value, socket.serializer) {
        let text = format!("{} cannot send this message: {error}", by.value);
        review.add(Flaw::new(&message.span, text));
    }
}
