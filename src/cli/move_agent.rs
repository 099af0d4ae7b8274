//! `osb move`: an agent goes to another host, while the system runs.

use super::otherwise::become_otherwise;
use super::overridden::Standing;
use super::{CommandError, Context, ErrorKind, complete};
use crate::model::{AgentId, HostName};
use crate::render::did_you_mean;

/// Have an agent run on another host, while its system runs
#[derive(Debug, clap::Args)]
pub struct MoveArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: AgentId,
    /// The host that it goes to, whatever the file says
    #[arg(long, value_name = "HOST", required_unless_present = "to_file")]
    pub to: Option<HostName>,
    /// To where the file says
    #[arg(long, conflicts_with = "to")]
    pub to_file: bool,
    /// Let the agent end before it has taken in what was meant for it, where that cannot be had
    #[arg(long)]
    pub lossy: bool,
}

pub(crate) fn run(args: MoveArgs, context: &mut Context) -> Result<(), CommandError> {
    let standing = Standing::meant(context)?;
    let topology = super::overridden::read_again(standing.sources()?, &standing.overrides)?;
    let agents = topology.agents.iter().map(|it| &it.name);
    find(&args.agent, agents, "agent")?;
    let mut overrides = standing.overrides.clone();
    match args.to {
        Some(host) => {
            find(&host, topology.hosts.iter().map(|it| &it.name), "host")?;
            overrides.hosts.insert(args.agent.clone(), host.clone());
            let next = super::overridden::read_again(standing.sources()?, &overrides)?;
            let mut agents = next.agents.iter();
            let moved = agents.find(|it| it.name == args.agent);
            if moved.is_none_or(|it| it.host != host) {
                let sentence = format!(
                    "{} is one of several replicas, which the file spreads over hosts",
                    args.agent
                );
                return Err(CommandError::say(ErrorKind::Usage, sentence).with_hint(
                    "say in the file where they run, with `on` or `host`, and `osb up` again",
                ));
            }
        }
        None => drop(overrides.hosts.remove(&args.agent)),
    }
    become_otherwise(standing, overrides, args.lossy, context)
}

fn find<'a, T: ToString + PartialEq + 'a>(
    meant: &T,
    known: impl Iterator<Item = &'a T>,
    what: &str,
) -> Result<(), CommandError> {
    let known: Vec<&T> = known.collect();
    if known.contains(&meant) {
        return Ok(());
    }
    let names: Vec<String> = known.iter().map(|it| it.to_string()).collect();
    let sentence = format!("the topology has no {what} {}", meant.to_string());
    let hint = did_you_mean(&meant.to_string(), names.iter().map(String::as_str));
    Err(CommandError::say(ErrorKind::Usage, sentence).with_hints(hint))
}
