//! Agents that end in turn, before all others do at once: those that ask end before those that answer.

use std::collections::BTreeSet;

use super::processes::Processes;
use crate::model::timing::STOP_STAGES_TIMEOUT;
use crate::model::{AgentName, HostInfo, HostName, Millis, State};
use crate::proxy::Link;
use crate::wire::{AgentRequest, HostRequest, Peer, Stopped};

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
                // Those that could not be asked end with all others.
                stopped.extend(answer.await.ok());
            }
        }
        stopped
    }
}
