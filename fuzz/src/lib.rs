//! What has to hold of every decoder, whatever bytes it is given: no panic, no hang, and what was
//! understood means the same when it is written out and read again. And what has to hold of every guard,
//! whoever comes: nobody gets by.
//!
//! One function for each fuzz target. tests/corpus.rs runs them over the corpus without a fuzzer.

mod admits;
mod control;
mod journal;
mod lines;
mod names;
mod payloads;
mod quotas;
mod terminal;
mod topology;
mod words;
mod zap;

pub use admits::admits;
pub use control::control;
pub use journal::journal;
pub use lines::lines;
pub use names::names;
pub use payloads::payloads;
pub use quotas::quotas;
pub use terminal::terminal;
pub use topology::topology;
pub use words::words;
pub use zap::zap;
