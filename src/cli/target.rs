//! Which agent and which of its sockets a text names. Names may contain dots, so only the agents
//! that there are can tell.

use crate::model::{AgentId, AgentName, NameServerName, SocketId};

/// What a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Agent(AgentId),
    Socket(SocketId),
}

/// Reads `text` as an agent that is `known`, or else as a socket of one of them; if it is neither, as
/// what it most looks like. None: it cannot be a name at all.
pub(crate) fn named(text: &str, known: impl Fn(&AgentId) -> bool) -> Option<Named> {
    let whole: Option<AgentId> = text.parse().ok();
    if let Some(agent) = whole.as_ref().filter(|id| known(id)) {
        return Some(Named::Agent(agent.clone()));
    }
    if let Some(socket) = SocketId::readings(text).find(|socket| known(&socket.agent)) {
        return Some(Named::Socket(socket));
    }
    match SocketId::readings(text).next() {
        Some(socket) => Some(Named::Socket(socket)),
        None => whole.map(Named::Agent),
    }
}

/// Whether `asked` may mean the agent that is called so and registered there.
pub(crate) fn may_mean(asked: &AgentId, name: &AgentName, nameserver: &NameServerName) -> bool {
    let wanted = asked.nameserver.as_ref();
    asked.name == *name && wanted.is_none_or(|wanted| wanted == nameserver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_that_there_are_decide() {
        let known = |id: &AgentId| ["Alice", "a.b", "Alice@lab"].contains(&&*id.to_string());
        let read = |text: &str| match named(text, known)? {
            Named::Agent(name) => Some(format!("agent {name}")),
            Named::Socket(target) => Some(format!("{} of {}", target.alias, target.agent)),
        };
        assert_eq!(read("Alice").unwrap(), "agent Alice");
        assert_eq!(read("Alice.main").unwrap(), "main of Alice");
        assert_eq!(read("a.b").unwrap(), "agent a.b");
        assert_eq!(read("a.b.c").unwrap(), "c of a.b");
        assert_eq!(read("Bob.x").unwrap(), "x of Bob");
        assert_eq!(read("Bob").unwrap(), "agent Bob");
        assert_eq!(read("Alice@lab").unwrap(), "agent Alice@lab");
        assert_eq!(read("Alice@lab.main").unwrap(), "main of Alice@lab");
        assert_eq!(read("/"), None);
    }
}
