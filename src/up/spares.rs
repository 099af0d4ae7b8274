//! Agents that are there only while others are replaced, so that there are never fewer: of each group as many more as are replaced at
//! a time, by what the topology was read from.

use super::UpRequest;
use super::error::UpError;
use crate::model::{AgentName, AgentSpec};
use crate::plan::{Change, spare_groups};
use crate::topology::Sources;

/// All agents that are meant, and those. None: there are none.
pub(super) fn with_spares(
    request: &UpRequest,
    change: &Change,
) -> Result<Option<Vec<AgentSpec>>, UpError> {
    let groups = spare_groups(change);
    if groups.is_empty() {
        return Ok(None);
    }
    let sources = request.sources.as_deref().and_then(read).ok_or_else(|| {
        let reason = "it is not known what the topology was read from".to_owned();
        UpError::NoSpares { reason }
    })?;
    let topology = sources
        .load_with_spares(&request.overrides, &groups)
        .map_err(|problems| UpError::NoSpares {
            reason: problems.to_string(),
        })?;
    let mut agents = topology.agents;
    if let Some(group) = groups
        .into_iter()
        .find(|it| count(&agents, it) <= count(&request.plan.agents, it))
    {
        return Err(UpError::NoSpares {
            reason: format!("no entry of group {group} has `replicas`"),
        });
    }
    // Those that were spawned, and kept.
    let there = |agent: &&AgentSpec| agents.iter().all(|it| it.name != agent.name);
    let others: Vec<AgentSpec> = request.plan.agents.iter().filter(there).cloned().collect();
    agents.extend(others);
    Ok(Some(agents))
}

fn count(agents: &[AgentSpec], group: &AgentName) -> usize {
    let updates = agents.iter().filter_map(|it| it.update.as_ref());
    updates.filter(|it| it.group == *group).count()
}

fn read(sources: &str) -> Option<Sources> {
    serde_json::from_str(sources).ok()
}
