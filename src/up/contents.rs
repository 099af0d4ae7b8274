//! What the files of agents have as their contents, by the `sync` of each: whoever has begun with others begins anew.

use std::collections::BTreeSet;

use super::UpRequest;
use super::error::UpError;
use super::files::{Bundles, StopOnDrop};
use crate::files::Looker;
use crate::model::{AgentId, Contents, HostName, SyncSpec};
use crate::plan::Plan;
use crate::proxy::ProxyError;
use crate::state::SystemRecord;

/// Those that are given; else those of all that is copied to other machines. What agents of this machine run is theirs to change:
/// it is followed only by whoever watches.
pub(super) async fn of(request: &UpRequest) -> Result<Contents, UpError> {
    if let Some(contents) = &request.contents {
        return Ok(contents.clone());
    }
    let followed: Vec<(AgentId, SyncSpec)> = followed(&request.plan)
        .filter(|(_, host, _)| **host != HostName::local())
        .map(|(agent, _, sync)| (agent.clone(), sync.clone()))
        .collect();
    if followed.is_empty() {
        return Ok(Contents::new());
    }
    let mut looker = Looker::default();
    let _stop = StopOnDrop(looker.stop.clone());
    let looking = tokio::task::spawn_blocking(move || {
        let looked = looker.look(followed.iter().map(|(_, sync)| sync));
        let digest = |(agent, sync): (AgentId, SyncSpec)| {
            Some((agent, looked.get(&sync)?.digest(&BTreeSet::new())))
        };
        followed.into_iter().filter_map(digest).collect()
    });
    looking
        .await
        .map_err(|_| UpError::Proxy(ProxyError::Closed))
}

/// The agents whose files count, where they run, and which files.
pub(crate) fn followed(plan: &Plan) -> impl Iterator<Item = (&AgentId, &HostName, &SyncSpec)> {
    let started = plan.agents.iter().filter(|agent| !agent.attach);
    started.filter_map(|agent| {
        let sync = agent.program.as_ref()?.sync.as_deref()?;
        Some((&agent.name, &agent.host, sync))
    })
}

/// With what each agent has begun, as far as it is known: those that stand with what they have begun with before.
pub(super) fn begun_with(
    request: &UpRequest,
    standing: Option<&SystemRecord>,
    sent: &Bundles,
    is_new: impl Fn(&AgentId) -> bool,
) -> Contents {
    let mut all = Contents::new();
    for (agent, _, sync) in followed(&request.plan) {
        let former = standing.and_then(|record| record.contents.get(agent));
        let former = former.filter(|_| !is_new(agent));
        let sent = sent.digest(sync).filter(|_| is_new(agent));
        if let Some(digest) = sent.or(request.now.get(agent)).or(former) {
            all.insert(agent.clone(), *digest);
        }
    }
    all
}
