//! `osb check`.

use super::secrets::SecretsArgs;
use super::topology_file::{TopologyArgs, TopologyFile, invalid};
use super::{CommandError, Context, ErrorKind};
use crate::render::{Checked, Expanded, Output, pretty};

/// Check a topology and say all that is wrong with it
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub topology: TopologyArgs,
    /// Print the topology as one file in which everything is written out
    #[arg(long)]
    pub expand: bool,
    #[command(flatten)]
    pub secrets: SecretsArgs,
}

pub(crate) fn run(args: CheckArgs, context: &mut Context) -> Result<(), CommandError> {
    let file = TopologyFile::read(&args.topology)?;
    match file.load() {
        Ok(topology) if args.expand => {
            let topology = args.secrets.apply(topology, context);
            context.print(&Expanded(topology))
        }
        Ok(topology) => context.print(&Checked {
            file: file.name(),
            topology,
        }),
        Err(problems) => {
            // What is wrong is this command's result, and for programs it goes where results go.
            match context.output() {
                Output::Json => context.print_text(&pretty(&invalid(&problems)))?,
                _ => {
                    let text = file.diagnose(&problems, context.stderr_style().color);
                    context.complain_in_full(&text);
                }
            }
            Err(CommandError::already_shown(ErrorKind::InvalidTopology))
        }
    }
}
