//! Words by which a program asks of its agent what any member may ask of it: they become the same
//! requests, and are answered by a `reply` line.

use super::words::{FromProgram, Handler, ProgramId, Timer};
use crate::model::{
    Address, Alias, Endpoint, Handlers, Kind, Millis, Replies, Serializer, TimerAction, TimerSpec,
    Transport, When,
};
use crate::wire::{AgentRequest, BindRequest, ConnectRequest, ConnectToRequest};

/// What a word comes down to.
pub enum Asked {
    /// A request, who wants the answer, and how long it may take if that was said.
    Request {
        request: AgentRequest,
        id: Option<ProgramId>,
        timeout: Option<Millis>,
    },
    /// It cannot be one.
    Refused {
        reason: String,
        id: Option<ProgramId>,
    },
    /// It is another word.
    Other(FromProgram),
}

/// Whether the program waits for a reply to the word.
pub fn wants_reply(word: &FromProgram) -> bool {
    match word {
        FromProgram::Ask { .. }
        | FromProgram::Attributes { .. }
        | FromProgram::Addr { .. }
        | FromProgram::Timers { .. } => true,
        FromProgram::Bind { id, .. }
        | FromProgram::Connect { id, .. }
        | FromProgram::Close { id, .. }
        | FromProgram::CloseAll { id, .. }
        | FromProgram::Subscribe { id, .. }
        | FromProgram::Unsubscribe { id, .. }
        | FromProgram::Timer(Timer { id, .. })
        | FromProgram::StopTimer { id, .. }
        | FromProgram::StopTimers { id } => id.is_some(),
        _ => false,
    }
}

/// Reads a word as a request.
pub fn asked(word: FromProgram) -> Asked {
    let (request, id) = match word {
        FromProgram::Ask { request, id } => (*request, Some(id)),
        FromProgram::Attributes { id } => (AgentRequest::Attributes {}, Some(id)),
        FromProgram::Addr { alias, id } => (AgentRequest::Addr { alias }, Some(id)),
        FromProgram::Bind { .. } => return bind(word),
        FromProgram::Connect { .. } => return connect(word),
        FromProgram::Close { alias, linger, id } => (AgentRequest::Close { alias, linger }, id),
        FromProgram::CloseAll { linger, id } => (AgentRequest::CloseAll { linger }, id),
        FromProgram::Subscribe {
            alias,
            handler: Handler(handlers),
            id,
        } => (AgentRequest::Subscribe { alias, handlers }, id),
        FromProgram::Unsubscribe { alias, topics, id } => {
            (AgentRequest::Unsubscribe { alias, topics }, id)
        }
        FromProgram::Timer(timer) => return self::timer(timer),
        FromProgram::Timers { id } => (AgentRequest::Timers {}, Some(id)),
        FromProgram::StopTimer { alias, id } => (AgentRequest::StopTimer { alias }, id),
        FromProgram::StopTimers { id } => (AgentRequest::StopTimers {}, id),
        other => return Asked::Other(other),
    };
    settle(Ok(request), id, None)
}

fn settle(
    request: Result<AgentRequest, String>,
    id: Option<ProgramId>,
    timeout: Option<Millis>,
) -> Asked {
    match request {
        Ok(request) => Asked::Request {
            request,
            id,
            timeout,
        },
        Err(reason) => Asked::Refused { reason, id },
    }
}

fn bind(word: FromProgram) -> Asked {
    let FromProgram::Bind {
        alias,
        kind,
        transport,
        addr,
        serializer,
        handler,
        insecure,
        id,
    } = word
    else {
        return Asked::Other(word);
    };
    let request = endpoint(transport, addr.as_deref(), insecure).map(|endpoint| {
        AgentRequest::Bind(BindRequest {
            alias,
            kind,
            endpoint,
            serializer: serializer.unwrap_or(Serializer::Json),
            handlers: handler.map(|handler| handler.0),
        })
    });
    settle(request, id, None)
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

fn connect(word: FromProgram) -> Asked {
    let FromProgram::Connect {
        alias,
        to,
        kind,
        serializer,
        handler,
        on_reply,
        wait,
        on_error,
        timeout,
        id,
    } = word
    else {
        return Asked::Other(word);
    };
    let replies = Replies {
        on_reply: on_reply.map(|actions| actions.0),
        wait,
        on_error: on_error.map(|actions| actions.0),
    };
    let handlers = handler.map(|handler| handler.0);
    let request = match Address::is_one(&to) {
        true => server(&to, kind, serializer).map(|server| {
            AgentRequest::Connect(ConnectRequest {
                alias,
                server,
                to: None,
                handlers,
                replies,
                token: None,
                timeout: timeout.unwrap_or(Millis::from_secs(30)),
            })
        }),
        false => connect_to(alias, &to, handlers, replies),
    };
    settle(request, id, timeout)
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

fn timer(timer: Timer) -> Asked {
    let id = timer.id.clone();
    settle(spec(timer).map(AgentRequest::Timer), id, None)
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
