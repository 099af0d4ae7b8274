//! `osb remove`: ends agents for good that were asked for by `osb spawn`, or by programs. What the topology's file names, its file
//! takes away.

use super::spawn::{change, meant};
use super::{CommandError, Context, ErrorKind, Session, complete};
use crate::model::{AgentId, AgentSpec, Spawned, Topology};
use crate::state::SystemRecord;

/// End agents for good that were spawned: nothing is kept of them, and their names are free
#[derive(Debug, clap::Args)]
pub struct RemoveArgs {
    /// The agents
    #[arg(required = true, value_name = "AGENT", add = complete::agents())]
    pub agents: Vec<AgentId>,
}

pub(crate) fn run(args: RemoveArgs, context: &mut Context) -> Result<(), CommandError> {
    // A system that was brought up elsewhere is meant to be what its own machine knows.
    let known = meant(context).ok();
    let topology = known.as_ref().map(|(_, topology)| topology);
    let is_kept = |agent: &AgentId| topology.is_some_and(|it| spec(it, agent).is_some());
    let (kept, others): (Vec<_>, Vec<_>) = args.agents.into_iter().partition(is_kept);
    if let Some(known) = known.filter(|_| !kept.is_empty()) {
        remove_kept(&kept, known, context)?;
    }
    if others.is_empty() {
        return Ok(());
    }
    let session = context.session()?;
    others.iter().try_for_each(|it| remove(it, &session))
}

fn spec<'t>(topology: &'t Topology, agent: &AgentId) -> Option<&'t AgentSpec> {
    topology.agents.iter().find(|it| it.name == *agent)
}

fn remove(agent: &AgentId, session: &Session) -> Result<(), CommandError> {
    let (group, name) = session.find(&agent.to_string())?;
    session.tell(group.nameserver.remove(&name, None))
}

/// `up` of what the system is meant to be, without them.
fn remove_kept(
    agents: &[AgentId],
    (record, mut topology): (SystemRecord, Topology),
    context: &Context,
) -> Result<(), CommandError> {
    for agent in agents {
        let spawned = spec(&topology, agent).and_then(|it| it.spawned);
        if spawned != Some(Spawned::Kept) {
            let sentence = format!("{agent} is named by {}", record.file);
            return Err(CommandError::say(ErrorKind::Failed, sentence).with_hint(
                "take it away there, and `osb up`; `osb stop` ends it, and keeps it down",
            ));
        }
    }
    topology.agents.retain(|it| !agents.contains(&it.name));
    for agent in agents {
        if let Some(other) = topology.agents.iter().find(|it| needs(it, agent)) {
            let sentence = format!("{} needs {agent}", other.name);
            return Err(CommandError::say(ErrorKind::Failed, sentence)
                .with_hint(format!("remove both: `osb remove {agent} {}`", other.name)));
        }
    }
    let sockets = topology.agents.iter_mut().flat_map(|it| &mut it.bind);
    for socket in sockets {
        let wires = &mut socket.admits.wires;
        wires.retain(|it| !agents.iter().any(|agent| agent.name == it.name));
    }
    change(topology, record, context)
}

/// Whether it connects to that agent, refers to it, or goes with it.
fn needs(agent: &AgentSpec, other: &AgentId) -> bool {
    let ties = agent.ties();
    let mut wires = agent.wires.iter();
    wires.any(|it| it.to.agent == *other) || ties.after.contains(other) || ties.with.contains(other)
}
