//! Asking many agents at once, and waiting for all of their answers.

use serde::de::DeserializeOwned;
use tokio::task::{JoinError, JoinSet};

use super::Progress;
use super::error::{Stage, UpError};
use super::phases::Up;
use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT};
use crate::model::{AgentId, Millis};
use crate::proxy::{Pending, ProxyError};
use crate::wire::{AgentRequest, Peer};

impl Up<'_> {
    pub(super) async fn ask_all<T: DeserializeOwned + Send + 'static>(
        &self,
        stage: Stage,
        requests: impl Iterator<Item = (AgentId, AgentRequest, Millis)>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<(AgentId, T)>, UpError> {
        gather(self.send_all(stage, requests), progress).await
    }

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

    /// The agent keeps the limit itself and says what it waited for; who asks waits a bit longer.
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

/// Awaits all, in the order in which they end; the first failure is the result.
pub(super) async fn gather<T: 'static>(
    mut asked: JoinSet<Result<(AgentId, T), UpError>>,
    progress: &mut dyn Progress,
) -> Result<Vec<(AgentId, T)>, UpError> {
    let mut answers = Vec::with_capacity(asked.len());
    while let Some(answer) = asked.join_next().await {
        let (agent, answer) = joined(answer)?;
        progress.advance(&agent.to_string());
        answers.push((agent, answer));
    }
    Ok(answers)
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
