//! In which turns the agents of a group end. Which turns there are, `plan::ends` says.

use std::collections::{BTreeSet, HashMap};

use crate::model::{AgentId, AgentName, HostName, NameServerName, Topology};
use crate::plan::ends;
use crate::state::{GroupRecord, SystemRecord};

/// The agents of one group, turn by turn, with the hosts that they were started on.
#[derive(Default)]
pub(crate) struct Turns(pub(super) Vec<Vec<(HostName, AgentName)>>);

impl Turns {
    /// Those of a group, by the topology that the system was brought up from. A record that another version of osb
    /// has written may have one that cannot be read: then all end at once.
    pub(crate) fn of(record: &SystemRecord, group: &GroupRecord) -> Self {
        let Ok(topology) = serde_json::from_str::<Topology>(&record.topology) else {
            return Self::default();
        };
        let first = record.groups.first().map(|it| &it.name);
        let is_of = |agent: &AgentId, name: &NameServerName| {
            agent.nameserver.as_ref().or(first) == Some(name)
        };
        let started = topology.agents.iter().filter(|it| !it.attach);
        let hosts: HashMap<&AgentId, &HostName> = started.map(|it| (&it.name, &it.host)).collect();
        let host = |agent: &AgentId| {
            let host = hosts.get(agent)?;
            Some(((*host).clone(), agent.name.clone()))
        };
        let turns = ends(&topology).into_iter().map(|turn| {
            let here = turn.iter().filter(|agent| is_of(agent, &group.name));
            here.filter_map(host).collect::<Vec<_>>()
        });
        Self(turns.filter(|turn| !turn.is_empty()).collect())
    }

    /// The agents that have to be able to answer until others have ended.
    pub(crate) fn answerers(&self) -> BTreeSet<&AgentName> {
        let later = self.0.iter().skip(1).flatten();
        later.map(|(_, agent)| agent).collect()
    }
}
