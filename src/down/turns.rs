//! Agents that end in turn, before all others do at once: those that ask end before those that answer.

use std::collections::BTreeMap;

use super::processes::Processes;
use crate::model::{AgentName, Grace, HostId, HostInfo, HostName, State};
use crate::proxy::Link;
use crate::wire::{AgentRequest, HostRequest, Peer, Stopped};

impl Processes<'_> {
    /// Ends all turns but the last, one after the other, each at once. Gives how they ended.
    pub(super) async fn end_in_turn(
        &self,
        link: &Link,
        there: &[HostInfo],
        grace: Grace,
    ) -> Vec<Stopped> {
        let mut stopped = Vec::new();
        let daemons = self.known(there).into_iter();
        let daemons = daemons.map(|it| (HostId::of(self.system, &it.host), it.host));
        let machines = self.group.machines.iter();
        let machines = machines.map(|it| (it.id(self.system), it.host.clone()));
        let mut ours: BTreeMap<HostId, HostName> = daemons.chain(machines).collect();
        let runs = there.iter().filter(|it| it.state == State::Running);
        let there = runs.filter_map(|it| {
            let id = it.id();
            Some((ours.remove(&id)?, id))
        });
        let there: BTreeMap<HostName, HostId> = there.collect();
        let [turns @ .., _] = self.turns.0.as_slice() else {
            return stopped;
        };
        let limit = self.limit(grace);
        for turn in turns {
            let ask = |(host, agent): &(HostName, AgentName)| {
                let host = there.get(host)?;
                // That it is to be quiet, it hears only now.
                link.tell(Peer::Agent(agent.clone()), &AgentRequest::Quiet {});
                let agent = agent.clone();
                let request = HostRequest::Stop {
                    agent,
                    grace,
                    hold: false,
                };
                Some(link.ask::<Stopped>(Peer::Host(host.clone()), &request, limit))
            };
            let asked: Vec<_> = turn.iter().filter_map(ask).collect();
            for answer in asked {
                // Those that could not be asked end with all others.
                stopped.extend(answer.await.ok());
            }
        }
        stopped
    }
}
