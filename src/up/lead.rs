//! The hosts of agents are told how far to lead them. What becomes of it, the agents announce.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ask::named;
use super::error::{Stage, UpError};
use super::state::Up;
use super::told::{Tellings, Told, until_done};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{AgentId, AgentName, AgentSpec, HostId, HostName, NameServerName, Step};
use crate::proxy::ProxyError;
use crate::wire::{HostRequest, Peer};

impl Up<'_> {
    /// One word to each host, and to the daemon of this machine for those agents that others start.
    pub(super) async fn lead(
        &self,
        agents: impl Iterator<Item = &AgentSpec>,
        to: Step,
    ) -> Result<(), UpError> {
        let mut hosts: BTreeMap<(&NameServerName, HostId), Vec<&AgentSpec>> = BTreeMap::new();
        for agent in agents {
            let host = match agent.attach {
                true => HostId::of(&self.part.system, &HostName::local()),
                false => self.part.host_id(&agent.host),
            };
            let nameserver = self.part.nameserver_of(&agent.name);
            hosts.entry((nameserver, host)).or_default().push(agent);
        }
        let asked: Vec<_> = hosts
            .into_iter()
            .filter_map(|((_, host), agents)| {
                let link = self.link(&agents.first()?.name);
                let names: Vec<AgentName> = agents.iter().map(|it| it.name.name.clone()).collect();
                let lead = HostRequest::Lead { agents: names, to };
                Some(link.ask::<()>(Peer::Host(host), &lead, CONTROL_TIMEOUT))
            })
            .collect();
        for led in asked {
            match led.await {
                // Its agents end with it, and that is told.
                Err(error) if error.is_absence() => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Waits until an agent has taken a step.
    pub(super) fn until_done(
        &self,
        tellings: &Tellings,
        agent: &AgentId,
        (stage, step): (Stage, Step),
        limit: Duration,
    ) -> impl Future<Output = Result<Told, UpError>> + Send + use<> {
        let (agent, telling) = (agent.clone(), tellings.get(agent).cloned());
        async move {
            let told = match telling {
                Some(telling) => until_done(telling, &agent.name, step, limit).await,
                // All that are brought up are listened to.
                None => Err(ProxyError::Closed),
            };
            named(agent, stage, told).map(|(_, told)| told)
        }
    }
}
