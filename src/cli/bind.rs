//! `osb bind`.

use super::handlers::handlers;
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, ErrorKind, complete};
use crate::model::{Admits, Alias, BindSpec, Endpoint, Kind, Serializer, Transport};
use crate::render::BareAddress;

/// Bind a socket of a running agent and print its address
#[derive(Debug, clap::Args)]
pub struct BindArgs {
    /// The agent
    #[arg(add = complete::agents())]
    pub agent: String,
    /// The name of the socket
    pub alias: Alias,
    /// Such as PUSH, PUB or REP
    #[arg(add = complete::kinds())]
    pub kind: Kind,
    /// Where: an IP or IP:PORT, with ipc a path [default: any port of the agent's host]
    #[arg(long)]
    pub addr: Option<String>,
    /// tcp or ipc
    #[arg(long, default_value = "tcp", value_parser = transport)]
    pub transport: Transport,
    /// json, raw or msgpack
    #[arg(long, default_value = "json", value_parser = serializer)]
    pub serializer: Serializer,
    /// What is done with messages: ACTION, or TOPIC=ACTION [default: command, else log]
    #[arg(long = "handler", value_name = "HANDLER")]
    pub handlers: Vec<String>,
    /// Let other machines reach it, though nothing is encrypted
    #[arg(long)]
    pub insecure: bool,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

pub(crate) fn run(args: BindArgs, context: &mut Context) -> Result<(), CommandError> {
    let session = context.session()?;
    let (group, _) = session.find(&args.agent)?;
    let closed = group.nameserver.link().server_key().is_some();
    let socket = BindSpec {
        endpoint: endpoint(&args, closed)?,
        handlers: handlers(&args.handlers)?,
        alias: args.alias,
        kind: args.kind,
        serializer: args.serializer,
        admits: Admits::anyone(),
    };
    let bound = session
        .proxy(&args.agent, args.timeout.limit())?
        .bind_to(socket);
    context.print(&BareAddress(session.tell(bound)?))
}

/// In a closed system, only its members are admitted.
fn endpoint(args: &BindArgs, closed: bool) -> Result<Option<Endpoint>, CommandError> {
    let endpoint = Endpoint::read(Some(args.transport), args.addr.as_deref())
        .map_err(|error| CommandError::new(ErrorKind::Usage, error))?;
    match endpoint.as_ref().and_then(Endpoint::exposed) {
        Some(ip) if !args.insecure && !closed => {
            let sentence = format!(
                "other machines can reach {ip}, and what goes over it is neither encrypted nor authenticated"
            );
            let hint =
                "bind to 127.0.0.1, or, if you trust everyone on that network, say --insecure";
            Err(CommandError::say(ErrorKind::Usage, sentence).with_hint(hint))
        }
        _ => Ok(endpoint),
    }
}

fn transport(text: &str) -> Result<Transport, String> {
    let mut all = Transport::ALL.iter().copied();
    all.find(|it| it.as_str() == text)
        .ok_or_else(|| there_are(Transport::ALL, Transport::as_str))
}

/// `there are json, raw and msgpack`.
fn there_are<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> String {
    let words: Vec<&str> = all.iter().map(|it| word(*it)).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => {
            format!("there are {} and {last}", others.join(", "))
        }
        _ => format!("there are {}", words.join(", ")),
    }
}

/// Reads the name of a serializer.
pub(crate) fn serializer(text: &str) -> Result<Serializer, String> {
    let mut all = Serializer::ALL.iter().copied();
    all.find(|it| it.as_str() == text)
        .ok_or_else(|| there_are(Serializer::ALL, Serializer::as_str))
}
