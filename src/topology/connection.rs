//! One entry of the section `connections`.

use super::bind;
use super::draft::ConnectionDraft;
use super::fields::Fields;
use super::handler;
use super::keys;
use super::patterns::{self, Clients};
use super::replies;
use super::review::{Review, Spanned};
use super::values;
use super::yaml::Node;

/// Reads one connection. None if the review knows why.
pub(super) fn read(node: &Node, review: &mut Review) -> Option<ConnectionDraft<Clients>> {
    let fields = Fields::open(node, "a connection", &keys::CONNECTION, review)?;
    let agent = fields
        .need("agent", "a connection", review)
        .and_then(|node| spanned(node, review.take(patterns::clients(node))));
    let to = fields.need("to", "a connection", review).and_then(|node| {
        let text = review.take(values::text(node, "to")).map(str::to_owned);
        spanned(node, text)
    });
    let alias = fields
        .get("alias")
        .map(|node| spanned(node, review.take(values::name(node, "alias"))));
    let kind = fields
        .get("kind")
        .and_then(|node| spanned(node, bind::kind(node, review)));
    let handler = handler::read(fields.get("handler"), review);
    Some(ConnectionDraft {
        agent: agent?,
        to: to?,
        alias: match alias {
            Some(read) => Some(read?),
            None => None,
        },
        kind,
        handler,
        replies: replies::read(&fields, review),
        repeats: false,
    })
}

fn spanned<T>(node: &Node, value: Option<T>) -> Option<Spanned<T>> {
    let span = node.span.clone();
    value.map(|value| Spanned { value, span })
}
