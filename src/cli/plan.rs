//! `osb plan`.

use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, Context};
use crate::plan::Plan;
use crate::render::Planned;

/// Show what would be started, bound and wired
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub topology: TopologyArgs,
}

pub fn run(args: PlanArgs, context: &mut Context) -> Result<(), CommandError> {
    let topology = TopologyFile::read(&args.topology)?.load_or_complain(context)?;
    context.print(&Planned(Plan::new(topology)))
}
