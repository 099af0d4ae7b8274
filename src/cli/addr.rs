//! `osb addr`.

use super::target::{Named, named};
use super::{CommandError, Context, ErrorKind, Session, complete};
use crate::model::{AgentId, Alias, SocketId};
use crate::render::{AddressesOfAgent, BareAddress};

/// Print the address of an agent's socket, or of all its sockets
#[derive(Debug, clap::Args)]
pub struct AddrArgs {
    /// The agent, or AGENT.ALIAS; AGENT@NAMESERVER if several have one of that name
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The socket; all, if it is not given
    #[arg(add = complete::aliases())]
    pub alias: Option<Alias>,
}

pub(crate) fn run(args: AddrArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?.until_the_end();
    match &args.alias {
        // The usual case, in one question.
        Some(alias) => one(context, session, &args.agent, alias),
        None => of_text(context, session, &args.agent),
    }
}

fn one(
    context: &Context,
    session: &Session,
    agent: &str,
    alias: &Alias,
) -> Result<(), CommandError> {
    context.print(&BareAddress(session.addr(agent, alias)?))
}

fn of_text(context: &Context, session: &Session, text: &str) -> Result<(), CommandError> {
    let agents = session.names();
    let known = |id: &AgentId| agents.iter().any(|it| it.name == id.name);
    match named(text, known) {
        Some(Named::Agent(id)) => all(context, session, &id),
        Some(Named::Socket(SocketId { agent, alias })) => {
            one(context, session, &agent.to_string(), &alias)
        }
        None => Err(CommandError::say(
            ErrorKind::Usage,
            format!("{text:?} is not a name"),
        )),
    }
}

fn all(context: &Context, session: &Session, id: &AgentId) -> Result<(), CommandError> {
    let (group, name) = session.find(&id.to_string())?;
    let agent = session.tell(group.nameserver.agent_info(&name))?;
    context.print(&AddressesOfAgent(agent.addresses))
}
