//! Agents that end finish first what was meant for them: those that give them work turn to others, and they take in and answer
//! what is under way.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::note;
use crate::model::{AgentId, AgentSpec, Grace};
use crate::plan::{Alteration, gets_work, partings};
use crate::proxy::ProxyError;
use crate::up::Progress;
use crate::up::ask::{joined, named};
use crate::up::error::{Stage, UpError};
use crate::up::state::{Up, lock};
use crate::up::told::Tellings;
use crate::up::undo::Undo;
use crate::wire::{AgentRequest, Peer};

impl Up<'_> {
    /// Agents that stay, and part for a while from those that are started anew: as they were, and as they are meanwhile.
    pub(in crate::up) fn partings(&self) -> Vec<(&AgentSpec, AgentSpec)> {
        let change = &self.request.change;
        let anew: BTreeSet<AgentId> = change.anew().map(|it| it.to.name.clone()).collect();
        let removed = |agent: &AgentSpec| change.removed.iter().any(|it| it.name == agent.name);
        let former = self.request.former.iter().flat_map(|it| &it.agents);
        partings(former.filter(|it| !removed(it)), &anew)
    }

    /// Nobody gives work any more to those that are started anew, and they have finished what they had.
    pub(in crate::up) async fn part_from_former(
        &self,
        progress: &mut dyn Progress,
        tellings: &Tellings,
    ) -> Result<(), UpError> {
        let altered = self.alter_to(self.partings()).await?;
        self.until_altered(tellings, altered).await?;
        let anew = self.request.change.anew().map(|it| &it.from);
        self.drain(progress, anew.collect()).await
    }

    /// Those that are gone from the file have finished what they had: nobody is connected to them any more.
    pub(in crate::up) async fn drain_removed(
        &self,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let removed = self.request.change.removed.iter();
        self.drain(progress, removed.collect()).await
    }

    /// Who parted, and is not altered otherwise, is again what it was.
    pub(super) fn rejoining(&self) -> Vec<(&AgentSpec, AgentSpec)> {
        let is_altered = |agent: &AgentSpec| {
            let mut altered = self.request.change.in_place();
            altered.any(|it: &Alteration| it.to.name == agent.name)
        };
        let partings = self.partings().into_iter().map(|(agent, _)| agent);
        let rejoining = partings.filter(|it| !is_altered(it));
        rejoining.map(|it| (it, it.clone())).collect()
    }

    async fn drain(
        &self,
        progress: &mut dyn Progress,
        agents: Vec<&AgentSpec>,
    ) -> Result<(), UpError> {
        let working = agents.into_iter();
        let working = working.filter(|it| !it.attach && gets_work(it));
        let working: Vec<&AgentSpec> = working.collect();
        if working.is_empty() {
            return Ok(());
        }
        progress.begin(Stage::Drain, working.len());
        let mut drained = JoinSet::new();
        for agent in working {
            let (link, name) = (self.link(&agent.name).clone(), agent.name.clone());
            let undo = Undo::Resume {
                link: link.clone(),
                agent: name.name.clone(),
            };
            note(self.launched, undo);
            let limit = Grace::USUAL.of(agent.stop_timeout).duration();
            let answer = link.ask::<()>(
                Peer::Agent(name.name.clone()),
                &AgentRequest::Drain {},
                limit,
            );
            drained.spawn(async move { Ok((name, answer.await)) });
        }
        while let Some(answer) = drained.join_next().await {
            let (agent, answer): (AgentId, Result<(), ProxyError>) = joined(answer)?;
            progress.advance(agent.name.as_str());
            match answer {
                // It is not there: what was meant for it is counted where it was sent.
                Err(error) if error.is_absence() => {}
                Err(error) if self.request.lossy => {
                    lock(self.launched)
                        .undrained
                        .push((agent, error.to_string()));
                }
                answer => drop(named(agent, Stage::Drain, answer)?),
            }
        }
        progress.end();
        Ok(())
    }
}
