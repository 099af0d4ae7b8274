//! One entry of an agent's section `timers`.

use super::draft::TimerDraft;
use super::fields::Fields;
use super::review::{Flaw, Review, Spanned};
use super::values;
use super::yaml::{Node, to_json};
use crate::model::When;

const KEYS: &[&str] = &["every", "after", "send", "message", "topic"];

/// Reads one timer. None if the review knows why.
pub(super) fn read(node: &Node, review: &mut Review) -> Option<TimerDraft> {
    let fields = Fields::open(node, "a timer", KEYS, review)?;
    let when = when(&fields, review);
    let send = fields.need("send", "a timer", review);
    let alias = send.and_then(|node| review.take(values::name(node, "send")));
    let message = message(&fields, review);
    let topic = match fields.get("topic") {
        Some(node) => Some(Spanned {
            value: review.take(values::text(node, "topic"))?.to_owned(),
            span: node.span.clone(),
        }),
        None => None,
    };
    Some(TimerDraft {
        when: when?,
        send: Spanned {
            value: alias?,
            span: send?.span.clone(),
        },
        message: message?,
        topic,
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

/// The message: any JSON, null too, but it has to be there.
fn message(fields: &Fields<'_>, review: &mut Review) -> Option<Spanned<serde_json::Value>> {
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
