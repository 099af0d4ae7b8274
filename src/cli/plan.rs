//! `osb plan`.

use std::path::PathBuf;

use super::topology_file::TopologyFile;
use super::{CommandError, Context};
use crate::plan::Plan;
use crate::render::Planned;

/// Show what would be started, bound and wired
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// The topology; - is standard input
    pub file: PathBuf,
}

pub fn run(args: PlanArgs, context: &mut Context) -> Result<(), CommandError> {
    let topology = TopologyFile::read(&args.file)?.load_or_complain(context)?;
    context.print(&Planned(Plan::new(topology)))
}
