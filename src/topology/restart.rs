//! The key `restart`: whether an agent is started again that has ended by itself.

use std::str::FromStr;

use super::fields::{Fields, items, there_are, wrong_type};
use super::keys;
use super::review::{Flaw, Review, quote};
use super::source::Source;
use super::values;
use super::yaml::{Data, Node};
use crate::model::{Decimal, OnFailed, Restart, RestartPolicy};

/// A policy alone, or a map; what is not said is as in `outer`.
pub(super) fn overlaid(outer: Restart, node: &Node, review: &mut Review) -> Restart {
    if !matches!(node.data, Data::Map(_)) {
        let policy = policy(node, review).unwrap_or(outer.policy);
        return Restart { policy, ..outer };
    }
    let Some(fields) = Fields::open(node, "restart", &keys::RESTART, review) else {
        return outer;
    };
    let mut time = |key: &str| {
        let node = fields.get(key)?;
        review.take(values::duration(node, key))
    };
    let (delay, max_delay) = (time("delay"), time("max_delay"));
    let within = time("within");
    let said = fields.get("policy");
    Restart {
        policy: said
            .and_then(|node| policy(node, review))
            .unwrap_or(outer.policy),
        delay: delay.unwrap_or(outer.delay),
        max_delay: max_delay.unwrap_or(outer.max_delay),
        factor: number(&fields, "factor", review).unwrap_or(outer.factor),
        jitter: number(&fields, "jitter", review)
            .filter(|jitter| at_most_one(&fields, *jitter, review))
            .unwrap_or(outer.jitter),
        limit: number(&fields, "limit", review).unwrap_or(outer.limit),
        within: within.unwrap_or(outer.within),
    }
}

fn policy(node: &Node, review: &mut Review) -> Option<RestartPolicy> {
    let text = review.take(values::text(node, "restart"))?;
    let mut all = RestartPolicy::ALL.into_iter();
    if let Some(policy) = all.find(|it| it.as_str() == text) {
        return Some(policy);
    }
    let words = || RestartPolicy::ALL.map(RestartPolicy::as_str);
    let hint = review.guess(text, words());
    let message = format!("there is no restart policy {}", quote(text));
    let flaw = Flaw::new(&node.span, message).hint(there_are(words()));
    review.add(flaw.maybe_hint(hint));
    None
}

fn number<T: FromStr>(fields: &Fields<'_>, key: &str, review: &mut Review) -> Option<T> {
    let node = fields.get(key)?;
    let read = node.text().and_then(|text| text.parse().ok());
    review.take(read.ok_or_else(|| wrong_type(node, key, "a number")))
}

fn at_most_one(fields: &Fields<'_>, jitter: Decimal, review: &mut Review) -> bool {
    let fits = jitter <= Decimal::of_thousandths(1000);
    if let Some(node) = fields.get("jitter").filter(|_| !fits) {
        review.add(Flaw::new(
            &node.span,
            "jitter: it is a part of the wait, from 0 to 1",
        ));
    }
    fits
}

/// The words of a command that is run when an agent has failed for good.
pub(super) fn on_failed(node: &Node, source: &Source, review: &mut Review) -> Option<OnFailed> {
    let items = review.take(items(node, "on_failed"))?;
    let word = |node| {
        review
            .take(values::text(node, "on_failed"))
            .map(str::to_owned)
    };
    let argv: Vec<String> = items.iter().map(word).collect::<Option<_>>()?;
    if argv.first().is_none_or(String::is_empty) {
        let flaw = Flaw::new(&node.span, "a command begins with the program to run");
        review.add(flaw.hint("write on_failed: [PROGRAM, ARGUMENT]"));
        return None;
    }
    let cwd = source.folder.clone();
    Some(OnFailed { argv, cwd })
}
