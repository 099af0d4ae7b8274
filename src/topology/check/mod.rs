//! What has to hold between the parts of a topology, once its references are followed.

pub(super) mod addresses;
pub(super) mod circles;
pub(super) mod files;
pub(super) mod handlers;
pub(super) mod machines;
pub(super) mod order;
pub(super) mod replies;
pub(super) mod timers;
mod topic;
pub(super) mod with;
