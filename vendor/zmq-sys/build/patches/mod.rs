//! What is changed in libzmq, one file for each change: why, and the lines. Another one is one more
//! file and its name below; they are made in this order, and a later one sees the lines of an earlier one.

mod count_losses;
mod former_key;
mod handshake_frames;
mod leave_out;
mod lines;
mod message_bounds;
mod named_ipc;
mod queue_bytes;
mod timers;
mod zap_cookie;

use crate::patch::Patch;

pub const ALL: &[&Patch] = &[
    &count_losses::PATCH,
    &lines::PATCH,
    &named_ipc::PATCH,
    &zap_cookie::PATCH,
    &handshake_frames::PATCH,
    &message_bounds::PATCH,
    &queue_bytes::PATCH,
    &timers::PATCH,
    &former_key::PATCH,
    &leave_out::PATCH,
];
