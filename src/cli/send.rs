//! `osb send`.

use super::value::json;
use super::{CommandError, Context, complete};
use crate::model::{Action, Alias, Millis, Replies};
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
    #[arg(long, conflicts_with = "wait")]
    pub topic: Option<String>,
    /// Wait for the answer to a request and print it
    #[arg(long)]
    pub wait: bool,
    /// What the agent does with the answer, instead of what the connection says; several in order
    #[arg(long, value_name = "ACTION", conflicts_with_all = ["wait", "topic"])]
    pub on_reply: Vec<Action>,
    /// What it does if there is no answer, or an error
    #[arg(long, value_name = "ACTION", conflicts_with_all = ["wait", "topic"])]
    pub on_error: Vec<Action>,
    /// How long the agent waits for the answer, instead of what the connection says
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["wait", "topic"])]
    pub within: Option<Millis>,
    /// How long that may take
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub timeout: Millis,
}

pub fn run(args: SendArgs, context: &mut Context) -> Result<(), CommandError> {
    let message = json(&args.message)?;
    let session = context.session()?;
    let proxy = session.proxy(&args.agent)?;
    let proxy = proxy.with_timeout(args.timeout.duration());
    let alias = args.alias.as_str();
    let some = |actions: Vec<Action>| (!actions.is_empty()).then_some(actions);
    let replies = Replies {
        on_reply: some(args.on_reply),
        wait: args.within,
        on_error: some(args.on_error),
    };
    if args.wait {
        let answer = session.tell(proxy.send_recv(alias, message))?;
        context.print(&Answer(answer))
    } else if !replies.is_empty() {
        session.tell(proxy.ask_by(alias, message, replies))?;
        context.print(&Done)
    } else {
        session.tell(proxy.send_topic(alias, message, args.topic.as_deref()))?;
        context.print(&Done)
    }
}
