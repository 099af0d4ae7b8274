//! `osb send`.

use super::patience::PatienceArgs;
use super::replies::RepliesArgs;
use super::value::json;
use super::{CommandError, Context, complete};
use crate::model::{Alias, Topic};
use crate::render::{Answer, Done};

/// Send a message by one of an agent's sockets
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The socket by which it sends
    #[arg(add = complete::aliases())]
    pub alias: Alias,
    /// JSON, such as '"hi"'
    #[arg(allow_negative_numbers = true)]
    pub message: String,
    /// The topic to publish under
    #[arg(long, conflicts_with_all = ["wait", "on_reply", "on_error", "within"])]
    pub topic: Option<Topic>,
    /// Wait for the answer to a request and print it; as long as the connection's `wait` says, unless --timeout is given
    #[arg(long, conflicts_with_all = ["on_reply", "on_error", "within"])]
    pub wait: bool,
    #[command(flatten)]
    pub replies: RepliesArgs,
    #[command(flatten)]
    pub patience: PatienceArgs,
}

pub fn run(args: SendArgs, context: &mut Context) -> Result<(), CommandError> {
    let message = json(&args.message)?;
    let replies = args.replies.read()?;
    let session = context.session()?;
    let proxy = session.proxy(&args.agent, args.patience.limit())?;
    let alias = args.alias.as_str();
    if args.wait {
        let wait = match args.patience.given() {
            Some(_) => None,
            None => session.tell(proxy.wait_by(alias))?,
        };
        let proxy = wait.map_or(proxy.clone(), |wait| proxy.with_timeout(wait));
        let answer = session.tell_of_program(proxy.send_recv(alias, message))?;
        context.print(&Answer(answer))
    } else if !replies.is_empty() {
        session.tell(proxy.ask_by(alias, message, replies))?;
        context.print(&Done)
    } else {
        session.tell(proxy.send_topic(alias, message, args.topic.as_ref().map(Topic::as_str)))?;
        context.print(&Done)
    }
}
