//! In which turns the agents of a group end, and how long they may take. Which turns there are, `plan::ends` says.

use std::collections::{BTreeSet, HashMap};

use crate::model::{AgentId, AgentName, HostName, Millis, NameServerName, Topology, longest_stop};
use crate::plan::ends;
use crate::state::{GroupRecord, SystemDir, SystemRecord};

/// The topology that a system was brought up from. A record that another version of osb has written may have one that cannot be
/// read, and that of a daemon for another machine has none.
pub(super) fn topology(record: &SystemRecord) -> Option<Topology> {
    serde_json::from_str(&record.topology).ok()
}

/// The longest `stop_timeout` of a system's agents: by its topology, or else by what daemons have written down here.
pub(crate) fn longest_of(topology: Option<&Topology>, dir: &SystemDir) -> Option<Millis> {
    match topology {
        Some(topology) => longest_stop(&topology.agents),
        None => dir.longest_stop(),
    }
}

/// The agents of one group, turn by turn, with the hosts that they were started on.
#[derive(Default)]
pub(crate) struct Turns(pub(super) Vec<Vec<(HostName, AgentName)>>);

impl Turns {
    /// Those of a group, by the topology that the system was brought up from. If that is not known, all end at once.
    pub(crate) fn of(
        topology: Option<&Topology>,
        record: &SystemRecord,
        group: &GroupRecord,
    ) -> Self {
        let Some(topology) = topology else {
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
        let turns = ends(topology).into_iter().map(|turn| {
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
