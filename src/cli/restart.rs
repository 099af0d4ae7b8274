//! `osb restart`: ends agents, and starts them again from the specs that their hosts keep.

use std::time::Duration;

use super::many::{self, Answered, Asked, Chosen, Ended};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete, shutdown, start};
use crate::proxy::ProxyError;
use crate::wire::Fault;

/// End agents and start them again; the others go on
#[derive(Debug, clap::Args)]
pub struct RestartArgs {
    /// The agents; W* is all whose names begin so
    #[arg(required = true, value_name = "AGENT", add = complete::agents())]
    pub agents: Vec<String>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: RestartArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let limit = args.timeout.limit();
    let Chosen { agents, are_many } =
        many::chosen((&session, context), &args.agents, limit, Ended::Too)?;
    let answered = restart(agents, limit);
    many::show_done(context, answered, are_many, |it| session.tell(it))
}

fn restart(agents: Vec<Asked>, limit: Duration) -> Vec<Answered> {
    let mut rest = Vec::new();
    let mut failed = Vec::new();
    for (agent, (id, outcome)) in agents.iter().zip(shutdown::end(agents.clone(), limit)) {
        match outcome {
            Err(error) if !has_ended(&error) => failed.push((id, Err(error))),
            Ok(_) | Err(_) => rest.push(agent.clone()),
        }
    }
    failed.extend(start::start(rest, limit));
    failed
}

/// Whether there was nothing to end.
fn has_ended(error: &ProxyError) -> bool {
    matches!(error, ProxyError::Fault(Fault::NotRunning { .. }))
}
