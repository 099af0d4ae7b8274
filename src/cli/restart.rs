//! `osb restart`: ends agents, and starts them again from the specs that their hosts keep.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dependents::Dependents;
use super::many::{self, Answered, Asked, Chosen, Ended};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete, start, stop};
use crate::model::Grace;
use crate::proxy::Stop;

/// End agents and start them again; the others go on
#[derive(Debug, clap::Args)]
pub struct RestartArgs {
    /// The agents; W* is all whose names begin so
    #[arg(required = true, value_name = "AGENT", add = complete::agents())]
    pub agents: Vec<String>,
    /// Also those that are `after` them or go `with` them, and so on, each when those before it run
    #[arg(long)]
    pub with_dependents: bool,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: RestartArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let limit = args.timeout.limit();
    let Chosen { agents, are_many } =
        many::chosen((&session, context), &args.agents, limit, Ended::Too)?;
    let order = match args.with_dependents {
        true => Dependents::of(&session, context, true)?,
        false => Dependents::among(&agents, &session, context)?,
    };
    let agents = match args.with_dependents {
        true => order.with_dependents(agents, (&session, context), limit)?,
        false => agents,
    };
    let are_many = are_many || args.with_dependents;
    let answered = restart(order.in_turns(agents), limit);
    many::show_done(context, answered, are_many, |it| session.tell(it))
}

/// Ends all of them, the last turn first, and starts them one turn after the other. One that has not ended is not started.
pub(super) fn restart(turns: Vec<Vec<Asked>>, limit: Duration) -> Vec<Answered> {
    let how = Stop {
        grace: Grace::USUAL,
        hold: false,
    };
    let mut failed = BTreeMap::new();
    for (id, outcome) in stop::stop(turns.clone(), how, limit) {
        if let Err(error) = outcome {
            failed.insert(id, Err(error));
        }
    }
    let mut rest = turns;
    rest.iter_mut()
        .for_each(|turn| turn.retain(|it| !failed.contains_key(&it.id)));
    let mut answered = start::start(rest, limit);
    answered.extend(failed);
    answered
}
