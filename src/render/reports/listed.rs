//! Agents as lists show them: with the name that one would use on the command line.

use std::collections::BTreeMap;

use crate::model::{AgentId, AgentInfo, Leftover, NameServerName};

/// An agent in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Bare, unless agents of several name servers are called so.
    pub id: AgentId,
    /// The name of its name server, if the system has several.
    pub group: Option<NameServerName>,
    pub info: AgentInfo,
    /// What it has left running, if it has ended and that was asked for.
    pub left: Vec<Leftover>,
}

impl Listed {
    /// All agents of some name servers, in order of their names.
    pub fn all(
        agents: impl IntoIterator<Item = (Option<NameServerName>, AgentInfo)>,
    ) -> Vec<Listed> {
        let agents: Vec<_> = agents.into_iter().collect();
        let mut counts = BTreeMap::new();
        for (_, info) in &agents {
            *counts.entry(info.name.clone()).or_insert(0) += 1;
        }
        let listed = |(group, info): (Option<NameServerName>, AgentInfo)| Listed {
            id: AgentId {
                nameserver: group.clone().filter(|_| counts[&info.name] > 1),
                name: info.name.clone(),
            },
            group,
            info,
            left: Vec::new(),
        };
        let mut listed: Vec<Listed> = agents.into_iter().map(listed).collect();
        listed.sort_by(|one, other| one.id.cmp(&other.id));
        listed
    }
}

impl Listed {
    /// Whether that name means it: a bare one any agent that is called so.
    pub fn is_called(&self, id: &AgentId) -> bool {
        let group = id.nameserver.as_ref();
        self.info.name == id.name && (group.is_none() || group == self.group.as_ref())
    }

    /// Its name, and those of its sockets, as one would use them on the command line.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let sockets = self.info.addresses.keys();
        let sockets = sockets.map(|alias| format!("{}.{alias}", self.id));
        std::iter::once(self.id.to_string()).chain(sockets)
    }
}

impl From<AgentInfo> for Listed {
    fn from(info: AgentInfo) -> Self {
        Self {
            id: info.name.clone().into(),
            group: None,
            info,
            left: Vec::new(),
        }
    }
}
