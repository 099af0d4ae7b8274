//! The key `health`: how a command is watched while it runs, of `defaults` and of an agent.

use super::command::words;
use super::draft::{CheckDraft, HealthDraft, LateText};
use super::fields::{Fields, there_are, wrong_type};
use super::keys;
use super::ready;
use super::review::{Flaw, Review, quote};
use super::values;
use super::yaml::{Data, Node};
use crate::model::{BadHttpUrl, HttpUrl, RestartPolicy, Speaks, Then};

/// Of which `health` has one.
const CHECKS: [&str; 4] = ["call", "command", "port", "http"];
/// What a check is needed for.
const OF_CHECKS: [&str; 4] = ["every", "timeout", "failures", "grace"];
const ONE_CHECK: &str = "write one of call: METHOD, command: [PROGRAM, ARGUMENT], port: 8080, http: http://127.0.0.1:8080/";

/// What the section says, over what was said before.
pub(super) fn overlaid(
    outer: Option<&HealthDraft>,
    node: &Node,
    review: &mut Review,
) -> Option<HealthDraft> {
    let outer = outer.cloned();
    let Some(fields) = Fields::open(node, "health", &keys::HEALTH, review) else {
        return outer;
    };
    let outer = outer.unwrap_or_default();
    let mut time = |key: &str| {
        let node = fields.get(key)?;
        review.take(values::some_time(node, key))
    };
    let (every, timeout, max_busy) = (time("every"), time("timeout"), time("max_busy"));
    let grace = fields.get("grace");
    let grace = grace.and_then(|node| review.take(values::duration(node, "grace")));
    let failures = fields.get("failures");
    let failures = failures.and_then(|node| review.take(count(node)));
    Some(HealthDraft {
        check: check(&fields, review).or(outer.check),
        every: every.or(outer.every),
        timeout: timeout.or(outer.timeout),
        failures: failures.or(outer.failures),
        grace: grace.or(outer.grace),
        then: fields
            .get("then")
            .and_then(|node| then(node, review))
            .or(outer.then),
        max_busy: max_busy.or(outer.max_busy),
    })
}

fn check(fields: &Fields<'_>, review: &mut Review) -> Option<CheckDraft> {
    let given: Vec<(&str, &Node)> = CHECKS
        .into_iter()
        .filter_map(|key| Some((key, fields.get(key)?)))
        .collect();
    match given.as_slice() {
        [] => None,
        [("call", node)] => review
            .take(values::name(node, "call"))
            .map(CheckDraft::Call),
        [("port", node)] => review.take(ready::port(node)).map(CheckDraft::Port),
        [("http", node)] => review.take(http(node)).map(CheckDraft::Http),
        [(_, node)] => words(node, "command", review).map(CheckDraft::Command),
        [_, (key, node), ..] => {
            let message = format!("health is seen by one thing, and {key} is another");
            review.add(Flaw::new(&node.span, message).hint(ONE_CHECK));
            None
        }
    }
}

fn http(node: &Node) -> Result<HttpUrl, Flaw> {
    let text = values::text(node, "http")?;
    text.parse().map_err(|bad: BadHttpUrl| {
        let hint = match bad {
            BadHttpUrl::Https => "let a command ask: command: [curl, -fsS, URL]".to_owned(),
            BadHttpUrl::Scheme | BadHttpUrl::Host(_) | BadHttpUrl::Blank => {
                "write an address, such as http://127.0.0.1:8080/health; names are not looked up, but for localhost".to_owned()
            }
        };
        Flaw::new(&node.span, format!("http: {}: {bad}", quote(text))).hint(hint)
    })
}

fn count(node: &Node) -> Result<u32, Flaw> {
    let number = node
        .number()
        .and_then(|it| it.as_u64())
        .and_then(|it| it.try_into().ok());
    if node.number().is_none() {
        return Err(wrong_type(node, "failures", "a number"));
    }
    number.filter(|it| (1..=1000).contains(it)).ok_or_else(|| {
        let message = "failures: so many in a row cannot be waited for";
        Flaw::new(&node.span, message).hint("write a whole number from 1 to 1000")
    })
}

fn then(node: &Node, review: &mut Review) -> Option<Then> {
    let text = review.take(values::text(node, "then"))?;
    let found = Then::ALL.into_iter().find(|it| it.as_str() == text);
    if found.is_none() {
        let words = || Then::ALL.map(Then::as_str);
        let hint = review.guess(text, words());
        let message = format!("nothing that follows is called {}", quote(text));
        let flaw = Flaw::new(&node.span, message).hint(there_are(words()));
        review.add(flaw.maybe_hint(hint));
    }
    found
}

/// What of it fits the agent. What the agent says itself and does not fit is reported; what only `defaults` say is left
/// away.
pub(super) fn fitting(
    draft: Option<HealthDraft>,
    agent: &Fields<'_>,
    (speaks, policy): (Speaks, RestartPolicy),
    review: &mut Review,
) -> Option<HealthDraft> {
    let mut draft = draft?;
    let own = agent.get("health");
    let mut refuse = |key: &str, message: &str, hint: &str| {
        if let Some(node) = said(own, key) {
            review.add(Flaw::new(&node.span, message).hint(hint));
        }
    };
    if matches!(draft.check, Some(CheckDraft::Call(_))) && !speaks.hears() {
        let message = "a command that speaks nothing has no methods to call";
        refuse(
            "call",
            message,
            "watch it by port, http or command; or let it speak lines",
        );
        draft.check = None;
    }
    if draft.max_busy.is_some() && speaks != Speaks::Lines {
        let message = "max_busy is for a command that speaks lines, which tells that it is busy";
        refuse("max_busy", message, "take it away");
        draft.max_busy = None;
    }
    if draft.then == Some(Then::Restart) && policy == RestartPolicy::Never {
        let message = "then: the agent would be ended, and not started again";
        refuse("then", message, "add restart: on-failure to the agent");
        draft.then = None;
    }
    // Also if it could not be read, or does not fit.
    let has_check = CHECKS.iter().any(|key| said(own, key).is_some());
    if draft.check.is_none() && !has_check {
        for key in OF_CHECKS {
            let message = format!("{key} is for a check, and there is none");
            refuse(key, &message, ONE_CHECK);
        }
    }
    if draft.check.is_none() {
        draft = HealthDraft {
            then: draft.then,
            max_busy: draft.max_busy,
            ..HealthDraft::default()
        };
    }
    Some(draft)
}

/// What an agent's own section has at a key.
fn said<'n>(own: Option<&'n Node>, key: &str) -> Option<&'n Node> {
    let Data::Map(entries) = &own?.data else {
        return None;
    };
    let (_, node) = entries.iter().find(|(it, _)| it.text == key)?;
    Some(node).filter(|node| !node.is_null())
}

/// The words of the command by which it is checked, if it is checked by one.
pub(super) fn late_words(draft: Option<&HealthDraft>) -> &[LateText] {
    match draft.and_then(|it| it.check.as_ref()) {
        Some(CheckDraft::Command(argv)) => argv,
        Some(CheckDraft::Call(_) | CheckDraft::Port(_) | CheckDraft::Http(_)) | None => &[],
    }
}
