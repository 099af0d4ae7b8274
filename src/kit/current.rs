//! What an agent's code is handling, and the right to answer it.

use std::sync::Arc;

use crate::agent::Whence;

/// What is being handled.
#[derive(Default)]
pub(super) struct Current {
    /// Whence the message comes.
    pub at: Option<Arc<Whence>>,
    pub topic: Option<String>,
    /// The request or call to be answered.
    pub pending: Option<Promise>,
}

/// The right to answer a request or a call, once.
#[derive(Debug)]
#[must_use = "a promise that is dropped is an answer that never comes"]
pub struct Promise(pub(super) u64);
