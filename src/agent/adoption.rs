//! What an agent that was started elsewhere is to the system that it is attached to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::core::Life;
use crate::model::{Alias, SystemName};

/// What an agent was before a system adopted it, and will be again.
pub(crate) struct Adoption {
    pub system: SystemName,
    /// The sockets it had: others are the system's.
    pub sockets: Vec<Alias>,
    /// The timers it had.
    pub timers: Vec<Alias>,
    pub attributes: BTreeMap<String, Value>,
    pub life: Life,
    /// The system has let it go to work.
    pub works: bool,
}
