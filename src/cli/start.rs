//! `osb start`: starts agents that have ended, or that wait to be started again, from the specs that their hosts keep.

use std::time::Duration;

use serde_json::Value;

use super::dependents::Dependents;
use super::many::{self, Answered, Asked, Chosen, Ended};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete};
use crate::proxy::ProxyError;

/// Start agents that have ended, with their ports, wires and timers
#[derive(Debug, clap::Args)]
pub struct StartArgs {
    /// The agents; W* is all whose names begin so
    #[arg(required = true, value_name = "AGENT", add = complete::agents())]
    pub agents: Vec<String>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: StartArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let limit = args.timeout.limit();
    let Chosen { agents, are_many } =
        many::chosen((&session, context), &args.agents, limit, Ended::Too)?;
    let order = Dependents::among(&agents, &session, context)?;
    let answered = start(order.in_turns(agents), limit);
    many::show_done(context, answered, are_many, |it| session.tell(it))
}

/// Starts all of them, one turn after the other, and waits until they run.
pub(super) fn start(turns: Vec<Vec<Asked>>, limit: Duration) -> Vec<Answered> {
    let turns = turns.into_iter();
    turns
        .flat_map(|agents| start_at_once(agents, limit))
        .collect()
}

fn start_at_once(agents: Vec<Asked>, limit: Duration) -> Vec<Answered> {
    let started = many::ask_at_nameservers(agents, |ns, names| ns.start_agents(names, limit));
    let answer = |(asked, outcome): (Asked, Result<(), ProxyError>)| {
        (asked.id, outcome.map(|()| Value::Null))
    };
    started.into_iter().map(answer).collect()
}
