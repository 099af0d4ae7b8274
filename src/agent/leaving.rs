//! The end of a wire that an agent is about to leave.

use super::sockets::LinkAt;

/// An end that is left as soon as all requests that went there are answered.
pub(crate) struct Leaving {
    pub link: LinkAt,
    /// The connections to it.
    pub lines: Vec<Box<str>>,
}
