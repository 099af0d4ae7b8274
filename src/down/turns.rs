//! Agents that end in turn, before all others do at once: whoever asks ends before whoever answers. Which turns there
//! are, `plan::ends` says.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::end::Processes;
use crate::model::{
    AgentId, AgentName, HostInfo, HostName, Millis, NameServerName, State, Topology,
};
use crate::plan::ends;
use crate::proxy::Link;
use crate::state::{GroupRecord, SystemRecord};
use crate::wire::{AgentRequest, HostRequest, Peer, Stopped};

/// Beyond the grace: the later stop stages, and the answer's way.
const STOP_STAGES_TIMEOUT: Duration = Duration::from_secs(6);

/// The agents of one group, turn by turn, with the hosts that they were started on.
#[derive(Default)]
pub struct Turns(Vec<Vec<(HostName, AgentName)>>);

impl Turns {
    /// Those of a group, by the topology that the system was brought up from. A record that another version of osb
    /// has written may have one that cannot be read: then all end at once.
    pub fn of(record: &SystemRecord, group: &GroupRecord) -> Self {
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

    /// Those who have to be able to answer until others have ended.
    pub fn answerers(&self) -> BTreeSet<&AgentName> {
        let later = self.0.iter().skip(1).flatten();
        later.map(|(_, agent)| agent).collect()
    }
}

impl Processes<'_> {
    /// Ends all turns but the last, one after the other, each at once. Gives how they ended.
    pub(super) async fn end_in_turn(
        &self,
        link: &Link,
        there: &[HostInfo],
        grace: Millis,
    ) -> Vec<Stopped> {
        let mut stopped = Vec::new();
        let daemons = self.known(there).into_iter().map(|it| it.host);
        let machines = self.group.machines.iter().map(|it| it.host.clone());
        let ours: BTreeSet<HostName> = daemons.chain(machines).collect();
        let runs = |it: &&HostInfo| it.state == State::Running && ours.contains(&it.name);
        let there: BTreeSet<&HostName> = there.iter().filter(runs).map(|it| &it.name).collect();
        let [turns @ .., _] = self.turns.0.as_slice() else {
            return stopped;
        };
        for turn in turns {
            let ask = |(host, agent): &(HostName, AgentName)| {
                // That it is to send no more, it hears only now.
                link.tell(Peer::Agent(agent.clone()), &AgentRequest::Stop {});
                let agent = agent.clone();
                let request = HostRequest::Stop { agent, grace };
                let limit = grace.duration() + STOP_STAGES_TIMEOUT;
                link.ask::<Stopped>(Peer::Host(host.clone()), &request, limit)
            };
            let asked = turn.iter().filter(|(host, _)| there.contains(host));
            let asked: Vec<_> = asked.map(ask).collect();
            for answer in asked {
                // Whoever could not be asked ends with all others.
                stopped.extend(answer.await.ok());
            }
        }
        stopped
    }
}
