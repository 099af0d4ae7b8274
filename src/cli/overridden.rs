//! A system that is up, of which somebody has said something beside its file: `osb scale` and `osb move`.

use std::collections::BTreeMap;

use super::bring_up::bring_up;
use super::mended::not_all_back;
use super::request::request;
use super::runtime::block_on;
use super::signals::Signals;
use super::{CommandError, Context, ErrorKind, down};
use crate::model::{AgentId, AgentSpec, Overrides, Spawned, SystemName, Topology};
use crate::render::Up;
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
    topology: Option<Topology>,
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

    /// Makes of it what these overrides say. `lossy`: agents may end before they have taken in what was meant for them.
    pub(super) fn become_otherwise(
        self,
        overrides: Overrides,
        lossy: bool,
        context: &Context,
    ) -> Result<(), CommandError> {
        let sources = self.sources()?;
        let topology = with_spawned(read_again(sources, &overrides)?, self.topology.as_ref())?;
        let kept = kept(sources);
        let mut request = request(topology, self.file, context)?;
        (request.sources, request.overrides) = (Some(kept), overrides);
        request.lossy = lossy;
        block_on(async {
            let mut signals = Signals::new()?;
            let report = Up(bring_up(request, None, &mut signals, context).await?);
            context.print(&report)?;
            not_all_back(&report.0).map_or(Ok(()), Err)
        })?
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

/// The same, with the agents that were spawned beside the file and kept.
fn with_spawned(
    mut topology: Topology,
    former: Option<&Topology>,
) -> Result<Topology, CommandError> {
    let agents = former.into_iter().flat_map(|it| &it.agents);
    let kept = agents.filter(|it| it.spawned == Some(Spawned::Kept));
    let kept: Vec<AgentSpec> = kept.cloned().collect();
    let taken = |agent: &&AgentSpec| topology.agents.iter().any(|it| it.name == agent.name);
    if let Some(AgentSpec { name, .. }) = kept.iter().find(taken) {
        let sentence =
            format!("{name} was spawned, and one of the topology's agents would be called so");
        return Err(CommandError::say(ErrorKind::Failed, sentence)
            .with_code("name_taken")
            .with_hint(format!("end it first: `osb remove {name}`")));
    }
    topology.agents.extend(kept.iter().cloned());
    for agent in &kept {
        for wire in &agent.wires {
            let mut others = topology.agents.iter_mut();
            let other = others.find(|it| it.name == wire.to.agent);
            let sockets = other.into_iter().flat_map(|it| &mut it.bind);
            let socket = sockets.into_iter().find(|it| it.alias == wire.to.alias);
            let Some(socket) = socket else {
                let (name, to) = (&agent.name, &wire.to);
                let sentence =
                    format!("{name} was spawned, and is connected to {to}, which would go");
                return Err(CommandError::say(ErrorKind::Failed, sentence)
                    .with_hint(format!("end it first: `osb remove {name}`")));
            };
            socket.admits.wires.insert(agent.name.clone());
        }
    }
    Ok(topology)
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
