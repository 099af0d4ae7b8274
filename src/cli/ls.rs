//! `osb ls`.

use clap::ValueEnum;

use super::session::{is_running, records};
use super::{CommandError, Context};
use crate::render::{AddressTable, Agents, Connections, Hosts, SystemRow, Systems};
use crate::state::{Phase, SystemRecord};

/// List agents, hosts, connections, addresses or systems
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// What to list
    #[arg(value_enum, default_value_t)]
    pub what: What,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// The agents of a system and their states
    #[default]
    Agents,
    /// The host daemons of a system
    Hosts,
    /// Who is connected to whom, and whether that is proven
    Connections,
    /// The sockets of all agents
    Addresses,
    /// The systems of this machine
    Systems,
}

pub fn run(args: LsArgs, context: &mut Context) -> Result<(), CommandError> {
    match args.what {
        What::Agents => context.print(&Agents(context.session()?.agents()?)),
        What::Connections => context.print(&Connections(context.session()?.agents()?)),
        What::Addresses => context.print(&AddressTable::OfAll(context.session()?.agents()?)),
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
