//! `osb ls`.

use clap::ValueEnum;

use super::session::{is_running, records};
use super::{CommandError, Context};
use crate::render::{Addresses, Agents, Connections, Hosts, Sockets, SystemRow, Systems};
use crate::state::{Phase, SystemRecord};
use crate::wire::{AgentRequest, AgentStatus};

/// List agents, hosts, connections, addresses, sockets or systems
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// What to list
    #[arg(value_enum, default_value_t)]
    pub what: What,
}

/// What can be listed: agents and their states, host daemons, who is connected to whom and whether
/// that is proven, where sockets can be reached, what went through them and what was lost, the
/// systems of this machine.
// The variants have no words of their own, so that `--help` stays short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum What {
    #[default]
    Agents,
    Hosts,
    Connections,
    Addresses,
    Sockets,
    Systems,
}

pub fn run(args: LsArgs, context: &mut Context) -> Result<(), CommandError> {
    match args.what {
        What::Agents => context.print(&Agents(context.session()?.agents()?)),
        What::Connections => context.print(&Connections(context.session()?.agents()?)),
        What::Addresses => context.print(&Addresses(context.session()?.agents()?)),
        What::Hosts => {
            let session = context.session()?;
            context.print(&Hosts(session.tell(session.nameserver().hosts())?))
        }
        What::Sockets => sockets(context),
        What::Systems => systems(context),
    }
}

/// Each agent is asked itself; one that does not answer is named, and the others are shown.
fn sockets(context: &Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let agents = session
        .agents()?
        .into_iter()
        .filter(|agent| !agent.state.ended());
    let asked: Vec<_> = agents
        .map(|agent| {
            let proxy = session.proxy(agent.name.as_str())?;
            Ok((
                agent.name,
                proxy.ask::<AgentStatus>(&AgentRequest::Status {}),
            ))
        })
        .collect::<Result<_, CommandError>>()?;
    let mut sockets = Vec::new();
    for (agent, answer) in asked {
        match answer.wait() {
            Ok(status) => sockets.push((agent, status)),
            Err(error) => context.note(&format!("{agent} does not tell: {error}")),
        }
    }
    context.print(&Sockets(sockets))
}

fn systems(context: &Context) -> Result<(), CommandError> {
    let systems = Systems(records()?.into_iter().map(row).collect());
    context.print(&systems)?;
    for system in systems.0.iter().filter(|system| system.state == "dead") {
        let name = &system.name;
        context.note(&format!(
            "hint: {name} has died: clear it away with `osb down {name}`"
        ));
    }
    Ok(())
}

fn row(record: SystemRecord) -> SystemRow {
    let state = match (is_running(&record), record.phase) {
        (false, _) => "dead",
        (true, Phase::Starting) => "starting",
        (true, Phase::Up) => "running",
    };
    SystemRow {
        name: record.name,
        state,
        nameserver: record.nameserver,
        pid: record.launched_nameserver.map(|process| process.pid),
        file: record.file,
    }
}
