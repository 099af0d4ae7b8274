//! `osb why`.

use std::time::Duration;

use super::target::{Named, named};
use super::timeout::TimeoutArgs;
use super::why_look::look;
use super::{CommandError, Context, ErrorKind, Session, complete};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{AgentId, HostInfo, SocketId};
use crate::render::{Listed, Why, did_you_mean};
use crate::why::{Asked, diagnose};
use crate::wire::NameServerRequest;

/// How many things that were waited for in vain are explained.
const EXPLAINED: usize = 5;

/// Tell why nothing arrives at a socket, or what is wrong with an agent or a host, and what to do
#[derive(Debug, clap::Args)]
pub struct WhyArgs {
    /// A socket, such as Bob.inbox, an agent or a host
    #[arg(value_name = "AGENT[.ALIAS]", add = complete::sockets())]
    pub what: String,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: WhyArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    session.warn(context);
    let why = why(&session, args.what, args.timeout.limit(), context)?;
    context.print(&why)
}

/// Looks, and tells why.
fn why(
    session: &Session,
    what: String,
    limit: Duration,
    context: &Context,
) -> Result<Why, CommandError> {
    let agents = session.listed(context)?;
    let hosts = session.gather::<HostInfo>(&NameServerRequest::Hosts {}, context)?;
    let hosts: Vec<HostInfo> = hosts.into_iter().map(|(_, host)| host).collect();
    let meant = asked(&what, &agents, &hosts)?;
    let facts = look(session, &meant, (agents, hosts), limit)?;
    Ok(Why {
        causes: diagnose(&meant, &facts),
        asked: what,
    })
}

/// Of what was waited for in vain: the surest cause of each that can be explained.
pub(super) fn reasons(session: &Session, names: &[&String], context: &Context) -> Vec<String> {
    let names = names.iter().take(EXPLAINED);
    let whys = names.map(|name| why(session, (*name).clone(), CONTROL_TIMEOUT, context));
    whys.filter_map(|it| it.ok()?.first()).collect()
}

/// What a text means: an agent, a socket of one, or a host.
fn asked(text: &str, agents: &[Listed], hosts: &[HostInfo]) -> Result<Asked, CommandError> {
    let is_known = |id: &AgentId| agents.iter().any(|it| it.is_called(id));
    let has = |socket: &SocketId| {
        agents
            .iter()
            .any(|it| it.is_called(&socket.agent) && has_socket(it, socket))
    };
    let host = || hosts.iter().find(|it| it.name.as_str() == text);
    match named(text, is_known) {
        Some(Named::Agent(agent)) if is_known(&agent) => Ok(Asked::Agent(agent)),
        Some(Named::Socket(socket)) if has(&socket) => Ok(Asked::Socket(socket)),
        Some(_) | None => match host() {
            Some(host) => Ok(Asked::Host(host.name.clone())),
            None => Err(unknown(text, agents, hosts)),
        },
    }
}

/// One that has ended tells of none: it may have had it.
fn has_socket(agent: &Listed, socket: &SocketId) -> bool {
    let mut connections = agent.info.connections.iter();
    agent.info.state.ended()
        || agent.info.addresses.contains_key(&socket.alias)
        || connections.any(|it| it.alias == socket.alias)
}

fn unknown(text: &str, agents: &[Listed], hosts: &[HostInfo]) -> CommandError {
    let agents = agents.iter().flat_map(Listed::names);
    let hosts = hosts.iter().map(|it| it.name.to_string());
    let names: Vec<String> = agents.chain(hosts).collect();
    let hint = did_you_mean(text, names.iter().map(String::as_str));
    let hint = hint.unwrap_or_else(|| "`osb ls` shows the agents there are".to_owned());
    CommandError::say(
        ErrorKind::Failed,
        format!("no agent, socket or host is called {text}"),
    )
    .with_code("unknown_socket")
    .with_hint(hint)
}
