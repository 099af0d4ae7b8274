//! `osb shutdown`: ends agents, and leaves the rest of the system as it is.

use super::patience::PatienceArgs;
use super::{CommandError, Context, complete};
use crate::render::Done;

/// End agents of a running system; the others go on
#[derive(Debug, clap::Args)]
pub struct ShutdownArgs {
    /// The agents
    #[arg(required = true, value_name = "AGENT", add = complete::agents())]
    pub agents: Vec<String>,
    #[command(flatten)]
    pub patience: PatienceArgs,
}

pub fn run(args: ShutdownArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let proxies = args
        .agents
        .iter()
        .map(|agent| session.proxy(agent, args.patience.limit()));
    let proxies: Vec<_> = proxies.collect::<Result<_, _>>()?;
    for proxy in &proxies {
        session.tell(proxy.shutdown())?;
    }
    for proxy in &proxies {
        session.tell(proxy.wait_for_end(args.patience.limit()))?;
    }
    context.print(&Done)
}
