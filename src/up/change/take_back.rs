//! Puts back what was, when a change fails in the middle: the last step first. What cannot be put back is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT, START_TIMEOUT, STOP_STAGES_TIMEOUT};
use crate::model::{
    AgentInfo, AgentName, AgentSpec, Grace, HostId, Millis, SpecVersion, State, Step,
};
use crate::proxy::{Link, Notice, ProxyError, Watch};
use crate::up::mend;
use crate::up::state::{Shared, lock};
use crate::up::undo::{Undo, Undone};
use crate::wire::{
    AgentRequest, Altered, Event, HostRequest, NameServerRequest, Peer, Reached, Stopped,
};

/// What is awaited of an agent that is put back.
enum Awaited {
    /// That it runs, or has done its work.
    Runs,
    /// That it goes by that version of its spec, and has proven its wires.
    Altered(SpecVersion),
}

/// Takes back all that was begun where all else stands. Agents leave those that are new before these end. `longest`: the longest
/// `stop_timeout` of any of them.
pub(in crate::up) async fn take_back(launched: &Shared, longest: Option<Millis>) -> Undone {
    let steps = std::mem::take(&mut lock(launched).undo);
    let is_alter = |step: &Undo| matches!(step, Undo::Alter { .. });
    let (alters, others): (Vec<_>, Vec<_>) = steps.into_iter().rev().partition(is_alter);
    let (mut undone, mut awaited) = (Undone::default(), Vec::new());
    undone.take(alters, longest, &mut awaited).await;
    mend::take_back(launched, longest).await;
    undone.take(others, longest, &mut awaited).await;
    let deadline = Instant::now() + START_TIMEOUT.duration();
    for (link, agent, what) in awaited {
        let is_so = what.comes_by(deadline, &link, &agent).await;
        match (is_so, what) {
            (true, Awaited::Runs) => undone.again.push(agent),
            (true, Awaited::Altered(_)) => {}
            (false, Awaited::Runs) => {
                undone
                    .left
                    .push((agent, "it does not run again".to_owned()));
            }
            (false, Awaited::Altered(_)) => {
                let reason = "its wires are not proven again".to_owned();
                undone.left.push((agent, reason));
            }
        }
    }
    undone
}

impl Undone {
    async fn take(
        &mut self,
        steps: Vec<Undo>,
        longest: Option<Millis>,
        awaited: &mut Vec<(Arc<Link>, AgentName, Awaited)>,
    ) {
        for step in steps {
            let (link, agent) = step.about();
            match step.take(longest).await {
                Err(error) => self.left.push((agent, error.to_string())),
                Ok(None) => {}
                Ok(Some(what)) => awaited.push((link, agent, what)),
            }
        }
    }
}

impl Undo {
    /// The connection to the name server of the agent, and the agent.
    fn about(&self) -> (Arc<Link>, AgentName) {
        match self {
            Undo::Alter { link, spec, .. } | Undo::Attach { link, spec, .. } => {
                (link.clone(), spec.name.name.clone())
            }
            Undo::Restart { link, agent, .. }
            | Undo::Forget { link, agent, .. }
            | Undo::Resume { link, agent } => (link.clone(), agent.clone()),
        }
    }

    /// Tells what is to come of it.
    async fn take(self, longest: Option<Millis>) -> Result<Option<Awaited>, ProxyError> {
        match self {
            Undo::Alter { link, host, spec } => {
                let Altered { version, lives } = alter(&link, host, spec).await?;
                Ok(lives.then_some(Awaited::Altered(version)))
            }
            Undo::Restart {
                link,
                host,
                agent,
                spec,
            } => {
                restart(&link, host, (&agent, spec), longest).await?;
                Ok(Some(Awaited::Runs))
            }
            Undo::Forget {
                link,
                host,
                agent,
                wholly,
            } => {
                forget(&link, host, &agent, wholly).await?;
                Ok(None)
            }
            Undo::Resume { link, agent } => {
                let resume = AgentRequest::Resume {};
                match link.ask::<()>(Peer::Agent(agent), &resume, LIMIT).await {
                    // It has ended: what became of that, another step tells.
                    Err(error) if error.is_absence() => Ok(None),
                    answer => answer.map(|()| None),
                }
            }
            Undo::Attach { link, host, spec } => {
                let attach = HostRequest::Attach { spec };
                link.ask::<serde_json::Value>(Peer::Host(host), &attach, LIMIT)
                    .await?;
                Ok(None)
            }
        }
    }
}

