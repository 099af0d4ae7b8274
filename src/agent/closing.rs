//! Sockets that are about to be closed: each loses its alias at once, and is removed at the end of the
//! step that asked for it.

use super::requester::Requester;
use super::sockets::SlotId;
use crate::model::{Alias, Millis};

/// Sockets that are to be closed.
pub(crate) struct Closing {
    pub requester: Option<Requester>,
    pub sockets: Vec<(Alias, SlotId)>,
    pub linger: Option<Millis>,
}
