//! Whether timers can send what they are to send.

use super::super::draft::TimerDraft;
use super::super::review::{Flaw, Review};
use super::super::sockets::Socket;
use super::handlers::Owner;
use super::topic;
use crate::model::TimerSpec;
use crate::wire;

/// The timer, checked.
pub(in crate::topology) fn settle(
    timer: &TimerDraft,
    owner: &Owner<'_>,
    review: &mut Review,
) -> TimerSpec {
    let send = &timer.send;
    if let Some(socket) = owner
        .sockets
        .find(&send.value, &send.span, owner.name, review)
    {
        sendable(timer, socket, review);
    }
    if let Some(topic) = &timer.topic {
        topic::check(topic, review);
    }
    TimerSpec {
        when: timer.when,
        send: send.value.clone(),
        message: timer.message.value.clone(),
        topic: timer.topic.as_ref().map(|topic| topic.value.clone()),
    }
}

fn sendable(timer: &TimerDraft, socket: &Socket, review: &mut Review) {
    let Some(kind) = socket.kind else {
        return;
    };
    let send = &timer.send;
    if !kind.sends() {
        let message = format!(
            "{} is {} socket: a timer cannot send by it",
            send.value,
            kind.with_article()
        );
        review.add(Flaw::new(&send.span, message).hint("send by a PUSH, PUB or REQ socket"));
    }
    if let Some(topic) = timer.topic.as_ref().filter(|_| !kind.publishes()) {
        let message = format!("topics are for PUB sockets; {} is {kind}", send.value);
        review.add(Flaw::new(&topic.span, message).hint("take the topic away"));
    }
    if let Err(error) = wire::encode(&timer.message.value, socket.serializer) {
        let message = format!("{} cannot send this message: {error}", send.value);
        review.add(Flaw::new(&timer.message.span, message));
    }
}
