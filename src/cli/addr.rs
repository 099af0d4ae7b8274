//! `osb addr`.

use super::explain::hint_agent;
use super::target::{Named, named};
use super::{CommandError, Context, ErrorKind, Session, complete};
use crate::model::{AgentInfo, AgentName, Alias};
use crate::proxy::ProxyError;
use crate::render::{AddressesOfAgent, BareAddress};
use crate::wire::Fault;

/// Print the address of an agent's socket, or of all its sockets
#[derive(Debug, clap::Args)]
pub struct AddrArgs {
    /// The agent, or AGENT.ALIAS
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The socket; all, if it is not given
    #[arg(add = complete::aliases())]
    pub alias: Option<Alias>,
}

pub fn run(args: AddrArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    match &args.alias {
        // The usual case, in one question.
        Some(alias) => one(context, &session, &args.agent, alias),
        None => of_text(context, &session, &args.agent),
    }
}

fn one(
    context: &Context,
    session: &Session,
    agent: &str,
    alias: &Alias,
) -> Result<(), CommandError> {
    let address = session.tell(session.nameserver().addr(agent, alias.as_str()))?;
    context.print(&BareAddress(address))
}

fn of_text(context: &Context, session: &Session, text: &str) -> Result<(), CommandError> {
    let agents = session.agents()?;
    match named(text, agents.iter().map(|agent| &agent.name)) {
        Some(Named::Agent(name)) => all(context, agents, &name),
        Some(Named::Socket(target)) => one(context, session, target.agent.as_str(), &target.alias),
        None => Err(CommandError::say(
            ErrorKind::Usage,
            format!("{text:?} is not a name"),
        )),
    }
}

fn all(context: &Context, agents: Vec<AgentInfo>, name: &AgentName) -> Result<(), CommandError> {
    let names: Vec<AgentName> = agents.iter().map(|agent| agent.name.clone()).collect();
    match agents.into_iter().find(|agent| agent.name == *name) {
        Some(agent) => context.print(&AddressesOfAgent(agent.addresses)),
        None => {
            let fault = Fault::UnknownAgent { name: name.clone() };
            let error = CommandError::from(ProxyError::Fault(fault));
            Err(error.with_hint(hint_agent(name, &names)))
        }
    }
}
