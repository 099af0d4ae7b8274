//! Whether those who are connected to stand-ins have seen that they are there.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cli::runtime::block_on;
use crate::cli::{CommandError, Session};
use crate::model::{AgentInfo, AgentName, Proof};
use crate::proxy::Notice;
use crate::wire::Event;

/// Waits until all wires to these agents are proven, or so long. Comes back with those that are not: `Bob.inbox → Alice.main`.
pub(super) fn wait(
    session: &Session,
    agents: &[AgentName],
    patience: Duration,
) -> Result<Vec<String>, CommandError> {
    let mut missing = Vec::new();
    for group in session.groups() {
        let mut known: BTreeMap<AgentName, AgentInfo> = BTreeMap::new();
        let mut watch = group.nameserver.watch();
        let all = async {
            while let Some(notice) = watch.next().await {
                match notice {
                    Notice::Snapshot(snapshot) => {
                        known = snapshot
                            .agents
                            .into_iter()
                            .map(|it| (it.name.clone(), it))
                            .collect();
                    }
                    Notice::Event(Event::Agent { agent, .. }) => {
                        known.insert(agent.name.clone(), *agent);
                    }
                    Notice::Event(_) => {}
                }
                if unproven(&known, agents).is_empty() {
                    return;
                }
            }
        };
        let waited = block_on(async { tokio::time::timeout(patience, all).await })?;
        if waited.is_err() {
            missing.extend(unproven(&known, agents));
        }
    }
    Ok(missing)
}

fn unproven(known: &BTreeMap<AgentName, AgentInfo>, agents: &[AgentName]) -> Vec<String> {
    let living = known.values().filter(|it| !it.state.ended());
    let wires = living.flat_map(|agent| {
        let own = agent.connections.iter().filter(|it| {
            let to = it.to.as_ref().map(|it| &it.agent.name);
            to.is_some_and(|to| agents.contains(to)) && !matches!(it.proof, Proof::Proven { .. })
        });
        own.filter_map(|it| Some(format!("{}.{} → {}", agent.name, it.alias, it.to.as_ref()?)))
    });
    wires.collect()
}
