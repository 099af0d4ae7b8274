//! What a topic can be.

use super::super::review::{Flaw, Review, Spanned};
use crate::wire::ends_topic;

/// Refuses topics that would not arrive as they were sent.
pub(super) fn check(topic: &Spanned<String>, review: &mut Review) {
    if ends_topic(&topic.value) {
        let message = "this topic has a character with the byte 0x80 in it, which ends a topic";
        review.add(Flaw::new(&topic.span, message).hint("keep topics to ASCII"));
    }
}
