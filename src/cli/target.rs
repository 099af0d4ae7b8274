//! Which agent and which of its sockets a text names. Names may contain dots, so only the agents
//! that there are can tell.

use crate::model::{AgentName, Target};

/// What a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    Agent(AgentName),
    Socket(Target),
}

/// Reads `text` as one of the `agents`, or else as a socket of one of them; if it is neither, as
/// what it most looks like. None: it cannot be a name at all.
pub fn named<'a>(text: &str, agents: impl Iterator<Item = &'a AgentName> + Clone) -> Option<Named> {
    let known = |name: &AgentName| agents.clone().any(|agent| agent == name);
    let whole: Option<AgentName> = text.parse().ok();
    if let Some(agent) = whole.as_ref().filter(|name| known(name)) {
        return Some(Named::Agent(agent.clone()));
    }
    if let Some(target) = Target::readings(text).find(|target| known(&target.agent)) {
        return Some(Named::Socket(target));
    }
    match Target::readings(text).next() {
        Some(target) => Some(Named::Socket(target)),
        None => whole.map(Named::Agent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_that_there_are_decide() {
        let agents: Vec<AgentName> = ["Alice", "a.b"].map(|name| name.parse().unwrap()).into();
        let read = |text: &str| match named(text, agents.iter())? {
            Named::Agent(name) => Some(format!("agent {name}")),
            Named::Socket(target) => Some(format!("{} of {}", target.alias, target.agent)),
        };
        assert_eq!(read("Alice").unwrap(), "agent Alice");
        assert_eq!(read("Alice.main").unwrap(), "main of Alice");
        assert_eq!(read("a.b").unwrap(), "agent a.b");
        assert_eq!(read("a.b.c").unwrap(), "c of a.b");
        assert_eq!(read("Bob.x").unwrap(), "x of Bob");
        assert_eq!(read("Bob").unwrap(), "agent Bob");
        assert_eq!(read("/"), None);
    }
}
