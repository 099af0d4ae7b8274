//! How hosts and agents that others start dial a name server: they wait until it is there, and for nothing else.

use super::{CommandError, Context};
use crate::model::Dial;
use crate::model::timing::JOIN_INTERVAL;
use crate::proxy::ProxyError;

/// Dials, again and again as long as nobody is reached, and says so once.
pub(crate) fn when_there(
    context: &Context,
    dial: impl Fn() -> Result<Dial, ProxyError>,
) -> Result<Dial, CommandError> {
    let mut told = false;
    loop {
        match dial() {
            Err(error @ ProxyError::Unreachable { .. }) => {
                if !std::mem::replace(&mut told, true) {
                    context.note(&format!("{error}; waiting for it, to join"));
                }
                std::thread::sleep(JOIN_INTERVAL);
            }
            other => return Ok(other?),
        }
    }
}
