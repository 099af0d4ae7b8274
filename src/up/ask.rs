//! Asking many agents at once, and waiting for all of their answers.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::error::{Stage, UpError};
use super::state::Up;
use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT, DEATH_REPORT_TIMEOUT};
use crate::model::{AgentId, AgentInfo, HostInfo, Millis};
use crate::proxy::{Link, Pending, ProxyError};
use crate::wire::{AgentRequest, NameServerRequest, Peer};

impl Up<'_> {
    pub(super) async fn ask_quietly(
        &self,
        requests: impl Iterator<Item = (AgentId, AgentRequest)>,
    ) -> Result<(), UpError> {
        let requests = requests.map(|(agent, request)| (agent, request, CONTROL_TIMEOUT.into()));
        let mut asked = self.send_all::<()>(Stage::Wire, requests);
        while let Some(answer) = asked.join_next().await {
            joined(answer)?;
        }
        Ok(())
    }

    pub(super) fn send_all<T: DeserializeOwned + Send + 'static>(
        &self,
        stage: Stage,
        requests: impl Iterator<Item = (AgentId, AgentRequest, Millis)>,
    ) -> JoinSet<Result<(AgentId, T), UpError>> {
        let mut asked = JoinSet::new();
        for (agent, pending) in self.pending::<T>(requests) {
            asked.spawn(async move { named(agent, stage, pending.await) });
        }
        asked
    }

    /// The agent keeps the limit itself and says what it waited for; the requester waits a bit longer.
    pub(super) fn pending<T: DeserializeOwned>(
        &self,
        requests: impl IntoIterator<Item = (AgentId, AgentRequest, Millis)>,
    ) -> Vec<(AgentId, Pending<T>)> {
        let ask = |(agent, request, limit): (AgentId, AgentRequest, Millis)| {
            let timeout = limit.duration() + ANSWER_MARGIN;
            let pending = self
                .link(&agent)
                .ask(Peer::Agent(agent.name.clone()), &request, timeout);
            (agent, pending)
        };
        requests.into_iter().map(ask).collect()
    }
}

pub(super) fn joined<T>(answer: Result<Result<T, UpError>, JoinError>) -> Result<T, UpError> {
    answer.unwrap_or(Err(UpError::Proxy(ProxyError::Closed)))
}

pub(super) fn named<T>(
    agent: AgentId,
    stage: Stage,
    answer: Result<T, ProxyError>,
) -> Result<(AgentId, T), UpError> {
    match answer {
        Ok(answer) => Ok((agent, answer)),
        Err(cause) => Err(UpError::Agent {
            agent,
            stage,
            cause: Box::new(cause),
            log: Vec::new(),
        }),
    }
}

/// What came of asking an agent that may have ended as it should, which is no failure.
pub(super) async fn unless_done<T>(
    outcome: Result<T, UpError>,
    agent: &AgentId,
    mut ends: watch::Receiver<BTreeSet<AgentId>>,
) -> Result<(), UpError> {
    match outcome {
        Ok(_) => Ok(()),
        // Its host is about to say how it has ended.
        Err(error) if is_absence(&error) => {
            let ended = ends.wait_for(|ends| ends.contains(agent));
            match tokio::time::timeout(DEATH_REPORT_TIMEOUT, ended).await {
                Ok(Ok(_)) => Ok(()),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Whether the error is that the other was not there any more.
pub(super) fn is_absence(error: &UpError) -> bool {
    let UpError::Agent { cause, .. } = error else {
        return false;
    };
    cause.is_absence()
}

/// What a name server knows of agents and hosts.
pub(super) async fn look_through(
    link: &Link,
) -> Result<(Vec<AgentInfo>, Vec<HostInfo>), ProxyError> {
    let agents = NameServerRequest::Agents { name: None };
    let agents = link.ask(Peer::NameServer, &agents, CONTROL_TIMEOUT);
    let hosts = link.ask(
        Peer::NameServer,
        &NameServerRequest::Hosts {},
        CONTROL_TIMEOUT,
    );
    Ok((agents.await?, hosts.await?))
}
