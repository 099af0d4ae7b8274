//! Agents that keep their processes: each is told what it is to be. New sockets are there before others connect to them, and
//! what connects elsewhere from now on leaves its former end when the new one is proven; sockets that are gone from the file
//! are closed only then.

use tokio::task::JoinSet;

use super::note;
use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT};
use crate::model::{AgentId, AgentSpec, HostId, HostName, SpecVersion};
use crate::plan::midway;
use crate::up::ask::{joined, named};
use crate::up::error::{Stage, UpError};
use crate::up::state::Up;
use crate::up::told::{Tellings, until_altered};
use crate::up::undo::Undo;
use crate::wire::{Altered, HostRequest, Peer};

/// Agents that live, with the versions of their specs that they go by now.
type Versions = Vec<(AgentId, SpecVersion)>;

impl Up<'_> {
    /// All is there that is to be, and what is to go still is.
    pub(in crate::up) async fn alter(&self) -> Result<Versions, UpError> {
        let altered = self.request.change.in_place();
        let altered = altered.map(|it| (&it.from, midway(&it.from, &it.to)));
        self.alter_to(altered.chain(self.rejoining()).collect())
            .await
    }

    /// What is to go, goes.
    pub(in crate::up) async fn alter_to_the_end(&self) -> Result<Versions, UpError> {
        let altered = self.request.change.in_place();
        let half = altered.filter(|it| midway(&it.from, &it.to) != it.to);
        let half: Vec<_> = half.map(|it| (&it.from, it.to.clone())).collect();
        self.alter_to(half).await
    }

    pub(super) async fn alter_to(
        &self,
        altered: Vec<(&AgentSpec, AgentSpec)>,
    ) -> Result<Versions, UpError> {
        let mut asked = JoinSet::new();
        for (from, spec) in altered {
            let agent = spec.name.clone();
            let (link, host) = (self.link(&agent).clone(), self.host_of(&spec));
            note(
                self.launched,
                Undo::Alter {
                    link: link.clone(),
                    host: host.clone(),
                    spec: self.placed_spec(from),
                },
            );
            let spec = self.placed_spec(&spec);
            let alter = HostRequest::Alter { spec, back: false };
            let limit = CONTROL_TIMEOUT + ANSWER_MARGIN;
            let answer = link.ask::<Altered>(Peer::Host(host), &alter, limit);
            asked.spawn(async move { named(agent, Stage::Alter, answer.await) });
        }
        let mut versions = Versions::new();
        while let Some(answer) = asked.join_next().await {
            let (agent, Altered { version, lives }) = joined(answer)?;
            if lives {
                versions.push((agent, version));
            }
        }
        Ok(versions)
    }

    /// The wires of those that were altered are proven.
    pub(in crate::up) async fn until_altered(
        &self,
        tellings: &Tellings,
        versions: Versions,
    ) -> Result<(), UpError> {
        let mut proven = JoinSet::new();
        for (agent, version) in versions {
            let Some(telling) = tellings.get(&agent).cloned() else {
                continue;
            };
            let specs = self.request.plan.agents.iter();
            let limit = specs.filter(|it| it.name == agent);
            let limit = limit.map(|it| it.start_timeout.duration()).next();
            let limit = limit.unwrap_or(CONTROL_TIMEOUT) + ANSWER_MARGIN;
            proven.spawn(async move {
                let told = until_altered(telling, &agent.name, version, limit).await;
                named(agent, Stage::Wire, told)
            });
        }
        while let Some(answer) = proven.join_next().await {
            joined(answer)?;
        }
        Ok(())
    }

    /// The daemon that has the spec of an agent.
    pub(super) fn host_of(&self, agent: &AgentSpec) -> HostId {
        match agent.attach {
            true => HostId::of(&self.part.system, &HostName::local()),
            false => self.part.host_id(&agent.host),
        }
    }
}
