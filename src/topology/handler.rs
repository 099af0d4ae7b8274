//! Reads handlers: one action, several, or several by topic. Whether they suit their socket is
//! decided when its kind is known.

use super::draft::{Actions, Given, HandlerDraft};
use super::fields::{there_are, wrong_type};
use super::review::{Flaw, Review, Spanned, quote};
use super::values;
use super::yaml::{Data, Key, Node};
use crate::model::{Action, ActionError};

/// Reads a handler.
pub(super) fn read(node: Option<&Node>, review: &mut Review) -> Given<HandlerDraft> {
    let Some(node) = node else {
        return Given::Absent;
    };
    let draft = match &node.data {
        Data::Map(entries) => by_topic(node, entries, review),
        _ => actions(node, review).map(HandlerDraft::All),
    };
    match draft {
        Some(value) => Given::There(Spanned {
            value,
            span: node.span.clone(),
        }),
        None => Given::Broken,
    }
}

fn by_topic(node: &Node, entries: &[(Key, Node)], review: &mut Review) -> Option<HandlerDraft> {
    if let [(key, target)] = entries
        && key.text == "forward"
        && let Some(alias) = target.text()
        && alias.parse::<Action>().is_err()
    {
        let flaw = Flaw::new(&node.span, "a map is a handler by topic");
        review.add(flaw.hint(format!("to send messages on, write forward:{alias}")));
        return None;
    }
    if entries.is_empty() {
        review.add(no_actions(node));
        return None;
    }
    let topics: Vec<_> = entries
        .iter()
        .map(|(key, node)| Some((topic(key), actions(node, review)?)))
        .collect();
    let topics: Option<Vec<_>> = topics.into_iter().collect();
    topics.map(HandlerDraft::ByTopic)
}

fn topic(key: &Key) -> Spanned<String> {
    Spanned {
        value: key.text.clone(),
        span: key.span.clone(),
    }
}

/// One action, or a list of them.
pub(super) fn actions(node: &Node, review: &mut Review) -> Option<Actions> {
    match &node.data {
        _ if node.text().is_some() => Some(vec![action(node, review)?]),
        Data::List(items) if items.is_empty() => {
            review.add(no_actions(node));
            None
        }
        Data::List(items) => {
            let read: Vec<_> = items.iter().map(|item| action(item, review)).collect();
            read.into_iter().collect()
        }
        _ => {
            review.add(wrong_type(node, "handler", "an action or a list of them"));
            None
        }
    }
}

fn no_actions(node: &Node) -> Flaw {
    Flaw::new(&node.span, "the handler has no action").hint("to let messages go, write discard")
}

fn action(node: &Node, review: &mut Review) -> Option<Spanned<Action>> {
    let text = review.take(values::text(node, "an action"))?;
    let value = match text.parse::<Action>() {
        Ok(action) => action,
        Err(ActionError::Unknown(_)) => {
            let hint = review.guess(text, Action::WORDS);
            let message = format!("there is no action {}", quote(text));
            let flaw = Flaw::new(&node.span, message).hint(there_are(Action::WORDS));
            review.add(flaw.maybe_hint(hint));
            return None;
        }
        Err(error @ (ActionError::BadAlias(_) | ActionError::BadMethod(_))) => {
            review.add(Flaw::new(&node.span, error.to_string()));
            return None;
        }
    };
    Some(Spanned {
        value,
        span: node.span.clone(),
    })
}
