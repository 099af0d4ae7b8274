//! What an agent's code is handling, and the right to answer it.

/// What is being handled.
#[derive(Default)]
pub(super) struct Current {
    /// A message, and no call.
    pub is_message: bool,
    pub topic: Option<String>,
    /// The request or call to be answered.
    pub pending: Option<Promise>,
}

/// The right to answer a request or a call, once.
#[derive(Debug)]
#[must_use = "a promise that is dropped is an answer that never comes"]
pub struct Promise(pub(super) u64);
