//! `osb timers`.

use super::timeout::TimeoutArgs;
use super::{CommandError, Context, Session, complete};
use crate::model::TimerInfo;
use crate::proxy::{Pending, Proxy};
use crate::render::Timers;
use crate::wire::AgentRequest;

/// List the timers of running agents
#[derive(Debug, clap::Args)]
pub struct TimersArgs {
    /// The agents; all, if none is given
    #[arg(add = complete::agents())]
    pub agents: Vec<String>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: TimersArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let mut timers = Vec::new();
    if args.agents.is_empty() {
        for (proxy, asked) in ask(all(&session, context, &args.timeout)?) {
            match asked.wait() {
                Ok(of_one) => timers.push((proxy.name().clone(), of_one)),
                Err(error) => {
                    let error = proxy.standing(error);
                    context.note(&format!("{} does not tell: {error}", proxy.name()));
                }
            }
        }
    } else {
        let proxies = args
            .agents
            .iter()
            .map(|agent| session.proxy(agent, args.timeout.limit()));
        for (proxy, asked) in ask(proxies.collect::<Result<_, _>>()?) {
            timers.push((
                proxy.name().clone(),
                session.tell(asked.wait().map_err(|error| proxy.standing(error)))?,
            ));
        }
    }
    context.print(&Timers(timers))
}

fn all(
    session: &Session,
    context: &Context,
    timeout: &TimeoutArgs,
) -> Result<Vec<Proxy>, CommandError> {
    let agents = session.listed(context)?.into_iter();
    agents
        .filter(|agent| !agent.info.state.ended())
        .map(|agent| session.proxy(&agent.id.to_string(), timeout.limit()))
        .collect()
}

/// All are asked before the first is waited for.
fn ask(proxies: Vec<Proxy>) -> Vec<(Proxy, Pending<Vec<TimerInfo>>)> {
    let asked = proxies.into_iter().map(|proxy| {
        let pending = proxy.ask(&AgentRequest::Timers {});
        (proxy, pending)
    });
    asked.collect()
}
