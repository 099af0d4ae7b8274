//! `osb close`.

use std::collections::BTreeMap;

use super::timeout::TimeoutArgs;
use super::{CommandError, Context, complete, guests};
use crate::model::{Alias, Millis};
use crate::render::Closed;

/// Close sockets of a running agent
#[derive(Debug, clap::Args)]
pub struct CloseArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The sockets
    #[arg(required_unless_present = "all", conflicts_with = "all", add = complete::aliases())]
    pub aliases: Vec<Alias>,
    /// All of the agent's sockets
    #[arg(long)]
    pub all: bool,
    /// How long messages that were taken may still leave [default: 1s]
    #[arg(long, value_name = "DURATION")]
    pub linger: Option<Millis>,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: CloseArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let limit = args.timeout.limit();
    let (own, name) = session.find(&args.agent)?;
    let proxy = own.nameserver.proxy(name.as_str())?.with_timeout(limit);
    let linger = args.linger.map(Millis::duration);
    if args.all {
        let elsewhere = session.tell(proxy.reached_elsewhere(None))?;
        let unsent = session.tell(proxy.close_all(linger))?;
        guests::dismiss(&session, (own, &name), elsewhere, limit)?;
        return context.print(&Closed(unsent));
    }
    let mut unsent = BTreeMap::new();
    for alias in args.aliases {
        let elsewhere = session.tell(proxy.reached_elsewhere(Some(&alias)))?;
        let count = session.tell(proxy.close(alias.as_str(), linger))?;
        guests::dismiss(&session, (own, &name), elsewhere, limit)?;
        unsent.insert(alias, count);
    }
    context.print(&Closed(unsent))
}
