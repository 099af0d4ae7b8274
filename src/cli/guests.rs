//! Agents of one name server at the sockets of another's agents, in a closed system: control admits a guest before it
//! connects it by hand, and takes that back when it closes the connection. Of one name server, the proxy does the same.

use std::time::Duration;

use super::session::Group;
use super::{CommandError, Session};
use crate::model::{AgentId, AgentName, Alias, Holder, SocketId};
use crate::proxy::{Proxy, guest};

/// A guest, by the name that it has elsewhere.
fn holder(own: &Group, client: &AgentName) -> Holder {
    Holder::Guest(AgentId {
        name: client.clone(),
        nameserver: Some(own.name.clone()),
    })
}

/// Admits an agent of `own` at `socket`, which another name server knows. Tells whether it was not admitted before; in
/// an open system every peer is admitted anyway.
pub(super) fn admit(
    session: &Session,
    (own, client): (&Group, &AgentName),
    (theirs, other): (&Group, &Proxy),
    alias: &Alias,
) -> Result<bool, CommandError> {
    let info = session.tell(own.nameserver.agent_info(client))?;
    let Some(admit) = guest(&info, &own.name) else {
        return Ok(false);
    };
    session.tell(theirs.nameserver.ask::<()>(&admit).wait())?;
    session.tell(other.admit(alias.as_str(), holder(own, client)))
}

/// Takes it back that an agent was admitted by hand at these sockets, and ends what it has connected there. What the
/// topology admits stays.
pub(super) fn dismiss(
    session: &Session,
    (own, client): (&Group, &AgentName),
    from: Vec<SocketId>,
    limit: Duration,
) -> Result<(), CommandError> {
    for SocketId { agent, alias } in from {
        let Some(nameserver) = &agent.nameserver else {
            continue;
        };
        let theirs = &session.group(nameserver)?.nameserver;
        let other = theirs.proxy(agent.name.as_str())?.with_timeout(limit);
        match other.dismiss(alias.as_str(), holder(own, client)) {
            // It admits nobody any more.
            Err(error) if error.is_absence_of_socket() => {}
            outcome => drop(session.tell(outcome)?),
        }
    }
    Ok(())
}
