//! `osb stop`, also `osb shutdown`: ends agents, and keeps them down, until they are started again; the rest of the system goes on.

use std::time::Duration;

use serde_json::Value;

use super::dependents::Dependents;
use super::many::{self, Answered, Asked, Chosen, Ended};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete};
use crate::model::{AgentId, Grace, Millis};
use crate::proxy::{KeptDown, ProxyError, Stop};

/// End agents, which stay down until `start`, `restart` or `up`
#[derive(Debug, clap::Args)]
pub struct StopArgs {
    /// The agents; W* is all whose names begin so
    #[arg(required = true, value_name = "AGENT", add = complete::agents())]
    pub agents: Vec<String>,
    /// How long agents may take to end before they are killed; else each as long as its `stop_timeout` says, or 5s
    #[arg(long, value_name = "DURATION")]
    pub grace: Option<Millis>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: StopArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let limit = args.timeout.limit();
    let Chosen { agents, are_many } =
        many::chosen((&session, context), &args.agents, limit, Ended::Too)?;
    let how = Stop {
        grace: Grace::given(args.grace),
        hold: true,
    };
    let order = Dependents::among(&agents, &session, context)?;
    let stopped = stop(order.in_turns(agents), how, limit);
    for (agent, outcome) in &stopped {
        if matches!(outcome, Ok(KeptDown::ByNobody)) {
            context.note(&format!(
                "no host has started {agent}: it stays down until it is started again, with `osb agent` say"
            ));
        }
    }
    let answered = stopped.into_iter().map(answered).collect();
    many::show_done(context, answered, are_many, |it| session.tell(it))
}

/// What became of one, and who keeps it down.
pub(super) type Stopped = (AgentId, Result<KeptDown, ProxyError>);

pub(super) fn answered((id, outcome): Stopped) -> Answered {
    (id, outcome.map(|_| Value::Null))
}

/// Ends all of them, the last turn first, and waits until they have ended.
pub(super) fn stop(turns: Vec<Vec<Asked>>, how: Stop, limit: Duration) -> Vec<Stopped> {
    let turns = turns.into_iter().rev();
    turns
        .flat_map(|agents| stop_at_once(agents, how, limit))
        .collect()
}

fn stop_at_once(agents: Vec<Asked>, how: Stop, limit: Duration) -> Vec<Stopped> {
    let stopped = many::ask_at_nameservers(agents, |ns, names| ns.stop_agents(names, how, limit));
    let standing = |(Asked { id, proxy }, outcome): (Asked, Result<KeptDown, ProxyError>)| {
        (id, outcome.map_err(|error| proxy.standing(error)))
    };
    stopped.into_iter().map(standing).collect()
}
