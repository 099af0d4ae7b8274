//! What a topic can be.

use super::super::review::{Flaw, Review, Spanned};

/// Divides topic and body on the wire.
const SEPARATOR: u8 = 0x80;

/// Refuses topics that would not arrive as they were sent.
pub(super) fn check(topic: &Spanned<String>, review: &mut Review) {
    let bytes = topic.value.as_bytes();
    if bytes.contains(&SEPARATOR) {
        let message = "this topic has a character with the byte 0x80 in it, which ends a topic";
        review.add(Flaw::new(&topic.span, message).hint("keep topics to ASCII"));
    }
    if bytes.first() == Some(&0) {
        let message = "topics that begin with a zero character are osb's own";
        review.add(Flaw::new(&topic.span, message).hint("begin it with another character"));
    }
}
