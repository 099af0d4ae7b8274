//! `osb after`.

use super::timeout::TimeoutArgs;
use super::timer_action::{What, add_timer};
use super::{CommandError, Context, complete};
use crate::model::{Millis, When};

/// Have a running agent do something once, later; prints the timer's name
#[derive(Debug, clap::Args)]
#[command(disable_help_subcommand = true)]
#[command(subcommand_value_name = "ACTION", subcommand_help_heading = "Actions")]
pub struct AfterArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// When, such as 2s from now
    pub delay: Millis,
    #[command(flatten)]
    pub what: What,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: AfterArgs, context: &mut Context) -> Result<(), CommandError> {
    add_timer(
        (&args.agent, &args.timeout),
        When::After(args.delay),
        args.what,
        context,
    )
}
