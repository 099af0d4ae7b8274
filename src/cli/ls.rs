//! `osb ls`.

use clap::ValueEnum;

use super::session::{is_running, records};
use super::{CommandError, Context};
use crate::render::{Addresses, Agents, Connections, Hosts, SystemRow, Systems};
use crate::state::{Phase, SystemRecord};

/// List agents, hosts, connections, addresses or systems
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// What to list
    #[arg(value_enum, default_value_t)]
    pub what: What,
}

/// What can be listed: agents and their states, host daemons, who is connected to whom and whether
/// that is proven, the sockets of all agents, the systems of this machine.
// The variants have no words of their own, so that `--help` stays short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum What {
    #[default]
    Agents,
    Hosts,
    Connections,
    Addresses,
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
        What::Systems => systems(context),
    }
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
