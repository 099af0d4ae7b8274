//! What has to hold of every decoder, whatever bytes it is given: no panic, no hang, and what was
//! understood means the same when it is written out and read again.
//!
//! One function for each fuzz target. tests/corpus.rs runs them over the corpus without a fuzzer.

mod control;
mod names;
mod payloads;
mod topology;
mod words;

pub use control::control;
pub use names::names;
pub use payloads::payloads;
pub use topology::topology;
pub use words::words;
