//! Why an agent shows nothing of what passes, and whether that may change.

use crate::cli::{CommandError, ErrorKind, Session};
use crate::model::AgentId;
use crate::proxy::ProxyError;
use crate::wire::Fault;

/// Comes back with why it shows nothing for now. What can never be tapped is an error, unless it has `begun` before.
pub(crate) fn no_tap(
    session: &Session,
    agent: &AgentId,
    why: ProxyError,
    begun: bool,
) -> Result<ProxyError, CommandError> {
    let is_final = matches!(
        why,
        ProxyError::Fault(
            Fault::NotPermitted { .. } | Fault::UnknownAlias { .. } | Fault::Refused { .. }
        )
    );
    match why {
        ProxyError::Fault(Fault::UnknownMethod { .. }) => Err(CommandError::say(
            ErrorKind::Failed,
            format!("{agent} cannot be tapped: it is written in a language whose library does not know how"),
        )
        .with_code("unknown_method")),
        why if is_final && !begun => session.tell(Err(why)),
        why => Ok(why),
    }
}
