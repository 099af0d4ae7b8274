//! `osb plan`: what `up` would do, with a system that is up or from nothing. It changes nothing.

use std::path::PathBuf;

use super::request::topology_request;
use super::runtime::block_on;
use super::saved_plan::SavedPlan;
use super::secrets::SecretsArgs;
use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, Context};
use crate::model::Topology;
use crate::plan::Plan;
use crate::render::{Output, Planned, WouldChange};
use crate::up::foresee;

/// The exit status of `--exit-code` if there is something to do.
const THERE_ARE_CHANGES: u8 = 10;

/// Show what `up` would do, with what runs now
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub topology: TopologyArgs,
    #[command(flatten)]
    pub secrets: SecretsArgs,
    /// Show all of the file, whatever runs now
    #[arg(long)]
    pub offline: bool,
    /// End with 10 if `up` would do something, and with 0 if not
    #[arg(long)]
    pub exit_code: bool,
    /// Write the plan to a file: `osb up --plan FILE` does just that, or nothing
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    pub out: Option<PathBuf>,
}

pub(crate) fn run(args: PlanArgs, context: &mut Context) -> Result<(), CommandError> {
    if args.offline {
        let topology = TopologyFile::read(&args.topology)?.load_or_complain(context)?;
        show_whole(topology, &args.secrets, context)?;
        return ended(true, args.exit_code);
    }
    let request = topology_request(&args.topology, context)?.1;
    let foreseen = block_on(foresee(&request))??;
    if let Some(path) = &args.out {
        SavedPlan::new(&request, foreseen.as_ref()).write(path)?;
    }
    let is_something = foreseen.as_ref().is_none_or(|it| !it.is_empty());
    match foreseen {
        None => show_whole(request.topology(), &args.secrets, context)?,
        Some(mut foreseen) => {
            args.secrets
                .hide(|| foreseen.change.hide_secrets(), context);
            context.print(&WouldChange {
                system: request.plan.system,
                foreseen,
            })?;
        }
    }
    ended(is_something, args.exit_code)
}

fn ended(is_something: bool, exit_code: bool) -> Result<(), CommandError> {
    match exit_code && is_something {
        true => Err(CommandError::ended_with(THERE_ARE_CHANGES)),
        false => Ok(()),
    }
}

fn show_whole(
    topology: Topology,
    secrets: &SecretsArgs,
    context: &Context,
) -> Result<(), CommandError> {
    let topology = match context.output() {
        // Nothing of it is shown.
        Output::Table | Output::Wide | Output::Names | Output::Raw | Output::Drawing(_) => topology,
        Output::Json => secrets.apply(topology, context),
    };
    context.print(&Planned(Plan::new(topology)))
}
