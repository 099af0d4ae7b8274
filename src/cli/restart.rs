//! `osb restart`: ends agents, and starts them again from the specs that their hosts keep.

use std::time::Duration;

use super::many::{self, Answered, Asked, Chosen, Ended};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete, start, stop};
use crate::model::timing::STOP_GRACE;
use crate::proxy::Stop;

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
    let how = Stop {
        grace: STOP_GRACE,
        hold: false,
    };
    let mut failed = Vec::new();
    for (id, outcome) in stop::stop(agents.clone(), how, limit) {
        if let Err(error) = outcome {
            failed.push((id, Err(error)));
        }
    }
    let is_left = |agent: &Asked| failed.iter().all(|(id, _)| *id != agent.id);
    let rest = agents.into_iter().filter(is_left).collect();
    let mut answered = start::start(rest, limit);
    answered.extend(failed);
    answered
}
