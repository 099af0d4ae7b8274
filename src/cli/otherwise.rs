//! A system that is up becomes what somebody says beside its file: `osb scale` and `osb move`.

use super::bring_up::bring_up;
use super::mended::not_all_back;
use super::overridden::{Standing, kept, read_again};
use super::request::request;
use super::runtime::block_on;
use super::signals::Signals;
use super::{CommandError, Context, ErrorKind};
use crate::model::{AgentSpec, Overrides, Spawned, Topology};
use crate::render::Up;

/// Makes of a system that is up what these overrides say. `lossy`: agents may end before they have taken in what was meant for them.
pub(super) fn become_otherwise(
    standing: Standing,
    overrides: Overrides,
    lossy: bool,
    context: &Context,
) -> Result<(), CommandError> {
    let sources = standing.sources()?;
    let topology = with_spawned(read_again(sources, &overrides)?, standing.topology.as_ref())?;
    let kept = kept(sources);
    let mut request = request(topology, standing.file, context)?;
    (request.sources, request.overrides) = (Some(kept), overrides);
    request.lossy = lossy;
    block_on(async {
        let mut signals = Signals::new()?;
        let report = Up(bring_up(request, None, &mut signals, context).await?);
        context.print(&report)?;
        not_all_back(&report.0).map_or(Ok(()), Err)
    })?
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
