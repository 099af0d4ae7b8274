//! `osb every`.

use super::timeout::TimeoutArgs;
use super::timer_action::{What, add_timer};
use super::{CommandError, Context, complete};
use crate::model::{Millis, When};

/// Have a running agent do something again and again; prints the timer's name
#[derive(Debug, clap::Args)]
#[command(disable_help_subcommand = true)]
#[command(subcommand_value_name = "ACTION", subcommand_help_heading = "Actions")]
pub struct EveryArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// How often, such as 1s; the first time is after that
    pub interval: Millis,
    #[command(flatten)]
    pub what: What,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: EveryArgs, context: &mut Context) -> Result<(), CommandError> {
    add_timer(
        (&args.agent, &args.timeout),
        When::Every(args.interval),
        args.what,
        context,
    )
}
