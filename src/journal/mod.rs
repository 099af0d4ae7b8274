//! The journal of a closed name server: who did what, when and from where, as numbered events in files beside its
//! keys.
//!
//! What is written where, and what is kept, is decided in `core`; which events there are is decided by those who
//! write. Nobody waits for the journal: what it cannot write is missing in it, and its number with it.

pub(crate) mod core;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod search;

pub(crate) use files::{Journal, events_behind};
