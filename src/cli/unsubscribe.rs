//! `osb unsubscribe`.

use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete};
use crate::model::Alias;
use crate::render::Done;

/// Take subscriptions of a running agent's SUB socket back
#[derive(Debug, clap::Args)]
pub struct UnsubscribeArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The SUB socket
    #[arg(add = complete::aliases())]
    pub alias: Alias,
    /// The topics, as they were subscribed to
    #[arg(required = true)]
    pub topics: Vec<String>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: UnsubscribeArgs, context: &mut Context) -> Result<(), CommandError> {
    let topics: Vec<&str> = args.topics.iter().map(String::as_str).collect();
    let session = context.session()?;
    let proxy = session.proxy(&args.agent, args.timeout.limit())?;
    session.tell(proxy.unsubscribe(args.alias.as_str(), &topics))?;
    context.print(&Done)
}
