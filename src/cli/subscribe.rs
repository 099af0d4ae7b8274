//! `osb subscribe`.

use super::handlers::actions;
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete};
use crate::model::{Alias, Handlers};
use crate::render::Done;

/// Subscribe a running agent's SUB socket to topics
#[derive(Debug, clap::Args)]
pub struct SubscribeArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The SUB socket
    #[arg(add = complete::aliases())]
    pub alias: Alias,
    /// What the topics begin with; '' for all
    #[arg(required = true)]
    pub topics: Vec<String>,
    /// What is done with these messages [default: command, else log]
    #[arg(long = "handler", value_name = "ACTION")]
    pub handlers: Vec<String>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: SubscribeArgs, context: &mut Context) -> Result<(), CommandError> {
    let actions = actions(&args.handlers)?;
    let topics = args.topics.into_iter();
    let handlers = Handlers::ByTopic(topics.map(|topic| (topic, actions.clone())).collect());
    let session = context.session()?;
    let proxy = session.proxy(&args.agent, args.timeout.limit())?;
    session.tell(proxy.subscribe(args.alias.as_str(), handlers))?;
    context.print(&Done)
}
