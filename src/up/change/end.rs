//! Agents that end: those that are started anew, before that; and those that are gone from the file, when all others stand.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::note;
use super::take_back::forget;
use crate::model::timing::{CONTROL_TIMEOUT, STOP_STAGES_TIMEOUT};
use crate::model::{AgentId, AgentSpec, Grace};
use crate::plan::ends;
use crate::up::ask::{joined, named};
use crate::up::error::{Stage, UpError};
use crate::up::state::Up;
use crate::up::undo::Undo;
use crate::wire::{AgentRequest, HostRequest, Peer, StopStage, Stopped};

impl Up<'_> {
    /// Those that are to be otherwise in a new process, as they were.
    pub(in crate::up) async fn end_former(&self) -> Result<(), UpError> {
        let anew: Vec<&AgentSpec> = self.request.change.anew().map(|it| &it.from).collect();
        self.end(&anew).await
    }

    /// Those that are gone from the file.
    pub(in crate::up) async fn end_removed(&self) -> Result<(), UpError> {
        let removed: Vec<&AgentSpec> = self.request.change.removed.iter().collect();
        self.end(&removed).await
    }

    /// In the reverse order of dependence, each turn at once.
    async fn end(&self, agents: &[&AgentSpec]) -> Result<(), UpError> {
        for turn in self.turns_of(agents) {
            let mut ending = JoinSet::new();
            for agent in turn {
                match agent.attach {
                    true => self.release(agent).await?,
                    false => self.stop(agent, &mut ending),
                }
            }
            while let Some(ended) = ending.join_next().await {
                joined(ended)?;
            }
        }
        Ok(())
    }

    fn turns_of<'a>(&self, agents: &[&'a AgentSpec]) -> Vec<Vec<&'a AgentSpec>> {
        let former = self.request.former.as_ref();
        let mut turns: Vec<Vec<&AgentSpec>> = Vec::new();
        let mut seen: BTreeSet<&AgentId> = BTreeSet::new();
        let order = former.map(ends).unwrap_or_default();
        for turn in &order {
            let turn = agents.iter().filter(|it| turn.contains(&it.name));
            turns.push(turn.copied().collect());
        }
        seen.extend(turns.iter().flatten().map(|it| &it.name));
        let rest = agents.iter().filter(|it| !seen.contains(&it.name));
        turns.push(rest.copied().collect());
        turns
    }

    fn stop(&self, agent: &AgentSpec, ending: &mut JoinSet<Result<(AgentId, Stopped), UpError>>) {
        let (link, host) = (self.link(&agent.name).clone(), self.host_of(agent));
        let name = agent.name.name.clone();
        note(
            self.launched,
            Undo::Restart {
                link: link.clone(),
                host: host.clone(),
                agent: name.clone(),
                spec: self.placed_spec(agent),
            },
        );
        let request = HostRequest::Stop {
            agent: name,
            grace: Grace::USUAL,
            hold: false,
        };
        let limit = Grace::USUAL.longest(agent.stop_timeout) + STOP_STAGES_TIMEOUT;
        let answer = link.ask::<Stopped>(Peer::Host(host), &request, limit);
        let agent = agent.name.clone();
        ending.spawn(async move {
            match answer.await {
                // It has never been there, or its host has forgotten it.
                Err(error) if error.is_absence() => {
                    let stopped = Stopped::at(agent.name.clone(), StopStage::Already);
                    Ok((agent, stopped))
                }
                answer => named(agent, Stage::End, answer),
            }
        });
    }

    /// One that others have started goes on, and is the system's no more.
    async fn release(&self, agent: &AgentSpec) -> Result<(), UpError> {
        let (link, host) = (self.link(&agent.name).clone(), self.host_of(agent));
        note(
            self.launched,
            Undo::Attach {
                link: link.clone(),
                host,
                spec: Box::new(agent.clone()),
            },
        );
        let release = AgentRequest::Release {
            system: self.part.system.clone(),
        };
        let peer = Peer::Agent(agent.name.name.clone());
        match link.ask::<bool>(peer, &release, CONTROL_TIMEOUT).await {
            // It is not there.
            Err(error) if error.is_absence() => Ok(()),
            answer => named(agent.name.clone(), Stage::End, answer).map(drop),
        }
    }

    /// Nothing is kept of agents that are gone. That the system is what it is to be does not depend on it.
    pub(in crate::up) async fn forget_removed(&self) {
        let change = &self.request.change;
        // One that has gone to another host is that one's.
        let moved = change.anew().filter(|it| self.has_moved(it));
        let gone = change.removed.iter().map(|it| (it, true));
        let gone = gone.chain(moved.map(|it| (&it.from, false)));
        let mut asked = JoinSet::new();
        for (agent, wholly) in gone {
            let (link, host) = (self.link(&agent.name).clone(), self.host_of(agent));
            let agent = agent.name.name.clone();
            asked.spawn(async move { forget(&link, host, &agent, wholly).await });
        }
        while asked.join_next().await.is_some() {}
    }
}
