//! `osb plan`.

use super::secrets::SecretsArgs;
use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, Context};
use crate::plan::Plan;
use crate::render::{Output, Planned};

/// Show what would be started, bound and wired
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub topology: TopologyArgs,
    #[command(flatten)]
    pub secrets: SecretsArgs,
}

pub(crate) fn run(args: PlanArgs, context: &mut Context) -> Result<(), CommandError> {
    let topology = TopologyFile::read(&args.topology)?.load_or_complain(context)?;
    let topology = match context.output() {
        // Nothing of it is shown.
        Output::Table | Output::Wide | Output::Names => topology,
        Output::Json => args.secrets.apply(topology, context),
    };
    context.print(&Planned(Plan::new(topology)))
}
