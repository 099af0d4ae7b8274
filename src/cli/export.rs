//! `osb export`: what runs as a topology's file, with what was made by hand.

use std::path::PathBuf;

use super::runtime::block_on;
use super::secrets::SecretsArgs;
use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, Context, ErrorKind, complete, down};
use crate::model::Topology;
use crate::plan::{Change, Fixed, fixed};
use crate::render::{Differs, Exported};
use crate::state::StateDir;
use crate::up::running;

/// The exit status of `--exit-code` if what runs is not what the file says.
const THEY_DIFFER: u8 = 10;

/// Print what runs as a topology, with sockets, connections and agents that were made by hand
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The system; needed if several are running
    #[arg(long, value_name = "SYSTEM", add = complete::systems())]
    pub name: Option<String>,
    /// Print how what runs differs from these files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub diff: Vec<PathBuf>,
    /// With --diff: end with 10 if they differ, and with 0 if not
    #[arg(long, requires = "diff")]
    pub exit_code: bool,
    #[command(flatten)]
    pub secrets: SecretsArgs,
}

pub(crate) fn run(args: ExportArgs, context: &mut Context) -> Result<(), CommandError> {
    let system = down::system(args.name.as_deref(), context)?;
    let found = match &system {
        Some(system) => block_on(running(&StateDir::from_env()?.system(system)))??,
        None => None,
    };
    let Some(running) = found else {
        let sentence = match &system {
            Some(system) => format!("system {system} is not up"),
            None => "no system is running".to_owned(),
        };
        return Err(CommandError::say(ErrorKind::Unreachable, sentence)
            .with_hint("bring one up with `osb up FILE`"));
    };
    // Standard output may go to a file that nobody looks at.
    for sentence in Exported::sentences(&running.notes) {
        context.note(&sentence);
    }
    match args.diff.is_empty() {
        true => context.print(&Exported {
            topology: args.secrets.apply(running.topology, context),
            notes: running.notes,
        }),
        false => differ(&args, running.topology, context),
    }
}

fn differ(args: &ExportArgs, running: Topology, context: &Context) -> Result<(), CommandError> {
    let file = TopologyFile::read(&TopologyArgs::of(args.diff.clone()))?;
    let topology = file.load_or_complain(context)?;
    if topology.name != running.name {
        let sentence = format!(
            "{} is of system {}, and {} runs",
            file.name(),
            topology.name,
            running.name
        );
        return Err(CommandError::say(ErrorKind::Usage, sentence)
            .with_hint("name the system that is meant with --name"));
    }
    let mut change = Change::between(&topology.agents, &running.agents);
    args.secrets.hide(|| change.hide_secrets(), context);
    // It has its daemons.
    let fixed =
        fixed(&topology, &running, |_, _| false).filter(|it| !matches!(it, Fixed::NewHost(_)));
    let differs = Differs {
        system: running.name,
        file: file.name(),
        change,
        fixed,
    };
    context.print(&differs)?;
    match args.exit_code && !differs.is_same() {
        true => Err(CommandError::ended_with(THEY_DIFFER)),
        false => Ok(()),
    }
}
