//! Words by which a program asks of its agent what any member may ask of it: they become the same
//! requests, and are answered by a `reply` line.

use super::words::{Bind, Connect, ProgramRequest, Timer};
use crate::model::{
    Address, Admits, Alias, BindSpec, Endpoint, Handlers, Kind, Millis, Replies, Serializer,
    TimerAction, TimerSpec, Transport, When,
};
use crate::wire::{AgentRequest, ConnectRequest, ConnectToRequest};

/// What a program's request comes down to.
pub(crate) struct Asked {
    pub request: AgentRequest,
    /// How long it may take, if that was said.
    pub timeout: Option<Millis>,
}

impl From<AgentRequest> for Asked {
    fn from(request: AgentRequest) -> Self {
        Self {
            request,
            timeout: None,
        }
    }
}

/// The request, or why it cannot be one. In a closed system only its members are admitted.
pub(crate) fn request_of(asked: ProgramRequest, closed: bool) -> Result<Asked, String> {
    match asked {
        ProgramRequest::Plain { request, .. } => Ok((*request).into()),
        ProgramRequest::Bind(bind) => self::bind(bind, closed).map(Asked::from),
        ProgramRequest::Connect(connect) => self::connect(connect),
        ProgramRequest::Timer(timer) => Ok(AgentRequest::Timer(spec(timer)?).into()),
    }
}

fn bind(bind: Bind, closed: bool) -> Result<AgentRequest, String> {
    let insecure = bind.insecure || closed;
    let endpoint = endpoint(bind.transport, bind.addr.as_deref(), insecure)?;
    Ok(AgentRequest::Bind(BindSpec {
        alias: bind.alias,
        kind: bind.kind,
        endpoint,
        serializer: bind.serializer.unwrap_or(Serializer::Json),
        handlers: bind.handler.map(|handler| handler.0),
        admits: Admits::anyone(),
    }))
}

fn endpoint(
    transport: Option<Transport>,
    addr: Option<&str>,
    insecure: bool,
) -> Result<Option<Endpoint>, String> {
    let endpoint = Endpoint::read(transport, addr).map_err(|error| error.to_string())?;
    match endpoint.as_ref().and_then(Endpoint::exposed) {
        Some(ip) if !insecure => Err(format!(
            "other machines can reach {ip}, and nothing is encrypted: if that is meant, say \"insecure\":true"
        )),
        _ => Ok(endpoint),
    }
}

fn connect(connect: Connect) -> Result<Asked, String> {
    let Connect {
        alias,
        to,
        kind,
        serializer,
        handler,
        on_reply,
        wait,
        on_error,
        timeout,
        id: _,
    } = connect;
    let replies = Replies {
        on_reply: on_reply.map(|actions| actions.0),
        wait,
        on_error: on_error.map(|actions| actions.0),
    };
    let handlers = handler.map(|handler| handler.0);
    let request = match Address::is_one(&to) {
        true => AgentRequest::Connect(ConnectRequest {
            alias,
            server: server(&to, kind, serializer)?,
            to: None,
            handlers,
            replies,
            token: None,
            timeout: timeout.unwrap_or(Millis::from_secs(30)),
        }),
        false => connect_to(alias, &to, handlers, replies)?,
    };
    Ok(Asked { request, timeout })
}

fn connect_to(
    alias: Alias,
    to: &str,
    handlers: Option<Handlers>,
    replies: Replies,
) -> Result<AgentRequest, String> {
    let to = to.parse().map_err(|error| format!("{to:?}: {error}"))?;
    Ok(AgentRequest::ConnectTo(ConnectToRequest {
        alias,
        to,
        handlers,
        replies,
    }))
}

/// An address that was given by hand, of which only the kind of the client is known.
fn server(
    address: &str,
    kind: Option<Kind>,
    serializer: Option<Serializer>,
) -> Result<Address, String> {
    let Some(kind) = kind else {
        return Err(format!(
            "a connection to {address} needs its own kind, such as \"kind\":\"PULL\""
        ));
    };
    Address::dialled(address, kind.twin(), serializer.unwrap_or(Serializer::Json))
        .ok_or_else(|| format!("{address:?} is no address: it begins with tcp:// or ipc://"))
}

fn spec(timer: Timer) -> Result<TimerSpec, String> {
    let when = match (timer.every, timer.after) {
        (Some(time), None) => When::Every(time),
        (None, Some(time)) => When::After(time),
        _ => return Err("a timer has either every or after".into()),
    };
    let action = match (timer.send, timer.call, timer.set) {
        (Some(alias), None, None) if timer.params.is_none() => TimerAction::Send {
            alias,
            message: timer.message.ok_or("a timer that sends needs a message")?,
            topic: timer.topic,
        },
        (None, call, set) if timer.message.is_none() && timer.topic.is_none() => {
            match (call, set) {
                (Some(method), None) => TimerAction::Call {
                    method,
                    params: timer.params.unwrap_or_default(),
                },
                (None, Some(attributes)) if timer.params.is_none() => {
                    TimerAction::Set { attributes }
                }
                _ => return Err(ONE_THING.into()),
            }
        }
        _ => return Err(ONE_THING.into()),
    };
    Ok(TimerSpec {
        alias: timer.alias,
        when,
        action,
    })
}

const ONE_THING: &str =
    "a timer does one thing: send with message and topic, call with params, or set";
