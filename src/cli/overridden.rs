//! What a system that is up was read from, and what somebody has said of it beside its file.

use std::collections::BTreeMap;

use super::{CommandError, Context, ErrorKind, down};
use crate::model::{AgentId, Overrides, SystemName, Topology};
use crate::state::{StateDir, SystemRecord};
use crate::topology::Sources;

/// A system that is up, as its record tells.
pub(super) struct Standing {
    pub system: SystemName,
    /// Where its topology's files are.
    pub file: String,
    /// What its topology was read from; None if another osb has brought it up, or a program of somebody's.
    pub sources: Option<Sources>,
    pub overrides: Overrides,
    /// What it is meant to be.
    pub topology: Option<Topology>,
}

impl Standing {
    /// None if it is not up.
    pub(super) fn of(system: &SystemName) -> Result<Option<Self>, CommandError> {
        let dir = StateDir::from_env()?.system(system);
        let record = dir.record()?;
        let record = record.filter(|it| it.groups.iter().any(|group| group.lives(&dir)));
        Ok(record.map(Self::from))
    }

    /// The one that is meant on the command line.
    pub(super) fn meant(context: &Context) -> Result<Self, CommandError> {
        let system = down::system(None, context)?;
        let standing = system.as_ref().map(Self::of).transpose()?.flatten();
        standing.ok_or_else(|| {
            CommandError::say(ErrorKind::Unreachable, "no system is running")
                .with_hint("bring one up with `osb up FILE`")
        })
    }

    /// What its topology was read from.
    pub(super) fn sources(&self) -> Result<&Sources, CommandError> {
        self.sources.as_ref().ok_or_else(|| {
            let sentence = format!("it is not known what system {} was read from", self.system);
            let hint = format!("bring it up once more: `osb up {}`", self.file);
            CommandError::say(ErrorKind::Failed, sentence).with_hint(hint)
        })
    }
}

impl From<SystemRecord> for Standing {
    fn from(record: SystemRecord) -> Self {
        let sources = record.sources.as_deref();
        Self {
            sources: sources.and_then(|text| serde_json::from_str(text).ok()),
            topology: serde_json::from_str(&record.topology).ok(),
            system: record.name,
            file: record.file,
            overrides: record.overrides,
        }
    }
}

/// As a record keeps it.
pub(super) fn kept(sources: &Sources) -> String {
    serde_json::to_string(sources).unwrap_or_default()
}

/// The topology with these overrides, or what is wrong with it then.
pub(super) fn read_again(
    sources: &Sources,
    overrides: &Overrides,
) -> Result<Topology, CommandError> {
    sources.load_again(overrides).map_err(|problems| {
        let sentence = format!("the topology does not allow that: {problems}");
        CommandError::say(ErrorKind::InvalidTopology, sentence)
    })
}

/// Those that the file still has a place for.
pub(super) fn fitting(
    mut overrides: Overrides,
    topology: &Topology,
    sources: &Sources,
) -> Overrides {
    let replicas = sources.replicas();
    let hosts = |agent: &AgentId| topology.agents.iter().any(|it| it.name == *agent);
    overrides
        .replicas
        .retain(|agent, _| replicas.contains_key(agent));
    overrides
        .hosts
        .retain(|agent, host| hosts(agent) && topology.hosts.iter().any(|it| it.name == *host));
    overrides
}

/// In a line each, what is otherwise than the file says.
pub(super) fn differences(overrides: &Overrides, sources: &Sources) -> Vec<String> {
    let said: BTreeMap<AgentId, usize> = match overrides.replicas.is_empty() {
        true => BTreeMap::new(),
        false => sources.replicas(),
    };
    let replicas = overrides.replicas.iter().map(|(agent, count)| {
        let said = said.get(agent).copied().unwrap_or_default();
        format!(
            "{agent}: {count} replicas, as `osb scale` has said; the file says {said} (`osb scale {agent}=file` goes by it again)"
        )
    });
    let hosts = overrides.hosts.iter().map(|(agent, host)| {
        format!(
            "{agent}: on {host}, as `osb move` has said (`osb move {agent} --to-file` goes by the file again)"
        )
    });
    replicas.chain(hosts).collect()
}
