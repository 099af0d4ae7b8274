//! What a name server writes down as numbered events in files: in its journal, if it is closed, who did what, when and from where;
//! and what has happened in its system.
//!
//! What is written where, and what is kept, is decided in `core`; which events there are is decided by those who
//! write. Nobody waits for the journal: what it cannot write is missing in it, and its number with it.

pub(crate) mod core;
mod events;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod search;

pub(crate) use events::{Events, LastEvents, happened_behind};
pub(crate) use files::{Journal, events_behind};
