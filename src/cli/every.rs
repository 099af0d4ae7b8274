//! `osb every`.

use super::timer_action::DoWhat;
use super::{CommandError, Context, complete};
use crate::model::{Alias, Millis};
use crate::render::BareName;

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
    /// A name to stop the timer by [default: the agent chooses]
    #[arg(long, global = true, value_name = "NAME")]
    pub alias: Option<Alias>,
    #[command(subcommand)]
    pub what: DoWhat,
}

pub fn run(args: EveryArgs, context: &mut Context) -> Result<(), CommandError> {
    let action = args.what.action()?;
    let session = context.session()?;
    let proxy = session.proxy(&args.agent)?;
    let alias = args.alias.as_ref().map(Alias::as_str);
    let alias = session.tell(proxy.every(args.interval.duration(), action, alias))?;
    context.print(&BareName(alias.to_string()))
}
