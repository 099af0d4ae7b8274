//! Reads how answers to the requests of a connection are to be handled. Whether anything is asked
//! by it is decided when its kind is known.

use super::draft::{Actions, RepliesDraft};
use super::fields::Fields;
use super::handler;
use super::review::{Review, Spanned};
use super::values;

/// The keys of a connection that say so.
pub(super) const KEYS: [&str; 3] = ["on_reply", "wait", "on_error"];

/// What they say; what cannot be read is left out, and the review knows why.
pub(super) fn read(fields: &Fields<'_>, review: &mut Review) -> RepliesDraft {
    let [on_reply, wait, on_error] = KEYS;
    RepliesDraft {
        on_reply: actions(on_reply, fields, review),
        wait: fields.get(wait).and_then(|node| {
            let value = review.take(values::some_time(node, wait))?;
            let span = node.span.clone();
            Some(Spanned { value, span })
        }),
        on_error: actions(on_error, fields, review),
    }
}

fn actions(key: &str, fields: &Fields<'_>, review: &mut Review) -> Option<Spanned<Actions>> {
    let node = fields.get(key)?;
    let value = handler::actions(node, review)?;
    let span = node.span.clone();
    Some(Spanned { value, span })
}
