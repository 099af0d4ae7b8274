//! `osb shutdown`: ends agents, and leaves the rest of the system as it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::many::{self, Answered, Asked, Chosen, Ended};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete};
use crate::proxy::ProxyError;
use crate::wire::AgentRequest;

/// End agents of a running system; the others go on
#[derive(Debug, clap::Args)]
pub struct ShutdownArgs {
    /// The agents; W* is all whose names begin so
    #[arg(required = true, value_name = "AGENT", add = complete::agents())]
    pub agents: Vec<String>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: ShutdownArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let limit = args.timeout.limit();
    let Chosen { agents, are_many } =
        many::chosen((&session, context), &args.agents, limit, Ended::Not)?;
    let answered = end(agents, limit);
    many::show_done(context, answered, are_many, |it| session.tell(it))
}

/// Asks all of them to end, and waits until they have.
pub(super) fn end(agents: Vec<Asked>, limit: Duration) -> Vec<Answered> {
    let until = Instant::now() + limit;
    let mut answered = many::ask(agents.clone(), |_| AgentRequest::Shutdown {});
    // By what is one name server's: each is watched once.
    let mut ending: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, agent) in agents.iter().enumerate() {
        if answered[at].1.is_ok() {
            let address = agent.proxy.nameserver().link().address();
            ending.entry(address).or_default().push(at);
        }
    }
    for places in ending.into_values() {
        let names = places.iter().map(|at| agents[*at].proxy.name().clone());
        let nameserver = agents[places[0]].proxy.nameserver();
        let left = until.saturating_duration_since(Instant::now());
        let lives = nameserver.wait_for_ends(names, left);
        for at in places {
            let Asked { id, proxy } = &agents[at];
            match &lives {
                Ok(lives) => {
                    if let Some(silent) = lives.get(proxy.name()) {
                        answered[at].1 = Err(ProxyError::of_end(id, *silent, limit));
                    }
                }
                Err(error) => answered[at].1 = Err(error.clone()),
            }
        }
    }
    answered
}
