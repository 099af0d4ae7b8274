//! One entry of an agent's section `timers`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::draft::{TimerActionDraft, TimerDraft};
use super::fields::{Fields, entries};
use super::keys;
use super::review::{Flaw, Review, Spanned};
use super::values;
use super::yaml::{Node, to_json};
use crate::model::When;

/// What a timer does: it has one of these keys, and those that go with it.
struct ActionKeys {
    key: &'static str,
    with: &'static [&'static str],
    read: fn(&Fields<'_>, &mut Review) -> Option<TimerActionDraft>,
}

const ACTIONS: [ActionKeys; 3] = [
    ActionKeys {
        key: "send",
        with: &["message", "topic"],
        read: send,
    },
    ActionKeys {
        key: "call",
        with: &["params"],
        read: call,
    },
    ActionKeys {
        key: "set",
        with: &[],
        read: set,
    },
];

/// Reads one timer. None if the review knows why.
pub(super) fn read(node: &Node, review: &mut Review) -> Option<TimerDraft> {
    let fields = Fields::open(node, "a timer", &keys::TIMER, review)?;
    let when = when(&fields, review);
    let alias = match fields.get("alias") {
        Some(node) => Some(Spanned {
            value: review.take(values::name(node, "alias"))?,
            span: node.span.clone(),
        }),
        None => None,
    };
    let action = action(&fields, review);
    Some(TimerDraft {
        alias,
        when: when?,
        action: action?,
    })
}

fn when(fields: &Fields<'_>, review: &mut Review) -> Option<When> {
    match (fields.get("every"), fields.get("after")) {
        (Some(node), None) => {
            let time = review.take(values::some_time(node, "every"))?;
            Some(When::Every(time))
        }
        (None, Some(node)) => {
            let time = review.take(values::duration(node, "after"))?;
            Some(When::After(time))
        }
        (both, _) => {
            let message = match both {
                Some(_) => "a timer has either every or after, not both",
                None => "a timer needs the key every or after",
            };
            let hint = "every: 1s fires again and again, after: 1s once";
            review.add(Flaw::new(fields.span, message).hint(hint));
            None
        }
    }
}

fn action(fields: &Fields<'_>, review: &mut Review) -> Option<TimerActionDraft> {
    let given: Vec<_> = ACTIONS
        .iter()
        .filter(|action| fields.entry(action.key).is_some())
        .collect();
    let [action] = given[..] else {
        let (message, hint) = match given.len() {
            0 => (
                "a timer needs one of the keys send, call and set",
                "such as send: ALIAS with message: \"tick\", call: METHOD, or set: { x: 1 }",
            ),
            _ => (
                "a timer does one thing: send, call or set",
                "have a timer for each",
            ),
        };
        review.add(Flaw::new(fields.span, message).hint(hint));
        return None;
    };
    let others = ACTIONS.iter().flat_map(|other| other.with);
    for key in others.filter(|key| !action.with.contains(key)) {
        if let Some((stray, _)) = fields.entry(key) {
            let message = format!("a timer with {} has no {key}", action.key);
            review.add(Flaw::new(&stray.span, message).hint("take it away"));
        }
    }
    (action.read)(fields, review)
}

fn send(fields: &Fields<'_>, review: &mut Review) -> Option<TimerActionDraft> {
    let send = fields.need("send", "a timer", review);
    let alias = send.and_then(|node| review.take(values::name(node, "send")));
    let message = message(fields, review);
    let topic = match fields.get("topic") {
        Some(node) => Some(Spanned {
            value: review.take(values::text(node, "topic"))?.to_owned(),
            span: node.span.clone(),
        }),
        None => None,
    };
    Some(TimerActionDraft::Send {
        by: Spanned {
            value: alias?,
            span: send?.span.clone(),
        },
        message: message?,
        topic,
    })
}

/// The message: any JSON, null too, but it has to be there.
fn message(fields: &Fields<'_>, review: &mut Review) -> Option<Spanned<Value>> {
    let Some((_, node)) = fields.entry("message") else {
        let flaw = Flaw::new(fields.span, "a timer needs the key message");
        review.add(flaw.hint("any JSON: message: \"tick\""));
        return None;
    };
    Some(Spanned {
        value: review.take(to_json(node))?,
        span: node.span.clone(),
    })
}

fn call(fields: &Fields<'_>, review: &mut Review) -> Option<TimerActionDraft> {
    let node = fields.need("call", "a timer", review)?;
    let method = review.take(values::text(node, "call"))?.to_owned();
    if method.is_empty() {
        review.add(Flaw::new(&node.span, "call needs the name of a method"));
        return None;
    }
    let params = match fields.get("params") {
        Some(node) => review.take(to_json(node))?,
        None => Value::Null,
    };
    Some(TimerActionDraft::Call {
        method: Spanned {
            value: method,
            span: node.span.clone(),
        },
        params,
    })
}

fn set(fields: &Fields<'_>, review: &mut Review) -> Option<TimerActionDraft> {
    let node = fields.need("set", "a timer", review)?;
    let entries = review.take(entries(node, "set"))?;
    if entries.is_empty() {
        let flaw = Flaw::new(&node.span, "set needs an attribute");
        review.add(flaw.hint("such as set: { x: 1 }"));
        return None;
    }
    let attributes = entries
        .iter()
        .map(|(key, node)| Some((key.text.clone(), review.take(to_json(node))?)));
    let attributes: Option<BTreeMap<_, _>> = attributes.collect();
    attributes.map(TimerActionDraft::Set)
}
