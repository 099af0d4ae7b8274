//! The key `update`: how the agents of an entry are replaced when they begin anew.

use super::fields::{Fields, there_are};
use super::keys;
use super::review::{Flaw, Review, quote};
use super::values;
use super::yaml::Node;
use crate::model::{AgentName, Update, UpdateFailure, UpdateOrder, UpdateWait};

/// The way of the agents of an entry that is called `name`. None if it does not say, or the review knows what is wrong.
pub(super) fn read(agent: &Fields<'_>, name: &AgentName, review: &mut Review) -> Option<Update> {
    let node = agent.get("update")?;
    let fields = Fields::open(node, "update", &keys::UPDATE, review)?;
    let group = match fields.get("group") {
        Some(node) => review.take(values::name(node, "group"))?,
        None => name.clone(),
    };
    let parallel = match fields.get("parallel") {
        Some(node) => parallel(node, review)?,
        None => 1,
    };
    let order = word(
        &fields,
        "order",
        &UpdateOrder::ALL,
        UpdateOrder::as_str,
        review,
    )?;
    let is_one_of_many = agent.get("replicas").is_some() || fields.get("group").is_some();
    if order == UpdateOrder::StartFirst && !is_one_of_many {
        return no_replicas(&fields, review);
    }
    let wait = word(
        &fields,
        "wait",
        &UpdateWait::ALL,
        UpdateWait::as_str,
        review,
    )?;
    let on_failure = word(
        &fields,
        "on_failure",
        &UpdateFailure::ALL,
        UpdateFailure::as_str,
        review,
    )?;
    Some(Update {
        group,
        parallel,
        order,
        wait,
        on_failure,
    })
}

/// More of an agent come only where its entry stands for several.
fn no_replicas(update: &Fields<'_>, review: &mut Review) -> Option<Update> {
    let node = update.get("order")?;
    let message = "order: start-first is for an entry with replicas, of which one more can be there meanwhile";
    let hint = "give the entry `replicas: 1`, or leave the order out";
    review.add(Flaw::new(&node.span, message).hint(hint));
    None
}

fn parallel(node: &Node, review: &mut Review) -> Option<usize> {
    let number = node.number().and_then(|it| it.as_u64());
    let number = number.and_then(|it| usize::try_from(it).ok());
    let flaw = || {
        let message = "parallel: expected how many are replaced at a time";
        Flaw::new(&node.span, message).hint("write a whole number from 1")
    };
    review.take(number.filter(|it| *it > 0).ok_or_else(flaw))
}

/// One of some words; the first if none is said.
fn word<T: Copy>(
    fields: &Fields<'_>,
    key: &str,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
    review: &mut Review,
) -> Option<T> {
    let Some(node) = fields.get(key) else {
        return all.first().copied();
    };
    let text = review.take(values::text(node, key))?;
    if let Some(found) = all.iter().find(|it| as_str(**it) == text) {
        return Some(*found);
    }
    let words = || all.iter().map(|it| as_str(*it));
    let flaw = Flaw::new(&node.span, format!("{key} is not {}", quote(text)));
    let hint = review.guess(text, words());
    review.add(flaw.hint(there_are(words())).maybe_hint(hint));
    None
}