/// How long a host may take to alter an agent.
const LIMIT: Duration = CONTROL_TIMEOUT.saturating_add(ANSWER_MARGIN);

async fn alter(link: &Link, host: HostId, spec: Box<AgentSpec>) -> Result<Altered, ProxyError> {
    let alter = HostRequest::Alter { spec, back: true };
    link.ask(Peer::Host(host), &alter, LIMIT).await
}

/// When it has ended, for its end may be under way.
async fn restart(
    link: &Link,
    host: HostId,
    (agent, spec): (&AgentName, Box<AgentSpec>),
    longest: Option<Millis>,
) -> Result<(), ProxyError> {
    let stop = HostRequest::Stop {
        agent: agent.clone(),
        grace: Grace::USUAL,
        hold: false,
    };
    let limit = Grace::USUAL.longest(longest) + STOP_STAGES_TIMEOUT;
    link.ask::<Stopped>(Peer::Host(host.clone()), &stop, limit)
        .await?;
    alter(link, host.clone(), spec).await?;
    let restart = HostRequest::Restart {
        agent: agent.clone(),
    };
    link.ask(Peer::Host(host), &restart, CONTROL_TIMEOUT).await
}

/// Nothing is kept of an agent that has ended, or that others have started.
pub(super) async fn forget(
    link: &Link,
    host: HostId,
    agent: &AgentName,
    wholly: bool,
) -> Result<(), ProxyError> {
    let agents = vec![agent.clone()];
    let at_host = HostRequest::Forget {
        agents: agents.clone(),
    };
    let at_host = link.ask::<()>(Peer::Host(host), &at_host, CONTROL_TIMEOUT);
    match at_host.await {
        Err(error) if error.is_absence() => {}
        outcome => outcome?,
    }
    if wholly {
        let forget = NameServerRequest::Forget { agents };
        link.ask::<()>(Peer::NameServer, &forget, CONTROL_TIMEOUT)
            .await?;
    }
    Ok(())
}

impl Awaited {
    /// Whether the name server says so of the agent before it is too late.
    async fn comes_by(&self, deadline: Instant, link: &Link, agent: &AgentName) -> bool {
        let mut watch = Watch::begin(link);
        let until = async {
            while let Some(notice) = watch.next().await {
                let is_so = match notice {
                    Notice::Snapshot(snapshot) => {
                        let mut agents = snapshot.agents.iter();
                        let found = agents.find(|it| it.name == *agent);
                        let reached = snapshot.reached.get(agent).cloned().unwrap_or_default();
                        found.is_some_and(|it| self.is_so(it, &reached))
                    }
                    Notice::Event(Event::Agent {
                        agent: it, reached, ..
                    }) => it.name == *agent && self.is_so(&it, &reached),
                    Notice::Event(_) => false,
                };
                if is_so {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout_at(deadline, until)
            .await
            .unwrap_or(false)
    }

    fn is_so(&self, agent: &AgentInfo, reached: &Reached) -> bool {
        match self {
            Awaited::Runs => match agent.state {
                State::Running | State::Unhealthy | State::Stopped => true,
                State::Starting | State::Suspect | State::Unreachable => false,
                State::Failed | State::Restarting | State::Ended => false,
            },
            Awaited::Altered(version) => {
                let goes_by_it = agent.spec_version >= Some(*version);
                agent.state.ended() || goes_by_it && reached.done.contains(&Step::Wire)
            }
        }
    }
}
