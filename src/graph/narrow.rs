//! A part of a graph: some agents, and what they are wired to.

use std::collections::BTreeSet;

use super::{Agent, Graph, Point};
use crate::model::AgentId;

/// No agent is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchAgent {
    #[error("no agent is called {0}")]
    Called(String),
    #[error("no agent's name begins with {0:?}")]
    Begins(String),
}

impl Graph {
    /// Those that `names` mean, with all their wires and whoever is at the other ends; with a star, all whose names begin so. All, if
    /// there are no names.
    pub fn narrowed(&self, names: &[String]) -> Result<Graph, NoSuchAgent> {
        if names.is_empty() {
            return Ok(self.clone());
        }
        let mut chosen: BTreeSet<&AgentId> = BTreeSet::new();
        for name in names {
            let meant = self.agents.iter().filter(|it| is_meant(name, it));
            let meant: Vec<&AgentId> = meant.map(|it| &it.id).collect();
            if meant.is_empty() {
                return Err(match name.strip_suffix('*') {
                    Some(begin) => NoSuchAgent::Begins(begin.to_owned()),
                    None => NoSuchAgent::Called(name.clone()),
                });
            }
            chosen.extend(meant);
        }
        Ok(self.around(&chosen))
    }

    fn around(&self, chosen: &BTreeSet<&AgentId>) -> Graph {
        let is_chosen = |it: &Point| it.agent().is_some_and(|it| chosen.contains(it));
        let wires = self.wires.iter();
        let wires = wires.filter(|it| is_chosen(&it.from) || is_chosen(&it.to));
        let wires: Vec<_> = wires.cloned().collect();
        let mut agents = self.agents.clone();
        for agent in agents.iter_mut().filter(|it| !chosen.contains(&it.id)) {
            agent.sockets.retain(|socket| {
                let is_it = |it: &Point| match it {
                    Point::Socket(it) => it.agent == agent.id && it.alias == socket.alias,
                    Point::Outside(_) => false,
                };
                wires.iter().any(|it| is_it(&it.from) || is_it(&it.to))
            });
        }
        agents.retain(|it| chosen.contains(&it.id) || !it.sockets.is_empty());
        let is_used = |host| agents.iter().any(|it| it.host.as_ref() == Some(host));
        let hosts = self.hosts.iter().filter(|it| is_used(&it.name));
        Graph {
            hosts: hosts.cloned().collect(),
            agents,
            wires,
            ..self.clone()
        }
    }
}

/// `W*` is every agent whose name begins so; `W*@lab` those of one name server.
fn is_meant(name: &str, agent: &Agent) -> bool {
    let (name, group) = match name.split_once('@') {
        Some((name, group)) => (name, Some(group)),
        None => (name, None),
    };
    let its = agent.group.as_ref().or(agent.id.nameserver.as_ref());
    let here = group.is_none_or(|wanted| its.is_none_or(|its| its.as_str() == wanted));
    let own = agent.id.name.as_str();
    here && match name.strip_suffix('*') {
        Some(begin) => own.starts_with(begin),
        None => own == name,
    }
}
