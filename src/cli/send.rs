//! `osb send`.

use serde_json::Value;

use super::many::{self, Answered, Asked, Ended, Whom};
use super::replies::RepliesArgs;
use super::timeout::TimeoutArgs;
use super::value::json;
use super::{CommandError, Context, complete};
use crate::model::{Alias, Millis, Replies, Topic};
use crate::proxy::Proxy;
use crate::render::{Answer, Done};
use crate::wire::AgentRequest;

/// Send a message by one of an agent's sockets
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    /// The agent, or, as in W*, all whose names begin so
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
    /// Wait for the answer to a request and print it; as long as the connection's `wait` says, unless
    /// --timeout is given
    #[arg(long, conflicts_with_all = ["on_reply", "on_error", "within"])]
    pub wait: bool,
    #[command(flatten)]
    pub replies: RepliesArgs,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: SendArgs, context: &mut Context) -> Result<(), CommandError> {
    let message = json(&args.message)?;
    let replies = args.replies.read()?;
    let session = context.session()?;
    let limit = args.timeout.limit();
    let whom = many::whom((&session, context), &args.agent, limit, Ended::IfBadly)?;
    let proxy = match whom {
        Whom::One(proxy) => proxy,
        Whom::Many(agents) => {
            let answered = send_by_all(agents, &args, &message, &replies);
            return many::show(context, answered, !args.wait, |it| match args.wait {
                true => session.tell_of_program(it),
                false => session.tell(it),
            });
        }
    };
    let alias = args.alias.as_str();
    if args.wait {
        let wait = match args.timeout.given() {
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

fn send_by_all(
    agents: Vec<Asked>,
    args: &SendArgs,
    message: &Value,
    replies: &Replies,
) -> Vec<Answered> {
    let (alias, message) = (|| args.alias.clone(), || message.clone());
    if !args.wait {
        let request = |_: &Proxy| match replies.is_empty() {
            false => AgentRequest::Ask {
                alias: alias(),
                message: message(),
                replies: replies.clone(),
            },
            true => AgentRequest::Send {
                alias: alias(),
                message: message(),
                topic: args.topic.clone(),
            },
        };
        return many::ask(agents, request);
    }
    let (ready, mut answered) = match args.timeout.given() {
        Some(_) => (agents, Vec::new()),
        None => as_patient_as_their_connections(agents, &args.alias),
    };
    let request = |_: &Proxy| AgentRequest::SendRecv {
        alias: alias(),
        message: message(),
    };
    answered.extend(many::ask(ready, request));
    answered
}

/// Each waits as long as its connection says; and those that cannot say.
fn as_patient_as_their_connections(
    agents: Vec<Asked>,
    alias: &Alias,
) -> (Vec<Asked>, Vec<Answered>) {
    let request = |_: &Proxy| AgentRequest::Wait {
        alias: alias.clone(),
    };
    let waits = many::ask(agents.clone(), request);
    let (mut ready, mut failed) = (Vec::new(), Vec::new());
    for (asked, (id, wait)) in agents.into_iter().zip(waits) {
        match wait {
            Ok(wait) => {
                let wait: Option<Millis> = serde_json::from_value(wait).unwrap_or_default();
                let proxy = asked.proxy;
                let proxy = wait.map_or(proxy.clone(), |it| proxy.with_timeout(it.duration()));
                ready.push(Asked { id, proxy });
            }
            Err(error) => failed.push((id, Err(error))),
        }
    }
    (ready, failed)
}
