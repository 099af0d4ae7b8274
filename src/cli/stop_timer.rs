//! `osb stop-timer`.

use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete};
use crate::model::Alias;
use crate::render::Done;

/// Stop timers of a running agent
#[derive(Debug, clap::Args)]
pub struct StopTimerArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The timers, by their names
    #[arg(required_unless_present = "all", conflicts_with = "all", add = complete::timers())]
    pub timers: Vec<Alias>,
    /// All of the agent's timers
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: StopTimerArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let proxy = session.proxy(&args.agent, args.timeout.limit())?;
    if args.all {
        session.tell(proxy.stop_timers())?;
    }
    for alias in args.timers {
        session.tell(proxy.stop_timer(alias.as_str()))?;
    }
    context.print(&Done)
}
