//! `osb connect`.

use super::bind::serializer;
use super::handlers::handlers;
use super::replies::RepliesArgs;
use super::target::{Named, named};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, ErrorKind, Session, complete, guests};
use crate::model::{
    Address, AgentId, Alias, ConnectionInfo, Handlers, Kind, Replies, Serializer, SocketId, Target,
};
use crate::proxy::{Proxy, ProxyError};
use crate::render::Connected;
use crate::wire::{AgentRequest, ConnectRequest};

/// Connect a socket of a running agent to another's, and wait until that is proven
#[derive(Debug, clap::Args)]
pub struct ConnectArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The name of the socket; made if there is none yet
    pub alias: Alias,
    /// The other socket, AGENT.ALIAS, or an address such as tcp://10.0.0.7:5000
    #[arg(long, value_name = "SOCKET", add = complete::targets())]
    pub to: String,
    /// For an address: the kind of this agent's own socket
    #[arg(long, add = complete::kinds())]
    pub kind: Option<Kind>,
    /// For an address: json, raw or msgpack
    #[arg(long, default_value = "json", value_parser = serializer)]
    pub serializer: Serializer,
    /// What is done with messages: ACTION, or TOPIC=ACTION [default: command, else log]
    #[arg(long = "handler", value_name = "HANDLER")]
    pub handlers: Vec<String>,
    #[command(flatten)]
    pub replies: RepliesArgs,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: ConnectArgs, context: &mut Context) -> Result<(), CommandError> {
    let handlers = handlers(&args.handlers)?;
    let replies = args.replies.read()?;
    let by_hand = by_hand(&args)?;
    let session = context.session()?;
    let proxy = session.proxy(&args.agent, args.timeout.limit())?;
    let connected = match by_hand {
        Some(server) => to_address(&proxy, server, None, &args, (handlers, replies)),
        None => to_socket(&session, &proxy, &args, (handlers, replies))?,
    };
    context.print(&Connected {
        client: proxy.name().clone().into(),
        connection: session.tell(connected)?,
    })
}

fn by_hand(args: &ConnectArgs) -> Result<Option<Address>, CommandError> {
    if !Address::is_one(&args.to) {
        return match args.kind {
            Some(_) => Err(usage(
                "--kind is for addresses: of a socket with a name it is known",
            )),
            None => Ok(None),
        };
    }
    let Some(kind) = args.kind else {
        let error = usage("a connection to an address needs --kind");
        return Err(error.with_hint("the kind of this end, such as --kind PULL for a PUSH"));
    };
    match Address::dialled(&args.to, kind.twin(), args.serializer) {
        Some(server) => Ok(Some(server)),
        None => Err(usage(&format!(
            "{} is no address: it begins with tcp:// or ipc://",
            args.to
        ))),
    }
}

fn usage(sentence: &str) -> CommandError {
    CommandError::say(ErrorKind::Usage, sentence)
}

fn to_address(
    proxy: &Proxy,
    server: Address,
    to: Option<SocketId>,
    args: &ConnectArgs,
    (handlers, replies): (Option<Handlers>, Replies),
) -> Result<ConnectionInfo, ProxyError> {
    let request = ConnectRequest {
        alias: args.alias.clone(),
        server,
        to,
        handlers,
        replies,
        token: None,
        timeout: args.timeout.limit().into(),
    };
    proxy.ask(&AgentRequest::Connect(request)).wait()
}

/// The agent finds the socket by itself, unless another name server knows it.
fn to_socket(
    session: &Session,
    proxy: &Proxy,
    args: &ConnectArgs,
    (handlers, replies): (Option<Handlers>, Replies),
) -> Result<Result<ConnectionInfo, ProxyError>, CommandError> {
    let socket = target(session, args)?;
    let to = Target::from(socket.clone());
    let (own, client) = session.find(&args.agent)?;
    let (theirs, name) = session.find(&socket.agent.to_string())?;
    if own.name == theirs.name {
        return Ok(proxy.connect_and_ask(&to, args.alias.as_str(), handlers, replies));
    }
    let server = session.addr(&socket.agent.to_string(), &socket.alias)?;
    let limit = args.timeout.limit();
    let other = theirs.nameserver.proxy(name.as_str())?.with_timeout(limit);
    let is_new = guests::admit(session, (own, &client), (theirs, &other), &socket.alias)?;
    let agent = AgentId {
        name,
        nameserver: Some(theirs.name.clone()),
    };
    let to = SocketId { agent, ..socket };
    let connected = to_address(proxy, server, Some(to.clone()), args, (handlers, replies));
    if is_new && connected.is_err() {
        guests::dismiss(session, (own, &client), vec![to], limit)?;
    }
    Ok(connected)
}

fn target(session: &Session, args: &ConnectArgs) -> Result<SocketId, CommandError> {
    let agents = session.names();
    let known = |id: &AgentId| agents.iter().any(|it| it.name == id.name);
    match named(&args.to, known) {
        Some(Named::Socket(socket)) => Ok(socket),
        _ => Err(usage(&format!("{:?} names no socket", args.to))
            .with_hint("write AGENT.ALIAS, such as Alice.main; `osb ls addresses` shows them")),
    }
}
