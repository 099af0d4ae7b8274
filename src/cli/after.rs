//! `osb after`.

use super::timer_action::DoWhat;
use super::{CommandError, Context, complete};
use crate::model::{Alias, Millis};
use crate::render::BareName;

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
    /// A name to stop the timer by [default: the agent chooses]
    #[arg(long, global = true, value_name = "NAME")]
    pub alias: Option<Alias>,
    #[command(subcommand)]
    pub what: DoWhat,
}

pub fn run(args: AfterArgs, context: &mut Context) -> Result<(), CommandError> {
    let action = args.what.action()?;
    let session = context.session()?;
    let proxy = session.proxy(&args.agent)?;
    let alias = args.alias.as_ref().map(Alias::as_str);
    let alias = session.tell(proxy.after(args.delay.duration(), action, alias))?;
    context.print(&BareName(alias.to_string()))
}
