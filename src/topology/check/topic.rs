//! What a topic can be.

use super::super::review::{Flaw, Review, Spanned};
use crate::model::Topic;

/// Refuses topics that would not arrive as they were sent.
pub(super) fn check(topic: &Spanned<String>, review: &mut Review) -> Option<Topic> {
    let read = topic.value.parse::<Topic>();
    review.take(
        read.map_err(|error| {
            Flaw::new(&topic.span, error.to_string()).hint("keep topics to ASCII")
        }),
    )
}
